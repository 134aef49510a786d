"""The table `[theme]`: what it may have, and whether the built-in themes can be read."""

from itertools import product

import pytest

from r1local.config.theme import (
    ATTRIBUTES,
    BASES,
    COLOURS,
    ROLES,
    Look,
    built_in_theme,
    look,
    read_theme,
)
from r1local.errors import InvalidSetting

#: Backgrounds of common terminals and themes: black, VS Code, One Dark, Solarized Dark, Dracula.
DARK = ("#000000", "#1e1e1e", "#282c34", "#002b36", "#282a36")
#: White, One Light, Solarized Light, GitHub, Gruvbox Light.
LIGHT = ("#ffffff", "#fafafa", "#fdf6e3", "#f6f8fa", "#fbf1c7")


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2, "relative luminance")."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_as_the_standard_has_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    "base, ground", [*product(["dark"], DARK), *product(["light"], LIGHT)], ids="-".join
)
def test_built_in_colours_can_be_read_on_usual_backgrounds(base: str, ground: str) -> None:
    colours = {role: each.colour for role, each in built_in_theme(base).looks.items()}
    ratios = {role: contrast(each, ground) for role, each in colours.items() if each}
    assert len(ratios) > 10
    assert {role: ratio for role, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("base", ["dark", "light"])
def test_built_in_colours_are_of_the_palette_of_256(base: str) -> None:
    steps = ("00", "5f", "87", "af", "d7", "ff")
    greys = {f"#{8 + 10 * n:02x}" + f"{8 + 10 * n:02x}" * 2 for n in range(24)}
    palette = {"#" + "".join(parts) for parts in product(steps, repeat=3)} | greys
    used = {each.colour for each in built_in_theme(base).looks.values()} - {""}
    assert used <= palette


@pytest.mark.parametrize("base", ["high-contrast", "none"])
def test_themes_without_colours_dim_nothing(base: str) -> None:
    looks = built_in_theme(base).looks.values()
    assert all(not each.colour and "dim" not in each.attributes for each in looks)


def test_by_default_the_colours_are_the_terminals_own() -> None:
    theme = read_theme({}, "place", "place")
    assert theme == built_in_theme("auto")
    assert {each.colour for each in theme.looks.values()} - {""} <= set(COLOURS)


@pytest.mark.parametrize("base", BASES)
def test_every_theme_has_every_role(base: str) -> None:
    assert list(built_in_theme(base).looks) == list(ROLES)


def test_roles_replace_those_of_the_base() -> None:
    theme = read_theme({"base": "Light", "error": "Bold #F00", "note": "bright_blue"}, "p", "short")
    assert theme.base == "light"
    assert theme.looks["error"] == Look("#ff0000", ("bold",))
    assert theme.looks["note"] == Look("bright-blue")
    assert theme.looks["string"] == built_in_theme("light").looks["string"]
    assert theme.places == {"base": "short", "error": "short", "note": "short"}


@pytest.mark.parametrize("words", [*COLOURS, *ATTRIBUTES, "default", "bold italic #a8a8a8"])
def test_looks_are_written_as_they_are_read(words: str) -> None:
    assert str(look(words)) == words


@pytest.mark.parametrize(
    "table, told, hint",
    [
        ("dark", "/c/config.toml [theme] must be a table", 'write [theme], below it base = "dark"'),
        ({"base": "drak"}, "[theme]: base 'drak' is unknown", "did you mean dark?"),
        ({"eror": "red"}, "[theme] has an unknown colour, eror", "did you mean error?"),
        ({"error": 1}, "[theme]: error must be text, not 1", "write it in quotes"),
        ({"error": "rad"}, "error = 'rad': 'rad' is neither a colour nor an", "did you mean red?"),
        ({"error": "#12"}, "error = '#12': '#12' is neither a colour nor", "#5fd7ff"),
        ({"error": "red blue"}, "error = 'red blue': there are two colours", "#5fd7ff"),
        ({"error": " "}, "error = ' ': that is no colour", "#5fd7ff"),
    ],
)
def test_errors_name_file_table_and_key(table: object, told: str, hint: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_theme(table, "/c/config.toml [theme]", "config.toml [theme]")
    assert caught.value.message.startswith("/c/config.toml [theme]")
    assert told in caught.value.message
    assert hint in caught.value.hint
