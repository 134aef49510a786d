"""Panes of the full-screen chat: rows that grow at the end and scroll by themselves.

Painting costs the same at the twenty-thousandth token as at the first: rows are taken
only once from what is shown, and only those in view are looked at.
"""

import re
from collections.abc import Iterable
from itertools import chain

from prompt_toolkit.application import get_app
from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Screen, WritePosition
from prompt_toolkit.mouse_events import MouseEvent, MouseEventType

from r1local.ui.cells import cell_len, clusters, cut, fitted
from r1local.ui.chat.items import Item, Row, text_of
from r1local.ui.chat.painting import write_row

_WHEEL_ROWS = 3


class Pane:
    """Items, one below the other. The pane follows its end until it is scrolled up.

    `following` says whether it does.

    Args:
        below: stands in the corner while there is more below.
    """

    def __init__(self, below: str = " ↓ new ") -> None:
        self._below = below
        self.items: list[Item] = []
        self.following = True
        self._top = 0
        self._words = ""
        self._seeking = False
        self._found = -1
        self._to_read: Item | None = None
        self._rows: list[Row] = []
        self._live: list[Row] = []
        self._done = self._taken = 0
        self._size = (0, 0)

    @property
    def width(self) -> int:
        """The number of columns at the last paint."""
        return self._size[0]

    def replace(self, items: Iterable[Item]) -> None:
        """Show other items."""
        self.items[:] = items
        self.reset()

    def reset(self) -> None:
        """Take every item's rows again, after one of the items changed in its middle."""
        self._rows, self._done, self._taken = [], 0, 0

    def scroll(self, rows: int) -> None:
        """Go down by the given number of rows, or up if it is negative."""
        self._go_to(self._top + rows)

    def scroll_page(self, pages: int) -> None:
        """Go down by the given number of pages, keeping one row in view."""
        self.scroll(pages * max(self._size[1] - 1, 1))

    def scroll_to_start(self) -> None:
        """Go to the first row."""
        self._go_to(0)

    def read_from(self, item: Item) -> None:
        """Go to the start of the last item, if it is higher than the pane."""
        self._to_read = item

    def scroll_to_end(self) -> None:
        """Go to the end, and follow it."""
        self.following = True

    def find(self, words: str) -> None:
        """Highlight words wherever they occur, and bring the first row that has them to the middle.

        Without any words, nothing is highlighted.
        """
        self._words = words
        self._found = -1
        self._seeking = bool(words)

    def find_next(self) -> None:
        """Bring the next row that has the words to the middle; after the last one, the first."""
        self._seeking = bool(self._words)

    @property
    def lacks_words(self) -> bool:
        """Whether no row had the words that were looked for, at the last paint."""
        return bool(self._words) and self._found < 0

    def rows_in_view(self, width: int, height: int) -> list[Row]:
        """Return the rows to paint, at most `height` of them."""
        if width != self._size[0]:
            self.reset()
        self._size = (width, height)
        self._collect(width)
        if self._seeking:
            self._seeking = False
            self._found = self._next_found()
            self._go_to(self._found - height // 2)
        if (item := self._to_read) is not None:
            self._to_read = None
            rows = len(item.finished(width)) + len(item.live(width))
            if self.items and self.items[-1] is item and rows > height:
                self._go_to(self._count() - rows)
        last = max(self._count() - height, 0)
        self._top = last if self.following else min(self._top, last)
        self.following = self._top == last
        shown = [self._row_at(self._top + n) for n in range(min(height, self._count()))]
        if not self.following and shown:
            shown[-1] = _with_end(shown[-1], self._below, width)
        return shown

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

    def _next_found(self) -> int:
        """Return the next row that has the words, or the first; -1 if there is none.

        Words may be wrapped over two rows, and aren't found there.
        """
        wanted = self._words.casefold()
        rows = enumerate(chain(self._rows, self._live))
        found = [n for n, row in rows if wanted in text_of(row).casefold()]
        return next((n for n in found if n > self._found), found[0] if found else -1)

    def _count(self) -> int:
        return len(self._rows) + len(self._live)

    def _go_to(self, top: int) -> None:
        """Go to a row at the next paint, which alone knows how many there are."""
        self._top = max(top, 0)
        self.following = False


class PaneWindow(Container):
    """Where a pane is on the screen."""

    def __init__(self, pane: Pane) -> None:
        self._pane = pane

    def reset(self) -> None:
        """Do nothing: the pane stays where it was scrolled to."""

    def preferred_width(self, max_available_width: int) -> Dimension:  # noqa: ARG002
        """Take all the width there is."""
        return Dimension()

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:  # noqa: ARG002
        """Take all the height there is."""
        return Dimension()

    def get_children(self) -> list[Container]:
        """Return no children."""
        return []

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,  # noqa: ARG002
        z_index: int | None,  # noqa: ARG002
    ) -> None:
        """Draw the rows in view."""
        x, y = write_position.xpos, write_position.ypos
        width, height = write_position.width, write_position.height
        for number, row in enumerate(self._pane.rows_in_view(width, height)):
            write_row(screen, x, y + number, width, row, parent_style)
        screen.width, screen.height = max(screen.width, x + width), max(screen.height, y + height)
        mouse_handlers.set_mouse_handler_for_range(x, x + width, y, y + height, self._scroll)

    def _scroll(self, event: MouseEvent) -> object:
        """Scroll by the wheel."""
        if event.event_type == MouseEventType.SCROLL_UP:
            self._pane.scroll(-_WHEEL_ROWS)
        elif event.event_type == MouseEventType.SCROLL_DOWN:
            self._pane.scroll(_WHEEL_ROWS)
        else:
            return NotImplemented
        get_app().invalidate()
        return None


def _with_end(row: Row, end: str, width: int) -> Row:
    """Return a row, cut or padded to have `end` at its right edge."""
    end = cut(end, width)
    style = row[0][0] if row else ""
    return [(style, fitted(text_of(row), width - cell_len(end))), ("class:new", end)]


def _highlighted(row: Row, words: str) -> Row:
    """Return a row with `words` highlighted, which replaces their styles."""
    text = text_of(row)
    found = [match.span() for match in re.finditer(re.escape(words), text, re.IGNORECASE)]
    if not found:
        return row
    marked: Row = []
    position = 0
    for style, piece in row:
        for cluster in clusters(piece):
            inside = any(start <= position < end for start, end in found)
            marked.append(("class:found" if inside else style, cluster))
            position += len(cluster)
    return marked
