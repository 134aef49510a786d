"""A conversation that is written to the disk as it goes on."""

import shlex
from pathlib import Path

from r1local import __version__
from r1local.config.paths import sessions_folder
from r1local.config.preferences import value_of
from r1local.errors import InvalidSetting, SessionError, SessionNotSaved
from r1local.kv_state import KVState
from r1local.language import N_, _, reason_of
from r1local.sessions import folder as names
from r1local.sessions import kv_cache as kv
from r1local.sessions.records import VERSION, Ended, Head, Record, decode, now
from r1local.sessions.session_file import SessionFile
from r1local.sessions.transcript import Transcript
from r1local.sessions.writer import Writer

_MAKE_ROOM = N_("free some room, or check the folder's permissions")


class Session:
    """An open session, a `Recorder`: nobody else writes it until it is closed.

    Its file appears with the first question or document, and all that is said is in it within a
    second. A failed write doesn't end a reply (see `Writer`); it is reported when the reply ends,
    and only once until writing works again.

    Attributes:
        transcript: everything that was said.
    """

    def __init__(self, folder: Path, transcript: Transcript, writer: Writer) -> None:
        self.transcript = transcript
        self._folder = folder
        self._writer = writer
        self._told = False
        self._most_kv = value_of("session-kv-mib") * 2**20

    @classmethod
    def create(cls, name: str | None = None, *, folder: Path | None = None) -> "Session":
        """Begin a session; nothing is on the disk before the first question or document.

        Args:
            name: what to call it; None names it after the current time. If somebody else takes
                the name before the first question, a number is added.

        Raises:
            UsageError: it can't be a name.
            InvalidSetting: another session has it.
        """
        folder = folder or sessions_folder()
        if name is None:
            name = next(names.free_names(names.new_name(), folder))
        else:
            name = _unused(name, folder)
        session = cls(folder, Transcript(), Writer(name, folder))
        session.append(Head(VERSION, __version__, now()))
        return session

    @classmethod
    def open(cls, name: str, *, folder: Path | None = None) -> "Session":
        """Go on with a session. A torn last line is repaired.

        Raises:
            SessionNotFound: no session has that name.
            SessionInUse: another chat is writing it; `copy_of` gives a copy.
            SessionDamaged: nothing in its file can be read.
            SessionTooNew: a later version of r1local wrote it.
        """
        folder = folder or sessions_folder()
        name = names.existing(name, folder).stem
        try:
            held = names.lock(name, folder)
        except OSError as error:
            raise SessionError(
                _("session {name} can't be locked: {reason}", name=name, reason=reason_of(error)),
                _("it can still be read: r1local sessions show {name}", name=shlex.quote(name)),
            ) from error
        try:
            transcript, content = names.load_session(name, folder)
            writer = Writer(name, folder, content.end, held)
            if decode(content.torn):  # only its line break is lost
                writer.put(content.torn + b"\n")
            return cls(folder, transcript, writer)
        except BaseException:
            names.unlock(held)
            raise

    @classmethod
    def copy_of(
        cls, name: str, new_name: str | None = None, *, folder: Path | None = None
    ) -> "Session":
        """Go on in a copy of a session, which may be in use; a number is added to its name.

        Raises:
            SessionNotFound, SessionDamaged, SessionTooNew: as `open`.
            UsageError: `new_name` can't be a name.
            InvalidSetting: another session has it.
            SessionNotSaved: the copy can't be written.
        """
        folder = folder or sessions_folder()
        _damaged, content = names.load_session(name, folder)
        if new_name is None:
            new_name = next(names.free_names(names.checked_name(name), folder))
        copy = SessionFile(names.path_of(_unused(new_name, folder), folder))
        lines = [*content.lines, content.torn] if decode(content.torn) else content.lines
        try:
            copy.append(b"".join(line + b"\n" for line in lines))
            copy.close()
        except OSError as error:
            raise _not_saved(new_name, error, _(_MAKE_ROOM)) from error
        kv.share(names.state_of(names.path_of(name, folder)), names.state_of(copy.path))
        return cls.open(new_name, folder=folder)

    @property
    def name(self) -> str:
        """What the session is called."""
        return self._writer.name

    @property
    def path(self) -> Path:
        """The session's file; there is none before the first question."""
        return self._writer.path

    def append(self, record: Record) -> None:
        """Let a record change the transcript, and write it to the file.

        Raises:
            SessionNotSaved: a reply has ended and can't be written; raised once until writing
                works again, and not before a vote is over.
        """
        self.transcript.handle(record)
        self._writer.record(record)
        if isinstance(record, Ended):
            self._sync()

    def save(self) -> None:
        """Write what waits in memory to the disk; nothing waits before the first question.

        Raises:
            SessionNotSaved: it can't be written, and goes on waiting.
        """
        self._writer.write()
        self._writer.sync()
        self._told = self._writer.trouble is not None
        if self._writer.trouble:
            hint = _(
                "{make_room}; what was said waits in memory until then", make_room=_(_MAKE_ROOM)
            )
            raise _not_saved(self.name, self._writer.trouble, hint)

    def rename(self, new: str) -> None:
        """Rename the session, with its file and its KV cache.

        Raises:
            UsageError: it can't be a name.
            InvalidSetting: another session has it.
            SessionError: the file can't have that name.
        """
        drafts = names.drafts_of(self.path)
        self._writer.rename(_unused(new, self._folder))
        for draft in drafts:
            number = draft.name.removesuffix(".md").rpartition("-")[2]
            kv.move(draft, names.draft_of(self.path, int(number)))

    def draft(self, turn: int) -> Path | None:
        """Return where a thought of that turn is kept while it is edited: beside the file."""
        return names.draft_of(self.path, turn) if self._writer.state else None

    def keep_state(self, model: KVState) -> None:
        """Keep the model's KV cache beside the file, if there is room (see `kv.keep`)."""
        if path := self._writer.state:
            kv.keep(model, path, self._most_kv)

    def restore_state(self, model: KVState) -> bool:
        """Put back the KV cache that was kept; False if there is none for this model."""
        path = self._writer.state
        return path is not None and kv.restore(model, path)

    def close(self) -> None:
        """Write what is left, and let others write the session.

        Raises:
            SessionNotSaved: it can't be written, and is lost.
        """
        self._writer.close()
        trouble, self._writer.trouble = self._writer.trouble, None
        if trouble:
            raise _not_saved(
                self.name,
                trouble,
                _(
                    "what its file does not have yet is lost; {make_room} before the next chat",
                    make_room=_(_MAKE_ROOM),
                ),
            )

    def _sync(self) -> None:
        """Flush everything to the disk; report a failure once."""
        told = self._told
        try:
            self.save()
        except SessionNotSaved:
            if not told:
                raise


def _unused(name: str, folder: Path) -> str:
    """Return a name in the form used for files, checked not to be in use."""
    name = names.checked_name(name)
    if next(names.free_names(name, folder)) != name:
        hint = _("open it: r1local chat --resume {name}", name=shlex.quote(name))
        raise InvalidSetting(_("there is a session {name} already", name=name), hint)
    return name


def _not_saved(name: str, error: OSError, hint: str) -> SessionNotSaved:
    return SessionNotSaved(
        _("session {name} can't be saved: {reason}", name=name, reason=reason_of(error)),
        hint,
    )
