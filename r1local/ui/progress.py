"""A line that shows what the program is busy with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from time import monotonic

from rich.console import Console

from r1local.ui.console import LiveRows, can_repaint, live_line, print_notice

#: Seconds before a wait is shown, and between two repaints.
_INTERVAL_S = 0.5


@contextmanager
def busy(console: Console, what: str) -> Iterator[None]:
    """Show what the program is busy with, and for how long; leave no trace of it afterwards.

    A thread paints, because the work is a call into llama.cpp that blocks until it is
    done. Nothing else may write on the console meanwhile.
    """
    if not can_repaint(console):
        yield
        return
    with _painted(console, lambda: what):
        yield


@contextmanager
def working(console: Console) -> Iterator[Callable[[str], None]]:
    """Show the steps of long work, each when the function that is yielded is given its words.

    Where nothing can be painted over, each step is a line.
    """
    if not can_repaint(console):
        yield lambda words: print_notice(console, f"{words} …")
        return
    steps = ["starting"]
    with _painted(console, lambda: steps[-1]):
        yield steps.append


@contextmanager
def _painted(console: Console, what: Callable[[], str]) -> Iterator[None]:
    done = Event()
    painter = Thread(target=_paint, args=(console, what, done), daemon=True)
    painter.start()
    try:
        yield
    finally:
        done.set()
        painter.join()


def _paint(console: Console, what: Callable[[], str], done: Event) -> None:
    started = monotonic()
    rows: LiveRows | None = None
    with suppress(OSError, ValueError):  # the terminal may have been closed
        while not done.wait(_INTERVAL_S):
            rows = rows or LiveRows(console)
            rows.update([], [live_line(console, f"{what()} … {monotonic() - started:.0f} s")])
        if rows:
            rows.update([], [])
