"""What drafts are worth: the cost of evaluating several tokens at once, measured while replying."""

from r1local.engine.limits import MOST_DRAFTED
from r1local.engine.step_times import StepTimes

#: Lengths of drafts to choose from.
LENGTHS = (1, 2, 3, 5, 7, 11, MOST_DRAFTED)
#: Steps after which it is judged anew what pays.
_STRIDE = 64
#: Steps to know before the first draft.
LEAST_STEPS = 2
#: Seconds of a step below which looking for drafts, which takes 0.01 ms, costs more than it may.
QUICK_S = 1e-3
#: Tokens' time that drafts may lose at first, for each token without one, and save up.
FIRST_STAKE, STAKE, MOST_STAKE = 3.0, 0.01, 32.0
#: The gain for which a draft is worth trying.
LEAST_GAIN = 1.05


class Pace:
    """The seconds of steps by their size, and from them the best length of a draft.

    Drafts may lose at most a hundredth of a reply's time, and that of three tokens: they have a
    stake, which each of them could lose, to which its gain is added.
    """

    def __init__(self) -> None:
        self._times = StepTimes()
        self._stake = FIRST_STAKE
        #: The least confidence in a draft's first token for which one pays.
        self.least_confidence = 2.0

    @property
    def too_quick(self) -> bool:
        """Whether the model is so quick that even looking for drafts would slow it down."""
        return self._times.steps >= LEAST_STEPS and self._alone < QUICK_S

    def begin(self) -> None:
        """Begin a reply: what earlier ones lost or gained doesn't count."""
        self._stake = max(FIRST_STAKE, min(self._stake, 2 * FIRST_STAKE))
        self._judge()

    def took(self, seconds: float) -> None:
        """Learn what a step without a draft took."""
        self._learn(1, seconds)
        self._stake += STAKE
        if self._times.steps == LEAST_STEPS or (self.least_confidence > 1 and self._stake > 0):
            self._judge()

    def drafted(self, length: int, seconds: float, written: int) -> None:
        """Learn what a step with a draft took, and how many tokens it has written."""
        gain = written - self._learn(1 + length, seconds) / self._alone
        self._stake = min(self._stake + gain, MOST_STAKE)
        self._judge()

    def spend(self, seconds: float) -> bool:
        """Take what a drafter needs otherwise from the stake; return whether it holds as much."""
        if not self._times.steps or seconds > self._stake * self._alone:
            return False
        self._stake -= seconds / self._alone
        return True

    def length(self, confidence: float) -> int:
        """Return the length of a draft that promises the most tokens per second; 0 for none.

        It loses no more than the stake if it is wrong.
        """
        best, length = LEAST_GAIN, 0
        most = (1 + self._stake) * self._alone
        for each in LENGTHS:
            if self._times.of_size(1 + each, 1) > most:
                break
            if (gain := self._gain(each, confidence)) > best:
                best, length = gain, each
        return length

    def promise(self, confidence: float) -> float:
        """Return the speed with the best draft, as a multiple of that without."""
        return max(self._gain(each, confidence) for each in LENGTHS)

    def _gain(self, length: int, confidence: float) -> float:
        """Return the speed with a draft, as a multiple of that without."""
        p = min(confidence, 0.99)
        tokens = (1 - p ** (length + 1)) / (1 - p)
        return tokens * self._alone / self._times.of_size(1 + length, 1)

    def _judge(self) -> None:
        """Find the least confidence for which a draft pays, to a twentieth."""
        self.least_confidence = 2.0
        if self._stake > 0 and self._times.steps >= LEAST_STEPS:
            promising = (each / 20 for each in range(1, 20) if self.length(each / 20))
            self.least_confidence = next(promising, 2.0)

    def _learn(self, size: int, seconds: float) -> float:
        """Learn what a step took; return its seconds, without what was surely an interruption."""
        seconds = self._times.learn(size, seconds, 1)
        if self._times.steps % _STRIDE == 0:
            self._judge()
        return seconds

    @property
    def _alone(self) -> float:
        """The seconds of a step without a draft."""
        return self._times.of_size(1, 1)
