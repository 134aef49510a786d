"""A file's pages in the system's cache, which decide how long loading takes."""

import os
from collections.abc import Sequence
from pathlib import Path

from r1local.language import _, reason_of

#: Places of a file to look at, and the share of them that may still be in memory in a cold file.
_SAMPLES, _MOST_KEPT = 64, 0.1


def drop(files: Sequence[Path]) -> str | None:
    """Drop files from the system's cache, so that they are read from the disk again.

    Returns:
        Why that isn't possible, or None if it was done. A file that another program has mapped
        stays in memory.
    """
    if not hasattr(os, "posix_fadvise"):
        return _("this system has no posix_fadvise")
    for path in files:
        try:
            kept = _kept_after_dropping(path)
        except OSError as error:
            return reason_of(error)
        if kept > _MOST_KEPT:
            return _(
                "{kept:.0%} of {name} stays in memory: another program may use it",
                kept=kept,
                name=path.name,
            )
    return None


def _kept_after_dropping(path: Path) -> float:
    """Drop a file and return the share of it that is still in memory; 0 if nobody can tell."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # pages that have to be written are never dropped
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        size = os.fstat(descriptor).st_size
        places = [size * number // _SAMPLES for number in range(_SAMPLES)]
        return sum(_in_memory(descriptor, place) for place in places) / _SAMPLES
    finally:
        os.close(descriptor)


def _in_memory(descriptor: int, place: int) -> bool:
    """Tell whether a byte can be read without the disk; False where the system doesn't say."""
    if not hasattr(os, "RWF_NOWAIT"):
        return False
    try:
        return os.preadv(descriptor, [bytearray(1)], place, os.RWF_NOWAIT) > 0
    except OSError:  # BlockingIOError: it isn't; others: this file system can't tell
        return False
