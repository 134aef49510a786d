"""Files that are the user's own: read with care, changed by one process at a time and at once."""

import contextlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from r1local.config.paths import state_folder
from r1local.errors import R1LocalError, StoreError
from r1local.language import _, reason_of

#: Bytes read of a file. People's own have a few thousand; a device's have no end.
_MOST_BYTES = 4 * 1024 * 1024
#: The errors of tomllib, and those of tomlkit.
_IN_TOML = re.compile(r"(.+?) \(?at line (\d+),? col(?:umn)? (\d+)\)?", re.DOTALL)
#: Seconds to wait for another process that changes the file, which takes it milliseconds.
_LOCK_S = 20


class Toml(NamedTuple):
    """A TOML file, line ends as they are in it, and what it says."""

    text: str
    entries: Mapping[str, Any]


def read_toml(path: Path, error_type: type[R1LocalError]) -> Toml:
    """Read a TOML file; one that isn't there is empty.

    Raises:
        R1LocalError: of the type given: it can't be read, is no regular file or too large, or is
            not TOML.
    """
    try:
        text = _bytes_of(path).decode()
    except FileNotFoundError:
        return Toml("", {})
    except UnicodeDecodeError as error:
        why = _("is not valid UTF-8 (byte {start:,})", start=error.start)
    except OSError as error:
        why = _("can't be read: {reason}", reason=reason_of(error))
        raise error_type(f"{path} {why}", _("check its permissions, or remove it")) from error
    else:
        try:
            return Toml(text, entries_of(text))
        except RecursionError:
            why = _("is not valid TOML: it is nested too deep")
        except ValueError as error:  # that of an endless number included
            why = _("is not valid TOML: {error}", error=fault_in_toml(error))
    raise error_type(f"{path} {why}", _("mend it, or remove it"))


@lru_cache(maxsize=4)
def entries_of(text: str) -> Mapping[str, Any]:
    """Parse TOML; a file that says what it said when it was last read isn't parsed again."""
    return tomllib.loads(text)


def fault_in_toml(error: Exception) -> str:
    """Return where a parser stumbled, in the user's language, and why, in the parser's words."""
    text = str(error)
    if at := _IN_TOML.fullmatch(text):
        reason, line, column = at.groups()
        return _("line {line}, column {column}: {reason}", line=line, column=column, reason=reason)
    reason = text.removesuffix(" (at end of document)")
    return reason if reason == text else _("at its end: {reason}", reason=reason)


def _bytes_of(path: Path) -> bytes:
    """Read the bytes of a regular file."""
    with open(path, "rb", opener=_regular) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError(_("it is larger than {limit} MiB", limit=_MOST_BYTES // 2**20))
    return data


def _regular(path: str, flags: int) -> int:
    """Open a regular file, or what a link leads to; neither a pipe nor a device is waited for."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(_("it is not a regular file"))


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
            _("another r1local is changing {path}", path=path), _("try again when it has ended")
        ) from error
    except OSError as error:
        raise StoreError(
            _("{path} can't be written: {reason}", path=folder, reason=reason_of(error)),
            _("check its permissions"),
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
    import shutil  # these two take long to import, and most commands only read
    import tempfile

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
