"""A line that shows what the program is busy with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import IO

from r1local.language import _

#: Seconds before a wait is shown, and between two repaints.
_INTERVAL_S = 0.5


@contextmanager
def busy(stream: IO[str], what: str | Callable[[], str]) -> Iterator[Callable[[str], None]]:
    """Show what the program is busy with, and for how long; leave no trace of it afterwards.

    What it is may change: then it is a function, which another thread calls.

    A thread paints, because the work is a call into llama.cpp that blocks until it is
    done. Nothing else may write on the stream meanwhile.

    Yields:
        Prints a notice above what is shown.
    """
    above: SimpleQueue[str] = SimpleQueue()
    if not stream.isatty():
        yield partial(_tell, stream, above)
        return
    try:
        with _painted(stream, what if callable(what) else lambda: what, above):
            yield partial(_tell, stream, above)
    finally:
        while not above.empty():
            _tell(stream, None, above.get())


def _tell(stream: IO[str], above: SimpleQueue[str] | None, line: str) -> None:
    """Print a notice, by the painter if there is one."""
    from r1local.ui.console import can_repaint, console_for, print_notice

    console = console_for(stream)
    if above and can_repaint(console):
        above.put(line)
    else:
        print_notice(console, line)


@contextmanager
def working(stream: IO[str]) -> Iterator[Callable[[str], None]]:
    """Show the steps of long work, each when the function that is yielded is given its words.

    Where nothing can be painted over, each step is a line.
    """
    from r1local.ui.console import can_repaint, console_for, print_notice

    console = console_for(stream)
    if not can_repaint(console):
        yield lambda words: print_notice(console, f"{words} …")
        return
    steps = ["starting"]
    with _painted(stream, lambda: steps[-1]):
        yield steps.append


@contextmanager
def _painted(
    stream: IO[str], what: Callable[[], str], above: "SimpleQueue[str] | None" = None
) -> Iterator[None]:
    done = Event()
    queue = above or SimpleQueue[str]()
    painter = Thread(target=_paint, args=(stream, what, queue, done), daemon=True)
    painter.start()
    try:
        yield
    finally:
        done.set()
        painter.join()


def _paint(stream: IO[str], what: Callable[[], str], above: SimpleQueue[str], done: Event) -> None:
    started = monotonic()
    if done.wait(_INTERVAL_S):
        return
    # Importing rich takes longer than many a wait.
    from rich.text import Text

    from r1local.ui.console import can_repaint, console_for
    from r1local.ui.live_rows import LiveRows, live_line
    from r1local.ui.safe_text import visible_line

    console = console_for(stream)
    if not can_repaint(console):
        return
    rows = LiveRows(console)
    with suppress(OSError, ValueError):  # the terminal may have been closed
        while not done.is_set():
            told = [Text(visible_line(above.get()), "dim") for _ in range(above.qsize())]
            rows.update(
                told,
                [
                    live_line(
                        console,
                        _(
                            "{what} … {seconds:.0f} s",
                            what=what(),
                            seconds=monotonic() - started,
                        ),
                    )
                ],
            )
            done.wait(_INTERVAL_S)
        rows.update([], [])
