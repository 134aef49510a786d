"""Where the sockets of engines are, and who may talk there: nobody but this user.

The folder has mode 0700 and the sockets 0600; beyond that, both ends of a connection ask the
system whose process is at the other one.
"""

import hashlib
import os
import socket
import stat
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from r1local.config.paths import engines_folder
from r1local.errors import WarmEngineError
from r1local.language import _, reason_of

SOCKET, LOCK, LOG = ".sock", ".lock", ".log"
#: Bytes of a socket's path, with the zero at its end: 104 on macOS and the BSDs, 108 on Linux.
_LONGEST_PATH = 104
#: `LOCAL_PEERCRED` and `LOCAL_PEERPID` of macOS's sys/un.h, with their level.
_SOL_LOCAL, _LOCAL_PEERCRED, _LOCAL_PEERPID = 0, 1, 2
#: A `struct xucred`: its version, the user, and up to 16 groups.
_XUCRED = struct.Struct("IIh16I")


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one engine: its socket, the lock of the process that has it, and its log."""

    socket: Path

    @property
    def lock(self) -> Path:
        """Locked for as long as the engine's process lives."""
        return self.socket.with_suffix(LOCK)

    @property
    def log(self) -> Path:
        """What the process says, without anything of what it is asked."""
        return self.socket.with_suffix(LOG)


def place_for(key: str) -> Place:
    """Return the place of the engine that a key identifies, in a folder that is this user's alone.

    Raises:
        WarmEngineError: there can't be such a folder.
    """
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    place = Place(private_folder() / f"{name}{SOCKET}")
    if len(os.fsencode(place.socket)) >= _LONGEST_PATH:
        raise WarmEngineError(
            _("{socket} is too long for a socket's path", socket=place.socket),
            _("set XDG_RUNTIME_DIR to a short one"),
        )
    return place


def places() -> list[Place]:
    """Return the places that have a socket, which somebody may or may not answer at.

    Raises:
        WarmEngineError: the folder isn't this user's alone.
    """
    if not available() or not engines_folder().exists():
        return []
    return [Place(path) for path in sorted(private_folder().glob(f"*{SOCKET}"))]


def available() -> bool:
    """Return whether this system has sockets that only one user can reach."""
    return hasattr(socket, "AF_UNIX") and sys.platform != "win32"


def private_folder() -> Path:
    """Return the folder of sockets, which is made if need be.

    Raises:
        WarmEngineError: it isn't this user's, or others may enter it.
    """
    if not available():
        raise WarmEngineError(
            _("engines can't be kept in memory on this system"), _("leave out --keep-alive")
        )
    folder = engines_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        facts = folder.lstat()
    except OSError as error:
        raise WarmEngineError(
            _("{folder} can't be made: {reason}", folder=folder, reason=reason_of(error)),
            _("set XDG_RUNTIME_DIR to another"),
        ) from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise WarmEngineError(
            _("{folder} isn't a folder of this user's", folder=folder),
            _("set XDG_RUNTIME_DIR to another one"),
        )
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise WarmEngineError(
            _("others may enter {folder}", folder=folder),
            _("type: chmod 700 {folder}", folder=folder),
        )
    return folder


def lock(place: Place) -> int | None:
    """Take a place for as long as this process lives; None if another process has it."""
    import fcntl  # there is none on Windows

    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(place.lock, flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        with suppress(FileNotFoundError):
            if os.fstat(descriptor).st_ino == place.lock.stat().st_ino:
                return descriptor
        os.close(descriptor)  # the process that had it has just ended, and removed the file


def check_peer(connection: socket.socket) -> int:
    """Return the process at the other end of a connection, or 0 if the system doesn't tell.

    Raises:
        WarmEngineError: it is another user's.
    """
    pid, uid = _credentials(connection)
    if uid != os.geteuid():
        raise WarmEngineError(
            _("another user (number {uid}) is at the engine's socket", uid=uid),
            _("leave out --keep-alive, and look at who may write to its folder"),
        )
    return pid


def _credentials(connection: socket.socket) -> tuple[int, int]:
    """Return the process and the user at the other end."""
    if sys.platform == "linux":
        credentials = struct.Struct("3i")
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        pid, uid, _gid = credentials.unpack(raw)
        return pid, uid
    raw = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _XUCRED.size)
    _version, uid, *_groups = _XUCRED.unpack(raw.ljust(_XUCRED.size, b"\0"))
    try:
        return connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERPID), uid
    except OSError:  # the BSDs have another way
        return 0, uid
