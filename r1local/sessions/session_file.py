"""The file of one session: lines are appended to it, and it never holds half of one for long."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

# Neither a link that leads elsewhere nor a pipe that blocks is a session's file.
_NO_TRAPS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class SessionFile:
    """Appends to a session's file, one writer at a time (see `folder.lock`).

    Args:
        path: the file; it is made with the first line, for its owner's eyes only.
        end: bytes of the whole lines it has; None if it is still to be made.
    """

    def __init__(self, path: Path, end: int | None = None) -> None:
        self.path = path
        self._end = end
        self._stream: FileIO | None = None

    @property
    def exists(self) -> bool:
        """The file was made."""
        return self._end is not None

    def append(self, lines: bytes) -> None:
        """Write lines, all of them or none.

        Raises:
            OSError: the disk is full, may not be written, or has a file of that name; or
                somebody deleted the file.
        """
        self.check()
        stream = self._opened()
        end = self._end or 0
        try:
            # What a torn write left is written over; if it was cut off then, nothing is there.
            stream.truncate(end)
            stream.seek(end)
            rest = memoryview(lines)
            while rest:
                rest = rest[stream.write(rest) :]
        except OSError:
            with suppress(OSError):
                stream.truncate(end)
            raise
        self._end = end + len(lines)

    def check(self) -> None:
        """Make sure that the file is still there, if there was one.

        Raises:
            OSError: somebody deleted it; or nothing can be said of it.
        """
        if self.exists and not self.path.exists():
            raise FileNotFoundError(errno.ENOENT, "its file was deleted")

    def sync(self) -> None:
        """Bring what was written to the disk, where a power cut leaves it."""
        # It may be closed meanwhile, by another thread; that brings it there too.
        with suppress(OSError, ValueError):
            if self._stream:
                os.fsync(self._stream.fileno())

    def move(self, path: Path) -> None:
        """Go on under another name.

        Raises:
            OSError: it can't have that one.
        """
        self.close()  # Windows renames no open file
        if self.exists:
            self.path.rename(path)
        self.path = path

    def close(self) -> None:
        """Close the file; what is appended later opens it again. An empty one goes."""
        if self._stream:
            self.sync()
            self._stream.close()
            self._stream = None
        if self._end == 0:
            self.path.unlink(missing_ok=True)
            self._end = None

    def _opened(self) -> FileIO:
        if self._stream is None:
            new = 0 if self.exists else os.O_CREAT | os.O_EXCL
            descriptor = os.open(self.path, os.O_RDWR | new | _NO_TRAPS | _BINARY, 0o600)
            self._stream = FileIO(descriptor, "r+")
            if new:
                self._end = 0
                _sync_folder(self.path.parent)
        return self._stream


@dataclass(frozen=True, slots=True)
class Content:
    """What a session's file holds: whole lines of `end` bytes, and what was torn off behind them.

    A line whose line break alone was lost is torn as well, but nothing of its record is.
    """

    lines: list[bytes]
    end: int
    torn: bytes


def read_content(path: Path) -> Content:
    """Read a session's file, which may be anybody's.

    Raises:
        OSError: it can't be read, or is a link, a folder or a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_TRAPS | _BINARY)
    with FileIO(descriptor, "r") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        data = stream.readall()
    *lines, torn = data.split(b"\n")
    return Content(lines, len(data) - len(torn), torn)


def _sync_folder(folder: Path) -> None:
    """Bring a new file's name to the disk, on systems that tell it apart from the file."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
