"""What records a conversation: a session on the disk, or nothing."""

from pathlib import Path
from typing import Protocol

from r1local.kv_state import KVState
from r1local.sessions.records import Record
from r1local.sessions.transcript import Transcript


class Recorder(Protocol):
    """A conversation's transcript, and what becomes of its records.

    They are kept in a `Session`, or nowhere (`NoSession`). Only one thread at a time may append;
    any thread may read the transcript and the name.
    """

    @property
    def name(self) -> str:
        """What the session is called; empty if there is none."""

    @property
    def transcript(self) -> Transcript:
        """Everything that was said, according to the records appended."""

    def append(self, record: Record) -> None:
        """Let a record change the transcript, and keep it.

        Raises:
            SessionNotSaved: a reply that has ended can't be kept; the transcript has it.
        """

    def save(self) -> None:
        """Write what waits in memory to the disk.

        Raises:
            SessionNotSaved: it can't be written, and goes on waiting.
        """

    def draft(self, turn: int) -> Path | None:
        """Return where a thought of that turn is kept while it is edited; None if nowhere."""

    def keep_state(self, model: KVState) -> None:
        """Keep the current KV cache, for `restore_state`."""

    def restore_state(self, model: KVState) -> bool:
        """Put back the KV cache that was kept; False if there is none for this model."""

    def close(self) -> None:
        """Close the recorder: nothing more is appended.

        Raises:
            SessionNotSaved: what waited can't be written, and is lost.
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

    def draft(self, turn: int) -> Path | None:  # noqa: ARG002
        return None

    def keep_state(self, model: KVState) -> None:
        pass

    def restore_state(self, model: KVState) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass
