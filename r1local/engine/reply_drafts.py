"""The drafts of one reply: which source they come from, how long they are, what became of them."""

from collections.abc import Sequence

from r1local.engine.drafts import Source

#: Steps with drafts in a row; then one without measures what a token takes by itself, which grows
#: with the text.
_MOST_IN_A_ROW = 64


class ReplyDrafts:
    """The drafts of one reply, as many as pay where no other reply shares its steps.

    Args:
        sources: where drafts come from, the text so far first; their drafters were fed the prompt.

    Attributes:
        off: the model is so quick that no drafts are looked for any more.
        drafted: tokens of drafts that were evaluated.
        accepted: those of them that the reply has.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._drafting: Source | None = None
        self._in_a_row = 0
        self.off = False
        self.drafted = self.accepted = 0
        for source in sources:
            source.pace.begin()

    @property
    def confidence(self) -> float:
        """How likely the first token of a draft from the text so far would be right."""
        return 0.0 if self.off else self._sources[0].drafter.confidence

    def feed(self, tokens: Sequence[int]) -> None:
        """Take the next tokens of the text."""
        if not self.off:
            for source in self._sources:
                source.drafter.feed(tokens)

    def rewind(self, position: int) -> None:
        """Forget all but the first `position` tokens of the text."""
        if not self.off:
            for source in self._sources:
                source.drafter.rewind(position)

    def propose(self, most: int) -> Sequence[int]:
        """Return at most so many tokens from the text so far that may come next."""
        return self._sources[0].drafter.propose(most)

    def best(self, most: int) -> Sequence[int]:
        """Return the draft of at most so many tokens that promises most; none if none pays."""
        self._drafting = source = self._best() if most > 0 else None
        if source is None:
            return ()
        length = min(source.pace.length(source.drafter.confidence), most)
        return source.drafter.propose(length) if length > 0 else ()

    def learn(self, length: int, seconds: float, written: int) -> None:
        """Learn what a step of this reply alone took, with the best draft or none.

        Args:
            length: how many tokens were drafted.
            seconds: what drafting and evaluating them took.
            written: how many tokens the reply has gained.
        """
        if length and self._drafting:
            self._drafting.pace.drafted(length, seconds, written)
            self._in_a_row += 1
            return
        self._in_a_row = 0
        for source in self._sources:
            source.pace.took(seconds)
            self.off = source.pace.too_quick

    def _best(self) -> Source | None:
        """Return the source whose draft promises most, if any is worth its time."""
        if self._in_a_row >= _MOST_IN_A_ROW:
            return None
        worth = [s for s in self._sources if s.drafter.confidence >= s.pace.least_confidence]
        if len(worth) > 1:
            return max(worth, key=lambda source: source.pace.promise(source.drafter.confidence))
        return worth[0] if worth else None
