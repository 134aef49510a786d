"""The drafts of replies that are written together, in the steps that they share."""

import time
from collections.abc import Callable, Iterator, Sequence

from r1local.engine.batch import Batch, Part
from r1local.engine.drafts import Drafts, Source
from r1local.engine.limits import MOST_DRAFTED
from r1local.engine.reply_drafts import ReplyDrafts
from r1local.models.loading import LoadedModel
from r1local.replies.request import Request

#: Tokens by which a voter may be ahead of another one and still have drafts: a vote takes as long
#: as its slowest replies, and the fewer are left, the less a step does for its time.
_MOST_AHEAD = 4
#: Tokens by which one is behind that began later, when another one had ended.
_TOGETHER = 64


class SharedDrafts:
    """Adds to each step the drafts that pay, and learns from what became of them.

    A reply that is alone in its steps is drafted for as by `engine.speculation`. Of several, those
    tokens are drafted that are likeliest right, whosever they are, as long as all replies together
    gain. There are none in steps that also read a prompt.

    Args:
        loaded: the model, and what drafts are made from.
        batch: the model's sequences.
        clock: tells the seconds by which steps are measured.
    """

    def __init__(
        self, loaded: LoadedModel, batch: Batch, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._loaded = loaded
        self._batch = batch
        self._clock = clock
        self._requests: Sequence[Request] = ()
        self._began = self._seconds = 0.0
        self._length = self._accepted_before = 0
        if loaded.drafts:
            loaded.drafts.shared_pace.begin()

    def begin(self, request: Request, replies: int) -> None:
        """Draft for a reply that begins, if it may have drafts.

        Args:
            replies: how many are written, with this one. A draft model has only one text, that
                of a reply that begins alone.
        """
        drafts = self._loaded.drafts
        if drafts is None or _too_quick(drafts, replies):
            return
        # What was drafted in vain leaves gaps in the KV cache, and attention adds up in its order.
        if request.settings.sampler.repeatable and not drafts.asked_for:
            return
        prompt = request.prompt.tokens
        if replies == 1:
            drafts.shared_pace.begin()
            request.drafts = ReplyDrafts(drafts.sources(prompt, request.control.cancelled))
        else:
            request.drafts = ReplyDrafts([Source(drafts.drafter(prompt), drafts.pace)])

    def added(self, parts: Sequence[Part], requests: Sequence[Request]) -> Sequence[Part]:
        """Return the parts of a step, one for each of some requests, with the drafts that pay.

        Tell `evaluated` that they were, and `learn` when the next tokens have been drawn.
        """
        self._requests = ()
        drafting = [each for each in requests if each.drafts and not each.drafts.off]
        if not drafting or any(not each.stream for each in requests):
            return parts
        if any(len(part.tokens) > 1 for part in parts):
            return parts
        self._requests, self._accepted_before = requests, _accepted(requests)
        self._began = self._clock()
        most = self._batch.most_with_drafts - len(parts)
        self._draft_alone(most) if len(requests) == 1 else self._draft_together(most)
        if not any(each.draft for each in requests):
            self._began = self._clock()
            return parts
        return [_drafted(*each) for each in zip(parts, requests, strict=True)]

    def evaluated(self) -> None:
        """Measure the step, which has just been evaluated."""
        if not self._requests:
            return
        self._batch.wait()
        self._seconds = self._clock() - self._began
        for request in self._requests:
            if request.drafts:
                request.drafts.drafted += len(request.draft)
        self._length = sum(len(each.draft) for each in self._requests)

    def learn(self) -> None:
        """Learn what the step was worth, now that its tokens have been drawn."""
        if not (self._requests and self._loaded.drafts):
            return
        replies = len(self._requests)
        written = replies + _accepted(self._requests) - self._accepted_before
        if replies == 1 and (alone := self._requests[0].drafts):
            alone.learn(self._length, self._seconds, written)
        elif self._length:
            pace = self._loaded.drafts.shared_pace
            pace.drafted(replies, self._length, self._seconds, written)
        else:
            self._loaded.drafts.shared_pace.took(replies, self._seconds)

    def _draft_alone(self, most: int) -> None:
        """Draft for the only reply."""
        (request,) = self._requests
        if request.drafts:
            request.draft = [*request.drafts.best(min(most, self._room(request)))]

    def _draft_together(self, most: int) -> None:
        """Draft what is likeliest right, as far as it pays for all replies."""
        assert self._loaded.drafts
        pace, requests = self._loaded.drafts.shared_pace, self._requests
        if pace.too_quick(len(requests)):
            for request in requests:
                if request.drafts:
                    request.drafts.off = True
            self._requests = ()
            return
        confidences = [*map(_confidence, requests, leads(requests))]
        for request, length in zip(requests, pace.lengths(confidences, most), strict=False):
            if request.drafts and length:
                request.draft = [*request.drafts.propose(min(length, self._room(request)))]

    def _room(self, request: Request) -> int:
        """Return how many tokens a request's draft may have."""
        left = self._loaded.model.context_window - len(request.tokens)
        return max(0, min(left, MOST_DRAFTED))


def _too_quick(drafts: Drafts, replies: int) -> bool:
    return drafts.pace.too_quick if replies == 1 else drafts.shared_pace.too_quick(replies)


def leads(requests: Sequence[Request]) -> Iterator[int]:
    """Yield by how many tokens each request is ahead of others that began with it."""
    for each in requests:
        alike = (other for other in requests if other.prompt is each.prompt)
        ahead = (len(each.tokens) - len(other.tokens) for other in alike)
        yield max(lead for lead in ahead if lead <= _TOGETHER)


def _confidence(request: Request, lead: int) -> float:
    """Return how likely the first token of a request's draft is right; 0 if it is to have none."""
    return request.drafts.confidence if request.drafts and lead <= _MOST_AHEAD else 0.0


def _accepted(requests: Sequence[Request]) -> int:
    return sum(each.drafts.accepted for each in requests if each.drafts)


def _drafted(part: Part, request: Request) -> Part:
    """Return a part with a draft after its only token."""
    return Part(part.sequence, [*part.tokens, *request.draft], 1 + len(request.draft))
