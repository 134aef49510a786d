"""Waiting for what another process does, and measuring work on a machine that does much else."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds after which a test gives up waiting: what takes that long hangs, however busy the
#: machine is.
PATIENCE_S = 600.0


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


def processor_time() -> float:
    """Return the seconds of processor time that this process and its ended children have taken.

    Unlike a clock's, they don't grow while others compute.
    """
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


@contextmanager
def processor_within(seconds: float) -> Iterator[None]:
    """Fail if what is done meanwhile takes more processor time."""
    before = processor_time()
    yield
    assert processor_time() - before < seconds
