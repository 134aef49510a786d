"""The rows of a pseudo-terminal's screen, as pieces of one look each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import pyte
from wcwidth import wcswidth


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one look, and where it is.

    Args:
        column: the cell that it begins in.
        cells: how many it takes.
        colour, background: `#rrggbb`, or one of the terminal's names, such as `default` or `cyan`.
    """

    text: str
    column: int
    cells: int
    colour: str = "default"
    background: str = "default"
    bold: bool = False
    italic: bool = False
    underlined: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the screen."""

    pieces: tuple[Piece, ...]

    @classmethod
    def plain(cls, text: str) -> "Row":
        """Return a row of text without a look."""
        return cls((Piece(text, 0, wcswidth(text)),))

    @property
    def text(self) -> str:
        """What it says; a space stands for each empty cell."""
        return text_of((piece.column, piece.cells, piece.text) for piece in self.pieces)


def text_of(pieces: Iterator[tuple[int, int, str]]) -> str:
    """Return the text of pieces that are each given with their column and cells."""
    text, column = "", 0
    for start, cells, piece in pieces:
        text += " " * (start - column) + piece
        column = start + cells
    return text


def rows_of(screen: pyte.Screen) -> list[Row]:
    """Return the rows of a screen; what is blank and has no background is left out."""
    return [Row(tuple(_pieces(screen, number))) for number in range(screen.lines)]


def _pieces(screen: pyte.Screen, number: int) -> Iterator[Piece]:
    """Yield the pieces of a row; characters of two cells are apart from those of one."""
    line = screen.buffer[number]
    # The cell after a wide character is empty.
    cells = [(column, line[column]) for column in range(screen.columns) if line[column].data]
    for (look, width), group in groupby(cells, lambda cell: (_look(cell[1]), _width(cell[1]))):
        found = list(group)
        text = "".join(char.data for _, char in found)
        start = found[0][0]
        # Gaps are left out: not every program that draws a picture keeps several spaces.
        whole = look["background"] != "default"
        for word in re.finditer(r".+" if whole else r"\S+(?: \S+)*", text):
            place = start + width * word.start()
            yield Piece(word[0], place, width * len(word[0]), **look)  # type: ignore[arg-type]


def _width(char: pyte.screens.Char) -> int:
    return 2 if wcswidth(char.data) == 2 else 1


def _look(char: pyte.screens.Char) -> dict[str, str | bool]:
    colour, background = _colour(char.fg), _colour(char.bg)
    if char.reverse:
        colour, background = _inverse(background, "background"), _inverse(colour, "text")
    return {
        "colour": colour,
        "background": background,
        "bold": char.bold,
        "italic": char.italics,
        "underlined": char.underscore,
    }


def _inverse(colour: str, default: str) -> str:
    return default if colour == "default" else colour


def _colour(name: str) -> str:
    return f"#{name}" if len(name) == 6 and set(name) <= set("0123456789abcdef") else name
