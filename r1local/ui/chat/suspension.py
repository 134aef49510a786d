"""Stopping the chat and going on with it, as with other programs in a shell."""

import os
import signal
import sys
from collections.abc import Callable
from time import monotonic

from prompt_toolkit.application import run_in_terminal

#: A signal may come twice: from the terminal, and passed on by the process that watches.
_TWICE_S = 0.5


class Suspension:
    """Stops the chat, with the whole of the shell's job, and takes the terminal over again.

    Args:
        restore: called before it stops; gives back what else of the terminal was taken.
    """

    def __init__(self, restore: Callable[[], None]) -> None:
        self._restore = restore
        self._waits = False
        self._continued = float("-inf")

    def suspend(self) -> None:
        """Give the terminal back and stop until the chat is continued."""
        if not self._waits and monotonic() > self._continued + _TWICE_S:
            self._waits = True
            run_in_terminal(self._stop)

    def take_anew(self) -> None:
        """Set up the terminal and paint all of it: anything may have been done to it meanwhile."""
        run_in_terminal(lambda: None)

    def _stop(self) -> None:
        self._restore()
        if sys.platform != "win32":
            os.kill(0, signal.SIGSTOP)  # SIGTSTP would come back to its handler
        self._waits = False
        self._continued = monotonic()
