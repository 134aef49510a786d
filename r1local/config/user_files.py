"""Changing files that are the user's own: one process at a time, and at once or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from r1local.config.paths import state_folder
from r1local.errors import StoreError

#: Seconds to wait for another process that changes the file, which takes it milliseconds.
_LOCK_S = 20


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Be the only process to read, change and replace a file.

    The lock lies elsewhere: the folder of the file is the user's own.

    Raises:
        StoreError: another process doesn't let go of it, or there is no place for the lock.
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
    """Put a whole new file in a file's place; a link stays a link, and permissions stay.

    Raises:
        OSError: it can't be written; the old file is there then.
    """
    target = path.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    beside = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
