"""What the chat, `run`, votes and sessions need of an engine, wherever it is."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from r1local.conversation import Conversation, Message
from r1local.errors import LoadingCancelled, R1LocalError, UsageError
from r1local.events.reply import Event, Finished, Notice, Reading, Usage
from r1local.kv_state import KVState
from r1local.language import _
from r1local.prompts.documents import Document, question_with_documents
from r1local.replies.abilities import Abilities, AbleControl, within
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings

#: One of many replies begins; or it has made room for others, and continues later.
Stage: TypeAlias = Literal["started", "paused"]
#: What happens to one of many replies. Last comes its `Finished`, or an error that ends it instead.
Happening: TypeAlias = Event | Stage | R1LocalError


def never() -> bool:
    """Return False: nothing is cancelled."""
    return False


@dataclass(frozen=True, slots=True)
class Begun:
    """The text so far of a reply that was cut and goes on; it is data, and untrusted.

    Args:
        thinking: the thought, without tags.
        answer: the answer as far as it was written.
        thinking_open: whether it was cut inside its thought.
    """

    thinking: str
    answer: str
    thinking_open: bool


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Tokens of a prompt: counted, or only estimated if it isn't `exact`."""

    tokens: int
    exact: bool = True


class PreparedPrompt(Protocol):
    """A prompt that is ready to be replied to by the engine that made it."""

    @property
    def size(self) -> PromptSize | None:
        """Its tokens; None if nothing is known of them."""

    @property
    def notices(self) -> Sequence[Notice]:
        """What the user should know about it."""


class ManyReplies(Protocol):
    """Replies that an engine makes at the same time, as many as it has room for.

    Requests join in their order and leave when they end. Close it before anything else is asked
    of the engine.
    """

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Ask for another reply; return its number, which no other one has.

        Args:
            prompt: from the same engine.
            settings: how it is made, within the engine's abilities.
            control: ends or steers this reply; even the evaluation of its prompt ends by it.

        Raises:
            PromptTooLong: the prompt leaves no room for a reply.
        """

    def step(self) -> Iterable[tuple[int, Happening]]:
        """Do the next piece of work; return what comes of it, with the numbers of the replies.

        A reply has "started" when its prompt was read; its events follow, in the order that
        `events` promises, with the prompt's notices first. One that is cancelled before it has
        started only gives its `Finished`.

        Raises:
            InferenceError: the engine failed, and with it all replies.
        """

    def cancel(self, number: int) -> None:
        """End a reply before its next token, unless it has ended; the next step has its end."""

    def close(self, keep: PreparedPrompt | None = None) -> None:
        """End all replies at once, without events.

        Args:
            keep: a prompt that may be asked again or go on, if the engine has a cache for such.
        """


class Replier(Protocol):
    """What many replies are asked of: an engine, or one that others use at the same time."""

    @property
    def name(self) -> str:
        """What notices and errors call it."""

    @property
    def abilities(self) -> Abilities:
        """What it can do."""

    @property
    def load_s(self) -> float:
        """Seconds of opening it."""

    @property
    def at_once(self) -> int:
        """The number of replies that it makes at the same time; others wait."""

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,
        begun: Begun | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> PreparedPrompt:
        """Make the prompt of a reply, or of the rest of one.

        Args:
            cancelled: called meanwhile; True ends it.

        Raises:
            LoadingCancelled: `cancelled` returned True.
            ChatTemplateError: it can't be rendered.
            GrammarError: the answer that is to go on does not follow the grammar.
        """

    def together(self) -> ManyReplies:
        """Begin to make many replies."""

    def new_notices(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Return those notices that haven't been returned before: each is said once."""


class Engine(Replier, Protocol):
    """A model that replies. Close it in the end.

    One thread at a time may use it. `reply` and `ManyReplies` take settings within its abilities:
    use the functions of this module, which say what it can't do.
    """

    @property
    def notices(self) -> Sequence[Notice]:
        """What the user should know about how it was opened."""

    @property
    def details(self) -> str:
        """How and where the model runs, in a few words."""

    @property
    def closed(self) -> bool:
        """Nothing can be asked of it any more."""

    @property
    def context_window(self) -> int | None:
        """Most tokens of prompt and reply together; None if that isn't known."""

    @property
    def position(self) -> int | None:
        """Tokens of the context window that its last prompt and reply take; None if unknown."""

    @property
    def kv_state(self) -> KVState | None:
        """Its KV cache, if that can be kept and put back."""

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        """Generate the reply to a prompt; close the generator if you don't exhaust it.

        Yields:
            Events in the order that `events` promises, with the prompt's notices once it was read.

        Raises:
            PromptTooLong: the prompt leaves no room for a reply.
            InferenceError: the engine failed.
        """

    def larger(self, enough: Callable[[int], bool]) -> int | None:
        """Return a context size that is `enough` and that it can be opened with; None if none is.

        Args:
            enough: whether a context of so many tokens would do; a larger one would too.
        """

    def reopened(
        self,
        cancelled: Callable[[], bool],
        *,
        context: int | None = None,
        at_once: int | None = None,
    ) -> "Engine":
        """Close this engine, and open its model again; what isn't given stays as it was.

        Args:
            cancelled: called in the meantime; True ends it.
            context: another size of the context window.
            at_once: another number of replies at the same time.

        Raises:
            R1LocalError: as when it was opened, or it can't be opened like that.
            LoadingCancelled: `cancelled` returned True.
        """

    def close(self) -> None:
        """Free what it holds; further calls do nothing."""


class ToldNotices:
    """The notices that were said already."""

    def __init__(self) -> None:
        self._told: set[Notice] = set()

    def new(self, notices: Sequence[Notice]) -> list[Notice]:
        """Return those notices that haven't been returned before, each once."""
        new = [each for each in dict.fromkeys(notices) if each not in self._told]
        self._told.update(new)
        return new


def never_begun(settings: ReplySettings) -> Finished:
    """Return the only event of a reply that was cancelled before it began."""
    usage = Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)
    return Finished("cancelled", usage, settings.sampler.with_seed().seed or 0, False)


def prepared(
    engine: Replier,
    conversation: Conversation,
    settings: ReplySettings,
    begun: Begun | None = None,
    cancelled: Callable[[], bool] = never,
) -> PreparedPrompt:
    """Make the prompt of a reply, or of the rest of one, as `Engine.prepare`.

    Raises:
        LoadingCancelled: `cancelled` returned True.
        UsageError: the engine can't let a reply go on.
    """
    if begun:
        check_going_on(engine, inside=begun.thinking_open)
    possible, _notices = within(settings, engine.abilities, engine.name)
    return engine.prepare(conversation, possible, begun, cancelled)


def check_going_on(engine: Replier, *, inside: bool) -> None:
    """Refuse to let a reply go on, `inside` its thought or behind it, if the engine can't.

    Raises:
        UsageError: it can't.
    """
    if not engine.abilities.goes_on(inside=inside):
        what = _("go on inside a thought") if engine.abilities.continues else _("let a reply go on")
        raise UsageError(
            _("{name} can't {what}", name=engine.name, what=what), _("ask for another one")
        )


def document_tokens(
    engine: Replier,
    documents: Sequence[Document],
    settings: ReplySettings,
    cancelled: Callable[[], bool] = never,
) -> tuple[list[int | None], bool]:
    """Return the tokens that each document adds to a prompt, and whether they were counted.

    They are None where nothing is known of them, and estimates where they weren't counted.

    Raises:
        ChatTemplateError: the template can't render a question.
        LoadingCancelled: `cancelled` returned True.
    """

    def size(*attached: Document) -> PromptSize | None:
        message = Message("user", question_with_documents("?", attached))
        return prepared(engine, (message,), settings, cancelled=cancelled).size

    bare = size()
    if bare is None:
        return [None] * len(documents), False
    sizes = [size(each) for each in documents]
    return [each.tokens - bare.tokens if each else None for each in sizes], bare.exact


def reply_to(
    engine: Engine, prompt: PreparedPrompt, settings: ReplySettings, control: Control
) -> Generator[Event, None, None]:
    """Generate the reply to a prompt, as `Engine.reply`; say what the engine can't do."""
    possible, notices = within(settings, engine.abilities, engine.name)
    if not notices and engine.abilities.steered:
        return engine.reply(prompt, possible, control)
    able = AbleControl(control, engine.abilities, engine.name)
    return _with_notices(engine, engine.reply(prompt, possible, able), able, notices)


def _with_notices(
    engine: Engine,
    events: Generator[Event, None, None],
    able: AbleControl,
    notices: Sequence[Notice],
) -> Generator[Event, None, None]:
    """Yield a reply's events, and between them what hasn't been said of what is in vain."""
    with closing(events):
        for event in events:
            if not isinstance(event, Reading):  # which comes before all else
                yield from engine.new_notices((*notices, *able.refused()))
            yield event


def generate(
    engine: Engine,
    conversation: Conversation,
    settings: ReplySettings,
    control: Control,
    begun: Begun | None = None,
) -> Generator[Event, None, None]:
    """Generate the assistant's next message, by `prepared` and then `reply_to`.

    Args:
        begun: the beginning of the message, if it goes on; the events contain only what is new.
    """
    try:
        prompt = prepared(engine, conversation, settings, begun, control.cancelled)
    except LoadingCancelled:
        yield never_begun(settings)
        return
    yield from reply_to(engine, prompt, settings, control)
