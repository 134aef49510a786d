"""Keeping what the chat's screen shows in its place, on every terminal.

prompt_toolkit counts cells by code point, and paints only the cells that changed. Both
go wrong where a terminal gives an emoji, a flag or a syllable more or fewer cells than
expected: the rest of the row is shifted, and what is painted later lands in the wrong
place. So panes put whole graphemes into cells, those that terminals disagree about are
guarded, and a row that has any is painted again in full whenever it changes.
"""

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from prompt_toolkit.application import get_app
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import AnyContainer, Container, Dimension, to_container
from prompt_toolkit.layout.mouse_handlers import MouseHandlers
from prompt_toolkit.layout.screen import Char, Screen, WritePosition
from prompt_toolkit.output import ColorDepth, Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from r1local.ui.cells import cluster_cells, clusters, guarded, is_steady

#: What a terminal sends when it gets and loses the focus, once it was asked to (xterm's ctlseqs,
#: mode 1004). prompt_toolkit doesn't know them: they would read as Escape and letters.
FOCUS_IN, FOCUS_OUT = "\x1b[I", "\x1b[O"
ANSI_SEQUENCES.update({FOCUS_IN: Keys.Ignore, FOCUS_OUT: Keys.Ignore})

#: Above everything that floats, which prompt_toolkit draws at 10**8 at most.
_LAST = 10**9


class Cluster(str):
    """A grapheme that terminals disagree about, and the cells it should take."""

    __slots__ = ("cells",)

    cells: int


class Cell(Char):
    """One grapheme on a screen."""

    def __init__(self, text: str, style: str, cells: int) -> None:
        self.char = text
        self.style = style
        self.width = cells
        if not is_steady(text):
            self.char = Cluster(text)
            self.char.cells = cells


_NOTHING = Cell("", "", 0)
#: A cell that differs from all others, so that whatever is there now is painted.
_OTHER = Cell("\0", "", 1)


class SteadyOutput(Vt100_Output):
    """A terminal on which graphemes take the cells they should take.

    Attributes:
        reports_focus: whether it says, while the program has it, when it gets and loses the focus.
    """

    reports_focus = False

    def enable_bracketed_paste(self) -> None:
        """Take the terminal over: its modes are set."""
        super().enable_bracketed_paste()
        if self.reports_focus:
            self.write_raw("\x1b[?1004h")

    def disable_bracketed_paste(self) -> None:
        """Give the terminal back."""
        super().disable_bracketed_paste()
        if self.reports_focus:
            self.write_raw("\x1b[?1004l")

    def write(self, data: str) -> None:
        """Write text, which may be a guarded grapheme."""
        if isinstance(data, Cluster):
            self.write_raw(guarded(data, data.cells))
        else:
            super().write(data)


def steady_output(*, reports_focus: bool = False) -> Output:
    """Return the terminal of the chat."""
    if sys.platform == "win32" or not sys.stdout.isatty():
        return create_output()
    output = SteadyOutput.from_pty(sys.stdout, os.environ.get("TERM"), _colour_depth())
    assert isinstance(output, SteadyOutput)
    output.reports_focus = reports_focus
    return output


def _colour_depth() -> ColorDepth | None:
    """Return how many colours there are, if variables tell: consoles know COLORTERM as well."""
    has_all = os.environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit")
    return ColorDepth.from_env() or (ColorDepth.TRUE_COLOR if has_all else None)


class SteadyRows(Container):
    """A layout whose rows are painted whole where terminals disagree about them."""

    def __init__(self, content: AnyContainer) -> None:
        self._content = to_container(content)

    def reset(self) -> None:
        """Reset the layout."""
        self._content.reset()

    def preferred_width(self, max_available_width: int) -> Dimension:
        """Return the layout's width."""
        return self._content.preferred_width(max_available_width)

    def preferred_height(self, width: int, max_available_height: int) -> Dimension:
        """Return the layout's height."""
        return self._content.preferred_height(width, max_available_height)

    def get_children(self) -> list[Container]:
        """Return the layout."""
        return [self._content]

    def write_to_screen(
        self,
        screen: Screen,
        mouse_handlers: MouseHandlers,
        write_position: WritePosition,
        parent_style: str,
        erase_bg: bool,
        z_index: int | None,
    ) -> None:
        """Draw the layout, and look at the whole screen once menus are drawn as well."""
        self._content.write_to_screen(
            screen, mouse_handlers, write_position, parent_style, erase_bg, z_index
        )
        before = get_app().renderer.last_rendered_screen
        screen.draw_with_z_index(_LAST, partial(_steady, screen, before))


def write_row(
    screen: Screen, x: int, y: int, width: int, row: Sequence[tuple[str, str]], style: str
) -> None:
    """Put the pieces of a row on a screen, one grapheme in each cell."""
    cells = screen.data_buffer[y]
    end = x + width
    for piece_style, text in row:
        for cluster in clusters(text):
            wide = cluster_cells(cluster)
            if x + wide > end:
                return
            if wide:
                cells[x] = Cell(cluster, f"{style} {piece_style}", wide)
                cells.update((x + n, _NOTHING) for n in range(1, wide))
                x += wide


def _steady(screen: Screen, before: Screen | None) -> None:
    """Guard what has to be guarded, and have such rows painted in full if they changed."""
    for y in range(screen.height):
        row = screen.data_buffer[y]
        unsteady = _guard(row)
        if before and (unsteady or _is_unsteady(before.data_buffer[y])):
            old = before.data_buffer[y]
            if _shown(row) != _shown(old):
                before.data_buffer[y] = defaultdict(
                    lambda: _OTHER, {max((0, *row, *old)): _OTHER, screen.width - 1: _OTHER}
                )


def _is_unsteady(row: defaultdict[int, Char]) -> bool:
    return any(isinstance(cell.char, Cluster) for cell in row.values())


def _shown(row: defaultdict[int, Char]) -> dict[int, Char]:
    """Return the cells of a row that aren't blank."""
    return {x: cell for x, cell in row.items() if cell.char != " " or cell.style.strip()}


def _guard(row: defaultdict[int, Char]) -> bool:
    """Put graphemes that were drawn by code point into cells of their own; say if there are any."""
    if is_steady("".join(cell.char for cell in row.values())):
        return False
    for x, cell in _joined(row):
        row[x] = cell
        row.update((x + n, _NOTHING) for n in range(1, cell.width))
    return True


def _joined(row: defaultdict[int, Char]) -> Iterator[tuple[int, Cell]]:
    """Yield the unsteady cells of a row, joining neighbours that are one grapheme."""
    drawn = sorted((x, cell) for x, cell in row.items() if cell.char and cell.width)
    begun: tuple[int, Cell] | None = None
    for x, cell in drawn:
        if begun and x == begun[0] + begun[1].width and _is_one(begun[1].char + cell.char):
            start, first = begun
            begun = start, Cell(first.char + cell.char, first.style, first.width + cell.width)
            continue
        if begun:
            yield begun
        begun = None if is_steady(cell.char) else (x, Cell(cell.char, cell.style, cell.width))
    if begun:
        yield begun


def _is_one(text: str) -> bool:
    return len(list(clusters(text))) == 1
