"""The language that the user wants, from the environment and config.toml."""

import os

from r1local.config.options import option_named
from r1local.config.paths import config_file
from r1local.config.user_files import read_toml
from r1local.errors import InvalidSetting
from r1local.language import language_of_locale

#: The value of `lang` that means the system's language.
AUTOMATIC = "auto"


def wanted_language() -> str:
    """Return the language to address the user in.

    It is asked for before anything else, so what can't be read is left for others to report.
    """
    option = option_named("lang")
    places = (lambda: os.environ.get(option.variable), _configured)
    for place in places:
        try:
            if text := place():
                language = option.read(text)
                return language_of_locale() if language == AUTOMATIC else language
        except InvalidSetting:
            continue
    return language_of_locale()


def _configured() -> object:
    return read_toml(config_file(), InvalidSetting).entries.get("lang")
