"""The progress of verifying files, on a line that is repainted, and a line for each result."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.text import Text

from r1local.language import N_, _
from r1local.ui.cells import cell_len, fitted
from r1local.ui.console import can_repaint
from r1local.ui.live_rows import LiveRows, live_line
from r1local.ui.safe_text import unbroken, visible_line

#: Seconds between two repaints.
_INTERVAL_S = 0.2
_ROLES = {
    N_("ok"): "success",
    N_("damaged"): "error",
    N_("unreadable"): "error",
    N_("no checksum"): "note",
}


class VerificationProgress:
    """Progress of reading files in percent, shown only where a line can be repainted."""

    def __init__(self, console: Console, total: int) -> None:
        self._rows = LiveRows(console) if can_repaint(console) else None
        self._console = console
        self._total = max(1, total)
        self._read = 0
        self._next = monotonic() + _INTERVAL_S

    def read(self, size: int, name: str) -> None:
        """Count more bytes, read from a file of the model `name`."""
        self._read += size
        if self._rows and monotonic() >= self._next:
            self._next = monotonic() + _INTERVAL_S
            line = _(
                "{percent} %  verifying {name}", percent=100 * self._read // self._total, name=name
            )
            self._rows.update([], [live_line(self._console, line)])

    def clear(self) -> None:
        """Remove the line, before something else is printed."""
        if self._rows:
            self._rows.update([], [])


@contextmanager
def verifying(console: Console, total: int) -> Iterator[VerificationProgress]:
    """Show the progress of reading `total` bytes, until the end or an interruption."""
    progress = VerificationProgress(console, total)
    try:
        yield progress
    finally:
        progress.clear()


def print_verified(console: Console, state: str, model: str, path: Path) -> None:
    """Print the result for one file: cut to one row on a terminal, in full in a pipe."""
    if not console.is_terminal:
        console.file.write(f"{state}\t{unbroken(model)}\t{unbroken(str(path))}\n")
        console.file.flush()
        return
    line = Text().append(fitted(_(state), _column()), _ROLES[state])
    line.append(visible_line(f"{model}  {path.name}"))
    line.truncate(console.width, overflow="ellipsis")
    console.print(line)


def _column() -> int:
    """Return the cells that the results take, with a gap behind them."""
    return 2 + max(cell_len(_(state)) for state in _ROLES)
