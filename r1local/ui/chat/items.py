"""What panes show: questions, thoughts and answers as rows of a screen.

Nothing is drawn twice unless the width changes: the finished part of an item is kept as
rows, and only its open end is drawn at each paint.
"""

import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Generic, Protocol, TypeAlias, TypeVar

from rich.color import Color, ColorType
from rich.console import Console
from rich.style import Style
from rich.text import Text

from r1local.conversation import Span
from r1local.ui.appearance import prompt_toolkit_colour, text_width
from r1local.ui.cells import cell_len
from r1local.ui.markdown.blocks import JSON_FENCE, MAX_CHARACTERS, Block, MarkdownBlocks
from r1local.ui.markdown.rows import draw
from r1local.ui.markdown.wrapping import wrap
from r1local.ui.safe_text import VisibleStream, visible

#: Stands where people cut something out of a thought.
_CUT_OUT = "[edited]"
#: A row of the screen: pieces of text with prompt_toolkit's styles.
Row: TypeAlias = list[tuple[str, str]]


class Item(Protocol):
    """Something in a pane, from one question to a whole thought."""

    def finished(self, width: int) -> list[Row]:
        """Return the rows that won't change: at one width always the same, growing list."""

    def live(self, width: int) -> list[Row]:
        """Return the rows that may still change."""


class Passage:
    """A text that doesn't change, such as a question or a notice.

    Args:
        text: untrusted.
        style: of the whole text, in prompt_toolkit's words.
        mark: put before the first row; the others are indented by as much.
        spaced: whether an empty row comes first.
    """

    def __init__(self, text: str, style: str = "", mark: str = "", *, spaced: bool = True) -> None:
        self.text = text
        self._style = style
        self._mark = mark
        self._spaced = spaced
        self._drawn: tuple[int, list[Row]] = (0, [])

    def finished(self, width: int) -> list[Row]:
        """Return all rows."""
        if self._drawn[0] != width:
            indent = cell_len(self._mark)
            text = Text(visible(self.text).expandtabs(4))
            rows = wrap(text, max(width - indent, 1), by_phrase=True)
            marks = [self._mark] + [" " * indent] * len(rows)
            drawn = [
                [(self._style, mark + row.plain)] for mark, row in zip(marks, rows, strict=False)
            ]
            self._drawn = width, [[]] * self._spaced + drawn
        return self._drawn[1]

    def live(self, width: int) -> list[Row]:  # noqa: ARG002
        """Return nothing."""
        return []


class Fold(Passage):
    """A line that stands for a thought, and opens it when it is clicked at."""

    def __init__(self, text: str) -> None:
        super().__init__(text, "class:fold", "▸ ")


Piece = TypeVar("Piece", str, Block)


class _Growing(ABC, Generic[Piece]):
    """Text that is still arriving, in pieces that are drawn once for each width."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._visible = VisibleStream()
        self._changes = 0
        self._pieces: list[Piece] = []
        self._rows: list[Row] = []
        self._width = 0
        self._drawn = 0

    @property
    def text(self) -> str:
        """All the text so far, as it came."""
        self._texts = ["".join(self._texts)]
        return self._texts[0]

    def feed(self, text: str) -> None:
        """Take the next characters."""
        self._texts.append(text)
        self._changes += 1
        self._pieces += self._cut(self._visible.feed(text))

    def withdraw(self, characters: int) -> None:
        """Remove the last characters."""
        kept = self.text[: max(0, len(self.text) - characters)]
        self._restart()
        self._visible = VisibleStream()
        self._texts, self._pieces, self._width = [], [], 0
        self._changes += 1
        if kept:
            self._refill(kept)

    def finished(self, width: int) -> list[Row]:
        """Return the rows of the complete pieces."""
        if width != self._width:
            self._width, self._rows, self._drawn = width, [], 0
        while self._drawn < len(self._pieces):
            before = self._pieces[self._drawn - 1] if self._drawn else None
            self._rows += self._draw(self._pieces[self._drawn], before, text_width(width))
            self._drawn += 1
        return self._rows

    def _refill(self, text: str) -> None:
        """Take the beginning of the text, all at once."""
        self.feed(text)

    @abstractmethod
    def _cut(self, text: str) -> Iterable[Piece]:
        """Return the pieces that the next characters complete."""

    @abstractmethod
    def _draw(self, piece: Piece, before: Piece | None, width: int) -> list[Row]:
        """Return a piece as rows, below the one before it."""

    @abstractmethod
    def _restart(self) -> None:
        """Forget the open piece."""


class PlainText(_Growing[str]):
    """Text as it was written, a piece for each line: a thought, or the source of an answer.

    Args:
        text: its beginning.
        style: of all of it, in prompt_toolkit's words.
        edited: passages of the beginning that are marked.
    """

    def __init__(self, text: str = "", style: str = "", edited: Sequence[Span] = ()) -> None:
        super().__init__()
        self._style = style
        self._open = ""
        self._edited = edited
        #: The marked passages of the pieces, by the numbers of these.
        self._marks: dict[int, list[Span]] = {}
        if text:
            self._refill(text)

    def live(self, width: int) -> list[Row]:
        """Return the rows of the line that is being written."""
        width = text_width(width)
        return self._marked(self._open, len(self._pieces), width) if self._open else []

    def _cut(self, text: str) -> Iterable[str]:
        *lines, last = (self._open + text).expandtabs(4).split("\n")
        while len(last) > MAX_CHARACTERS:
            lines.append(last[:MAX_CHARACTERS])
            last = last[MAX_CHARACTERS:]
        self._open = last
        return lines

    def _draw(self, piece: str, before: str | None, width: int) -> list[Row]:  # noqa: ARG002
        return self._marked(piece, self._drawn, width)

    def _marked(self, piece: str, number: int, width: int) -> list[Row]:
        """Return the rows of the piece with that number."""
        marks = self._marks.get(number)
        if not marks:
            return [[(self._style, row.plain)] for row in wrap(Text(piece), width)]
        text = Text(piece)
        for start, end in marks:
            text.stylize("underline", start, end)
        rows = map(_row, wrap(text, width))
        return [[(f"{self._style} {style}", shown) for style, shown in row] for row in rows]

    def _restart(self) -> None:
        self._open = ""

    def _refill(self, text: str) -> None:
        """Feed the beginning, and note where the marked passages come to lie in the pieces."""
        self._marks.clear()
        done = 0
        for start, end in self._edited:
            if done <= start <= end and start <= len(text):
                self.feed(text[done:start])
                first = len(self._pieces), len(self._open)
                self.feed(text[start:end] or _CUT_OUT)
                self._mark(first)
                done = end
        self.feed(text[done:])

    def _mark(self, first: tuple[int, int]) -> None:
        """Mark all from a place on: the number of a piece, and characters of it."""
        last = len(self._pieces)
        for number in range(first[0], last + 1):
            piece = self._pieces[number] if number < last else self._open
            start = first[1] if number == first[0] else 0
            self._marks.setdefault(number, []).append((start, len(piece)))


class MarkdownText(_Growing[Block]):
    """Markdown, a piece for each of its blocks."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._blocks = MarkdownBlocks()
        self._live: tuple[int, int, list[Row]] = (0, 0, [])
        if text:
            self.feed(text)

    def live(self, width: int) -> list[Row]:
        """Return the rows of the block being written; they are kept, since keys repaint as well."""
        if self._live[:2] != (self._changes, width):
            after = self._pieces[-1].kind if self._pieces else None
            rows = [_row(text) for text in draw(self._blocks.pending(), after, text_width(width))]
            self._live = self._changes, width, rows
        return self._live[2]

    def _cut(self, text: str) -> Iterable[Block]:
        return self._blocks.feed(text)

    def _draw(self, piece: Block, before: Block | None, width: int) -> list[Row]:
        kind = before.kind if before else None
        return [_row(text) for text in draw([piece], kind, width)]

    def _restart(self) -> None:
        self._blocks = MarkdownBlocks()


class JsonText(MarkdownText):
    """JSON, shown as the code it is: nothing in it is Markdown."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._restart()
        if text:
            self.feed(text)

    def _restart(self) -> None:
        super()._restart()
        self._blocks.feed(JSON_FENCE)


def text_of(row: Row) -> str:
    """Return the text of a row."""
    return "".join(text for _style, text in row)


@cache
def _canvas() -> Console:
    """Return a console that is drawn for and never written to."""
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        width=80,
    )


def _row(text: Text) -> Row:
    """Convert a row of rich's to one of prompt_toolkit's."""
    if not text.spans and not text.style:
        return [("", text.plain)]
    return [
        (_style(segment.style) if segment.style else "", segment.text)
        for segment in text.render(_canvas())
    ]


_ATTRIBUTES = ("bold", "dim", "italic", "underline", "strike", "reverse")


@cache
def _style(style: Style) -> str:
    """Return a style of rich's in prompt_toolkit's words."""
    words = [name for name in _ATTRIBUTES if getattr(style, name)]
    if style.color and not style.color.is_default:
        words.append(f"fg:{_color(style.color)}")
    return " ".join(words)


def _color(color: Color) -> str:
    return prompt_toolkit_colour(
        color.name.replace("_", "-")
        if color.type == ColorType.STANDARD
        else color.get_truecolor().hex
    )
