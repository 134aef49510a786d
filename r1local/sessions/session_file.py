"""The file of one session: lines are appended to it, and none stays half written for long."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from r1local.language import _

# A session's file is neither a link that leads elsewhere nor a pipe that blocks.
_NO_TRAPS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class SessionFile:
    """Appends to a session's file, one writer at a time (see `folder.lock`).

    Args:
        path: the file; it is created with the first line, readable only by its owner.
        end: bytes of the complete lines it has; None if it is still to be created.
    """

    def __init__(self, path: Path, end: int | None = None) -> None:
        self.path = path
        self._end = end
        self._stream: FileIO | None = None

    @property
    def exists(self) -> bool:
        """Whether the file was created."""
        return self._end is not None

    def append(self, lines: bytes) -> None:
        """Write lines, all of them or none.

        Raises:
            OSError: the disk is full, may not be written to, or has a file with that name; or
                somebody deleted the file.
        """
        self.check()
        stream = self._opened()
        end = self._end or 0
        try:
            # What a torn write left is overwritten; if it has since been cut off, nothing is there.
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
            OSError: somebody deleted it, or it can't be examined.
        """
        if self.exists and not self.path.exists():
            raise FileNotFoundError(errno.ENOENT, _("its file was deleted"))

    def sync(self) -> None:
        """Flush what was written to the disk, where it survives a power cut."""
        # Another thread may close it meanwhile, which flushes it too.
        with suppress(OSError, ValueError):
            if self._stream:
                os.fsync(self._stream.fileno())

    def move(self, path: Path) -> None:
        """Go on under another name.

        Raises:
            OSError: the file can't have that name.
        """
        self.close()  # Windows renames no open file
        if self.exists:
            self.path.rename(path)
        self.path = path

    def close(self) -> None:
        """Close the file; a later append opens it again. An empty file is deleted."""
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
    """What a session's file holds: `end` bytes of complete lines, and a torn line after them.

    A line that lost only its line break counts as torn, too, but its record is complete.
    """

    lines: list[bytes]
    end: int
    torn: bytes


def read_content(path: Path) -> Content:
    """Read a session's file, which anybody may have written.

    Raises:
        OSError: it can't be read, or is a link, a folder or a pipe.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_TRAPS | _BINARY)
    with FileIO(descriptor, "r") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, _("it is no file"))
        data = stream.readall()
    *lines, torn = data.split(b"\n")
    return Content(lines, len(data) - len(torn), torn)


def _sync_folder(folder: Path) -> None:
    """Flush a new file's name to the disk, on systems that flush it apart from the file."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
