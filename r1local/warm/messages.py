"""What goes through an engine's socket: messages, each of them a line of JSON.

The engine greets with its versions and the number of its process. Then come messages with an
`id`, each from the program for something it wants, and from the engine for what comes of it:

| program | engine |
|---|---|
| `open`: how many replies at once, how long to stay | `opened`, or `error` |
| `prepare`: a prompt | `prepared`: its size and notices, or `error` |
| `reply`: a prompt, the settings and commands for the reply | what happens, until its end |
| `cancel`, `steer`: of that id | |
| `larger`: tokens of context that are needed | `context`, or null |
| `status` | `status` |
| `stop` | `stops`: whether it does; then its end |

Both ends are of the same version of r1local, so that dataclasses go as their fields.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    Literal,
    NoReturn,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from r1local import __version__, errors
from r1local.conversation import Conversation
from r1local.engine.library import binding_version
from r1local.errors import R1LocalError
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)
from r1local.replies.abilities import Abilities
from r1local.replies.engine import Begun, Happening, PromptSize
from r1local.replies.settings import ReplySettings

#: A message, as JSON has it.
Message: TypeAlias = dict[str, Any]
#: The most bytes of a message: documents have at most 64 MiB each, and JSON may escape them.
LONGEST = 2**30
#: What an engine does: programs may have it open without asking anything.
State: TypeAlias = Literal["loading", "idle", "open", "replying"]
T = TypeVar("T")

_EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (Reading, ThinkingDelta, AnswerDelta, Rewound, Notice, Finished)
}


@dataclass(frozen=True, slots=True)
class Versions:
    """What both ends of a socket have to agree on."""

    r1local: str
    llama_cpp: str

    def __str__(self) -> str:
        return f"r1local {self.r1local} with llama-cpp-python {self.llama_cpp}"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first message at a socket: who answers there.

    Args:
        of_server: it is a server, which gives up an engine and doesn't end by that.
    """

    versions: Versions
    pid: int
    of_server: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """An engine as programs see it; the fields are those of `Engine`.

    Args:
        others: how many other programs have it open.
    """

    name: str
    abilities: Abilities
    notices: tuple[Notice, ...]
    details: str
    context_window: int | None
    at_once: int
    others: int


@dataclass(frozen=True, slots=True)
class Status:
    """How an engine stands; times are in seconds since the epoch.

    Args:
        model: the model's name.
        path: its file.
        versions: those of the program that has it.
        pid: that program's process.
        state: what it does.
        clients: how many programs have it open.
        memory: the bytes of memory that its process has.
        idle_since: when the last program left; None while there is one.
        until: when its process ends, unless a program comes; None if it stays.
        details: how and where the model runs.
        context_window: most tokens of prompt and reply together.
        at_once: the number of replies that it makes at the same time.
        of_server: its process is a server.
    """

    model: str
    path: str
    versions: Versions
    pid: int
    state: State
    clients: int
    memory: int
    idle_since: float | None
    until: float | None
    details: str = ""
    context_window: int | None = None
    at_once: int = 0
    of_server: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What `Engine.prepare` is given."""

    conversation: Conversation
    settings: ReplySettings
    begun: Begun | None


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What is known of a prepared prompt."""

    size: PromptSize | None
    notices: tuple[Notice, ...]


def our_versions() -> Versions:
    """Return the versions of this program."""
    return Versions(__version__, binding_version())


def encode(message: Message) -> bytes:
    """Return a message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message in a line.

    Raises:
        ValueError: it is none.
    """
    try:
        message = json.loads(line, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(message, dict):
        raise ValueError("not an object")
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def plain(value: object) -> Any:
    """Return a value as JSON has it: a dataclass as its fields, a set as a list."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, list | tuple | AbstractSet):
        return [plain(each) for each in value]
    return value


def read(kind: type[T], value: object) -> T:
    """Return the value that `plain` made JSON of.

    Raises:
        ValueError: it is not of that kind.
    """
    found: T = _read(kind, value)
    return found


def plain_happening(happening: Happening) -> Message:
    """Return what happens to a reply as JSON has it."""
    if isinstance(happening, str):
        return {"stage": happening}
    if isinstance(happening, R1LocalError):
        return {"error": plain_error(happening)}
    return {"event": type(happening).__name__, **plain(happening)}


def read_happening(message: Message) -> Happening:
    """Return what `plain_happening` made JSON of.

    Raises:
        ValueError: it is nothing that happens to a reply.
    """
    if (stage := message.get("stage")) in ("started", "paused"):
        return stage  # type: ignore[no-any-return]
    if "error" in message:
        return read_error(message["error"])
    kind = _EVENTS.get(str(message.get("event")))
    if kind is None:
        raise ValueError("an unknown event")
    return read(kind, message)


def plain_error(error: R1LocalError) -> Message:
    """Return an error as JSON has it."""
    return {"class": type(error).__name__, "message": error.message, "hint": error.hint}


def read_error(message: Message) -> R1LocalError:
    """Return the error, of the class that it had."""
    kind = getattr(errors, str(message["class"]), R1LocalError)
    known = isinstance(kind, type) and issubclass(kind, R1LocalError)
    return (kind if known else R1LocalError)(str(message["message"]), str(message["hint"]))


def _read(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return None if value is None else _read(_other_than_none(kind), value)
    if origin is Literal:
        return _checked(value, value in get_args(kind))
    if origin in (tuple, frozenset):
        _checked(value, isinstance(value, list))
        return origin(_read(get_args(kind)[0], each) for each in value)
    if is_dataclass(kind):
        return _read_fields(kind, _checked(value, isinstance(value, Mapping)))
    if kind is float:
        return float(_checked(value, isinstance(value, int | float)))
    return _checked(value, isinstance(value, kind))


def _read_fields(kind: Any, value: Mapping[str, Any]) -> Any:
    given = {name: _read(k, value[name]) for name, k in _hints(kind).items() if name in value}
    try:
        return kind(**given)
    except (TypeError, R1LocalError) as error:
        raise ValueError(str(error)) from error


def _other_than_none(kind: Any) -> Any:
    return next(each for each in get_args(kind) if each is not NoneType)


def _checked(value: Any, holds: bool) -> Any:
    if not holds:
        raise ValueError("a value of another kind was expected")
    return value


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)
