"""One reply as a state machine: it takes tokens and gives events, whoever draws the tokens."""

import time
from collections.abc import Sequence
from functools import partial

from r1local.conversation import PART_WORDS, FinishReason
from r1local.engine.grammar import GrammarSampler
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.engine.vocabulary import Vocabulary
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Rewound,
    ThinkingDelta,
    Usage,
)
from r1local.language import _
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.settings import ReplySettings
from r1local.replies.text import ReplyText
from r1local.thinking.dialects import Dialect, tags_in
from r1local.thinking.limits import CLOSING, WAIT, WHY_CLOSED, ThoughtLimits
from r1local.thinking.loops import Loop, LoopGuard
from r1local.thinking.splitter import Pieces, Start
from r1local.units import token_count

#: Loops of one part from which a reply is led out; the next one ends the part.
_MOST_LOOPS = 2
#: Tokens after a loop that are drawn with penalties against repetition.
_STRETCH = 256
#: Tokens at the end of a prompt in which the text of a possible loop is searched for.
_QUESTION_TOKENS = 2_048


class ReplyStream:
    """One reply as a state machine: it takes drawn tokens, and returns events and orders.

    It knows no model, so it can drive one reply or many at once:

        with ReplyStream(…) as stream:
            while not stream.finished:
                token = (draw one with stream.sampler from the last logits)
                again = (draw one with stream.checker, if there is one)
                events = stream.feed(token, doubtful=(both differ))
                if stream.rewind_to is not None: (cut the KV cache to this many tokens)
                if not stream.finished: (evaluate stream.next_tokens)
            events = stream.finish(…)

    Leaving the loop early means that the reply is cancelled. A token costs the same however many
    came before; a loop, which is rare, costs reading the reply again.

    Args:
        vocabulary: the vocabulary of the model.
        dialect: how the model marks its thoughts.
        prompt: the tokens before the reply.
        start: where the prompt leaves the reply.
        context_window: tokens that prompt and reply may have together.
        settings: how to reply.
        control: its steering commands are obeyed at every token; checking whether the reply is
            cancelled is up to the driver.
        answer: tokens of the answer that the prompt ends with, where the grammar continues.

    Attributes:
        sampler: draws the next token; replaced after a loop, and where a grammar begins.
        checker: where the reply may be a loop, draws from the same logits what the model might
            as well have written, which in a loop is mostly the same token; otherwise None.
        next_tokens: what to evaluate before the next token is drawn: the token that was taken,
            or others in its place.
        rewind_to: the number of tokens of prompt and reply to keep in the KV cache before that;
            None to keep all.
        finished: whether the reply has ended, so that nothing more needs to be evaluated.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        dialect: Dialect,
        prompt: Sequence[int],
        start: Start,
        context_window: int,
        settings: ReplySettings,
        control: Control,
        answer: Sequence[int] = (),
    ) -> None:
        self._vocabulary = vocabulary
        self._dialect = dialect
        self._tags = tags_in(dialect, vocabulary.token_of)
        self._closing_token = self._tags.closing_token
        self._prompt = prompt
        self._start = start
        self._context_window = context_window
        self._settings = settings
        self._control = control
        self._begun_answer = answer
        self._limit = min(settings.max_tokens, context_window - len(prompt))
        self._closing = vocabulary.tokens_of(f"{CLOSING}{dialect.closing}{dialect.trail}")
        self._thought = self._thought_limits()
        self._text = self._read(())
        # Nothing here may hold the stream: what it holds is freed with the reply.
        self._guard = LoopGuard(settings.loops, partial(_question, vocabulary, prompt))
        self._doubtful = False
        self._loops = self._discarded = self._stretch_left = 0
        self._reason: FinishReason | None = None
        self._tokens: list[int] = []
        self._answer_begins = 0  # an index into self._tokens
        self._started = self._answer_started = time.monotonic()
        self._sampler_settings = settings.sampler.with_seed()
        self.sampler = self._make_sampler()
        self._checker: Sampler | None = None
        self.next_tokens: Sequence[int] = ()
        self.rewind_to: int | None = None

    @property
    def finished(self) -> bool:
        """Whether the reply has ended."""
        return self._reason is not None

    @property
    def checker(self) -> Sampler | None:
        """A sampler of what the model might as well have written, where that matters."""
        if not self._guard.suspicious:
            return None
        if self._checker is None:
            plain = SamplerSettings(temperature=1, top_p=1, seed=self._sampler_settings.seed)
            self._checker = Sampler(plain)
        return self._checker

    def feed(self, token: int, *, doubtful: bool = False) -> list[Event]:
        """Take the token that was drawn, and decide what follows.

        Args:
            token: the token that was drawn.
            doubtful: whether `checker` has drawn another one.

        Returns:
            The events that this token decides; often there are none.
        """
        self.rewind_to = None
        self._doubtful = doubtful
        while command := self._control.next_command():
            self._obey(command)
        if self._stretch_left:
            self._stretch_left -= 1
            if not self._stretch_left:
                self._change_sampler()
        if self._text.part == "thinking":
            return self._think(token)
        if self._vocabulary.ends_reply(token):
            return self._end("stop")
        return self._write((token,), drawn=True)

    def finish(
        self,
        *,
        cached_tokens: int,
        load_s: float,
        prompt_s: float,
        draft_tokens: int = 0,
        accepted_tokens: int = 0,
    ) -> list[Event]:
        """End the reply; return what was held back, and the `Finished` event."""
        ended = time.monotonic()
        if self._text.part == "thinking":
            self._answer_started = ended
        events = self._as_events(self._text.flush())
        if self._reason == "length" and self._limit < self._settings.max_tokens:
            full = _(
                "the context of {context_window:,} tokens is full",
                context_window=self._context_window,
            )
            events.append(Notice("context", full))
        usage = Usage(
            prompt_tokens=len(self._prompt),
            cached_tokens=cached_tokens,
            thinking_tokens=self._text.tokens["thinking"],
            answer_tokens=self._text.tokens["answer"],
            load_s=load_s,
            prompt_s=prompt_s,
            thinking_s=self._answer_started - self._started,
            answer_s=ended - self._answer_started,
            discarded_tokens=self._discarded,
            draft_tokens=draft_tokens,
            accepted_tokens=accepted_tokens,
        )
        seed = self._sampler_settings.seed or 0
        reason = self._reason or "cancelled"
        return [*events, Finished(reason, usage, seed, self._text.thinking_open)]

    def close(self) -> None:
        """Free the samplers; calling it again does no harm."""
        self.sampler.close()
        if self._checker:
            self._checker.close()

    def __enter__(self) -> "ReplyStream":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _thought_limits(self) -> ThoughtLimits:
        wanted = self._settings.thinking
        # However little room there is, the answer and the thought get at least half each.
        reserve = min(wanted.reserve(self._context_window), self._limit // 2)
        room = self._limit - reserve
        if len(self._closing) > room // 4:
            self._closing = self._vocabulary.tokens_of(self._dialect.closing)
        return ThoughtLimits(
            budget=wanted.budget,
            room=room - len(self._closing),
            least=wanted.least,
            most_waits=wanted.most_waits,
            mend_blank=not wanted.off,
        )

    def _read(self, tokens: Sequence[int]) -> ReplyText:
        return ReplyText(self._start, self._tags, self._vocabulary.piece, tokens)

    def _obey(self, command: SteeringCommand) -> None:
        """Obey a command about the thought; outside a thought it does nothing."""
        if self._text.part == "answer":
            return
        if command == "answer now":
            self._thought.answer_now()
        else:
            self._thought.think_more()

    def _think(self, token: int) -> list[Event]:
        """Take a token inside the thought: accept it, or write others in its place."""
        vocabulary, text = self._vocabulary, self._text
        tokens = text.tokens["thinking"]
        if token == self._closing_token:
            wait = vocabulary.tokens_of(WAIT)
            if not (wait and self._thought.put_off(tokens, blank=text.thought_blank)):
                return self._write((token,), drawn=True)
            notice = _(
                "the thought ended after {tokens} and was continued", tokens=token_count(tokens)
            )
            return [*self._write(wait), Notice("thinking", notice)]
        ends = text.sentence_ends_before(vocabulary.piece(token))
        closed_for = self._thought.close(tokens, at_sentence_end=ends)
        if closed_for and not text.cut:
            notice = _(
                "the thought was closed after {tokens}{why_closed}",
                tokens=token_count(tokens),
                why_closed=_(WHY_CLOSED[closed_for]),
            )
            return self._close_thought("length", Notice("budget", notice))
        if not vocabulary.ends_reply(token):
            return self._write((token,), drawn=True)
        if self._settings.grammar is None:
            return self._end("stop")
        return self._close_thought("stop")

    def _close_thought(self, otherwise: FinishReason, *notices: Notice) -> list[Event]:
        """Write the end of a thought; if the vocabulary can't spell it, end the reply.

        Args:
            otherwise: why the reply ends in that case.
            notices: what to say about the end of the thought.
        """
        events = self._write(self._closing)
        if self.finished or self._text.part == "answer":
            return [*events, *notices]
        message = _(
            "the model's tokens can't spell {closing}, so the reply was ended",
            closing=self._dialect.closing,
        )
        return [*events, Notice("thinking", message), *self._end(otherwise)]

    def _end(self, reason: FinishReason) -> list[Event]:
        self._reason = reason
        self.next_tokens = ()
        return []

    def _write(self, tokens: Sequence[int], *, drawn: bool = False) -> list[Event]:
        """Append tokens to the reply: one that was drawn, or others that r1local writes."""
        events: list[Event] = []
        text, before = self._text, self._text.part
        characters, spoken = "", False
        for token in tokens[: self._limit - len(self._tokens)]:
            characters, pieces = text.feed(token)
            self._tokens.append(token)
            events += self._as_events(pieces)
            spoken = spoken or bool(pieces)
        self.next_tokens = tokens
        if not drawn:
            self._guard.reset()  # it only counts drawn tokens
        if text.part != before:
            self._change_part(drawn)
        if (
            self._settings.only_thinking
            and text.part == "answer"
            and (text.part != before or spoken)
        ):
            return events + self._end("stop")
        if drawn and text.part == before and (loop := self._find_loop(tokens[0], characters)):
            if loop.drop:
                return events + self._leave_loop(loop.drop)
            events.append(self._warning(loop))
        if len(self._tokens) >= self._limit:
            self._end("length")
        return events

    def _change_part(self, by_model: bool) -> None:
        """React to the beginning or the end of the thought."""
        self._guard.reset()
        self._loops = 0
        if self._text.part == "thinking":
            return
        self._answer_started = time.monotonic()
        if self._settings.grammar is not None and by_model:
            # The line breaks that the model wants to write aren't part of the grammar.
            drawn = self.next_tokens
            breaks = self._vocabulary.tokens_of(self._dialect.trail)
            self._write(breaks)
            self.next_tokens = (*drawn, *breaks)
        self._answer_begins = len(self._tokens)
        if self._stretch_left or self._settings.grammar is not None:
            self._stretch_left = 0
            self._change_sampler()

    def _find_loop(self, token: int, characters: str) -> Loop | None:
        return self._guard.feed(token, characters, doubtful=self._doubtful)

    def _warning(self, loop: Loop) -> Notice:
        new = _(
            "the {part} has had nothing new for {tokens:,} tokens",
            part=_(PART_WORDS[self._text.part]),
            tokens=loop.tokens,
        )
        return Notice("loop", _("{new}: it may be going in circles", new=new))

    def _leave_loop(self, dropped: int) -> list[Event]:
        """Take the reply back to where a loop began, and continue in another way."""
        part, before = self._text.part, self._text.characters
        dropped = self._take_back(dropped)
        self._discarded += dropped
        self._guard.reset()
        self._loops += 1
        characters = before[part] - self._text.characters[part]
        events: list[Event] = [Rewound(part, characters)] if characters else []
        notice = _(
            "the {part} went in circles: its last {dropped:,} tokens were taken back",
            part=_(PART_WORDS[part]),
            dropped=dropped,
        )
        # The last token is evaluated again, since its logits have been overwritten.
        last = (self._tokens or self._prompt)[-1]
        self.rewind_to = len(self._prompt) + len(self._tokens) - 1
        self.next_tokens = (last,)
        if self._loops <= _MOST_LOOPS:
            self._stretch_left = _STRETCH
            self._change_sampler()
            return [*events, Notice("loop", notice)]
        events.append(
            Notice(
                "loop",
                _("{notice}, and the {part} was ended", notice=notice, part=_(PART_WORDS[part])),
            )
        )
        if part == "answer":
            return events + self._end("loop")
        events += self._close_thought("loop")
        self.next_tokens = (last, *self.next_tokens)
        return events

    def _take_back(self, dropped: int) -> int:
        """Forget the last tokens, and a character or tag cut by that; return how many went."""
        before = len(self._tokens)
        del self._tokens[-dropped:]
        self._text = self._read(self._tokens)
        while self._text.cut:
            del self._tokens[-1]
            self._text = self._read(self._tokens)
        return before - len(self._tokens)

    def _change_sampler(self) -> None:
        self.sampler.close()
        self.sampler = self._make_sampler()

    def _make_sampler(self) -> Sampler:
        settings = self._sampler_settings
        if self._stretch_left:
            settings = settings.against_loops(self._loops)
        grammar, tokens = self._settings.grammar, self._tokens
        if grammar is None or self._text.part == "thinking":
            return Sampler(settings, self._vocabulary, tokens)
        written = (*self._begun_answer, *tokens[self._answer_begins :])
        return GrammarSampler(settings, self._vocabulary, grammar, recent=tokens, written=written)

    def _as_events(self, pieces: Pieces) -> list[Event]:
        events: list[Event] = []
        for part, text in pieces:
            if part == "thinking":
                events.append(ThinkingDelta(text, self._text.tokens["thinking"]))
            elif not self._settings.only_thinking:
                events.append(AnswerDelta(text, self._text.tokens["answer"]))
        return events


def _question(vocabulary: Vocabulary, prompt: Sequence[int]) -> str:
    """Return the end of a prompt, where the question is."""
    pieces = map(vocabulary.piece, prompt[-_QUESTION_TOKENS:])
    return b"".join(pieces).decode("utf-8", "replace")
