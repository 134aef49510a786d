"""The limits that a process sets for itself; they apply even in the middle of a call into C."""

import faulthandler
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The exit codes of a process whose time is up, as set by `faulthandler`, and that got no memory.
OUT_OF_TIME, OUT_OF_MEMORY = 1, 71
#: What no work on data needs: connections, other programs.
_FORBIDDEN = ("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system")


#: What work may take by the clock, in seconds and in multiples of its processor time. A clock says
#: how busy the machine is, too: on one that runs ten programs at once, each gets a tenth of it.
_CLOCK_S, _CLOCK_SHARE = 30.0, 10.0


def clock_for(seconds: float) -> float:
    """Return how many seconds may pass while work takes so many of processor time.

    What takes longer has stopped, and never ends.
    """
    return _CLOCK_S + _CLOCK_SHARE * seconds


@contextmanager
def limited(memory: int, seconds: float) -> Iterator[None]:
    """End the process if what is done meanwhile takes too much, or stops.

    Args:
        memory: bytes that the process may use in all.
        seconds: processor time that it may take meanwhile.
    """
    _limit(memory, seconds)
    with Path(os.devnull).open("w") as nowhere:
        faulthandler.dump_traceback_later(clock_for(seconds), exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def forbid_contact() -> None:
    """Refuse connections and other programs from here on, whatever a library is talked into."""

    def refuse(event: str, _arguments: object) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is forbidden here")

    sys.addaudithook(refuse)


if sys.platform == "win32":

    def forbid_files() -> None:
        """Do nothing, since Windows has no such limit."""

    def _limit(memory: int, seconds: float) -> None:
        """Do nothing, since the clock and the parent limit the work."""

else:
    import resource

    def forbid_files() -> None:
        """Keep the process from writing files, including core dumps."""
        _lower(resource.RLIMIT_FSIZE, 0)
        _lower(resource.RLIMIT_CORE, 0)

    def _limit(memory: int, seconds: float) -> None:
        """Let the system end work that takes more memory or processor time."""
        _lower(resource.RLIMIT_AS, memory)
        _lower(resource.RLIMIT_CPU, math.ceil(time.process_time() + seconds))

    def _lower(kind: int, limit: int) -> None:
        _soft, hard = resource.getrlimit(kind)
        within = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (within, hard))
        except (OSError, ValueError):  # macOS refuses some, but the clock and the parent remain
            return
