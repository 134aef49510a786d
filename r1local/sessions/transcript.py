"""A conversation as its records describe it: the one state of a chat, and of a file read back."""

import re
import threading
from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import assert_never

from r1local.conversation import Part, Reply, Turn, headline_of
from r1local.events.reply import AnswerDelta, Finished, Notice, Rewound, ThinkingDelta
from r1local.events.reply_builder import ReplyBuilder
from r1local.sessions.records import (
    Attached,
    Continued,
    Detached,
    Dropped,
    Ended,
    Head,
    OfReply,
    OfVoter,
    Question,
    Record,
    Retry,
    SchemaChange,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
    ended,
)

#: Where files from before 2026-12 have the names of documents: in a line below the question.
_NAMES = re.compile(r"\n\(([^\n]+)\)\Z")


class Transcript:
    """What was said so far. Only records change it, whether they come from a chat or a file.

    A record that doesn't fit what came before changes nothing. Only one thread at a time may
    pass records in; any thread may read everything. A record costs the same however many came
    before it, except for those that end a reply: they join its text.

    Attributes:
        started: when it was begun, in UTC; None if that isn't known.
        system: the system prompt.
        schema: the JSON schema that answers are held to, as untrusted text.
        model: the name of the model used last.
        settings: the latest values, by setting.
        dropped: how many of the oldest turns are left out of the prompt.
        waiting: the documents that go with the next question.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.started: datetime | None = None
        self.system: str | None = None
        self.schema: str | None = None
        self.model: str | None = None
        self.settings: dict[str, str] = {}
        self.dropped = 0
        self.waiting: tuple[Attached, ...] = ()
        self._turns: list[Turn] = []
        self._open: ReplyBuilder | None = None
        self._voters: dict[int, ReplyBuilder] = {}
        self._lock = threading.Lock()
        for record in records:
            self.handle(record)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns. A reply that hasn't ended is `lost` so far."""
        with self._lock:
            return self._turns_so_far()

    @property
    def title(self) -> str:
        """The first question on one short line; until there is one, the documents that wait."""
        with self._lock:
            if self._turns:
                return self._turns[0].headline
            names = ", ".join(each.name for each in self.waiting)
            return headline_of(f"({names})") if names else ""

    def handle(self, record: Record) -> None:
        """Apply another record to the conversation."""
        with self._lock:
            self._apply(record)

    def text(self, part: Part) -> str:
        """Return the text so far of a part of the reply that is being written."""
        with self._lock:
            return self._open.text(part) if self._open else ""

    def ended(self, finished: Finished | None, model: str, voter: int | None = None) -> Ended:
        """Return the record that ends the current reply, or a voter's.

        Args:
            finished: the reply's last event; None if the reply was cut off before it.
            model: the name of the model that replied.
        """
        with self._lock:
            builder = self._open if voter is None else self._voters.get(voter)
            builder = builder or ReplyBuilder(model)
            if finished:
                builder.handle(finished)
            return ended(replace(builder.reply(), model=model), streamed=True)

    def _turns_so_far(self) -> tuple[Turn, ...]:
        if not self._turns:
            return ()
        last = self._turns[-1]
        if self._open and not self._open.empty:
            last = replace(last, reply=self._open.reply())
        if self._voters:
            unfinished = {voter: builder.reply() for voter, builder in self._voters.items()}
            last = replace(last, voters={**last.voters, **unfinished})
        return (*self._turns[:-1], last)

    def _apply(self, record: Record) -> None:
        match record:
            case ThinkingDelta() | AnswerDelta() | Rewound():
                if self._open:
                    self._open.handle(record)
            case OfVoter(voter, of_reply):
                if self._turns:
                    self._apply_of_voter(voter, of_reply)
            case Question():
                self._settle()
                self._turns.append(_turn(record))
                self.waiting = ()
                self._begin(None)
            case Attached():
                self.waiting = _with(self.waiting, record)
            case Detached(number):
                kept = enumerate(self.waiting, 1)
                self.waiting = tuple(each for n, each in kept if number not in (n, None))
            case Ended():
                if self._open:
                    self._turns[-1] = replace(self._turns[-1], reply=_reply_of(record, self._open))
                    self._open = None
            case Retry() | Continued() | Undo():
                if self._turns:
                    self._change_last(record)
            case Setting(name, value):
                # In the order in which they were last set: one may replace another.
                self.settings.pop(name, None)
                self.settings[name] = value
            case UsedModel(name):
                self.model = name
            case SystemPromptChange(text):
                self.system = text
            case SchemaChange(text):
                self.schema = text
            case Dropped(count):
                self.dropped = min(self.dropped + count, len(self._turns))
            case Head():
                self.started = _time(record.started)
            case Notice():
                pass
            case _:
                assert_never(record)

    def _apply_of_voter(self, voter: int, record: OfReply) -> None:
        if isinstance(record, Ended):
            builder = self._voters.pop(voter, None) or ReplyBuilder(record.model)
            last = self._turns[-1]
            voters = {**last.voters, voter: _reply_of(record, builder)}
            self._turns[-1] = replace(last, voters=voters)
            return
        if voter not in self._voters:
            self._voters[voter] = ReplyBuilder(self.model or "")
        self._voters[voter].handle(record)

    def _change_last(self, record: Retry | Continued | Undo) -> None:
        self._settle()
        last = self._turns[-1]
        match record:
            case Retry():
                self._turns[-1] = replace(last, reply=None, voters={})
                self._begin(None)
            case Continued():
                self._begin(last.reply)
            case Undo():
                self._turns.pop()
                self.dropped = min(self.dropped, len(self._turns))

    def _begin(self, reply: Reply | None) -> None:
        self._open = ReplyBuilder(self.model or "", reply)

    def _settle(self) -> None:
        """Keep what there is of replies that haven't ended."""
        self._turns, self._open = list(self._turns_so_far()), None
        self._voters.clear()


def _with(waiting: tuple[Attached, ...], new: Attached) -> tuple[Attached, ...]:
    """Return the documents that wait, with another one or another state of one of them."""
    if new.origin and any(each.origin == new.origin for each in waiting):
        return tuple(new if each.origin == new.origin else each for each in waiting)
    return (*waiting, new)


def _turn(record: Question) -> Turn:
    """Return the turn that a question begins."""
    typed, documents = record.shown, record.documents
    if typed is not None and documents is None and (names := _NAMES.search(typed)):
        typed, documents = typed[: names.start()], tuple(names[1].split(", "))
    return Turn(record.text, shown=typed, documents=documents or (), votes=record.votes)


def _reply_of(record: Ended, builder: ReplyBuilder) -> Reply:
    """Return a reply that has ended; its texts are those streamed unless the record has others."""
    facts = {field.name: getattr(record, field.name) for field in fields(Reply)}
    for part in ("thinking", "answer"):
        if facts[part] is None:
            facts[part] = builder.text(part)
    return Reply(**facts)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
