"""Panes of the full-screen chat: rows that grow at the end and scroll by themselves.

Painting costs the same at the twenty-thousandth token as at the first: rows are taken
only once from what is shown, and only those in view are looked at.
"""

import re
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import accumulate

from prompt_toolkit.application import get_app
from prompt_toolkit.layout import Container, Dimension
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Screen, WritePosition
from prompt_toolkit.mouse_events import MouseButton, MouseEvent, MouseEventType

from r1local.language import N_, _
from r1local.ui.cells import cell_len, clusters, cut, fitted
from r1local.ui.chat.items import Item, Row, text_of
from r1local.ui.chat.painting import write_row
from r1local.ui.chat.selection import Selection, selected, text_in

_WHEEL_ROWS = 3
#: Above everything that floats, which prompt_toolkit draws at 10**8 at most.
_LAST = 10**9


class Pane:
    """Items, one below the other. The pane follows its end until it is scrolled up.

    `following` says whether it does.

    Args:
        below: stands in the corner while there is more below.
    """

    def __init__(self, below: str = N_(" ↓ new ")) -> None:
        self._below = _(below)
        self.items: list[Item] = []
        self.following = True
        self._top = 0
        self._words = ""
        self._sought: tuple[Item | None, int] | None = None
        self._nth = self._count_found = 0
        self._selection: Selection | None = None
        self._to_read: Item | None = None
        self._rows: list[Row] = []
        self._live: list[Row] = []
        self._done = self._taken = 0
        #: The first row of each item so far.
        self._starts: list[int] = []
        self._size = (0, 0)

    @property
    def width(self) -> int:
        """The number of columns at the last paint."""
        return self._size[0]

    @property
    def words(self) -> str:
        """The words that are highlighted."""
        return self._words

    def replace(self, items: Iterable[Item]) -> None:
        """Show other items."""
        self.items[:] = items
        self.reset()

    def reset(self) -> None:
        """Take every item's rows again, after one of the items changed in its middle."""
        self._rows, self._starts, self._done, self._taken = [], [], 0, 0
        self._selection = None

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
        self._sought = None

    def find(self, words: str, item: Item | None = None, nth: int = 0) -> None:
        """Highlight words wherever they occur, and bring a row that has them to the middle.

        Without any words, nothing is highlighted.

        Args:
            item: where to look for the row; None looks everywhere.
            nth: which occurrence in it, counted from 0; the last one if there are fewer.
        """
        self._words = words
        self._sought = (item, nth) if words else None
        self._nth, self._count_found = nth, 0

    def press(self, row: int, cell: int) -> None:
        """Begin a selection at a row in view."""
        place = self._top + row, cell
        self._selection = Selection(place, place)

    def drag(self, row: int, cell: int) -> None:
        """Select up to a row in view; one beyond the pane's ends is scrolled to."""
        if self._selection is None:
            return
        height = self._size[1]
        if not 0 <= row < height:
            self.scroll(-1 if row < 0 else 1)
        place = self._top + min(max(row, 0), height - 1), max(cell, 0)
        self._selection = Selection(self._selection.pressed, place)

    @property
    def selected_text(self) -> str:
        """The selected text, as it is on the screen; empty if it is less than two cells."""
        chosen = self._selection
        if chosen is None or chosen.is_click:
            return ""
        rows = (row for row in chosen.rows if row < self._count())
        return "\n".join(text_in(self._row(row), *chosen.cells(row)) for row in rows).strip("\n")

    def clicked(self) -> Item | None:
        """Return the item that the mouse was pressed and released at, and select nothing."""
        chosen, self._selection = self._selection, None
        if chosen is None or not chosen.is_click or chosen.pressed[0] >= self._count():
            return None
        return self.items[bisect_right(self._starts, chosen.pressed[0]) - 1]

    def find_next(self) -> None:
        """Bring the next row that has the words to the middle; after the last one, the first."""
        if self._words:
            self._nth = (self._nth + 1) % max(self._count_found, 1)
            self._sought = (None, self._nth)

    @property
    def lacks_words(self) -> bool:
        """Whether no row had the words that were looked for, at the last paint."""
        return bool(self._words) and not self._count_found

    def rows_in_view(self, width: int, height: int) -> list[Row]:
        """Return the rows to paint, at most `height` of them."""
        if width != self._size[0]:
            self.reset()
        self._size = (width, height)
        self._collect(width)
        if self._sought:
            item, nth = self._sought
            found, first = self._found_rows(item)
            self._count_found = len(found)
            self._go_to((found[min(nth, len(found) - 1)] if found else first) - height // 2)
            self._sought = None
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
            if self._done == len(self._starts):
                self._starts.append(len(self._rows))
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
        row = self._row(number)
        row = highlighted(row, self._words) if self._words else row
        return selected(row, *self._selection.cells(number)) if self._selection else row

    def _row(self, number: int) -> Row:
        finished = len(self._rows)
        return self._rows[number] if number < finished else self._live[number - finished]

    def _found_rows(self, item: Item | None) -> tuple[list[int], int]:
        """Return the rows that have the words, which may be wrapped over two, and the first row."""
        first, end = self._rows_of(item)
        texts = [text_of(self._row(number)).strip().casefold() for number in range(first, end)]
        wanted = re.escape(" ".join(self._words.casefold().split()))
        for between in (" ", ""):  # the latter where lines are broken between any two characters
            places = [found.start() for found in re.finditer(wanted, between.join(texts))]
            if places:
                starts = [0, *accumulate(len(text) + len(between) for text in texts)]
                return [first + bisect_right(starts, place) - 1 for place in places], first
        return [], first

    def _rows_of(self, item: Item | None) -> tuple[int, int]:
        """Return an item's first row, and the one behind its last; of all items for None."""
        places = [n for n, each in enumerate(self.items) if each is item]
        if not places or places[0] >= len(self._starts):
            return 0, self._count()
        starts = [*self._starts, self._count()]
        return starts[places[0]], starts[places[0] + 1]

    def _count(self) -> int:
        return len(self._rows) + len(self._live)

    def _go_to(self, top: int) -> None:
        """Go to a row at the next paint, which alone knows how many there are."""
        self._top = max(top, 0)
        self.following = False


class RowsWindow(Container, ABC):
    """Rows on a part of the screen that take what room there is.

    Args:
        rows: returns those to draw, given the width and the height.
    """

    def __init__(self, rows: Callable[[int, int], Sequence[Row]]) -> None:
        self._rows = rows
        self._corner = (0, 0)
        #: Whether the mouse's events are this window's, wherever the mouse is.
        self.grabbing = False

    @abstractmethod
    def mouse(self, event: MouseEvent, row: int, cell: int) -> bool:
        """Act on an event of the mouse at a row and cell here; False if it means nothing."""

    def reset(self) -> None:
        """Do nothing: what is shown stays where it was scrolled to."""

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
        x, y = self._corner = write_position.xpos, write_position.ypos
        width, height = write_position.width, write_position.height
        for number, row in enumerate(self._rows(width, height)):
            write_row(screen, x, y + number, width, row, parent_style)
        screen.width, screen.height = max(screen.width, x + width), max(screen.height, y + height)
        mouse_handlers.set_mouse_handler_for_range(x, x + width, y, y + height, self._at)

        if self.grabbing:  # once all other windows have their parts of the screen
            screen.draw_with_z_index(_LAST, partial(self._grab, mouse_handlers))

    def _at(self, event: MouseEvent) -> object:
        (x, y), app = self._corner, get_app()
        if not self.mouse(event, event.position.y - y, event.position.x - x):
            return NotImplemented
        if self.grabbing:  # the next event may come before the next paint
            self._grab(app.renderer.mouse_handlers)
        app.invalidate()
        return None

    def _grab(self, mouse_handlers: MouseHandlers) -> None:
        """Take all events of the mouse until the next paint."""
        size = get_app().output.get_size()
        mouse_handlers.set_mouse_handler_for_range(0, size.columns, 0, size.rows, self._at)


class PaneWindow(RowsWindow):
    """Where a pane is on the screen.

    Args:
        pane: what is there.
        copy: called with a text that was selected with the mouse.
        click: called with an item that was clicked at.
    """

    def __init__(
        self, pane: Pane, copy: Callable[[str], None], click: Callable[[Item], None]
    ) -> None:
        super().__init__(pane.rows_in_view)
        self._pane = pane
        self._copy = copy
        self._click = click

    def mouse(self, event: MouseEvent, row: int, cell: int) -> bool:
        """Scroll by the wheel, select while the left button is pressed, and tell clicks."""
        match event.event_type:
            case MouseEventType.SCROLL_UP:
                self._pane.scroll(-_WHEEL_ROWS)
            case MouseEventType.SCROLL_DOWN:
                self._pane.scroll(_WHEEL_ROWS)
            case MouseEventType.MOUSE_DOWN if event.button is MouseButton.LEFT:
                self.grabbing = True
                self._pane.press(row, cell)
            case MouseEventType.MOUSE_MOVE if self.grabbing and event.button is MouseButton.LEFT:
                self._pane.drag(row, cell)
            case MouseEventType.MOUSE_MOVE | MouseEventType.MOUSE_UP if self.grabbing:
                self._release(row, cell)
            case _:
                return False
        return True

    def _release(self, row: int, cell: int) -> None:
        self.grabbing = False
        self._pane.drag(row, cell)
        if text := self._pane.selected_text:
            self._copy(text)
        elif item := self._pane.clicked():
            self._click(item)


def _with_end(row: Row, end: str, width: int) -> Row:
    """Return a row, cut or padded to have `end` at its right edge."""
    end = cut(end, width)
    style = row[0][0] if row else ""
    return [(style, fitted(text_of(row), width - cell_len(end))), ("class:new", end)]


def highlighted(row: Row, words: str) -> Row:
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
