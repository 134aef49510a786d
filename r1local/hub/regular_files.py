"""Opening files where somebody else may have put a link, a pipe or a device under that name."""

import errno
import os
import stat
from pathlib import Path

from r1local.language import _

# Protects from links that lead elsewhere and pipes that block.
_NO_TRAPS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def regular(path: str, flags: int) -> int:
    """Open a regular file, as an `opener` for `open`; new files get the usual permissions.

    Raises:
        OSError: it can't be opened, is a symbolic link, or isn't a regular file.
    """
    try:
        descriptor = os.open(path, flags | _NO_TRAPS, 0o666)
    except OSError as error:
        if Path(path).is_symlink():
            raise OSError(errno.ELOOP, _("it is a symbolic link"), path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, _("it is not a regular file"), path)
    return descriptor


def is_whole(path: Path, size: int) -> bool:
    """Return whether there is a regular file of `size` bytes; links count, as caches use them."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == size
