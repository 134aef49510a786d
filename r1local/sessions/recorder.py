"""Whoever takes down a conversation: a session on the disk, or nobody."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from r1local.conversation import Reply, Turn
from r1local.engine.model import Model
from r1local.events.reply import Event


class Recorder(Protocol):
    """Takes down a conversation: in a `Session`, or nowhere (`NoSession`).

    `event` and `finished` may be called from the thread that lets the model reply, all
    others from another one at the same time.
    """

    @property
    def name(self) -> str:
        """What the session is called; empty if there is none."""

    @property
    def title(self) -> str:
        """The first question in one short line; empty while there is none."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All that was said."""

    @property
    def system(self) -> str | None:
        """The system prompt."""

    @property
    def model(self) -> str | None:
        """The name of the model used last."""

    @property
    def settings(self) -> Mapping[str, str]:
        """The values given last, by setting."""

    @property
    def dropped(self) -> int:
        """How many of the oldest turns are left out of the prompt."""

    def question(self, text: str, shown: str | None = None) -> None:
        """A question is asked, and a reply to it begins."""

    def event(self, event: Event, voter: int | None = None) -> None:
        """The reply goes on: the turn's, or in a vote the one of a voter."""

    def finished(self, reply: Reply, voter: int | None = None) -> None:
        """The reply has ended, whatever ended it: the turn's, or that of a voter."""

    def retry(self) -> None:
        """The last reply is withdrawn, and another one to the same question begins."""

    def continued(self) -> None:
        """The last reply goes on where it was cut."""

    def undo(self) -> None:
        """The last turn is withdrawn."""

    def set(self, name: str, value: str) -> None:
        """A setting has another value."""

    def use_model(self, name: str) -> None:
        """Another model replies."""

    def use_system(self, text: str | None) -> None:
        """Another system prompt holds, or none."""

    def drop_oldest(self, count: int) -> None:
        """So many more of the oldest turns are left out of the prompt."""

    def keep_state(self, model: Model) -> None:
        """Keep the KV cache as it is, for `restore_state`."""

    def restore_state(self, model: Model) -> bool:
        """Put back the KV cache that was kept; False if there is none for this model."""

    def close(self) -> None:
        """Nothing more comes."""


class NoSession:
    """Takes down nothing, anywhere: a `Recorder` for `--no-save`."""

    name = title = ""
    turns: tuple[Turn, ...] = ()
    system: str | None = None
    model: str | None = None
    settings: Mapping[str, str] = MappingProxyType({})
    dropped = 0

    def question(self, text: str, shown: str | None = None) -> None:
        pass

    def event(self, event: Event, voter: int | None = None) -> None:
        pass

    def finished(self, reply: Reply, voter: int | None = None) -> None:
        pass

    def retry(self) -> None:
        pass

    def continued(self) -> None:
        pass

    def undo(self) -> None:
        pass

    def set(self, name: str, value: str) -> None:
        pass

    def use_model(self, name: str) -> None:
        pass

    def use_system(self, text: str | None) -> None:
        pass

    def drop_oldest(self, count: int) -> None:
        pass

    def keep_state(self, model: Model) -> None:
        pass

    def restore_state(self, model: Model) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        pass
