"""Many replies of one loaded model, decoded together in one batch."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from r1local.engine.batch import Batch
from r1local.engine.limits import BATCH_TOKENS
from r1local.events.reply import Event
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.engine import Happening, PreparedPrompt, never_begun
from r1local.replies.generation import TokenisedPrompt, check_prompt
from r1local.replies.settings import ReplySettings
from r1local.replies.stream import ReplyStream

#: Free tokens in the KV cache that each reply needs before another one may join.
_ROOM_TO_JOIN = 256


@dataclass(frozen=True, slots=True)
class _Request:
    """A reply that was asked for and hasn't begun."""

    number: int
    prompt: TokenisedPrompt
    settings: ReplySettings
    control: Control


class _Running:
    """A reply that is being generated.

    `tokens` are those of prompt and reply; a sequence of the batch contains the first of them,
    and the rest is pending. `cached` tokens of the prompt were not evaluated for it.
    """

    def __init__(self, request: _Request, stream: ReplyStream) -> None:
        self.number = request.number
        self.control = request.control
        self.stream = stream
        self.tokens = list(request.prompt.tokens)
        self.notices = request.prompt.notices
        self.started = False
        self.cached = 0
        self.prompt_s = 0.0

    def end(self) -> list[Event]:
        """Return the last events."""
        events = self.stream.finish(cached_tokens=self.cached, load_s=0.0, prompt_s=self.prompt_s)
        self.stream.close()
        return events


class LocalReplies:
    """`ManyReplies` of one model: as many as it has sequences and its KV cache has room for.

    What the prompts have in common at their beginning is evaluated once. A request that begins
    otherwise than those before it waits until they have ended.

    Args:
        loaded: the model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._added = 0
        self._waiting: deque[_Request] = deque()
        self._paused: deque[_Running] = deque()
        self._running: dict[int, _Running] = {}
        self._free: list[int] = []
        self._at_once = 0
        self._batch: Batch | None = None
        self._shared: list[int] = []
        self._evaluated = (0, 0.0)
        self._ended: list[tuple[int, Happening]] = []

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Ask for another reply."""
        assert isinstance(prompt, TokenisedPrompt)
        check_prompt(prompt.tokens, self._loaded.model.context_window)
        self._added += 1
        self._waiting.append(_Request(self._added, prompt, settings, control))
        return self._added

    def step(self) -> Iterator[tuple[int, Happening]]:
        """Evaluate what is pending, and draw a token for every reply that has nothing pending."""
        self._heed_controls()
        ended, self._ended = self._ended, []
        yield from ended
        if not self._running and not self._paused and not self._begin_batch():
            return
        batch = self._batch
        assert batch
        self._let_join(batch)
        yield from self._make_room(batch)
        for sequence, reply in self._evaluate(batch):
            if self._running.get(sequence) is reply:  # it may have been cancelled meanwhile
                yield from [(reply.number, each) for each in self._draw(batch, sequence, reply)]

    def cancel(self, number: int) -> None:
        """End a reply, whether it has begun or not; one that has ended stays as it is."""
        for request in [each for each in self._waiting if each.number == number]:
            self._waiting.remove(request)
            self._ended.append((number, never_begun(request.settings)))
        for sequence, reply in [*self._running.items()]:
            if reply.number == number:
                self._leave(sequence)
                self._ended += [(number, event) for event in reply.end()]
        for reply in [each for each in self._paused if each.number == number]:
            self._paused.remove(reply)
            self._ended += [(number, event) for event in reply.end()]

    def close(self, keep: PreparedPrompt | None = None) -> None:  # noqa: ARG002
        """End all replies; what the prompts have in common stays in the model's KV cache."""
        for reply in (*self._running.values(), *self._paused):
            reply.stream.close()
        if self._batch:
            self._batch.close()
        self._batch = None

    def _heed_controls(self) -> None:
        """Cancel the replies whose controls say so."""
        present: list[_Request | _Running] = [*self._waiting, *self._running.values()]
        for each in (*present, *self._paused):
            if each.control.cancelled():
                self.cancel(each.number)

    def _begin_batch(self) -> bool:
        """Evaluate what the waiting prompts share; return False if there are none, or cancelled."""
        if not self._waiting:
            return False
        if self._batch:
            self._batch.close()
            self._batch = None
        # The last token is left to the replies: each has to draw from the logits after it.
        self._shared = _common_beginning([each.prompt.tokens[:-1] for each in self._waiting])
        model, started = self._loaded.model, time.monotonic()
        cached: int | None = 0
        if self._shared:
            cached = model.evaluate(self._shared, self._all_cancelled)
        else:
            model.rewind(0)
        if cached is None:
            return False
        self._evaluated = cached, time.monotonic() - started
        self._batch = model.batch()
        self._free = list(reversed(range(self._batch.sequences)))
        self._at_once = self._batch.sequences
        return True

    def _all_cancelled(self) -> bool:
        return all(request.control.cancelled() for request in self._waiting)

    def _let_join(self, batch: Batch) -> None:
        """Fill the batch with the replies that were paused, and then with new ones."""
        while self._free and len(self._running) < self._at_once:
            tokens = self._next_tokens()
            if tokens is None:
                return
            own = len(tokens) - len(self._shared)
            if self._running and batch.room < own + _ROOM_TO_JOIN * (len(self._running) + 1):
                return
            reply = self._paused.popleft() if self._paused else self._begin_reply()
            self._running[self._free.pop()] = reply

    def _next_tokens(self) -> Sequence[int] | None:
        """Return the tokens of whoever is next to join; None if nobody can."""
        if self._paused:
            return self._paused[0].tokens
        if not self._waiting:
            return None
        tokens, shared = self._waiting[0].prompt.tokens, len(self._shared)
        alike = len(tokens) > shared and list(tokens[:shared]) == self._shared
        return tokens if alike else None

    def _begin_reply(self) -> _Running:
        request = self._waiting.popleft()
        model, prompt = self._loaded.model, request.prompt
        stream = ReplyStream(
            model.vocabulary,
            self._loaded.template.dialect,
            prompt.tokens,
            prompt.start,
            model.context_window,
            request.settings,
            request.control,
            prompt.answer,
        )
        reply = _Running(request, stream)
        reply.cached, reply.prompt_s = self._evaluated
        self._evaluated = len(self._shared), 0.0
        return reply

    def _evaluate(self, batch: Batch) -> list[tuple[int, _Running]]:
        """Evaluate pending tokens; return the sequences that have none left, and their replies."""
        parts: list[tuple[int, list[int]]] = []
        left = BATCH_TOKENS
        for sequence, reply in self._running.items():
            position = batch.position(sequence)
            if part := reply.tokens[position : position + left]:
                parts.append((sequence, part))
                left -= len(part)
        batch.evaluate(parts)
        evaluated = [(sequence, self._running[sequence]) for sequence, _part in parts]
        return [each for each in evaluated if batch.position(each[0]) == len(each[1].tokens)]

    def _draw(self, batch: Batch, sequence: int, reply: _Running) -> list[Happening]:
        """Draw a reply's next token; return what comes of it."""
        stream, events = reply.stream, list[Happening]()
        if not reply.started:
            reply.started = True
            events = ["started", *self._loaded.template.new_notices(reply.notices)]
        token, checker = batch.sample(sequence, stream.sampler), stream.checker
        doubtful = checker is not None and batch.sample(sequence, checker) != token
        events += stream.feed(token, doubtful=doubtful)
        if stream.finished:
            self._leave(sequence)
            return [*events, *reply.end()]
        if stream.rewind_to is not None:
            batch.rewind(sequence, stream.rewind_to)
            del reply.tokens[stream.rewind_to :]
        reply.tokens += stream.next_tokens
        return events

    def _make_room(self, batch: Batch) -> Iterator[tuple[int, Happening]]:
        """Pause replies, as vLLM preempts by recomputation (Kwon et al. 2023, arXiv 2309.06180).

        The reply with the fewest tokens is the cheapest to resume. From then on only as many reply
        at once as have proved to fit, so none is paused over and over. One alone always fits: a
        context window is no larger than the KV cache.
        """
        while len(self._running) > 1 and batch.room < self._pending(batch):
            sequence, reply = min(self._running.items(), key=lambda item: len(item[1].tokens))
            self._leave(sequence)
            self._paused.append(reply)
            self._at_once = len(self._running)
            yield reply.number, "paused"

    def _pending(self, batch: Batch) -> int:
        """Return the number of tokens that the next step evaluates."""
        pending = (
            len(reply.tokens) - batch.position(sequence)
            for sequence, reply in self._running.items()
        )
        return min(BATCH_TOKENS, sum(pending))

    def _leave(self, sequence: int) -> None:
        assert self._batch
        del self._running[sequence]
        self._batch.restart(sequence)
        self._free.append(sequence)


def _common_beginning(prompts: Sequence[Sequence[int]]) -> list[int]:
    """Return the tokens that all prompts begin with."""
    return [tokens[0] for tokens in takewhile(_all_equal, zip(*prompts, strict=False))]


def _all_equal(tokens: Sequence[int]) -> bool:
    return len(set(tokens)) == 1
