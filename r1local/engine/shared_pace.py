"""What drafts are worth in steps that several replies share, and which of them pay.

A step reads the weights once for all replies, so what drafts cost depends on how many tokens there
are without them: where a processor computes rather than waits for memory, every token of a large
step takes as long as the others, and only drafts that are nearly always right save time.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from r1local.engine.limits import MOST_DRAFTED
from r1local.engine.pace import FIRST_STAKE, LEAST_GAIN, LEAST_STEPS, MOST_STAKE, QUICK_S, STAKE
from r1local.engine.step_times import StepTimes

#: Tokens of a step to choose from, so that few sizes have to be measured.
_SIZES = (2, 3, 4, 6, 8, 12, 16, 20, 24, 32, 40, 48, 63)
#: Tokens that are less likely right aren't considered.
_LEAST_CHANCE = 0.2
#: How sure of a draft one can be.
_MOST_SURE = 0.99
#: Steps after which it is judged anew what pays.
_STRIDE = 8
#: Steps with drafts in a row; then one without measures what the replies take by themselves.
_MOST_IN_A_ROW = 64
_NEVER = 2.0


class SharedPace:
    """The seconds of shared steps by their size, and from them the drafts that pay.

    As with one reply (`engine.pace`), drafts may lose at most a hundredth of the time and that of
    three tokens: they have a stake, in tokens' time, which no step may lose more than.
    """

    def __init__(self) -> None:
        self._times = StepTimes()
        self._stake = FIRST_STAKE
        self._in_a_row = 0
        self._judged = (0, 0)
        self._least_confidence = _NEVER

    def begin(self) -> None:
        """Begin after a time without replies: what earlier ones lost or gained doesn't count."""
        self._stake = max(FIRST_STAKE, min(self._stake, 2 * FIRST_STAKE))
        self._judged = (0, 0)

    def too_quick(self, replies: int) -> bool:
        """Whether even looking for drafts would slow down steps of so many replies."""
        if self._times.steps < LEAST_STEPS or replies not in self._times:
            return False
        return self._times.of_size(replies, replies) < QUICK_S * replies

    def took(self, replies: int, seconds: float) -> None:
        """Learn what a step without drafts took."""
        self._times.learn(replies, seconds, replies)
        self._stake += STAKE * replies
        self._in_a_row = 0

    def drafted(self, replies: int, length: int, seconds: float, written: int) -> None:
        """Learn what a step with so many drafted tokens took, and how many tokens it has written.

        Steps of so many replies without drafts must have been measured.
        """
        seconds = self._times.learn(replies + length, seconds, replies)
        gain = written - replies * seconds / self._times.of_size(replies, replies)
        self._stake = min(self._stake + gain, MOST_STAKE)
        self._in_a_row += 1

    def lengths(self, confidences: Sequence[float], most: int) -> Sequence[int]:
        """Return the lengths of the replies' drafts that promise the most tokens per second.

        Args:
            confidences: of each reply, how likely its draft's first token is right.
            most: the most tokens of all drafts together.

        Returns:
            The length of each reply's draft; nothing if drafts don't pay.
        """
        if not self._may_pay(max(confidences, default=0.0), len(confidences)):
            return ()
        likeliest = sorted(_likely(confidences), reverse=True)[:most]
        count = self._best_count([chance for chance, _ in likeliest], len(confidences))
        lengths = Counter(reply for _, reply in likeliest[:count])
        return [lengths[reply] for reply in range(len(confidences))] if count else ()

    def _may_pay(self, confidence: float, replies: int) -> bool:
        """Whether drafts pay if the best of them is as likely right; this takes no time."""
        if self._times.steps < LEAST_STEPS or replies not in self._times:
            return False
        steps, judged_for = self._judged
        if judged_for != replies or self._times.steps - steps >= _STRIDE:
            self._judged = self._times.steps, replies
            self._least_confidence = self._least(replies)
        return confidence >= self._least_confidence and self._in_a_row < _MOST_IN_A_ROW

    def _least(self, replies: int) -> float:
        """Return the least confidence for which drafts pay if all have it, to a sixteenth."""
        least, most = 0, 16
        while most - least > 1:
            middle = (least + most) // 2
            chances = [chance for chance, _ in _likely([middle / 16] * replies)]
            if self._best_count(sorted(chances, reverse=True), replies):
                most = middle
            else:
                least = middle
        return most / 16 if most < 16 else self._surest(replies)

    def _surest(self, replies: int) -> float:
        chances = sorted((chance for chance, _ in _likely([1.0] * replies)), reverse=True)
        return 15 / 16 if self._best_count(chances, replies) else _NEVER

    def _best_count(self, chances: Sequence[float], replies: int) -> int:
        """Return how many of the likeliest tokens to draft; none if that gains too little.

        They lose no more than the stake if they are wrong.
        """
        alone = self._times.of_size(replies, replies)
        most_s = alone * (1 + self._stake / replies)
        sizes = [size for size in _SIZES if replies < size < replies + len(chances)]
        best, count, written = LEAST_GAIN, 0, float(replies)
        for smaller, size in pairwise((replies, *sizes, replies + len(chances))):
            seconds = self._times.of_size(size, replies)
            if seconds > most_s:
                break
            written += sum(chances[smaller - replies : size - replies])
            if (gain := written * alone / (replies * seconds)) > best:
                best, count = gain, size - replies
        return count


def _likely(confidences: Sequence[float]) -> list[tuple[float, int]]:
    """Return how likely each token of the longest drafts is right, and whose it is."""
    likely = []
    for reply, confidence in enumerate(confidences):
        sure = chance = min(confidence, _MOST_SURE)
        for _ in range(MOST_DRAFTED):
            if chance < _LEAST_CHANCE:
                break
            likely.append((chance, reply))
            chance *= sure
    return likely
