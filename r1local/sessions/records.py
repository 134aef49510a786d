"""What a session file holds: records, each of them one line of JSON.

docs/sessions.md describes each type. A line that isn't a record, or is of an unknown type,
is skipped: later versions of r1local may add types and fields.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from types import UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from r1local.conversation import FinishReason, Reply, Span
from r1local.events.reply import AnswerDelta, Notice, Rewound, ThinkingDelta

#: The format's version. It changes when an older r1local would misread a file.
VERSION = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: the version of the format, and of the r1local that began the file, and when.

    `started` is in UTC and ISO 8601, as is the `at` of every line.
    """

    version: int
    r1local: str
    started: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question was asked; the fields are those of `conversation.Turn`.

    With `turn` it wasn't asked now: the turn with that number, which comes next, is shown again.
    What follows states its replies once more, for readers that don't know about numbers.
    """

    text: str
    shown: str | None = None
    documents: tuple[str, ...] | None = None
    votes: int | None = None
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class Attached:
    """A document waits for the next question; the fields are those of `documents.Document`.

    One that was attached from the same place before is replaced.
    """

    name: str
    text: str
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Detached:
    """The document with this number, from 1, waits no more; none of them without one."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """A reply ended; the fields are those of `conversation.Reply`.

    Its texts are given here only if they differ from the ones that were streamed (see `ended`).
    """

    reason: FinishReason | Literal["lost"]
    thinking_open: bool
    model: str
    thinking_tokens: int = 0
    answer_tokens: int = 0
    prompt_tokens: int = 0
    thinking_s: float = 0.0
    answer_s: float = 0.0
    seed: int = 0
    valid: bool | None = None
    draft_tokens: int = 0
    accepted_tokens: int = 0
    edited: tuple[Span, ...] | None = None
    thinking: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """An alternative to the last reply begins, and is shown in its place.

    With `turn` none begins: the turn with that number, which asks the same, is shown again.
    With `edited` it begins with a thought in which those passages were edited.
    """

    turn: int | None = None
    edited: tuple[Span, ...] | None = None


@dataclass(frozen=True, slots=True)
class Continued:
    """The last reply goes on where it was cut off."""


@dataclass(frozen=True, slots=True)
class Undo:
    """The last turn isn't shown any longer."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting was given another value; both are as typed."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class UsedModel:
    """Another model replies from here on."""

    name: str


@dataclass(frozen=True, slots=True)
class SystemPromptChange:
    """Another system prompt holds from here on, or none."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Answers are held to another JSON schema from here on, or to none."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """More of the oldest turns, as many as given, are left out of the prompt."""

    count: int


Delta: TypeAlias = ThinkingDelta | AnswerDelta
#: What a reply, including one in a vote, is recorded with.
OfReply: TypeAlias = ThinkingDelta | AnswerDelta | Rewound | Notice | Ended


@dataclass(frozen=True, slots=True)
class OfVoter:
    """A record of one reply in a vote: one line, which also has the voter's number."""

    voter: int
    record: OfReply


Record: TypeAlias = (
    Head
    | Question
    | Attached
    | Detached
    | Delta
    | Rewound
    | Notice
    | Ended
    | Retry
    | Continued
    | Undo
    | Setting
    | UsedModel
    | SystemPromptChange
    | SchemaChange
    | Dropped
    | OfVoter
)

_TYPES: dict[str, type[Any]] = {
    "session": Head,
    "question": Question,
    "attached": Attached,
    "detached": Detached,
    "thinking": ThinkingDelta,
    "answer": AnswerDelta,
    "rewound": Rewound,
    "notice": Notice,
    "ended": Ended,
    "retry": Retry,
    "continued": Continued,
    "undo": Undo,
    "set": Setting,
    "model": UsedModel,
    "system": SystemPromptChange,
    "schema": SchemaChange,
    "dropped": Dropped,
}
_NAMES = {kind: name for name, kind in _TYPES.items()}
_FIELDS: dict[Any, dict[str, Any]] = {
    kind: {field.name: field.type for field in fields(kind)} for kind in _TYPES.values()
}
_LARGEST = 2**63
#: How a line of streamed text begins: nearly all of a file, which a list need not read.
DELTA_STARTS = (b'{"type": "thinking"', b'{"type": "answer"')


def now() -> str:
    """Return the current time in the form that files use."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def ended(reply: Reply, *, streamed: bool) -> Ended:
    """Return the record of a reply's end, without its texts if they were streamed."""
    facts = {field.name: getattr(reply, field.name) for field in fields(Reply)}
    if streamed:
        facts["thinking"] = facts["answer"] = None
    return Ended(**facts | {"edited": reply.edited or None})


def of_voter(voter: int | None, record: OfReply) -> Record:
    """Return a record of the turn's own reply, or of a voter's if a voter is given."""
    return record if voter is None else OfVoter(voter, record)


def is_delta(record: Record) -> bool:
    """Return whether a record is streamed text, a voter's included."""
    record = record.record if isinstance(record, OfVoter) else record
    return isinstance(record, ThinkingDelta | AnswerDelta)


def joined(deltas: Iterable[Record]) -> Iterator[Record]:
    """Yield one delta for each part of each reply, in place of many consecutive ones."""
    groups: dict[tuple[int | None, type[Delta]], list[Delta]] = {}
    for each in deltas:
        voter, delta = (each.voter, each.record) if isinstance(each, OfVoter) else (None, each)
        assert isinstance(delta, ThinkingDelta | AnswerDelta)
        groups.setdefault((voter, type(delta)), []).append(delta)
    for (voter, kind), group in groups.items():
        text = "".join(delta.text for delta in group)
        yield of_voter(voter, kind(text, group[-1].tokens))


def encode(record: Record) -> bytes:
    """Return the line of a record made now, including its line break."""
    voter = {}
    if isinstance(record, OfVoter):
        voter, record = {"voter": record.voter}, record.record
    given = {name: value for name, value in asdict(record).items() if value is not None}
    data = {"type": _NAMES[type(record)], "at": now(), **voter, **given}
    # Lone surrogates, which a terminal may have passed on, aren't valid in UTF-8.
    return json.dumps(data, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def decode(line: bytes) -> Record | None:
    """Return the record in a line from any source; None if the line isn't a record."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kind = _TYPES.get(str(data.get("type"))) if isinstance(data, dict) else None
    if kind is None:
        return None
    given = {name: data[name] for name in _FIELDS[kind] if name in data}
    if not all(_fits(value, _FIELDS[kind][name]) for name, value in given.items()):
        return None
    try:
        record: Record = kind(**{name: _mended(value) for name, value in given.items()})
    except TypeError:  # a field is missing
        return None
    if "voter" not in data or not isinstance(record, OfReply):
        return record
    return OfVoter(data["voter"], record) if _fits(data["voter"], int) else None


def _fits(value: object, kind: Any) -> bool:
    """Return whether a value has a field's type. Numbers must be of a size usable everywhere."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in get_args(kind))
    if origin is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if origin is tuple:
        return isinstance(value, list) and _fit(value, get_args(kind))
    if kind is float or kind is int:
        wanted = (int, float) if kind is float else int
        number = isinstance(value, wanted) and not isinstance(value, bool)
        return number and 0 <= value < _LARGEST  # type: ignore[operator]
    return isinstance(value, kind)


def _fit(values: list[object], kinds: tuple[Any, ...]) -> bool:
    """Return whether a list has the values of a tuple, whose last type may be an ellipsis."""
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(values)
    return len(values) == len(kinds) and all(map(_fits, values, kinds))


def _mended(value: object) -> object:
    """Return a text without lone surrogates, which JSON can hold but no file or terminal takes."""
    if isinstance(value, list):
        return tuple(map(_mended, value))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
