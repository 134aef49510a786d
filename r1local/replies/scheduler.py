"""Several replies at once from one local model: the one place where they share it.

Requests join and leave between steps (continuous batching, as in Orca: Yu et al., OSDI 2022). A
step draws one token for each reply that is being written, and reads a bounded part of the
prompts of others. What a prompt has in common with a sequence in the KV cache is neither read
nor stored again. Where drafts pay, a step may draw several tokens for a reply.
"""

from bisect import insort
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from operator import attrgetter
from queue import Empty, SimpleQueue

from r1local.engine.batch import Part, shared_prefix
from r1local.engine.limits import BATCH_TOKENS
from r1local.errors import InferenceError, R1LocalError
from r1local.events.reply import Reading
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.engine import Happening, PreparedPrompt
from r1local.replies.generation import TokenisedPrompt, check_prompt
from r1local.replies.request import Request
from r1local.replies.settings import ReplySettings
from r1local.replies.shared_drafts import SharedDrafts
from r1local.replies.stream import ReplyStream

#: Prompt tokens in a step that also draws tokens, so that no stream falters for long. GPUs read
#: many in the time of a token. CPUs may take as long for each of them as for a drawn one, and more
#: than in large steps (docs/benchmarks.md): there it is half as many as are drawn, at least these.
#: Measuring would fit each machine better, but change a seed's text with what else it does.
_GPU_PROMPT_TOKENS, _CPU_PROMPT_TOKENS = 128, 4
#: Free tokens in the KV cache that each reply needs before another one may join.
_ROOM_TO_JOIN = 256
#: The least that is forgotten of a sequence when room is needed, so that it happens rarely.
_LEAST_TRIMMED = 256


class Scheduler:
    """`ManyReplies` of one model. Close it, or use it in `with`, before using the model otherwise.

    One thread steps, waits and closes. Any thread may add and cancel requests, and give steering
    commands through a request's control.

        with Scheduler(loaded) as scheduler:
            number = scheduler.add(prompt, ReplySettings(), Control())
            while scheduler.busy:
                for number, happening in scheduler.step(): …

    Requests join in the order of arrival, as many as the model has sequences and its KV cache
    has room for. The tokens of finished ones stay in the cache until their room is needed.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self._batch = loaded.model.batch()
        self._drafts = SharedDrafts(loaded, self._batch)
        self._numbers = count(1)
        self._inbox: SimpleQueue[Request] = SimpleQueue()
        self._requests: dict[int, Request] = {}
        self._waiting: list[Request] = []
        #: Requests that have a sequence, by its number.
        self._running: dict[int, Request] = {}
        #: Sequences that no request has, the least recently used first.
        self._idle = list(range(self._batch.sequences))
        self._at_once = self._batch.sequences
        self._full = False
        #: A prompt begins to be read that takes long.
        self._reading = False
        self._happenings: list[tuple[int, Happening]] = []

    def close(self, keep: PreparedPrompt | None = None) -> None:
        """Drop all requests, and give the KV cache back to the model.

        Args:
            keep: a prompt of which the model's own sequence holds afterwards as much as there is
                in the cache; by default it holds what it held before.
        """
        for request in self._requests.values():
            request.close()
        self._requests.clear()
        self._batch.close(keep.tokens if isinstance(keep, TokenisedPrompt) else None)

    def __enter__(self) -> "Scheduler":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def sequences(self) -> int:
        """The most replies that are written at once."""
        return self._batch.sequences

    @property
    def busy(self) -> bool:
        """Whether there are requests that have not ended."""
        return bool(self._requests)

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Add a request, and return the number by which `step` speaks of it.

        Raises:
            ChatTemplateError: the prompt is empty.
            PromptTooLong: the prompt leaves no room for a reply.
        """
        assert isinstance(prompt, TokenisedPrompt)
        check_prompt(prompt.tokens, self._loaded.model.context_window)
        request = Request(next(self._numbers), prompt, settings, control)
        self._requests[request.number] = request
        self._inbox.put(request)
        return request.number

    def cancel(self, number: int) -> None:
        """End a request before its next token, unless it has ended."""
        if request := self._requests.get(number):
            request.withdrawn = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a request, for at most so many seconds; return whether there is one."""
        if not self.busy:
            try:
                self._line_up(self._inbox.get(timeout=timeout))
            except Empty:
                return False
        return True

    def step(self) -> list[tuple[int, Happening]]:
        """Evaluate once; return what happened, with the numbers of the requests.

        If an error ends a request, the others go on. When llama.cpp fails, all that took part in
        the step end.
        """
        self._happenings = []
        while not self._inbox.empty():
            self._line_up(self._inbox.get())
        for request in (*self._running.values(), *self._waiting):
            if request.cancelled:
                self._finish(request)
        self._let_join()
        if self._reading:  # told before the step, which takes long
            self._reading = False
            return self._happenings
        self._catch_up()
        if parts := self._parts_with_room():
            self._evaluate(parts)
        return self._happenings

    # --- Coming and going -------------------------------------------------------

    def _line_up(self, request: Request) -> None:
        insort(self._waiting, request, key=attrgetter("number"))

    def _let_join(self) -> None:
        places = min(len(self._idle), self._at_once - len(self._running))
        for request in self._waiting[: max(0, places)]:
            self._full = self._full or not self._find_place(request)
            if self._full:
                return
            request.join()
            self._waiting.remove(request)
            self._running[request.sequence] = request
            position = self._batch.position(request.sequence)
            if request.leader is None and len(request.tokens) - position > BATCH_TOKENS:
                self._tell_reading(request)
                self._reading = True

    def _find_place(self, request: Request) -> bool:
        """Give a request a sequence and what is known of its prompt, if there is room for it."""
        batch = self._batch
        empty = (each for each in self._idle if not batch.position(each))
        request.sequence = next(empty, self._idle[0])
        self._idle.remove(request.sequence)
        self._share(request, *batch.longest_shared(request.tokens[:-1]))
        self._follow(request)
        # What the leader reads takes no room of its own.
        own = len(request.tokens) - max(batch.position(request.sequence), request.ahead)
        enough = self._trim(own + _ROOM_TO_JOIN * (len(self._running) + 1))
        if enough or not self._running:
            return True
        self._idle.append(request.sequence)
        return False

    def _share(self, request: Request, source: int, count: int) -> None:
        """Let a request's sequence begin with what another one holds, or forget all of it."""
        request.spare(self._batch.share(source, request.sequence, count))

    def _follow(self, request: Request) -> None:
        """Find the request that is reading most of this one's prompt, beyond what is shared."""
        request.leader, request.ahead = None, self._batch.position(request.sequence)
        for other in self._running.values():
            ahead = shared_prefix(other.tokens, request.tokens[:-1])
            if ahead > request.ahead:
                request.leader, request.ahead = other, ahead

    def _catch_up(self) -> None:
        """Give requests what their leaders have read for them, or would have if they had stayed."""
        for request in self._running.values():
            leader = request.leader
            if leader is None:
                continue
            if self._running.get(leader.sequence) is not leader:
                self._share(request, *self._batch.longest_shared(request.tokens[:-1]))
            elif self._batch.position(leader.sequence) >= request.ahead:
                self._share(request, leader.sequence, request.ahead)
            else:
                continue
            request.leader = None

    def _leave(self, request: Request, keep: int) -> None:
        """Take a request's sequence away; so many of its tokens stay while there is room."""
        self._full = False
        if request in self._waiting:
            self._waiting.remove(request)
            return
        del self._running[request.sequence]
        self._batch.rewind(request.sequence, keep)
        self._idle.append(request.sequence)

    def _end(self, request: Request, *last: Happening) -> None:
        self._tell(request, *last)
        del self._requests[request.number]
        self._leave(request, self._worth_keeping(request))
        request.close()
        if not any(each.paused for each in self._requests.values()):
            self._at_once = self._batch.sequences

    def _worth_keeping(self, request: Request) -> int:
        """Return how many tokens another prompt may begin with: thoughts aren't sent again.

        Of several replies to one prompt, as in a vote, at most one goes on: the last is kept.
        """
        others = (*self._running.values(), *self._waiting)
        alike = any(each.prompt is request.prompt for each in others if each is not request)
        return len(request.prompt.tokens if request.thought or alike else request.tokens)

    def _finish(self, request: Request) -> None:
        self._end(request, *request.finish(self._loaded))

    def _tell_reading(self, request: Request) -> None:
        """Tell how far the prompt of a reply has been read that hasn't begun."""
        if request.stream is None and not request.paused:
            position = self._batch.position(request.sequence)
            self._tell(request, Reading(position, len(request.tokens)))

    def _tell(self, request: Request, *happenings: Happening) -> None:
        self._happenings += ((request.number, each) for each in happenings)

    # --- Room in the KV cache ---------------------------------------------------

    def _parts_with_room(self) -> list[Part]:
        """Return the next step's parts, after pausing replies if there is no room for them.

        Paused replies are evaluated again later, as vLLM preempts by recomputation (Kwon et al.
        2023, arXiv 2309.06180). The one with the fewest tokens is the cheapest to resume. Until
        all that were paused have ended, only as many reply at once as have proved to fit, so
        that none is paused over and over. One alone always fits: a context window is no
        larger than the KV cache.
        """
        parts = self._parts()
        while not self._trim(sum(len(part.tokens) for part in parts)) and len(self._running) > 1:
            self._pause(min(self._running.values(), key=lambda each: len(each.tokens)))
            parts = self._parts()
        return parts

    def _pause(self, request: Request) -> None:
        self._leave(request, len(request.tokens))
        request.paused = True
        self._at_once = len(self._running)
        self._line_up(request)
        self._tell(request, "paused")

    def _trim(self, needed: int) -> bool:
        """Forget the ends of idle sequences until there is room; return whether there is."""
        batch = self._batch
        for sequence in self._idle if batch.room < needed else ():
            while (short := needed - batch.room) > 0 and (held := batch.position(sequence)):
                batch.rewind(sequence, max(0, held - max(short, _LEAST_TRIMMED)))
        return batch.room >= needed

    # --- A step -----------------------------------------------------------------

    def _parts(self) -> list[Part]:
        """Return what the next step evaluates: a token of each reply, and parts of prompts."""
        parts: list[Part] = []
        reading: dict[int, Request] = {}
        for request in self._running.values():
            if request.leader is None:
                if len(request.tokens) - self._batch.position(request.sequence) == 1:
                    parts.append(Part(request.sequence, request.tokens[-1:]))
                else:
                    reading[request.number] = request
        if reading:
            left = BATCH_TOKENS - len(parts)
            wanted = {number: self._to_stop(request) for number, request in reading.items()}
            shares = shared_out(wanted, min(left, self._beside(len(parts))) if parts else left)
            parts += (
                self._part(reading[number], share) for number, share in shares.items() if share
            )
        return parts

    def _beside(self, drawn: int) -> int:
        """Return how many prompt tokens a step reads that draws so many tokens."""
        on_gpu = self._loaded.model.settings.gpu_layers
        return _GPU_PROMPT_TOKENS if on_gpu else max(drawn // 2, _CPU_PROMPT_TOKENS)

    def _part(self, request: Request, length: int) -> Part:
        """Return the next tokens of a request; logits are needed after the last of all."""
        position = self._batch.position(request.sequence)
        end = position + length
        tokens = request.tokens[position:end]
        return Part(request.sequence, tokens, int(end == len(request.tokens)))

    def _to_stop(self, request: Request) -> int:
        """Return how much to read: up to where a follower differs, as some states can't be cut."""
        followers = (each.ahead for each in self._running.values() if each.leader is request)
        end = min((len(request.tokens), *followers))
        return end - self._batch.position(request.sequence)

    def _evaluate(self, parts: Sequence[Part]) -> None:
        requests = [self._running[part.sequence] for part in parts]
        long = any(len(part.tokens) > 1 for part in parts)
        parts = self._drafts.added(parts, requests)
        try:
            if not self._batch.evaluate(parts, self._all_cancelled if long else None):
                return
        except InferenceError as error:
            for request in requests:
                self._end(request, error)
            return
        self._drafts.evaluated()
        for part, request in zip(parts, requests, strict=True):
            while part.outputs and self._draw(request):
                pass  # as long as the draft is right
            if not part.outputs and self._has_read_much(part):
                self._tell_reading(request)
        self._drafts.learn()

    def _has_read_much(self, part: Part) -> bool:
        """Tell whether a part completes another batch's worth of its prompt."""
        return self._batch.position(part.sequence) % BATCH_TOKENS < len(part.tokens)

    def _all_cancelled(self) -> bool:
        return all(request.cancelled for request in self._running.values())

    def _draw(self, request: Request) -> bool:
        """Draw a request's next token, and hear from its reply what follows.

        Returns:
            Whether that has been evaluated, as it was drafted: one more token can be drawn.
        """
        try:
            stream = request.stream or self._start(request)
            sample = partial(self._batch.sample, request.sequence, ahead=len(request.draft))
            token, checker = sample(stream.sampler), stream.checker
            doubtful = checker is not None and sample(checker) != token
            self._tell(request, *request.feed(token, doubtful=doubtful))
        except R1LocalError as error:
            self._end(request, error)
            return False
        if stream.finished:
            self._finish(request)
            return False
        if request.follows_draft() and not request.cancelled:
            return True
        if request.draft or stream.rewind_to is not None:
            self._forget_draft(request, stream.rewind_to)
        return False

    def _start(self, request: Request) -> ReplyStream:
        """Begin a reply, whose prompt has been read."""
        stream = request.start(self._loaded)
        self._drafts.begin(request, len(self._running))
        notices = self._loaded.template.new_notices(request.prompt.notices)
        self._tell(request, "started", *notices)
        return stream

    def _forget_draft(self, request: Request, rewind_to: int | None) -> None:
        """Take from a request's sequence what is left of its draft, and what its reply rewinds."""
        drafted_from = self._batch.position(request.sequence) - len(request.draft)
        self._batch.rewind(request.sequence, drafted_from if rewind_to is None else rewind_to)
        request.draft = []


def shared_out(wanted: Mapping[int, int], tokens: int) -> dict[int, int]:
    """Return how many tokens of each prompt a step reads.

    Half are for the prompt that came first, so that none waits for ever, and the others for those
    that are soonest read.

    Args:
        wanted: the tokens that each request wants to be read, by its number.
        tokens: how many the step can read.
    """
    first = min(wanted)
    shares = dict.fromkeys(wanted, 0)
    shares[first] = min(wanted[first], (tokens + 1) // 2)
    left = tokens - shares[first]
    for number in sorted(wanted, key=lambda each: (wanted[each] - shares[each], each)):
        more = min(wanted[number] - shares[number], left)
        shares[number] += more
        left -= more
    return shares
