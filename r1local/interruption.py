"""Ctrl-C and other requests to end, so that what was generated is kept."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from r1local.generation import Control


@contextmanager
def interruptible(control: Control) -> Iterator[None]:
    """Let the first Ctrl-C cancel through `control` and a second one end the program.

    SIGTERM and SIGHUP unwind the program instead of killing it, so that the
    terminal is left whole.
    """

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        if control.cancelled():
            raise KeyboardInterrupt
        control.cancel()

    handlers = {signal.SIGINT: cancel, signal.SIGTERM: _exit}
    if sys.platform != "win32":
        handlers[signal.SIGHUP] = _exit
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _exit(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
