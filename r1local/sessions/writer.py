"""Writing what is said to a session's file, within a second and whatever the disk does."""

import threading
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from r1local.errors import SessionError, SessionInUse
from r1local.language import _, reason_of
from r1local.sessions import folder as names
from r1local.sessions import kv_cache as kv
from r1local.sessions.records import Attached, Question, Record, encode, is_delta, joined
from r1local.sessions.session_file import SessionFile

#: Seconds that streamed text may wait: half of what may be lost, since the disk takes time
#: too.
_FLUSH_S = 0.5


class Writer:
    """The only one to write a session, from the first question or document on until it is closed.

    Streamed text is collected and written by a timer, everything else at once; the timer
    flushes both to the disk. What can't be written waits in memory and is tried again with
    whatever comes next.

    Args:
        name: the session's; the first write adds a number if another session has it by then.
        folder: where its file is.
        end: bytes of the complete lines in its file; None if there is no file yet.
        held: the lock on its name, if it has a file.

    Attributes:
        trouble: why the file lacks what was recorded last; None if nothing is missing.
    """

    def __init__(
        self, name: str, folder: Path, end: int | None = None, held: FileLock | None = None
    ) -> None:
        self.name = name
        self.trouble: OSError | None = None
        self._folder = folder
        self._held = held
        self._file = SessionFile(names.path_of(name, folder), end)
        self._begun = held is not None
        self._unsaved = bytearray()
        self._deltas: list[Record] = []
        self._mutex = threading.RLock()
        self._timer: threading.Timer | None = None
        self._closed = False

    @property
    def path(self) -> Path:
        """The session's file."""
        return self._file.path

    @property
    def state(self) -> Path | None:
        """Where the session's KV cache is kept; None if there is no file to keep it beside."""
        return names.state_of(self.path) if self._file.exists else None

    def put(self, line: bytes) -> None:
        """Take a line, to be written with the next record."""
        self._unsaved += line

    def record(self, record: Record) -> None:
        """Write a record, once there is something to lose: streamed text soon, all else at once."""
        with self._mutex:
            if is_delta(record):
                self._deltas.append(record)
            else:
                self._begun = self._begun or isinstance(record, Question | Attached)
                self._settle_deltas()
                self._unsaved += encode(record)
                self._write()
            self._flush_soon()

    def write(self) -> None:
        """Try again to write what the disk refused, if anything; check that everything is there."""
        with self._mutex:
            self._settle_deltas()
            self._write()
            try:
                self._file.check()
            except OSError as error:
                self.trouble = error

    def sync(self) -> None:
        """Flush what was written to the disk."""
        self._file.sync()

    def rename(self, new: str) -> None:
        """Go on under another name, which is free; the KV cache is renamed too.

        Raises:
            SessionError: the file can't have that name.
        """
        with self._mutex:
            held, state = None, names.state_of(self.path)
            try:
                held = names.lock(new, self._folder) if self._held else None
                self._file.move(names.path_of(new, self._folder))
            except OSError as error:
                if held:
                    names.unlock(held, gone=True)
                raise SessionError(
                    _(
                        "session {name} can't be renamed: {reason}",
                        name=self.name,
                        reason=reason_of(error),
                    ),
                    _("look at {path}", path=self.path),
                ) from error
            if self._held:
                kv.move(state, names.state_of(self.path))
                names.unlock(self._held, gone=True)
            self.name, self._held = new, held

    def close(self) -> None:
        """Write what is left, and let others write the session; closing again does no harm."""
        with self._mutex:
            if self._closed:
                return
            if self._timer:
                self._timer.cancel()
            self.write()
            self._closed = True
            with suppress(OSError):
                self._file.close()
            if self._held:
                names.unlock(self._held)

    def _settle_deltas(self) -> None:
        """Make one record of the text since the last one, for each part of each reply."""
        for record in joined(self._deltas):
            self._unsaved += encode(record)
        self._deltas.clear()

    def _flush_soon(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = threading.Timer(_FLUSH_S, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def _flush(self) -> None:
        """Flush everything to the disk, from the timer's thread."""
        with self._mutex:
            self._timer = None
            if self._closed:
                return
            self.write()
        self.sync()  # may take long, but keeps nobody waiting

    def _write(self) -> None:
        if self._closed or not self._begun or not self._unsaved:
            return
        try:
            if self._held is None:
                self._take_place()
            self._file.append(bytes(self._unsaved))
        except OSError as error:
            self.trouble = error
        else:
            self._unsaved.clear()
            self.trouble = None

    def _take_place(self) -> None:
        """Lock the session's name, or one like it where another chat was faster."""
        for name in names.free_names(self.name, self._folder):
            with suppress(SessionInUse):
                self._held = names.lock(name, self._folder)
                self.name = name
                self._file.move(names.path_of(name, self._folder))
                return
