"""One reply: conversation in, events out."""

import codecs
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from r1local.chat_template import Prompt
from r1local.conversation import Conversation
from r1local.engine import Sampler, SamplerSettings
from r1local.errors import ChatTemplateError, InvalidSetting, PromptTooLong
from r1local.events import (
    AnswerDelta,
    Event,
    Finished,
    FinishReason,
    Notice,
    Part,
    ThinkingDelta,
    Usage,
)
from r1local.loading import LoadedModel
from r1local.settings import MAX_TOKENS
from r1local.thinking import Pieces, ThinkSplitter


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """How to reply.

    `max_tokens` bounds thinking and answer together. With `only_thinking` the
    reply ends where the answer would begin.
    """

    sampler: SamplerSettings = field(default_factory=SamplerSettings)
    max_tokens: int = MAX_TOKENS
    only_thinking: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise InvalidSetting(
                f"max-tokens {self.max_tokens} is out of range", "it must be 1 or more"
            )


def cancelled_while_loading(settings: ReplySettings) -> Finished:
    """The only event of a reply that was cancelled before its model was loaded."""
    usage = Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)
    return Finished("cancelled", usage, settings.sampler.with_seed().seed or 0, False)


class Control:
    """Lets a signal handler or another thread end a reply."""

    def __init__(self) -> None:
        self._cancelled = False

    def cancel(self) -> None:
        """End the reply before its next token; what there is of it stays."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """The reply is to end."""
        return self._cancelled


def reply(
    loaded: LoadedModel,
    conversation: Conversation,
    settings: ReplySettings,
    control: Control,
) -> Generator[Event, None, None]:
    """Generate the assistant's next message. Close it if it isn't taken to its end.

    Yields:
        Events by the law in `events`; a `Finished` is always the last.

    Raises:
        ChatTemplateError: the prompt can't be rendered, or comes out empty.
        PromptTooLong: the prompt leaves no room for a reply.
        InferenceError: llama.cpp failed.
    """
    model = loaded.model
    prompt = loaded.template.render(conversation)
    tokens = model.vocabulary.tokenise(prompt.parts)
    if not tokens:
        raise ChatTemplateError(
            "the chat template makes an empty prompt", "give another with --chat-template FILE"
        )
    if len(tokens) >= model.context_window:
        raise PromptTooLong(
            f"the prompt has {len(tokens):,} tokens and the context window"
            f" {model.context_window:,}",
            "give a shorter prompt, or a larger --context",
        )
    started = time.monotonic()
    cached = model.evaluate(tokens, control.cancelled)
    sampler_settings = settings.sampler.with_seed()
    stream = _Stream(loaded, prompt, settings, control)
    if cached is not None:
        with Sampler(sampler_settings) as sampler:
            yield from stream.events(sampler)
    yield stream.finished(
        prompt_tokens=len(tokens),
        cached_tokens=cached or 0,
        prompt_s=stream.started - started,
        seed=sampler_settings.seed or 0,
    )


class _Stream:
    """The tokens of one reply on their way to events.

    Bytes become text by an incremental UTF-8 decoder, text becomes thinking and
    answer by the splitter. The cost of a token doesn't depend on those before it.
    """

    def __init__(
        self, loaded: LoadedModel, prompt: Prompt, settings: ReplySettings, control: Control
    ) -> None:
        self._model = model = loaded.model
        self._load_s = loaded.load_s
        self._control = control
        self._only_thinking = settings.only_thinking
        room = model.context_window - model.position
        self._limit = min(settings.max_tokens, room)
        self._context_ends_it = room < settings.max_tokens
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._splitter = ThinkSplitter(prompt.start)
        self._tokens: dict[Part, int] = {"thinking": 0, "answer": 0}
        self._reason: FinishReason = "cancelled"
        self.started = self._answer_started = self._ended = time.monotonic()

    def events(self, sampler: Sampler) -> Iterator[Event]:
        """Decode until the reply ends; give out each token's text as it comes."""
        splitter, decode = self._splitter, self._decoder.decode
        for piece in self._pieces(sampler):
            part = splitter.part
            pieces = splitter.feed(decode(piece))
            self._count(part, splitter.part)
            if part != splitter.part:
                self._answer_started = time.monotonic()
            yield from self._as_events(pieces)
            if self._only_thinking and splitter.part == "answer" and (part == "thinking" or pieces):
                self._reason = "stop"
                break
        self._ended = time.monotonic()
        if splitter.part == "thinking":
            self._answer_started = self._ended
        yield from self._as_events(splitter.feed(decode(b"", True)) + splitter.flush())
        if self._reason == "length" and self._context_ends_it:
            yield Notice("context", f"the context of {self._model.context_window:,} tokens is full")

    def _pieces(self, sampler: Sampler) -> Iterator[bytes]:
        """The bytes of each token until the model, a limit or the user ends the reply."""
        model, vocabulary, cancelled = self._model, self._model.vocabulary, self._control.cancelled
        for tokens_left in range(self._limit, 0, -1):
            if cancelled():
                return
            token = model.sample(sampler)
            if vocabulary.ends_reply(token):
                self._reason = "stop"
                return
            yield vocabulary.piece(token)
            if tokens_left > 1:
                model.advance(token)
        self._reason = "length"

    def _count(self, before: Part, after: Part) -> None:
        """Count a token, tags as thinking: the closing one, and all up to an opening one."""
        if before == "answer" and after == "thinking":
            self._tokens = {"thinking": self._tokens["answer"] + 1, "answer": 0}
        else:
            self._tokens[before] += 1

    def _as_events(self, pieces: Pieces) -> Iterator[Event]:
        for part, text in pieces:
            if part == "thinking":
                yield ThinkingDelta(text, self._tokens["thinking"])
            elif not self._only_thinking:
                yield AnswerDelta(text, self._tokens["answer"])

    def finished(
        self, *, prompt_tokens: int, cached_tokens: int, prompt_s: float, seed: int
    ) -> Finished:
        """The last event."""
        usage = Usage(
            prompt_tokens=prompt_tokens,
            cached_tokens=cached_tokens,
            thinking_tokens=self._tokens["thinking"],
            answer_tokens=self._tokens["answer"],
            load_s=self._load_s,
            prompt_s=prompt_s,
            thinking_s=self._answer_started - self.started,
            answer_s=self._ended - self._answer_started,
        )
        return Finished(self._reason, usage, seed, self._splitter.thinking_open)
