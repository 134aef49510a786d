"""The language that the user wants, from the environment and config.toml."""

import os

from r1local.config.paths import config_file, is_missing
from r1local.language import LANGUAGES, language_of_locale

#: The environment variable and the key of config.toml; declared in `config.options`.
VARIABLE, KEY = "R1LOCAL_LANG", "lang"


def wanted_language() -> str:
    """Return the language to address the user in.

    It is asked for before anything else, so it imports little, and leaves it to others to report
    what can't be read.
    """
    wanted = (os.environ.get(VARIABLE) or _configured()).lower()
    return wanted if wanted in LANGUAGES else language_of_locale()


def _configured() -> str:
    path = config_file()
    if is_missing(path):
        return ""
    from r1local.config.user_files import read_toml
    from r1local.errors import InvalidSetting

    try:
        return str(read_toml(path, InvalidSetting).entries.get(KEY, ""))
    except InvalidSetting:
        return ""
