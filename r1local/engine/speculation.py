"""Speculative decoding: a draft is evaluated together with the token before it.

Each position is drawn from the model's own logits by the reply's own sampler, so a draft can only
save time: it is void from where the reply goes on in another way, and nothing is drawn there.
"""

import time
from collections.abc import Callable, Sequence

from r1local.engine.drafts import Source
from r1local.engine.model import Model

#: Steps with drafts in a row; then one without measures what a token takes by itself, which grows
#: with the text.
_MOST_IN_A_ROW = 64


class Speculation:
    """The evaluation of one reply's tokens, with drafts where they save time.

    Args:
        model: holds the prompt.
        sources: where drafts come from; their drafters were fed the prompt.
        only_flash: draft only while flash attention is used.
        clock: tells the seconds by which steps are measured.

    Attributes:
        drafted: tokens of drafts that were evaluated.
        accepted: those of them that the reply has.
    """

    def __init__(
        self,
        model: Model,
        sources: Sequence[Source],
        *,
        only_flash: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._sources = sources
        self._only_flash = only_flash
        self._clock = clock
        self._last_step: tuple[Source, int, float, int] | None = None
        self._in_a_row = 0
        self._off = False
        self.drafted = self.accepted = 0
        for source in sources:
            source.pace.begin()

    def rewind(self, position: int) -> None:
        """Keep only the first `position` tokens, as `Model.rewind`."""
        self._model.rewind(position)
        if not self._off:
            for source in self._sources:
                source.drafter.rewind(position)

    def advance(self, *tokens: int) -> None:
        """Evaluate more tokens, unless they were evaluated as a draft, as `Model.advance`."""
        if self._off:
            self._model.advance(*tokens)
            return
        for source in self._sources:
            source.drafter.feed(tokens)
        if self._model.accept(tokens):
            self.accepted += len(tokens)
        elif len(tokens) == 1:
            self._step(tokens[0])
        else:
            self._model.advance(*tokens)

    def _step(self, token: int) -> None:
        """Evaluate a token, and a draft if that pays; measure it."""
        if self._last_step:
            source, length, seconds, accepted_before = self._last_step
            source.pace.drafted(length, seconds, 1 + self.accepted - accepted_before)
            self._last_step = None
        started = self._clock()
        if (best := self._best()) and (draft := self._draft(best)):
            self._model.speculate(token, draft)
            self._last_step = best, len(draft), self._clock() - started, self.accepted
            self._in_a_row += 1
            self.drafted += len(draft)
            return
        started = self._clock()
        self._model.advance(token)
        seconds = self._clock() - started
        self._in_a_row = 0
        for source in self._sources:
            source.pace.took(seconds)
            self._off = source.pace.too_quick

    def _best(self) -> Source | None:
        """Return the source whose draft promises most, if any is worth its time."""
        if self._in_a_row >= _MOST_IN_A_ROW or (self._only_flash and not self._model.flash):
            return None
        worth = [s for s in self._sources if s.drafter.confidence >= s.pace.least_confidence]
        if len(worth) > 1:
            return max(worth, key=lambda source: source.pace.promise(source.drafter.confidence))
        return worth[0] if worth else None

    def _draft(self, source: Source) -> Sequence[int]:
        most = min(source.pace.length(source.drafter.confidence), self._model.room - 1)
        return source.drafter.propose(most) if most > 0 else ()
