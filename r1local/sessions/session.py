"""A conversation that is being written down while it goes on."""

import threading
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from r1local import __version__
from r1local.config.paths import sessions_folder
from r1local.config.preferences import value_of
from r1local.conversation import Reply, Turn
from r1local.engine.model import Model
from r1local.errors import InvalidSetting, SessionError, SessionNotSaved
from r1local.events.reply import AnswerDelta, Event, Finished, ThinkingDelta
from r1local.sessions import folder as names
from r1local.sessions import kv_cache as kv
from r1local.sessions.records import (
    VERSION,
    Continued,
    Dropped,
    Ended,
    Head,
    Question,
    Record,
    Retry,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
    decode,
    encode,
    now,
    of_voter,
)
from r1local.sessions.session_file import SessionFile
from r1local.sessions.transcript import Transcript
from r1local.sessions.writer import Writer


class Session:
    """An open session, a `Recorder`: nobody else writes it until it is closed.

    Its file appears with the first question, and whatever is said is in it within a second. A
    disk that refuses to take it ends no reply (see `Writer`); `finished` tells, once until the
    disk takes it again.
    """

    def __init__(self, folder: Path, transcript: Transcript, writer: Writer) -> None:
        self._folder = folder
        self._transcript = transcript
        self._writer = writer
        self._mutex = threading.Lock()
        self._told = False
        self._most_kv = value_of("session-kv-mib") * 2**20

    @classmethod
    def create(cls, name: str | None = None, *, folder: Path | None = None) -> "Session":
        """Begin a session; nothing of it is on the disk before the first question.

        Args:
            name: what to call it; None: by the time. Should somebody else take the name
                before the first question, it gets a number.

        Raises:
            InvalidSetting: it can't be a name, or another session has it.
        """
        folder = folder or sessions_folder()
        if name is None:
            name = next(names.free_names(names.new_name(), folder))
        else:
            name = _unused(name, folder)
        writer = Writer(name, folder)
        writer.put(encode(Head(VERSION, __version__, now())))
        return cls(folder, Transcript(), writer)

    @classmethod
    def open(cls, name: str, *, folder: Path | None = None) -> "Session":
        """Go on with a session. A last line that was torn off is mended.

        Raises:
            SessionNotFound: there is none of that name.
            SessionInUse: another chat writes it; `copy_of` gives a copy.
            SessionDamaged: nothing in its file can be read.
            SessionTooNew: a later version of r1local wrote it.
        """
        folder = folder or sessions_folder()
        name = names.existing(name, folder).stem
        try:
            held = names.lock(name, folder)
        except OSError as error:
            raise SessionError(
                f"session {name} can't be locked: {error.strerror}",
                f"it can still be read: r1local sessions show {name}",
            ) from error
        try:
            transcript, content = names.load_session(name, folder)
        except BaseException:
            names.unlock(held)
            raise
        writer = Writer(name, folder, content.end, held)
        if decode(content.torn):  # nothing but its line break is lost
            writer.put(content.torn + b"\n")
        return cls(folder, transcript, writer)

    @classmethod
    def copy_of(
        cls, name: str, new_name: str | None = None, *, folder: Path | None = None
    ) -> "Session":
        """Go on in a copy of a session, which may be in use; a number is added to its name.

        Raises:
            SessionNotFound, SessionDamaged, SessionTooNew: as `open`.
            InvalidSetting: `new_name` can't be a name, or another session has it.
            SessionNotSaved: the disk refuses the copy.
        """
        folder = folder or sessions_folder()
        _, content = names.load_session(name, folder)
        if new_name is None:
            new_name = next(names.free_names(names.checked_name(name), folder))
        copy = SessionFile(names.path_of(_unused(new_name, folder), folder))
        lines = [*content.lines, content.torn] if decode(content.torn) else content.lines
        try:
            copy.append(b"".join(line + b"\n" for line in lines))
            copy.close()
        except OSError as error:
            raise _not_saved(new_name, error) from error
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

    @property
    def title(self) -> str:
        """The first question in one short line; empty while there is none."""
        return self._transcript.title

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All that was said. A reply that has not ended is `lost` so far."""
        with self._mutex:
            return self._transcript.turns

    @property
    def system(self) -> str | None:
        """The system prompt."""
        return self._transcript.system

    @property
    def model(self) -> str | None:
        """The name of the model used last."""
        return self._transcript.model

    @property
    def settings(self) -> Mapping[str, str]:
        """The values given last, by setting."""
        return self._transcript.settings

    @property
    def dropped(self) -> int:
        """How many of the oldest turns are left out of the prompt."""
        return self._transcript.dropped

    def question(self, text: str, shown: str | None = None) -> None:
        self._record(Question(text, shown))

    def event(self, event: Event, voter: int | None = None) -> None:
        match event:
            case ThinkingDelta() | AnswerDelta():
                with self._mutex:
                    self._transcript.handle(of_voter(voter, event))
                    self._writer.record_delta(event, voter)
            case Finished():
                pass  # `finished` tells more
            case _:
                self._record(of_voter(voter, event))

    def finished(self, reply: Reply, voter: int | None = None) -> None:
        """The reply has ended, whatever ended it.

        Raises:
            SessionNotSaved: the disk refuses it; told once until it works again, and not
                before a vote is over.
        """
        thinking, answer = self._transcript.streamed(voter)
        ended = {each.name: getattr(reply, each.name) for each in fields(Reply)}
        if reply.thinking == thinking:
            ended["thinking"] = None
        if reply.answer == answer:
            ended["answer"] = None
        self._record(of_voter(voter, Ended(**ended)))
        if voter is not None:
            return
        self._writer.sync()
        trouble = self._writer.trouble
        told, self._told = self._told, trouble is not None
        if trouble and not told:
            raise _not_saved(self.name, trouble)

    def retry(self) -> None:
        self._record(Retry())

    def continued(self) -> None:
        self._record(Continued())

    def undo(self) -> None:
        self._record(Undo())

    def set(self, name: str, value: str) -> None:
        self._record(Setting(name, value))

    def use_model(self, name: str) -> None:
        self._record(UsedModel(name))

    def use_system(self, text: str | None) -> None:
        self._record(SystemPromptChange(text))

    def drop_oldest(self, count: int) -> None:
        self._record(Dropped(count))

    def rename(self, new: str) -> None:
        """Call the session by another name, its file and its KV cache too.

        Raises:
            InvalidSetting: it can't be a name, or another session has it.
            SessionError: the file can't have it.
        """
        self._writer.rename(_unused(new, self._folder))

    def keep_state(self, model: Model) -> None:
        """Keep the model's KV cache beside the file, if there is room (see `kv.keep`)."""
        if path := self._writer.state:
            kv.keep(model, path, self._most_kv)

    def restore_state(self, model: Model) -> bool:
        """Put back the KV cache that was kept; False if there is none for this model."""
        path = self._writer.state
        return path is not None and kv.restore(model, path)

    def close(self) -> None:
        """Write what is left, and let others write the session.

        Raises:
            SessionNotSaved: the disk refuses it, and it is lost.
        """
        self._writer.close()
        trouble, self._writer.trouble = self._writer.trouble, None
        if trouble:
            raise _not_saved(self.name, trouble)

    def _record(self, record: Record) -> None:
        with self._mutex:
            self._transcript.handle(record)
            self._writer.record(record)


def _unused(name: str, folder: Path) -> str:
    """A name in the form that files have it, which no session has."""
    name = names.checked_name(name)
    if next(names.free_names(name, folder)) != name:
        raise InvalidSetting(
            f"there is a session {name} already", f"open it: r1local chat --resume {name}"
        )
    return name


def _not_saved(name: str, error: OSError) -> SessionNotSaved:
    return SessionNotSaved(
        f"session {name} can't be saved: {error.strerror or error}",
        "free some room, or check the folder's permissions; what was said is kept until then",
    )
