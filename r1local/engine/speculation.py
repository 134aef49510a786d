"""Speculative decoding: a draft is evaluated together with the token before it.

Each position is drawn from the model's own logits by the reply's own sampler, so a draft can only
save time: it is void from where the reply goes on in another way, and nothing is drawn there.
"""

import time
from collections.abc import Callable, Sequence

from r1local.engine.drafts import Source
from r1local.engine.model import Model
from r1local.engine.reply_drafts import ReplyDrafts


class Speculation:
    """The evaluation of one reply's tokens, with drafts where they save time.

    Args:
        model: holds the prompt.
        sources: where drafts come from; their drafters were fed the prompt.
        alike_up_to: draft only with flash attention, and up to so many tokens in the KV cache;
            None for always.
        clock: tells the seconds by which steps are measured.
    """

    def __init__(
        self,
        model: Model,
        sources: Sequence[Source],
        *,
        alike_up_to: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._drafts = ReplyDrafts(sources)
        self._alike_up_to = alike_up_to
        self._clock = clock
        #: Of a step with a draft: its length, its seconds, and what was accepted before.
        self._last_step: tuple[int, float, int] | None = None

    @property
    def drafted(self) -> int:
        """Tokens of drafts that were evaluated."""
        return self._drafts.drafted

    @property
    def accepted(self) -> int:
        """Tokens of drafts that the reply has."""
        return self._drafts.accepted

    def rewind(self, position: int) -> None:
        """Keep only the first `position` tokens, as `Model.rewind`."""
        self._model.rewind(position)
        self._drafts.rewind(position)

    def advance(self, *tokens: int) -> None:
        """Evaluate more tokens, unless they were evaluated as a draft, as `Model.advance`."""
        self._drafts.feed(tokens)
        if self._model.accept(tokens):
            self._drafts.accepted += len(tokens)
        elif len(tokens) == 1 and not self._drafts.off:
            self._step(tokens[0])
        else:
            self._model.advance(*tokens)

    def _step(self, token: int) -> None:
        """Evaluate a token, and a draft if that pays; measure it."""
        self._learn()
        started = self._clock()
        if draft := self._drafts.best(self._most()):
            self._model.speculate(token, draft)
            self._last_step = len(draft), self._clock() - started, self.accepted
            self._drafts.drafted += len(draft)
            return
        started = self._clock()
        self._model.advance(token)
        self._drafts.learn(0, self._clock() - started, 1)

    def _learn(self) -> None:
        """Learn what the last step with a draft was worth, as its tokens have been drawn."""
        if self._last_step:
            length, seconds, accepted_before = self._last_step
            self._drafts.learn(length, seconds, 1 + self.accepted - accepted_before)
            self._last_step = None

    def _most(self) -> int:
        """Return how many tokens a draft may have."""
        model = self._model
        if self._alike_up_to is None:
            return model.room - 1
        left = self._alike_up_to - 1 - model.position
        return min(model.room - 1, left) if model.flash else 0
