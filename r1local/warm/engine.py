"""An engine in a process that stays, as a command sees it: like any other."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from r1local.conversation import Conversation
from r1local.engine.limits import CONTEXT_STEP
from r1local.errors import InferenceError, LoadingCancelled, R1LocalError
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, ThinkingDelta
from r1local.language import _
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import (
    Begun,
    Happening,
    PreparedPrompt,
    PromptSize,
    ToldNotices,
    never,
    never_begun,
)
from r1local.replies.settings import ReplySettings
from r1local.warm.client import Connection, EngineGone, read_or_gone
from r1local.warm.kept import stop_unused
from r1local.warm.messages import Message, PromptFacts, Question, plain, read_happening
from r1local.warm.starting import Found, Wanted, find

#: How often the same thing is asked of an engine whose process ends before it answers.
_ATTEMPTS = 3
#: Seconds that a reply that was cancelled is waited for: most steps of llama.cpp take less.
_TIME_TO_STOP_S = 3.0


@dataclass(frozen=True, slots=True)
class WarmPrompt:
    """A prompt that an engine elsewhere has prepared, and what is known of it."""

    question: Question
    size: PromptSize | None
    notices: tuple[Notice, ...]


class WarmEngine:
    """An `Engine` for a model in a process that stays; closing it only leaves that process.

    If the process ends, another one is started when something is asked next. What it was asked and
    hadn't begun to answer is asked again; a reply that it was writing ends with an error.

    Args:
        wanted: how the engine is found again.
        found: the engine, open.
        load_s: the seconds of finding it.
    """

    kv_state = None

    def __init__(self, wanted: Wanted, found: Found, load_s: float) -> None:
        self._wanted = wanted
        self._told = ToldNotices()
        self._connection: Connection
        self.closed = False
        self.load_s = load_s
        self.position: int | None = 0
        self._enter(found)

    @classmethod
    def open(cls, wanted: Wanted, cancelled: Callable[[], bool]) -> "WarmEngine":
        """Find the engine that is wanted, after starting its process if need be.

        Raises:
            NoneKept, R1LocalError, LoadingCancelled: as `starting.find`.
        """
        began = time.monotonic()
        found = find(wanted, cancelled)
        return cls(wanted, found, time.monotonic() - began)

    @property
    def name(self) -> str:
        """What notices and errors call it."""
        return self._opened.name

    @property
    def abilities(self) -> Abilities:
        """What it can do; its KV cache stays in its process."""
        return replace(self._opened.abilities, keeps_state=False)

    @property
    def notices(self) -> Sequence[Notice]:
        """What the user should know about how it was opened."""
        return (*self._replaced, *self._opened.notices)

    @property
    def details(self) -> str:
        """How and where the model runs."""
        return self._opened.details

    @property
    def context_window(self) -> int | None:
        """Most tokens of prompt and reply together."""
        return self._opened.context_window

    @property
    def at_once(self) -> int:
        """The number of replies at the same time, those to other programs included."""
        return self._opened.at_once

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,
        begun: Begun | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> WarmPrompt:
        """Have the prompt rendered and tokenised, to know its size."""
        question = Question(conversation, settings, begun)
        answer = self._answer("prepare", cancelled, prompt=plain(question))
        facts = read_or_gone(PromptFacts, answer["prepared"])
        return WarmPrompt(question, facts.size, facts.notices)

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        """Generate the reply to a prompt."""
        assert isinstance(prompt, WarmPrompt)
        for _attempt in range(_ATTEMPTS):
            reply = _Reply(self, prompt, settings, control)
            try:
                reply.ask()
                yield from reply.events()
                return
            except EngineGone as error:
                if control.cancelled():  # nobody waits for the rest, or for another process
                    self._connection.close()
                    yield reply.given_up()
                    return
                if reply.begun:
                    raise _ended_midway() from error
            finally:
                reply.withdraw()
            try:
                self._return(control.cancelled)
            except LoadingCancelled:
                yield never_begun(settings)
                return
        raise _ends_always()

    def together(self) -> "WarmReplies":
        """Begin to make many replies."""
        return WarmReplies(self)

    def new_notices(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Return those notices that haven't been returned before."""
        return self._told.new(notices)

    def larger(self, enough: Callable[[int], bool]) -> int | None:
        """Return a context that is `enough` and that memory holds."""
        least = self.context_window or CONTEXT_STEP
        while not enough(least):
            least += CONTEXT_STEP
        context: int | None = self._answer("larger", never, least=least)["context"]
        return context

    def reopened(
        self,
        cancelled: Callable[[], bool],
        *,
        context: int | None = None,
        at_once: int | None = None,
    ) -> "WarmEngine":
        """Leave this engine, which ends if nobody else has it, and find one that is like that."""
        self.close()
        stop_unused(self._wanted.place)
        return WarmEngine.open(self._wanted.with_(context, at_once), cancelled)

    def close(self) -> None:
        """Leave the engine's process, which stays for a while."""
        self.closed = True
        self._connection.close()

    def _enter(self, found: Found) -> None:
        self._connection, self._opened = found.connection, found.opened
        self._replaced: tuple[Notice, ...] = ()
        if found.replaced:
            told = _(
                "the model was in memory for {replaced}, and was loaded anew",
                replaced=found.replaced,
            )
            self._replaced = (Notice("engine", told),)

    def _return(self, cancelled: Callable[[], bool]) -> None:
        """Find an engine again, after its process has ended."""
        self._connection.close()
        self._enter(find(self._wanted.to_start, cancelled))

    def _answer(self, do: str, cancelled: Callable[[], bool], **more: object) -> Message:
        for _attempt in range(_ATTEMPTS):
            with suppress(EngineGone):
                number = self._connection.ask(do, **more)
                return self._connection.answer(number, cancelled)
            self._return(cancelled)
        raise _ends_always()


class _Reply:
    """A reply that an engine was asked for.

    Attributes:
        number: its number at the connection.
        begun: events of it have come.
    """

    def __init__(
        self, engine: WarmEngine, prompt: WarmPrompt, settings: ReplySettings, control: Control
    ) -> None:
        self.number = 0
        self.begun = False
        self._engine = engine
        self._connection = engine._connection
        self._prompt = prompt
        self._settings = settings
        self._control = control
        self._cancelled_at = 0.0
        self._ended = False
        self._tokens = {"thinking_tokens": 0, "answer_tokens": 0}

    def ask(self) -> None:
        """Ask for it.

        Raises:
            EngineGone: the engine has gone.
        """
        self.number = self._connection.ask(
            "reply",
            prompt=plain(self._prompt.question),
            settings=plain(self._settings),
            commands=[*iter(self._control.next_command, None)],
            cancelled=self._control.cancelled(),
        )

    def events(self) -> Iterator[Event]:
        """Yield its events.

        Raises:
            R1LocalError: that ended it.
            EngineGone: the engine has gone.
        """
        while not self._ended:
            self.pass_commands_on()
            if self._cancelled_at and time.monotonic() > self._cancelled_at + _TIME_TO_STOP_S:
                raise EngineGone  # it is stuck
            message = self._connection.next_message()
            for happening in self.happenings(message) if message else ():
                if isinstance(happening, R1LocalError):
                    raise happening
                if not isinstance(happening, str):
                    yield happening

    def happenings(self, message: Message) -> Iterator[Happening]:
        """Yield what a message says of the reply, which may be nothing.

        Of the prompt's notices this program hears once, whoever else was told of them.
        """
        if message.get("id") != self.number:
            return
        happening = _happening(message)
        if happening == "started":
            self.begun = True
            yield happening
            yield from self._engine.new_notices(self._prompt.notices)
        elif isinstance(happening, Notice) and happening in self._prompt.notices:
            return
        else:
            yield self._noted(happening)

    def pass_commands_on(self) -> None:
        """Tell the engine what the user wants of the reply.

        Raises:
            EngineGone: the engine has gone.
        """
        while command := self._control.next_command():
            self._connection.send("steer", self.number, command=command)
        if self._control.cancelled():
            self.cancel()

    def cancel(self) -> None:
        """End the reply before its next token.

        Raises:
            EngineGone: the engine has gone.
        """
        if not self._cancelled_at:
            self._cancelled_at = time.monotonic()
            self._connection.send("cancel", self.number)

    def withdraw(self) -> None:
        """End the reply if it hasn't ended, without waiting."""
        if not self._ended and not self._engine.closed:
            with suppress(EngineGone):
                self.cancel()

    def given_up(self) -> Finished:
        """Return the end of a cancelled reply whose engine doesn't send one."""
        prompt = self._prompt.size.tokens if self.begun and self._prompt.size else 0
        nothing = never_begun(self._settings)
        usage = replace(nothing.usage, prompt_tokens=prompt, **self._tokens)
        open_ = self._tokens["thinking_tokens"] > 0 and not self._tokens["answer_tokens"]
        seed = self._settings.sampler.seed or 0  # a seed that the engine has drawn isn't known here
        return Finished("cancelled", usage, seed, open_)

    def _noted(self, happening: Happening) -> Happening:
        """Return what happened, after noting what the engine knows by it."""
        if isinstance(happening, Finished | R1LocalError):
            self._ended = True
        if isinstance(happening, Finished):
            usage = happening.usage
            tokens = usage.thinking_tokens + usage.answer_tokens
            self._engine.position = usage.prompt_tokens + tokens
            return replace(happening, usage=replace(usage, load_s=self._engine.load_s))
        if isinstance(happening, ThinkingDelta | AnswerDelta):
            part = "thinking" if isinstance(happening, ThinkingDelta) else "answer"
            self._tokens[f"{part}_tokens"] = happening.tokens
            if self._prompt.size:
                self._engine.position = self._prompt.size.tokens + sum(self._tokens.values())
        return happening


class WarmReplies:
    """`ManyReplies` of a warm engine, made with those to other programs.

    Args:
        engine: who is asked.
    """

    def __init__(self, engine: WarmEngine) -> None:
        self._engine = engine
        self._connection = engine._connection
        self._replies: dict[int, _Reply] = {}

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Ask for another reply; return its number."""
        assert isinstance(prompt, WarmPrompt)
        reply = _Reply(self._engine, prompt, settings, control)
        try:
            reply.ask()
        except EngineGone as error:
            raise _ended_midway() from error
        self._replies[reply.number] = reply
        return reply.number

    def step(self) -> Iterable[tuple[int, Happening]]:
        """Return what has happened since."""
        try:
            for reply in self._replies.values():
                reply.pass_commands_on()
            message = self._connection.next_message()
            found = []
            while message:
                found += self._happenings(message)
                message = self._connection.receive(0) if self._connection.pending else None
            return found
        except EngineGone as error:
            raise _ended_midway() from error

    def cancel(self, number: int) -> None:
        """End a reply before its next token, unless it has ended."""
        if reply := self._replies.get(number):
            with suppress(EngineGone):  # the next step says so
                reply.cancel()

    def close(self, keep: PreparedPrompt | None = None) -> None:  # noqa: ARG002
        """End all replies; the engine's cache keeps their prompts for as long as it has room."""
        for reply in self._replies.values():
            reply.withdraw()
        self._replies.clear()

    def _happenings(self, message: Message) -> list[tuple[int, Happening]]:
        number: Any = message.get("id")
        reply = self._replies.get(number)
        if reply is None:
            return []
        found = [*reply.happenings(message)]
        if found and isinstance(found[-1], Finished | R1LocalError):
            del self._replies[number]
        return [(number, each) for each in found]


def _happening(message: Message) -> Happening:
    try:
        return read_happening(message)
    except (ValueError, KeyError) as error:
        raise EngineGone from error


def _ended_midway() -> InferenceError:
    return InferenceError(
        _("the engine's process ended in the middle of the reply"),
        _("ask again, and another process is started; in a chat, /continue goes on with what came"),
    )


def _ends_always() -> InferenceError:
    return InferenceError(
        _("the engine's process ends whenever it is asked this"), _("add --no-daemon, or ask again")
    )
