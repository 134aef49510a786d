"""The colours of everything on the terminal: the table `[theme]` of `config.toml`.

`ROLES` is the one declaration of what has a colour of its own. The chat's style and all other
output take theirs from the `Theme` that is read here, by the names there.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from r1local.errors import InvalidSetting, nearest
from r1local.language import N_, _

#: The table of `config.toml`, and its key for the theme that all roles not named come from.
THEME, BASE = "theme", "base"
#: The base if none is set.
AUTO = "auto"

#: What has a colour of its own, and what it is used for.
ROLES: Mapping[str, str] = {
    "thinking": "thoughts, and the line that a thought is folded into",
    "answer": "answers",
    "question": "questions",
    "heading": "headings in answers and tables",
    "accent": "code within a line, numbers, bars, what runs on the CPU",
    "keyword": "a programming language's words",
    "string": "texts in code",
    "note": "r1local's own messages, comments in code, headings of lists",
    "border": "rules, the panes' titles, addresses of links",
    "status": "the chat's status line",
    "success": "what is right, what runs on the GPU",
    "warning": "what could be better, what runs on the GPU in part",
    "error": "errors in the chat, what is broken, a context that is nearly full",
    "highlight": "words that were found, boxed results, menus",
}

#: The built-in themes: what each role looks like, in the words of `[theme]`.
#:
#: `auto` has the terminal's own colours, which suit its background. Those of `dark` and `light`
#: are in the palette that all terminals with 256 colours share, with a contrast of at least 4.5
#: against usual backgrounds, as WCAG 2.2 asks for text (1.4.3). No colour has more than 4.6
#: against both black and white, so `high-contrast` has none: nothing has more contrast than the
#: terminal's own text, and the roles differ by attributes.
BASES: Mapping[str, Mapping[str, str]] = {
    AUTO: {
        "thinking": "dim",
        "answer": "default",
        "question": "bold",
        "heading": "bold",
        "accent": "cyan",
        "keyword": "magenta",
        "string": "green",
        "note": "dim",
        "border": "dim",
        "status": "dim",
        "success": "green",
        "warning": "yellow",
        "error": "bold red",
        "highlight": "reverse",
    },
    "dark": {
        "thinking": "#a8a8a8",
        "answer": "default",
        "question": "bold #87d7ff",
        "heading": "bold #ffd787",
        "accent": "#5fd7ff",
        "keyword": "#d7afff",
        "string": "#87d787",
        "note": "#afafaf",
        "border": "#949494",
        "status": "#a8a8a8",
        "success": "#87d787",
        "warning": "#ffd75f",
        "error": "bold #ff8787",
        "highlight": "reverse",
    },
    "light": {
        "thinking": "#5f5f5f",
        "answer": "default",
        "question": "bold #005faf",
        "heading": "bold #875f00",
        "accent": "#005f87",
        "keyword": "#870087",
        "string": "#005f00",
        "note": "#585858",
        "border": "#626262",
        "status": "#5f5f5f",
        "success": "#005f00",
        "warning": "#875f00",
        "error": "bold #af0000",
        "highlight": "reverse",
    },
    "high-contrast": {
        "thinking": "italic",
        "answer": "default",
        "question": "bold",
        "heading": "bold underline",
        "accent": "bold",
        "keyword": "bold",
        "string": "default",
        "note": "italic",
        "border": "default",
        "status": "default",
        "success": "bold",
        "warning": "underline",
        "error": "bold underline",
        "highlight": "reverse",
    },
    "none": {
        **dict.fromkeys(ROLES, "default"),
        "question": "bold",
        "error": "bold",
        "highlight": "reverse",
    },
}

_HUES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
#: The terminal's own colours, in the order of their numbers; `default` is that of its text.
COLOURS = (*_HUES, *(f"bright-{hue}" for hue in _HUES))
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse")
_HEX = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_WRITE = N_('write one like "cyan", "bright-blue", "#5fd7ff" or "bold italic #a8a8a8"')


class Look(NamedTuple):
    """How something looks.

    Args:
        colour: one of `COLOURS`, `#rrggbb`, or empty for that of the terminal's text.
        attributes: some of `ATTRIBUTES`.
    """

    colour: str = ""
    attributes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return it in the words of `[theme]`."""
        return " ".join((*self.attributes, *([self.colour] if self.colour else ()))) or "default"


class Theme(NamedTuple):
    """What each role looks like.

    Args:
        base: the built-in theme of the roles that aren't set.
        looks: by role.
        places: where each key of `[theme]` was set; what isn't there is built in.
    """

    base: str
    looks: Mapping[str, Look]
    places: Mapping[str, str]

    def words(self) -> Mapping[str, str]:
        """Return what each key of the table says, or would say."""
        return {BASE: self.base} | {role: str(look) for role, look in self.looks.items()}


@cache
def built_in_theme(base: str = AUTO) -> Theme:
    """Return one of `BASES`."""
    return Theme(base, {role: look(words) for role, words in BASES[base].items()}, {})


def read_theme(table: object, place: str, shown_place: str) -> Theme:
    """Return the theme that a table `[theme]` describes.

    Args:
        table: its value in `config.toml`: a base, and words for roles.
        place: the table with the path of its file, for errors.
        shown_place: the same in short, for lists.

    Raises:
        InvalidSetting: a key, the base, a colour or an attribute is unknown; the sentence names
            the file, the table and the key.
    """
    if not isinstance(table, dict):
        raise InvalidSetting(
            _("{place} must be a table", place=place),
            _('write [{theme}], below it {base} = "dark"', theme=THEME, base=BASE),
        )
    for key, value in table.items():
        if key not in (BASE, *ROLES):
            hint = nearest(key, (BASE, *ROLES))
            raise InvalidSetting(
                _("{place} has an unknown colour, {key}", place=place, key=key), hint
            )
        if not isinstance(value, str):
            raise InvalidSetting(
                _("{place}: {key} must be text, not {value!r}", place=place, key=key, value=value),
                _("write it in quotes"),
            )
    theme = built_in_theme(_base(table.get(BASE, AUTO), place))
    own = {role: _checked(table[role], f"{place}: {role}") for role in ROLES if role in table}
    return Theme(theme.base, {**theme.looks, **own}, dict.fromkeys(table, shown_place))


def look(words: str) -> Look:
    """Return what words such as `bold #ff8787` describe.

    Raises:
        InvalidSetting: a word is neither a colour nor an attribute, or there are two colours.
    """
    colours, attributes = [], []
    for word in words.lower().replace("_", "-").split():
        if word in ATTRIBUTES:
            attributes.append(word)
        elif word in ("default", *COLOURS) or _HEX.fullmatch(word):
            colours.append("" if word == "default" else _long(word))
        else:
            known = ("default", *COLOURS, *ATTRIBUTES)
            hint = _(_WRITE) if word.startswith("#") else nearest(word, known)
            raise InvalidSetting(
                _("{word!r} is neither a colour nor an attribute", word=word), hint
            )
    if len(colours) > 1:
        raise InvalidSetting(_("there are two colours"), _(_WRITE))
    if not colours and not attributes:
        raise InvalidSetting(_("that is no colour"), _(_WRITE))
    return Look("".join(colours), tuple(dict.fromkeys(attributes)))


def _base(name: str, place: str) -> str:
    known = name.lower().replace("_", "-")
    if known not in BASES:
        raise InvalidSetting(
            _("{place}: {base} {name!r} is unknown", place=place, base=BASE, name=name),
            nearest(known, BASES),
        )
    return known


def _checked(words: str, place: str) -> Look:
    try:
        return look(words)
    except InvalidSetting as error:
        raise InvalidSetting(f"{place} = {words!r}: {error.message}", error.hint) from error


def _long(colour: str) -> str:
    """Return a colour with two digits for each of its parts."""
    short = colour.startswith("#") and len(colour) == 4
    return "#" + "".join(2 * digit for digit in colour[1:]) if short else colour
