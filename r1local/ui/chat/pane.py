"""Panes of the full-screen chat: rows that grow at the end and scroll by themselves.

Painting costs the same at the twenty-thousandth token as at the first: rows are
taken from what is shown once, and only those in view are looked at.
"""

import re
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app
from prompt_toolkit.layout.controls import UIContent, UIControl
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType
from rich.cells import set_cell_size

from r1local.ui.chat.items import Item, Row, text_of

if TYPE_CHECKING:
    from prompt_toolkit.key_binding.key_bindings import NotImplementedOrNone

_WHEEL_ROWS = 3
_BELOW = " ↓ new "


class Pane(UIControl):
    """Items below one another. It follows its end until it is scrolled up.

    `following` says whether it does.
    """

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.following = True
        self._top = 0
        self._words = ""
        self._seeking = False
        self._rows: list[Row] = []
        self._live: list[Row] = []
        self._done = self._taken = 0
        self._size = (0, 0)

    @property
    def width(self) -> int:
        """Columns at the last paint."""
        return self._size[0]

    def replace(self, items: Iterable[Item]) -> None:
        """Show other items."""
        self.items[:] = items
        self.reset()

    def reset(self) -> None:
        """Take every item's rows anew, after one of them changed in its middle."""
        self._rows, self._done, self._taken = [], 0, 0

    def scroll(self, rows: int) -> None:
        """Go down by so many rows, up by a negative number."""
        self._go_to(self._top + rows)

    def scroll_page(self, pages: int) -> None:
        """Go down by so many pages, less a row that stays in view."""
        self.scroll(pages * max(self._size[1] - 1, 1))

    def scroll_to_start(self) -> None:
        """Go to the first row."""
        self._go_to(0)

    def scroll_to_end(self) -> None:
        """Go to the end, and follow it."""
        self.following = True

    def find(self, words: str) -> None:
        """Set words apart wherever they stand, and bring the first row that has them to the middle.

        Without any, nothing is set apart.
        """
        self._words = words
        self._seeking = bool(words)

    def create_content(self, width: int, height: int) -> UIContent:
        """Return the rows that are in view; prompt_toolkit asks for each paint."""
        if width != self._size[0]:
            self.reset()
        self._size = (width, height)
        self._collect(width)
        if self._seeking:
            self._seeking = False
            self._go_to(self._first_found() - height // 2)
        last = max(self._count() - height, 0)
        self._top = last if self.following else min(self._top, last)
        self.following = self._top == last
        shown = [self._row_at(self._top + n) for n in range(min(height, self._count()))]
        if not self.following and shown:
            shown[-1] = _with_end(shown[-1], _BELOW, width)
        return UIContent(lambda n: [*shown[n]], len(shown), show_cursor=False)

    def is_focusable(self) -> bool:
        """Keys go to the input, always."""
        return False

    def mouse_handler(self, mouse_event: MouseEvent) -> "NotImplementedOrNone":
        """Scroll by the wheel."""
        if mouse_event.event_type == MouseEventType.SCROLL_UP:
            self.scroll(-_WHEEL_ROWS)
        elif mouse_event.event_type == MouseEventType.SCROLL_DOWN:
            self.scroll(_WHEEL_ROWS)
        else:
            return NotImplemented
        get_app().invalidate()
        return None

    def _collect(self, width: int) -> None:
        """Bring the rows up to date: only what is new is taken."""
        self._live = []
        while self._done < len(self.items):
            item = self.items[self._done]
            finished = item.finished(width)
            self._rows += finished[self._taken :]
            self._taken = len(finished)
            live = item.live(width)
            if self._done == len(self.items) - 1:
                self._live = live
                break
            self._rows += live
            self._done, self._taken = self._done + 1, 0

    def _row_at(self, number: int) -> Row:
        finished = len(self._rows)
        row = self._rows[number] if number < finished else self._live[number - finished]
        return _highlighted(row, self._words) if self._words else row

    def _first_found(self) -> int:
        """The first row that has the words; they may be folded into two rows."""
        wanted = self._words.casefold()
        rows = enumerate(chain(self._rows, self._live))
        return next((n for n, row in rows if wanted in text_of(row).casefold()), 0)

    def _count(self) -> int:
        return len(self._rows) + len(self._live)

    def _go_to(self, top: int) -> None:
        """Go to a row at the next paint, which alone knows how many there are."""
        self._top = max(top, 0)
        self.following = False


def _with_end(row: Row, end: str, width: int) -> Row:
    """A row cut or filled up to have `end` at its right edge."""
    room = max(width - len(end), 0)
    style = row[0][0] if row else ""
    return [(style, set_cell_size(text_of(row), room)), ("class:new", end[:width])]


def _highlighted(row: Row, words: str) -> Row:
    """A row with `words` set apart; their styles give way to that."""
    text = text_of(row)
    found = [match.span() for match in re.finditer(re.escape(words), text, re.IGNORECASE)]
    if not found:
        return row
    marked: Row = []
    position = 0
    for style, piece in row:
        for character in piece:
            inside = any(start <= position < end for start, end in found)
            marked.append(("class:found" if inside else style, character))
            position += 1
    return marked
