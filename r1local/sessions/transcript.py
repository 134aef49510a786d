"""A conversation as its records tell it, while it goes on or when it is read again."""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import assert_never

from r1local.conversation import Reply, Turn
from r1local.events.reply import AnswerDelta, Notice, Rewound, ThinkingDelta
from r1local.events.reply_builder import ReplyBuilder
from r1local.sessions.records import (
    Continued,
    Dropped,
    Ended,
    Head,
    OfReply,
    OfVoter,
    Question,
    Record,
    Retry,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
)


class Transcript:
    """What was said so far. Records that fit nothing before them change nothing.

    Attributes:
        started: when it was begun, in UTC; None if that isn't known.
        system: the system prompt.
        model: the name of the model used last.
        settings: the values given last, by setting.
        dropped: how many of the oldest turns are left out of the prompt.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.started: datetime | None = None
        self.system: str | None = None
        self.model: str | None = None
        self.settings: dict[str, str] = {}
        self.dropped = 0
        self._turns: list[Turn] = []
        self._open: ReplyBuilder | None = None
        self._voters: dict[int, ReplyBuilder] = {}
        for record in records:
            self.handle(record)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns. A reply that has not ended is `lost` so far."""
        if not self._turns:
            return ()
        last = self._turns[-1]
        if self._open and not self._open.empty:
            last = replace(last, reply=self._open.reply())
        if self._voters:
            unfinished = {voter: kept.reply() for voter, kept in self._voters.items()}
            last = replace(last, voters={**last.voters, **unfinished})
        return (*self._turns[:-1], last)

    @property
    def title(self) -> str:
        """The first question in one short line; empty while there is none."""
        return self._turns[0].headline if self._turns else ""

    def handle(self, record: Record) -> None:
        """Let one more record change what was said."""
        match record:
            case Question(text, shown):
                self._settle()
                self._turns.append(Turn(text, shown=shown))
                self._begin(None)
            case ThinkingDelta() | AnswerDelta() | Rewound():
                if self._open:
                    self._open.handle(record)
            case Ended():
                self._end(record)
            case OfVoter(voter, of_reply):
                if self._turns:
                    self._take_of_voter(voter, of_reply)
            case Retry() | Continued() | Undo():
                if self._turns:
                    self._change_last(record)
            case Setting(name, value):
                self.settings[name] = value
            case UsedModel(name):
                self.model = name
            case SystemPromptChange(text):
                self.system = text
            case Dropped(count):
                self.dropped = min(self.dropped + count, len(self._turns))
            case Head():
                self.started = _time(record.started)
            case Notice():
                pass
            case _:
                assert_never(record)

    def streamed(self, voter: int | None = None) -> tuple[str, str]:
        """Thought and answer of a reply that has not ended, as far as they came."""
        kept = self._open if voter is None else self._voters.get(voter)
        return (kept.text("thinking"), kept.text("answer")) if kept else ("", "")

    def _take_of_voter(self, voter: int, record: OfReply) -> None:
        if isinstance(record, Ended):
            whole = _reply_of(record, *self.streamed(voter))
            self._voters.pop(voter, None)
            last = self._turns[-1]
            self._turns[-1] = replace(last, voters={**last.voters, voter: whole})
            return
        if voter not in self._voters:
            self._voters[voter] = ReplyBuilder(self.model or "")
        self._voters[voter].handle(record)

    def _change_last(self, record: Retry | Continued | Undo) -> None:
        self._settle()
        last = self._turns[-1]
        match record:
            case Retry():
                self._turns[-1] = replace(last, reply=None)
                self._begin(None)
            case Continued():
                self._begin(last.reply)
            case Undo():
                self._turns.pop()
                self.dropped = min(self.dropped, len(self._turns))

    def _begin(self, reply: Reply | None) -> None:
        self._open = ReplyBuilder(self.model or "", reply)

    def _settle(self) -> None:
        """Keep what there is of replies that have not ended."""
        self._turns, self._open = list(self.turns), None
        self._voters.clear()

    def _end(self, record: Ended) -> None:
        if self._open is None:
            return
        whole = _reply_of(record, *self.streamed())
        self._turns[-1] = replace(self._turns[-1], reply=whole)
        self._open = None


def _reply_of(record: Ended, thinking: str, answer: str) -> Reply:
    """The reply that has ended; the texts are those that were streamed."""
    given = {each.name: getattr(record, each.name) for each in fields(Reply)}
    if record.thinking is None:
        given["thinking"] = thinking
    if record.answer is None:
        given["answer"] = answer
    return Reply(**given)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
