"""Whoever takes down a conversation: a session on the disk, or nobody."""

from typing import Protocol

from r1local.sessions.kv_cache import KVState
from r1local.sessions.records import Record
from r1local.sessions.transcript import Transcript


class Recorder(Protocol):
    """A conversation's transcript, and what becomes of its records.

    They are kept in a `Session`, or nowhere (`NoSession`). One thread at a time appends;
    the transcript and the name may be read from any.
    """

    @property
    def name(self) -> str:
        """What the session is called; empty if there is none."""

    @property
    def transcript(self) -> Transcript:
        """All that was said: what the records appended come to."""

    def append(self, record: Record) -> None:
        """Let a record change the transcript, and keep it.

        Raises:
            SessionNotSaved: a reply has ended that can't be kept; the transcript has it.
        """

    def save(self) -> None:
        """Bring what waits in memory to the disk.

        Raises:
            SessionNotSaved: the disk refuses it, and it goes on waiting.
        """

    def keep_state(self, model: KVState) -> None:
        """Keep the KV cache as it is, for `restore_state`."""

    def restore_state(self, model: KVState) -> bool:
        """Put back the KV cache that was kept; False if there is none for this model."""

    def close(self) -> None:
        """End it: nothing more is appended.

        Raises:
            SessionNotSaved: the disk refuses what waited, and it is lost.
        """


class NoSession:
    """A `Recorder` for `--no-save`, which keeps nothing on the disk."""

    name = ""

    def __init__(self) -> None:
        self.transcript = Transcript()

    def append(self, record: Record) -> None:
        self.transcript.handle(record)

    def save(self) -> None:
        pass

    def keep_state(self, model: KVState) -> None:
        pass

    def restore_state(self, model: KVState) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass
