"""Ctrl-C where there is nothing to stop and nothing to empty."""

from collections.abc import Callable
from math import inf
from time import monotonic

from r1local.language import N_

#: Pressing it twice within this many seconds leaves: people press it once to stop a reply that
#: has just ended.
SECOND_PRESS_S = 2.0
LEAVES_AGAIN = N_("Ctrl-C again leaves")


class LeavingKey:
    """Ctrl-C on an empty input.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = -inf

    @property
    def half_pressed(self) -> bool:
        """Whether pressing it once more leaves."""
        return self._clock() < self._until

    def pressed(self) -> bool:
        """Take one press; return whether it leaves."""
        leaves = self.half_pressed
        self._until = -inf if leaves else self._clock() + SECOND_PRESS_S
        return leaves
