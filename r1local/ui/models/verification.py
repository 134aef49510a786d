"""Files being verified: how far it is, painted over; and a line for each that is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.text import Text

from r1local.ui.console import LiveRows, can_repaint, live_line
from r1local.ui.safe_text import unbroken, visible_line

#: Seconds between two repaints.
_INTERVAL_S = 0.2
_STYLES = {"ok": "green", "damaged": "bold red", "unreadable": "bold red", "no checksum": "dim"}


class VerificationProgress:
    """How much of the bytes to be read has been; nothing where it can't be painted over."""

    def __init__(self, console: Console, total: int) -> None:
        self._rows = LiveRows(console) if can_repaint(console) else None
        self._console = console
        self._total = max(1, total)
        self._read = 0
        self._next = monotonic() + _INTERVAL_S

    def read(self, size: int, name: str) -> None:
        """Take note of some more bytes, of the file of that name."""
        self._read += size
        if self._rows and monotonic() >= self._next:
            self._next = monotonic() + _INTERVAL_S
            line = f"{100 * self._read // self._total} %  verifying {name}"
            self._rows.update([], [live_line(self._console, line)])

    def clear(self) -> None:
        """Leave no trace, before something else is printed."""
        if self._rows:
            self._rows.update([], [])


@contextmanager
def verifying(console: Console, total: int) -> Iterator[VerificationProgress]:
    """Show how far the reading of `total` bytes is, until the end or an interruption."""
    progress = VerificationProgress(console, total)
    try:
        yield progress
    finally:
        progress.clear()


def print_verified(console: Console, state: str, model: str, path: Path) -> None:
    """Print what one file turned out to be: a row on a terminal, all of it in a pipe."""
    if not console.is_terminal:
        console.file.write(f"{state}\t{unbroken(model)}\t{unbroken(str(path))}\n")
        console.file.flush()
        return
    line = Text().append(f"{state:<13}", _STYLES[state])
    line.append(visible_line(f"{model}  {path.name}"))
    line.truncate(console.width, overflow="ellipsis")
    console.print(line)
