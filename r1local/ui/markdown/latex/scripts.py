"""What stands above, below and on the letters of a formula."""

import unicodedata
from collections.abc import Mapping

from r1local.ui.cells import cell_len
from r1local.ui.markdown.latex.pieces import Bond, Box, beside, bracketed, one_row
from r1local.ui.markdown.latex.symbols import ACCENT_NAMES, ACCENTS, KINDS, LINES, SCRIPTS


def with_scripts(base: Box, scripts: Mapping[str, Box]) -> Box:
    """Return `base` with its scripts, by `^` and `_`."""
    # Small characters come first: nothing after them can be taken for a part of theirs.
    drawn = {mark: _script(mark, scripts[mark]) for mark in sorted(scripts, reverse=True)}
    pieces = sorted(drawn.values(), key=lambda script: script.text[:1] in "^_")
    if len(base.rows) > 1:
        return _at_corners(base, drawn)
    text = bracketed(base, Bond.SCRIPTED) + "".join(script.text for script in pieces)
    bond = pieces[-1].bond
    # A letter and its index are one thing.
    if bond == Bond.SCRIPTED and base.bond == Bond.ATOM and "^" not in scripts:
        bond = Bond.ATOM
    return one_row(text, base.kind, bond)


def small(mark: str, text: str) -> str:
    """Return `text` in the small characters of a script, or nothing if not all are there."""
    characters = [SCRIPTS[mark].get(character, "") for character in text if character != " "]
    return "".join(characters) if all(characters) else ""


def accented(command: str, content: Box) -> Box:
    r"""Return what a command such as `\hat` or `\overline` makes of its argument."""
    text = content.text
    if command in LINES:
        marked = "".join(character + LINES[command] for character in text)
    elif len(text) == 1:
        marked = text + ACCENTS[command]
    else:
        return one_row(f"{ACCENT_NAMES.get(command, command)}({text})")
    kind = KINDS.get(text, "ordinary") if command == "not" else "ordinary"
    return one_row(unicodedata.normalize("NFC", marked), kind, content.bond)


def _script(mark: str, script: Box) -> Box:
    if drawn := small(mark, script.text):
        return one_row(drawn, bond=Bond.SCRIPTED)
    if script.bond == Bond.ATOM and len(script.text) > 0:
        return one_row(mark + script.text, bond=Bond.TRAILING)
    return one_row(f"{mark}({_closed_up(script)})", bond=Bond.SCRIPTED)


def _closed_up(script: Box) -> str:
    """Return a script without its spaces, unless it is made of words."""
    words = any(word.isalpha() and len(word) > 1 for word in script.text.split(" "))
    return script.text if words else script.text.replace(" ", "")


def _at_corners(base: Box, scripts: Mapping[str, Box]) -> Box:
    rows = [""] * len(base.rows)
    for mark, script in scripts.items():
        rows[0 if mark == "^" else -1] = script.text
    width = max(map(cell_len, rows))
    padded = tuple(row + " " * (width - cell_len(row)) for row in rows)
    return beside([base, Box(padded, base=base.base)])
