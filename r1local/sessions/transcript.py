"""A conversation as its records describe it: the one state of a chat, and of a file read back."""

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import assert_never

from r1local.config.presets import NO_PRESET
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
    of_voter,
)
from r1local.sessions.turn_tree import Placed, TurnTree, parting

#: Where files from before 2026-12 have the names of documents: in a line below the question.
_NAMES = re.compile(r"\n\(([^\n]+)\)\Z")


class Transcript:
    """What was said so far. Only records change it, whether they come from a chat or a file.

    Nothing that was said is forgotten: another reply, another question after an undo, begins a
    branch (see `TurnTree`). Most of what is told here is about the branch that is shown.

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
        self._tree = TurnTree()
        self._open: ReplyBuilder | None = None
        self._voters: dict[int, ReplyBuilder] = {}
        self._lock = threading.Lock()
        for record in records:
            self.handle(record)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that are shown. A reply that hasn't ended is `lost` so far."""
        with self._lock:
            shown = self._tree.shown
            return (*shown[:-1], self._last_so_far()) if shown else ()

    @property
    def everything(self) -> tuple[Placed, ...]:
        """The turns of all branches, by their numbers."""
        with self._lock:
            last = self._last_so_far() if self._tree.path else None
            placed, tip = self._tree.everything, self._tree.tip
        return tuple(
            replace(each, turn=last) if last and each.number == tip else each for each in placed
        )

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the turns that are shown."""
        with self._lock:
            return tuple(self._tree.path)

    @property
    def alternatives(self) -> tuple[tuple[int, int], ...]:
        """For each turn that is shown: which of its alternatives it is, from 1, of how many."""
        with self._lock:
            return self._tree.alternatives

    @property
    def branches(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the turns of each branch, in the order in which the branches ended."""
        with self._lock:
            return tuple(tuple(self._tree.path_to(end)) for end in self._tree.ends)

    @property
    def title(self) -> str:
        """The first question on one short line; until there is one, the documents that wait."""
        with self._lock:
            if self._tree.path:
                return self._tree[self._tree.path[0]].headline
            names = ", ".join(each.name for each in self.waiting)
            return headline_of(f"({names})") if names else ""

    def turn(self, number: int) -> Turn:
        """Return the turn with that number, which there must be."""
        with self._lock:
            return self._last_so_far() if number == self._tree.tip else self._tree[number]

    def beside(self, number: int) -> tuple[int, ...]:
        """Return the numbers of a turn's alternatives, itself among them."""
        with self._lock:
            return tuple(self._tree.beside(number))

    def end_from(self, number: int) -> int:
        """Return the end of the branch that was shown last of those that a turn is in."""
        with self._lock:
            return self._tree.end_from(number)

    @property
    def undone(self) -> int | None:
        """The number of the turn that was shown last after those that are shown now."""
        with self._lock:
            return self._tree.shown_last_after(self._tree.tip)

    def records_to(self, number: int) -> Sequence[Record]:
        """Return the records that show the branch up to the turn with that number.

        For r1local of before 2026-12, and where a file is damaged, they also state every turn
        again that comes back.
        """
        with self._lock:
            return tuple(self._records_to(number))

    @property
    def preset(self) -> str | None:
        """The preset that was chosen last; None if none is in force."""
        name = self.settings.get("preset", NO_PRESET)
        return None if name.lower() == NO_PRESET else name

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

    def _last_so_far(self) -> Turn:
        last = self._tree.last
        if self._open and not self._open.empty:
            last = replace(last, reply=self._open.reply())
        if self._voters:
            unfinished = {voter: builder.reply() for voter, builder in self._voters.items()}
            last = replace(last, voters={**last.voters, **unfinished})
        return last

    def _records_to(self, number: int) -> Iterator[Record]:
        tree, path = self._tree, self._tree.path_to(number)
        common = parting(tree.path, path)
        gone, coming = len(tree.path) - common, path[common:]
        if gone and coming and _asked(tree[tree.path[common]]) == _asked(tree[coming[0]]):
            yield from [Undo()] * (gone - 1)
            yield Retry(coming[0])
            yield from _restated(tree[coming.pop(0)])
        else:
            yield from [Undo()] * gone
        for each in coming:
            yield replace(_asked(tree[each]), turn=each)
            yield from _restated(tree[each])

    def _apply(self, record: Record) -> None:
        match record:
            case ThinkingDelta() | AnswerDelta() | Rewound():
                if self._open:
                    self._open.handle(record)
            case OfVoter(voter, of_reply):
                if self._tree.path:
                    self._apply_of_voter(voter, of_reply)
            case Question():
                self._settle()
                self._ask(record)
            case Attached():
                self.waiting = _with(self.waiting, record)
            case Detached(number):
                kept = enumerate(self.waiting, 1)
                self.waiting = tuple(each for n, each in kept if number not in (n, None))
            case Ended():
                if self._open:
                    self._tree.last = replace(self._tree.last, reply=_reply_of(record, self._open))
                    self._open = None
            case Retry() | Continued() | Undo():
                if self._tree.path:
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
                self.dropped = min(self.dropped + count, len(self._tree.path))
            case Head():
                self.started = _time(record.started)
            case Notice():
                pass
            case _:
                assert_never(record)

    def _apply_of_voter(self, voter: int, record: OfReply) -> None:
        if isinstance(record, Ended):
            builder = self._voters.pop(voter, None) or ReplyBuilder(record.model)
            last = self._tree.last
            voters = {**last.voters, voter: _reply_of(record, builder)}
            self._tree.last = replace(last, voters=voters)
            return
        if voter not in self._voters:
            self._voters[voter] = ReplyBuilder(self.model or "")
        self._voters[voter].handle(record)

    def _change_last(self, record: Retry | Continued | Undo) -> None:
        self._settle()
        match record:
            case Retry():
                self._retry(record)
            case Continued():
                self._begin(self._tree.last.reply)
            case Undo():
                self._tree.back()
                self.dropped = min(self.dropped, len(self._tree.path))

    def _ask(self, record: Question) -> None:
        if self._returns(record.turn, _turn(record)):
            return
        self._tree.add(_turn(record))
        self.waiting = ()
        self._begin(None)

    def _retry(self, record: Retry) -> None:
        """Show an alternative to the last turn; one without any reply is replied to itself."""
        number, last = self._tree.tip, self._tree.last
        self._tree.back()
        if self._returns(record.turn, last):
            return
        if last.reply or last.voters:
            self._tree.add(replace(last, reply=None, voters={}))
        else:
            self._tree.go_on_to(number)
        if record.edited is not None:
            self._tree.last = replace(self._tree.last, votes=None)
        self._begin(Reply("", "", "lost", False, self.model or "", edited=record.edited or ()))

    def _returns(self, number: int | None, asking: Turn) -> bool:
        """Show a turn again, if it has that number, comes next and asks the same; say if so."""
        if number is None or not self._tree.comes_next(number):
            return False
        if same := _asked(self._tree[number]) == _asked(asking):
            self._tree.go_on_to(number)
        return same

    def _begin(self, reply: Reply | None) -> None:
        self._open = ReplyBuilder(self.model or "", reply)

    def _settle(self) -> None:
        """Keep what there is of replies that haven't ended."""
        if self._tree.path:
            self._tree.last = self._last_so_far()
        self._open = None
        self._voters.clear()


def _asked(turn: Turn) -> Question:
    """Return the record that asks a turn's question."""
    # Beside `shown`, none at all would mean that their names stand in its last line.
    documents = turn.documents or (None if turn.shown is None else ())
    return Question(turn.question, turn.shown, documents, turn.votes)


def _restated(turn: Turn) -> Iterator[Record]:
    """Yield the records that state the replies of a turn."""
    for voter, reply in turn.voters.items():
        yield of_voter(voter, ended(reply, streamed=False))
    if turn.reply:
        yield ended(turn.reply, streamed=False)


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
    return Reply(**facts | {"edited": record.edited or ()})


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
