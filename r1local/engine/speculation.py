"""Speculative decoding: a draft is evaluated together with the token before it.

Each position is drawn from the model's own logits by the reply's own sampler, so a draft can only
save time: it is void from where the reply goes on in another way, and nothing is drawn there.
"""

import time
from collections.abc import Callable, Sequence

from r1local.engine.drafts import Drafter
from r1local.engine.model import Model
from r1local.engine.pace import Pace


class Speculation:
    """The evaluation of one reply's tokens, with drafts where they save time.

    Args:
        model: holds the prompt.
        drafter: was fed the prompt.
        pace: what drafts are worth with this model.
        only_flash: draft only while flash attention is used.
        clock: tells the seconds by which steps are measured.

    Attributes:
        drafted: tokens of drafts that were evaluated.
        accepted: those of them that the reply has.
    """

    def __init__(
        self,
        model: Model,
        drafter: Drafter,
        pace: Pace,
        *,
        only_flash: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._drafter = drafter
        self._pace = pace
        self._only_flash = only_flash
        self._clock = clock
        self._last_step: tuple[int, float, int] | None = None
        self._off = False
        self.drafted = self.accepted = 0
        pace.begin()

    def rewind(self, position: int) -> None:
        """Keep only the first `position` tokens, as `Model.rewind`."""
        self._model.rewind(position)
        if not self._off:
            self._drafter.rewind(position)

    def advance(self, *tokens: int) -> None:
        """Evaluate more tokens, unless they were evaluated as a draft, as `Model.advance`."""
        if self._off:
            self._model.advance(*tokens)
            return
        self._drafter.feed(tokens)
        if self._model.accept(tokens):
            self.accepted += len(tokens)
        elif len(tokens) == 1:
            self._step(tokens[0])
        else:
            self._model.advance(*tokens)

    def _step(self, token: int) -> None:
        """Evaluate a token, and a draft if that pays; measure it."""
        pace, drafter = self._pace, self._drafter
        if self._last_step:
            length, seconds, accepted_before = self._last_step
            pace.drafted(length, seconds, 1 + self.accepted - accepted_before)
            self._last_step = None
        started = self._clock()
        confidence = drafter.confidence
        if confidence >= pace.least_confidence and (draft := self._draft(confidence)):
            self._model.speculate(token, draft)
            self._last_step = len(draft), self._clock() - started, self.accepted
            self.drafted += len(draft)
        else:
            self._model.advance(token)
            pace.took(self._clock() - started)
            self._off = pace.too_quick

    def _draft(self, confidence: float) -> Sequence[int]:
        if self._only_flash and not self._model.flash:
            return ()
        most = min(self._pace.length(confidence), self._model.room - 1)
        return self._drafter.propose(most) if most > 0 else ()
