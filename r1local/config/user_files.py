"""Changing the user's own files: by one process at a time, and completely or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from r1local.config.paths import state_folder
from r1local.errors import StoreError

#: Seconds to wait for another process that is changing the file, which takes milliseconds.
_LOCK_S = 20


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Make this the only process that reads, changes and replaces a file.

    The lock is in another folder, since the file's folder is the user's own.

    Raises:
        StoreError: another process doesn't release the lock, or it can't be made.
    """
    from filelock import FileLock, Timeout  # takes long to import, and most commands only read

    folder = state_folder()
    lock = FileLock(folder / f"{path.name}.lock", timeout=_LOCK_S, mode=0o600)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise StoreError(
            f"another r1local is changing {path}", "try again when it has ended"
        ) from error
    except OSError as error:
        raise StoreError(
            f"{folder} can't be written: {error.strerror or error}", "check its permissions"
        ) from error
    try:
        yield
    finally:
        lock.release()


def replace_text(path: Path, text: str) -> None:
    """Replace a file atomically; a link stays a link, and permissions are kept.

    Raises:
        OSError: it can't be written; the old file remains.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
