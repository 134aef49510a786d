"""How everything on the terminal looks: the user's theme, as styles, and the widest text.

Styles of rich are named like the roles of `config.theme`: consoles know them by those names, and
`role_style` returns one to combine with others. Neither NO_COLOR nor TERM=dumb is looked at here:
consoles and the chat's screen leave out the colours themselves.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from r1local.config.theme import ATTRIBUTES, ROLES, Look, Theme, built_in_theme
from r1local.errors import R1LocalError

if TYPE_CHECKING:
    from rich.style import Style
    from rich.theme import Theme as RichTheme

#: The styles of rich's own bars and tables that have the look of a role.
_OF_RICH: Mapping[str, str] = {
    "bar.back": "border",
    "bar.complete": "accent",
    "bar.finished": "success",
    "bar.pulse": "accent",
    "progress.percentage": "accent",
    "progress.download": "success",
    "progress.data.speed": "accent",
    "progress.remaining": "accent",
    "progress.elapsed": "note",
    "table.header": "heading",
}


class _Chosen:
    """What was chosen; the theme is read when something is painted for the first time."""

    read: Callable[[], Theme] = built_in_theme
    width: int | None = None


def theme_from(read: Callable[[], Theme]) -> None:
    """Have the theme read by a function, once it is needed.

    If it can't be read, everything has the built-in one: whoever reads the settings says why.
    """
    _Chosen.read = read
    for cached in (theme, role_style, rich_theme):
        cached.cache_clear()


def limit_text(width: int | None) -> None:
    """Wrap thoughts and answers at this many cells; None means as wide as there is room."""
    _Chosen.width = width


def text_width(room: int) -> int:
    """Return the cells in which text is wrapped where there is room for `room` of them."""
    return max(min(room, _Chosen.width or room), 1)


def is_limited() -> bool:
    """Return whether text is to be wrapped although the terminal would do so."""
    return _Chosen.width is not None


@cache
def theme() -> Theme:
    """Return the theme."""
    try:
        return _Chosen.read()
    except R1LocalError:
        return built_in_theme()


@cache
def role_style(role: str) -> "Style":
    """Return the style of a role."""
    return _style(theme().looks[role])


@cache
def rich_theme() -> "RichTheme":
    """Return the styles that consoles know by the names of roles."""
    from rich.theme import Theme as RichTheme

    looks = theme().looks
    own = {name: _style(looks[role]) for name, role in _OF_RICH.items()}
    return RichTheme({**{role: _style(looks[role]) for role in ROLES}, **own})


def prompt_toolkit_style(look: Look) -> str:
    """Return a look in prompt_toolkit's words."""
    words = [word for word in ATTRIBUTES if word in look.attributes]
    return " ".join(
        [*words, *([f"fg:{prompt_toolkit_colour(look.colour)}"] if look.colour else [])]
    )


def prompt_toolkit_colour(colour: str) -> str:
    """Return a colour by prompt_toolkit's name, which has other words for white and grey."""
    if colour.startswith("#"):
        return colour
    name = {"white": "gray", "bright-white": "white"}.get(colour, colour)
    return f"ansi{name.replace('-', '')}"


def _style(look: Look) -> "Style":
    from rich.style import Style

    return Style(
        color=look.colour.replace("-", "_") or None,
        bold="bold" in look.attributes or None,
        dim="dim" in look.attributes or None,
        italic="italic" in look.attributes or None,
        underline="underline" in look.attributes or None,
        reverse="reverse" in look.attributes or None,
    )
