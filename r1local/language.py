"""The language in which people are addressed.

Messages are written in English, and translated where they are made: `_("{name} is open", name=x)`.
Other languages have a gettext catalogue in `locale/`; docs/translating.md says how to add one.
`_`, `_n` and `N_` are the names that gettext's tools look for.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gettext import NullTranslations

#: The name of the catalogues' files.
DOMAIN = "r1local"
#: The folder of the catalogues: `ja/LC_MESSAGES/r1local.mo` is the Japanese one.
CATALOGUES = Path(__file__).parent / "locale"
#: The language of the messages in the code, and those that have a catalogue.
SOURCE = "en"
LANGUAGES = (SOURCE, "ja")

_catalogue: "NullTranslations | None" = None


def use(language: str) -> None:
    """Address people in a language from now on; an unknown one means English."""
    global _catalogue
    if language == SOURCE or language not in LANGUAGES:
        _catalogue = None
        return
    from gettext import translation  # English needs none of it

    _catalogue = translation(DOMAIN, CATALOGUES, [language], fallback=True)


def is_translated() -> bool:
    """Tell whether messages are in another language than the code's."""
    return _catalogue is not None


def language_of_locale(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language of the system's messages, such as `ja`; English if it has none of ours.

    As gettext does it, `LANGUAGE` lists languages in order of preference, unless the locale is C.
    """
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next(filter(None, (environment.get(name) for name in names)), "C")
    if _code(locale) in ("C", "POSIX"):
        return SOURCE
    preferred = [_code(each) for each in environment.get("LANGUAGE", "").split(":") if each]
    return next((each for each in [*preferred, _code(locale)] if each in LANGUAGES), SOURCE)


def _(message: str, /, **values: object) -> str:
    """Return a message in the user's language, with values in the place of their `{names}`."""
    # The catalogue's own facts stand under the empty message.
    text = _catalogue.gettext(message) if _catalogue and message else message
    return text.format_map(values) if values else text


def _n(one: str, many: str, count: int, /, **values: object) -> str:
    """Return the message for a number, its `{count}`: `_n("{count:,} vote", "…s", len(votes))`."""
    text = (_catalogue.ngettext if _catalogue else _english)(one, many, count)
    return text.format_map({"count": count, **values})


def N_(message: str) -> str:
    """Mark a message that is made before the language is known; `_` translates it when shown."""
    return message


def reason_of(error: BaseException) -> str:
    """Return why the system or a library refuses something, without Python's number and path.

    What the system says most often is translated; the rest stays in its own words.
    """
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if text.startswith("[Errno "):  # an error that a library has made of the system's
        text = text.partition("] ")[2]
    text = text.rstrip(".")
    return _(text) if text in _REASONS else text


def _english(one: str, many: str, count: int) -> str:
    return one if count == 1 else many


def _code(locale: str) -> str:
    """Return the language of a locale: `ja` of `ja_JP.UTF-8`."""
    for separator in ".@_-":
        locale = locale.partition(separator)[0]
    return locale


#: What systems say most often (strerror(3), in glibc's words).
_REASONS = frozenset(
    {
        N_("Address already in use"),
        N_("Bad file descriptor"),
        N_("Cannot assign requested address"),
        N_("Connection refused"),
        N_("Connection reset by peer"),
        N_("Connection timed out"),
        N_("Device or resource busy"),
        N_("Directory not empty"),
        N_("Disk quota exceeded"),
        N_("Exec format error"),
        N_("File exists"),
        N_("File name too long"),
        N_("File too large"),
        N_("Input/output error"),
        N_("Invalid argument"),
        N_("Is a directory"),
        N_("Network is unreachable"),
        N_("No route to host"),
        N_("No space left on device"),
        N_("No such device or address"),
        N_("No such file or directory"),
        N_("Not a directory"),
        N_("Operation not permitted"),
        N_("Permission denied"),
        N_("Read-only file system"),
        N_("Text file busy"),
        N_("Too many levels of symbolic links"),
        N_("Too many open files"),
        N_("timed out"),  # Python's own, and the next one
        N_("Could not determine home directory"),
    }
)
