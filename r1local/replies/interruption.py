"""What ends a reply from outside: Ctrl-C, signals, or a reader of stdout that has gone."""

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from r1local.replies.control import Control

#: Seconds between two checks that somebody still reads stdout.
_LOOK_INTERVAL_S = 0.25


class Interruption(Control):
    """A control that is cancelled by signals, and when the reader of stdout has gone.

    llama.cpp asks it from inside its calls, where no exception may be raised. So
    nothing here raises: `signal` and `reader_gone` say afterwards what happened.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signal: int | None = None
        self.reader_gone = False
        self._next_look = 0.0

    @property
    def exit_code(self) -> int:
        """The exit code for the signal that ended the program; Ctrl-C's if there was none."""
        return 128 + (self.signal or signal.SIGINT)

    def cancelled(self) -> bool:
        """Return whether the reply should end."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_INTERVAL_S
            if _reader_gone():
                self.reader_gone = True
                self.cancel()
        return super().cancelled()

    def take_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """Cancel the reply; a second Ctrl-C ends the program immediately."""
        if number == signal.SIGINT == self.signal:
            os._exit(128 + number)
        self.signal = number
        self.cancel()


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Yield a reply's control that reacts to this process's signals."""
    interruption = Interruption()
    with handling_signals(interruption.take_signal):
        yield interruption


@contextmanager
def handling_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have a handler take the signals that ask this process to end.

    A signal that is ignored stays ignored: that is how `nohup` and background jobs
    are kept running.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    if sys.platform != "win32":
        numbers.append(signal.SIGHUP)
    previous = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number in numbers if previous[number] not in (signal.SIG_IGN, None)]
    for number in ours:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, previous[number])


def _reader_gone() -> bool:
    """Return whether the pipe that stdout writes to has been closed at its other end."""
    if not hasattr(select, "poll"):  # on Windows, the next write notices
        return False
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError):
        return False
    return any(events & select.POLLERR for _fd, events in poll.poll(0))
