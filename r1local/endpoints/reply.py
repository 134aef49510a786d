"""One reply from elsewhere: pieces of streams in, events out, and when a thought is closed."""

from time import monotonic

from r1local.conversation import FinishReason, Part
from r1local.endpoints.asking import Asking, start_after
from r1local.endpoints.parts import ReplyParts
from r1local.endpoints.wire import Piece, Spent
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, ThinkingDelta, Usage
from r1local.language import _
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.text import sentence_ends
from r1local.thinking.limits import CLOSING, WHY_CLOSED, ClosedFor, ThoughtLimits
from r1local.thinking.splitter import Pieces, Start
from r1local.units import token_count

#: Tokens of `CLOSING`, about.
_CLOSING_TOKENS = 18
#: Tokens beyond a budget that the server was given, before it seems to ignore it.
_PATIENCE = 64


class RemoteReply:
    """A reply that is being made elsewhere.

    Where the server can go on with a reply, its thought is closed here: the stream is ended, and
    the rest is asked for (`wants_rest`).

    Args:
        number: what it is called among others.
        asking: what it is asked for with.
        control: its commands are obeyed when text comes.
        begun: the reply so far, if it is the rest of one.
        load_s: seconds that opening the engine took.
        notices: what the user should know about the prompt.
    """

    def __init__(
        self,
        number: int,
        asking: Asking,
        control: Control,
        begun: Begun | None,
        load_s: float,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        self.number = number
        self.asking = asking
        self.control = control
        self.begun = begun
        self.notices = notices
        self.started = False
        self.wants_rest = False
        self.reason: FinishReason | None = None
        self._load_s = load_s
        self._closing, self._closing_tokens = CLOSING.rstrip(), _CLOSING_TOKENS
        self._limits = self._thought_limits()
        self._start: Start = start_after(begun) if begun else asking.found_start
        self._parts = ReplyParts(self._start, asking.found.dialect)
        self._before: dict[Part, int] = {"thinking": 0, "answer": 0}
        self._texts: dict[Part, list[str]] = {"thinking": [], "answer": []}
        self._spent: Spent | None = None
        self._prompt_tokens: int | None = None
        self._sent = monotonic()
        self._first = self._answer_began = 0.0

    @property
    def tokens(self) -> dict[Part, int]:
        """Tokens of each part, as far as they can be counted here."""
        now = self._parts.tokens
        return {
            "thinking": self._before["thinking"] + now["thinking"],
            "answer": self._before["answer"] + now["answer"],
        }

    @property
    def done(self) -> bool:
        """Whether it has ended, or waits for its rest to be asked for."""
        return self.reason is not None or self.wants_rest

    def handle(self, piece: Piece) -> list[Event]:
        """Take a piece of the stream; return the events that it decides."""
        self._spent = piece.spent or self._spent
        events: list[Event] = []
        if (piece.thinking or piece.text) and not self.done:
            self._obey(piece.id)
            self._first = self._first or monotonic()
            if closed_for := self._closes(piece.thinking or piece.text):
                return self._close(closed_for)
            events = self._as_events(self._parts.feed(piece.thinking, piece.text))
            self._check_end(events)
        self.reason = self.reason or piece.reason
        return events

    def finish(self, reason: FinishReason | None = None) -> list[Event]:
        """End the reply; return what was held back, and its `Finished`."""
        events = self._as_events(self._parts.flush())
        self.reason = reason or self.reason or "stop"
        seed = self.asking.settings.sampler.seed or 0
        open_ = self._parts.thinking_open
        return [*events, Finished(self.reason, self._usage(), seed, open_)]

    def go_on(self) -> Begun:
        """Begin to ask for the rest; return the reply so far."""
        if self._spent and self._prompt_tokens is None:
            self._prompt_tokens = self._spent.prompt
        thinking = (self.begun.thinking if self.begun else "") + "".join(self._texts["thinking"])
        self.begun = Begun(thinking.rstrip(), "", thinking_open=False)
        self._thought_ends()
        self._spent, self._limits = None, None
        self.wants_rest = False
        return self.begun

    def _thought_limits(self) -> ThoughtLimits | None:
        asking = self.asking
        if not asking.found.server.closes:
            return None
        wanted, limit = asking.settings.thinking, asking.settings.max_tokens
        if asking.window is not None:
            limit = max(2, min(limit, asking.window - asking.prompt_tokens))
        budget = wanted.budget
        if budget is not None and asking.found.server.budget:
            budget += budget // 4 + _PATIENCE
        reserve = min(wanted.reserve(asking.window or limit), limit // 2)
        room = limit - reserve
        if self._closing_tokens > room // 4:
            self._closing, self._closing_tokens = "", 0
        room -= self._closing_tokens
        return ThoughtLimits(budget=budget, room=room, least=0, most_waits=0, mend_blank=False)

    def _obey(self, called: str) -> None:
        while command := self.control.next_command():
            if command != "answer now" or self.tokens["answer"]:
                continue
            if self._limits:
                self._limits.answer_now()
            elif self.asking.found.server.controls:
                self.asking.end_thought(called)

    def _closes(self, following: str) -> ClosedFor | None:
        """Return why the thought has to be closed before a text, or None if it doesn't."""
        if self._limits is None or self._parts.part != "thinking":
            return None
        ends = sentence_ends(self._parts.tail, following[:1])
        return self._limits.close(self.tokens["thinking"], at_sentence_end=ends)

    def _close(self, closed_for: ClosedFor) -> list[Event]:
        tokens = self.tokens["thinking"]
        told = _(
            "the thought was closed after {tokens}{why_closed}",
            tokens=token_count(tokens),
            why_closed=_(WHY_CLOSED[closed_for]),
        )
        self._parts.tokens["thinking"] += self._closing_tokens
        events = self._as_events([("thinking", self._closing)] if self._closing else [])
        self.wants_rest = True
        if self.asking.settings.only_thinking:
            self.wants_rest, self.reason = False, "stop"
            self._thought_ends()
        return [*events, Notice("budget", told)]

    def _thought_ends(self) -> None:
        """Take what comes from here on for the answer."""
        self._before = self.tokens
        self._parts = ReplyParts("closed", self.asking.found.dialect)

    def _check_end(self, events: list[Event]) -> None:
        """End the reply where the settings say so, whatever the server does."""
        settings = self.asking.settings
        if settings.only_thinking and any(isinstance(each, AnswerDelta) for each in events):
            events[:] = [each for each in events if not isinstance(each, AnswerDelta)]
            self.reason = "stop"
        elif sum(self.tokens.values()) > settings.max_tokens:
            self.reason = "length"

    def _as_events(self, pieces: Pieces) -> list[Event]:
        events: list[Event] = []
        for part, text in pieces:
            self._texts[part].append(text)
            count = max(1, self.tokens[part])
            if part == "thinking":
                events.append(ThinkingDelta(text, count))
            else:
                self._answer_began = self._answer_began or monotonic()
                events.append(AnswerDelta(text, count))
        return events

    def _usage(self) -> Usage:
        """Return the tokens, by the server's count if it gave one, and the seconds."""
        now, first = monotonic(), self._first or monotonic()
        answer_began = self._answer_began or now
        spent, own = self._spent or Spent(), self._parts.tokens
        thinking, answer = own["thinking"], own["answer"]
        if spent.generated is not None:
            counted = max(1, thinking + answer)
            share = spent.thinking
            if share is None:
                share = round(spent.generated * thinking / counted)
            thinking = min(share, spent.generated)
            answer = spent.generated - thinking
        prompt = self._prompt_tokens
        if prompt is None:
            prompt = max(0, (spent.prompt or 0) - sum(self._before.values()))
        return Usage(
            prompt_tokens=prompt,
            cached_tokens=min(spent.cached or 0, prompt),
            thinking_tokens=self._before["thinking"] + thinking,
            answer_tokens=self._before["answer"] + answer,
            load_s=self._load_s,
            prompt_s=first - self._sent,
            thinking_s=answer_began - first,
            answer_s=now - answer_began,
        )
