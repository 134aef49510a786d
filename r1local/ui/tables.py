"""Tables, with as many columns as a terminal has room for, and all columns in a pipe."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from r1local.ui.cells import cell_len
from r1local.ui.console import Output, Pipe
from r1local.ui.safe_text import visible_line

if TYPE_CHECKING:
    from rich.console import Console

_GAP = 2
#: Least width of the first column; others are dropped to give it that much.
_LEAST_FIRST = 20
#: The roles of what a table says about where a model runs.
FIT_ROLES = {"GPU": "success", "GPU+CPU": "warning", "CPU": "accent", "no": "error"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and cells; columns of the least `importance` are dropped first."""

    heading: str
    cells: Sequence[str]
    importance: int
    right: bool = False

    @property
    def width(self) -> int:
        """Width of its widest text, in terminal cells."""
        return max(cell_len(visible_line(text)) for text in (self.heading, *self.cells))


def print_table(output: Output, columns: Sequence[Column]) -> None:
    """Print rows without a frame: fitted to a terminal, or separated by tabs in a pipe.

    The first column is always shown, but cut if it is too wide for the terminal.
    """
    if not isinstance(output, Pipe) and output.is_terminal:
        _print_fitted(output, columns)
        return
    for cells in zip(*((column.heading, *column.cells) for column in columns), strict=True):
        output.file.write("\t".join(map(visible_line, cells)) + "\n")


def _print_fitted(console: "Console", columns: Sequence[Column]) -> None:
    from rich.table import Table  # pipes need none of it
    from rich.text import Text

    shown = _fitting(columns, console.width)
    others = sum(_GAP + column.width for column in shown[1:])
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="note")
    for number, column in enumerate(shown):
        table.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=column.width if number else min(column.width, max(1, console.width - others)),
        )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*(Text(visible_line(cell), FIT_ROLES.get(cell, "")) for cell in cells))
    console.print(table)


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Return the columns there is room for."""
    shown = list(columns)
    while len(shown) > 1:
        first = min(shown[0].width, _LEAST_FIRST)
        if first + sum(_GAP + column.width for column in shown[1:]) <= width:
            break
        shown.remove(min(shown[1:], key=lambda column: column.importance))
    return shown
