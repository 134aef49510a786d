"""Pieces of a formula, and how they are put side by side.

The classes and most of the spaces between them are TeX's (Knuth, The TeXbook, chapter
18). What is ours are brackets: a fraction on one line needs them where TeX draws a bar.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import zip_longest
from typing import Literal

from r1local.ui.cells import cell_len

AtomKind = Literal[
    "ordinary", "binary", "relation", "open", "close", "inner", "punctuation", "large", "function",
    "bar", "postfix", "sign", "space",
]  # fmt: skip


class Bond(IntEnum):
    """How well a piece holds together beside others, from those that soon need brackets."""

    LOOSE = 0  # a + b, sin x
    QUOTIENT = 1  # a/b
    PRODUCT = 2  # ab
    TRAILING = 3  # √2, e^π: what followed at once would seem to belong under it
    SCRIPTED = 4  # x²
    ATOM = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A drawn part of a formula: rows of one width, of which row `base` is the line's."""

    rows: tuple[str, ...]
    kind: AtomKind = "ordinary"
    bond: Bond = Bond.ATOM
    base: int = 0

    @property
    def text(self) -> str:
        """The row that stands on the line."""
        return self.rows[self.base]


def one_row(text: str, kind: AtomKind = "ordinary", bond: Bond = Bond.ATOM) -> Box:
    """Return a piece of one row."""
    return Box((text,), kind, bond)


# Two letters, of which the second is no small one of a script.
_WORD = re.compile(r"[^\W\d_](?![ʰ-˿ᴬ-ᵪⁱⁿₐ-ₜⱼ])[^\W\d_]")


def keep_apart(before: Box, after: Box) -> bool:
    """Whether a space between two pieces in the source is more than its layout."""
    if before.text[-1:] == " " or after.text[:1] == " ":
        return False
    if before.text[-1:].isdecimal() and after.text[:1].isdecimal():
        return True
    return any(_WORD.match(piece.text) for piece in (before, after) if piece.kind == "ordinary")


def join(pieces: Sequence[Box]) -> Box:
    """Put pieces side by side, with spaces and brackets where they are needed."""
    pieces = _with_brackets(_with_signs(pieces))
    parts: list[Box] = []
    depth = factors = 0
    bond = Bond.ATOM
    for before, piece in zip([None, *pieces], pieces, strict=False):
        gap = _gap(before, piece) if before else ""
        if gap:
            parts.append(one_row(gap))
        if depth == 0:
            loose = gap or piece.text != piece.text.strip()
            bond = min(bond, Bond.LOOSE if loose else _bond_inside(piece))
            follows = piece.kind == "postfix" or _is_applied(before, piece)
            bond = min(bond, Bond.SCRIPTED) if follows else bond
            factors += not follows
        depth = max(depth + (piece.kind == "open") - (piece.kind == "close"), 0)
        if piece.kind == "close" and depth == 0:
            bond = min(bond, piece.bond)
        parts.append(piece)
    if factors > 1:
        bond = min(bond, Bond.PRODUCT)
    return replace(beside(parts), bond=bond)


def beside(parts: Sequence[Box]) -> Box:
    """Put pieces side by side as they are, the rows that stand on the line level."""
    if all(len(part.rows) == 1 for part in parts):
        return one_row("".join(part.rows[0] for part in parts))
    above = max(part.base for part in parts)
    below = max(len(part.rows) - part.base for part in parts)
    columns = []
    for part in parts:
        blank = (" " * cell_len(part.rows[0]),)
        under = blank * (below - len(part.rows) + part.base)
        columns.append(blank * (above - part.base) + part.rows + under)
    return Box(tuple(map("".join, zip(*columns, strict=True))), base=above)


def bracketed(piece: Box, below: Bond) -> str:
    """Return the text of a piece, in brackets if its bond is not above `below`."""
    return f"({piece.text})" if piece.bond <= below else piece.text


_DIFFERENTIAL = re.compile(r"[d∂]\w[²³ⁿ]?")


def fraction(numerator: Box, denominator: Box) -> Box:
    """Return a fraction on one line."""
    whole = _DIFFERENTIAL.fullmatch(denominator.text)
    under = denominator.text if whole else bracketed(denominator, Bond.PRODUCT)
    return one_row(f"{bracketed(numerator, Bond.QUOTIENT)}/{under}", bond=Bond.QUOTIENT)


def binomial(upper: Box, lower: Box) -> Box:
    """Return a binomial coefficient on one line."""
    return one_row(f"C({upper.text}, {lower.text})")


def _with_signs(pieces: Iterable[Box]) -> list[Box]:
    """Tell the minus of `-b` from that of `a - b`."""
    signed: list[Box] = []
    before: AtomKind = "open"
    for piece in pieces:
        if piece.kind == "binary" and before in _BEFORE_SIGN and piece.text in "+-±∓":
            piece = replace(piece, kind="sign")
        signed.append(piece)
        before = piece.kind if piece.kind != "space" else before
    return signed


_BEFORE_SIGN = {"binary", "relation", "open", "punctuation", "large", "sign"}
_FACTORS = {"ordinary", "inner"}


def _with_brackets(pieces: Sequence[Box]) -> list[Box]:
    """Put fractions in brackets where what stands beside them could be taken into them."""
    around = zip_longest([None, *pieces[:-1]], pieces, pieces[1:])
    return [
        one_row(f"({piece.text})", "inner")
        if piece.bond == Bond.QUOTIENT
        and piece.kind == "ordinary"
        and _touched(before, piece, after)
        else piece
        for before, piece, after in around
        if piece is not None
    ]


def _touched(before: Box | None, piece: Box, after: Box | None) -> bool:
    if after and after.text[:1] != " " and after.kind in _FACTORS | {"open", "postfix"}:
        return True
    if before is None or before.text[-1:] == " " or _is_mixed(before, piece):
        return False
    return before.kind in _FACTORS | {"close", "function", "postfix"} or before.text in ("÷", "/")


def _is_mixed(before: Box, piece: Box) -> bool:
    """Whether the two are a mixed number, as 2 1/3 is."""
    return before.text.isdecimal() and piece.text.replace("/", "", 1).isdecimal()


def _gap(before: Box, piece: Box) -> str:
    """Return the space between two pieces."""
    if not (before.text and piece.text) or " " in (before.text[-1], piece.text[0]):
        return ""
    if before.kind in ("open", "sign") or piece.kind in ("close", "punctuation", "postfix"):
        return ""
    if before.kind == "punctuation" or {"relation", "binary"} & {before.kind, piece.kind}:
        return " "
    if before.kind == "function":
        return "" if piece.kind in ("open", "inner") else " "
    if before.kind == "large":
        return " "
    if piece.kind in ("large", "function") and before.kind != "bar":
        return " "
    trails = before.bond == Bond.TRAILING and piece.kind in ("ordinary", "open", "inner")
    mixed = piece.bond == Bond.QUOTIENT and _is_mixed(before, piece)
    return " " if trails or mixed else ""


def _bond_inside(piece: Box) -> Bond:
    return Bond.QUOTIENT if piece.text == "/" else piece.bond


def _is_applied(before: Box | None, piece: Box) -> bool:
    """Whether brackets open after the name of a function, as in f(x) and P(A)."""
    named = before is not None and (before.kind == "function" or before.text in set("fghFGHPE"))
    return named and piece.kind in ("open", "inner")


# Rows upon rows -------------------------------------------------------------------------

#: Top, middle, bottom and what stands between them, of brackets as high as what they hold.
_TALL = {
    "(": "⎛⎜⎝⎜", ")": "⎞⎟⎠⎟", "[": "⎡⎢⎣⎢", "]": "⎤⎥⎦⎥", "{": "⎧⎨⎩⎪", "}": "⎫⎬⎭⎪",
    "⌊": "⎢⎢⎣⎢", "⌋": "⎥⎥⎦⎥", "⌈": "⎡⎢⎢⎢", "⌉": "⎤⎥⎥⎥", "|": "││││", "‖": "║║║║",
}  # fmt: skip


def enclosed(left: str, piece: Box, right: str) -> Box:
    """Put a piece between brackets of its height; an empty bracket is none."""
    fenced = beside([_bracket(left, piece), piece, _bracket(right, piece)])
    return replace(fenced, kind="inner", bond=Bond.ATOM)


def _bracket(character: str, piece: Box) -> Box:
    height = len(piece.rows)
    if height == 1 or character not in _TALL:
        rows = [" " * len(character)] * height
        rows[piece.base] = character
        return replace(piece, rows=tuple(rows))
    marks = _TALL[character]
    rows = [marks[0], *marks[3] * (height - 2), marks[2]]
    if height > 2:
        rows[piece.base] = marks[1]
    return replace(piece, rows=tuple(rows))


def framed(piece: Box) -> Box:
    """Draw a frame around a piece."""
    line = "─" * (cell_len(piece.rows[0]) + 2)
    rows = (f"┌{line}┐", *(f"│ {row} │" for row in piece.rows), f"└{line}┘")
    return Box(rows, "inner", base=piece.base + 1)


def grid(cells: Sequence[Sequence[Box]], gaps: Sequence[str], sides: Sequence[str]) -> Box:
    """Set rows of cells under one another.

    `gaps` are the spaces before the columns and `sides` where in its column a cell stands
    (`<`, `^` or `>`, as in format strings); both are gone through again and again.
    """
    widths = [max(map(_width, column)) for column in zip_longest(*cells, fillvalue=one_row(""))]
    rows: list[str] = []
    for line in cells:
        parts: list[Box] = []
        for index, width in enumerate(widths):
            cell = line[index] if index < len(line) else one_row("")
            parts.append(one_row(gaps[index % len(gaps)] if index else ""))
            parts.append(_placed(cell, width, sides[index % len(sides)]))
        rows += beside(parts).rows
    return Box(tuple(rows), "inner", base=(len(rows) - 1) // 2)


def _placed(cell: Box, width: int, side: str) -> Box:
    space = width - _width(cell)
    left = {"<": 0, "^": space // 2, ">": space}[side]
    return replace(cell, rows=tuple(" " * left + row + " " * (space - left) for row in cell.rows))


def _width(piece: Box) -> int:
    return cell_len(piece.rows[0])
