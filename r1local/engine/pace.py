"""What drafts are worth: the cost of evaluating several tokens at once, measured while replying."""

from r1local.engine.limits import MOST_DRAFTED

#: Lengths of drafts to choose from.
LENGTHS = (1, 2, 3, 5, 7, 11, MOST_DRAFTED)
#: The cost of each further token, in steps of one token, until it has been measured: that of
#: SmolLM2-135M on a CPU, while GPUs take next to nothing for it.
_FURTHER = 0.3
#: What the first step of a size counts for in its seconds, and later ones, and how many times as
#: long as expected one can have taken: the system may have interrupted it.
_FIRST_SHARE, _SHARE, _MOST_TIMES = 1 / 2, 1 / 4, 3.0
#: Steps after which the seconds of larger steps are moved towards the expected, and how far.
_STRIDE, _FORGOTTEN = 64, 0.05
#: Steps to know before the first draft.
_LEAST_STEPS = 2
#: Seconds of a step below which looking for drafts, which takes 0.01 ms, costs more than it may.
_QUICK_S = 1e-3
#: Tokens' time that drafts may lose at first, for each token without one, and save up.
_FIRST_STAKE, _STAKE, _MOST_STAKE = 3.0, 0.01, 32.0
#: The gain for which a draft is worth trying.
_LEAST_GAIN = 1.05


class Pace:
    """The seconds of steps by their size, and from them the best length of a draft.

    Drafts may lose at most a hundredth of a reply's time, and that of three tokens: they have a
    stake, which each of them could lose, to which its gain is added.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._steps = 0
        self._stake = _FIRST_STAKE
        #: The least confidence in a draft's first token for which one pays.
        self.least_confidence = 2.0

    @property
    def too_quick(self) -> bool:
        """Whether the model is so quick that even looking for drafts would slow it down."""
        return self._steps >= _LEAST_STEPS and self._seconds[1] < _QUICK_S

    def begin(self) -> None:
        """Begin a reply: what earlier ones lost or gained doesn't count."""
        self._stake = max(_FIRST_STAKE, min(self._stake, 2 * _FIRST_STAKE))
        self._judge()

    def took(self, seconds: float) -> None:
        """Learn what a step without a draft took."""
        self._learn(1, seconds)
        self._stake += _STAKE
        if self._steps == _LEAST_STEPS or (self.least_confidence > 1 and self._stake > 0):
            self._judge()

    def drafted(self, length: int, seconds: float, written: int) -> None:
        """Learn what a step with a draft took, and how many tokens it has written."""
        gain = written - self._learn(1 + length, seconds) / self._seconds[1]
        self._stake = min(self._stake + gain, _MOST_STAKE)
        self._judge()

    def spend(self, seconds: float) -> bool:
        """Take what a drafter needs otherwise from the stake; return whether it holds as much."""
        if not self._seconds or seconds > self._stake * self._seconds[1]:
            return False
        self._stake -= seconds / self._seconds[1]
        return True

    def length(self, confidence: float) -> int:
        """Return the length of a draft that promises the most tokens per second; 0 for none.

        It loses no more than the stake if it is wrong.
        """
        best, length = _LEAST_GAIN, 0
        most = (1 + self._stake) * self._seconds[1]
        for each in LENGTHS:
            if self._of_size(1 + each) > most:
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
        return tokens * self._seconds[1] / self._of_size(1 + length)

    def _judge(self) -> None:
        """Find the least confidence for which a draft pays, to a twentieth."""
        self.least_confidence = 2.0
        if self._stake > 0 and self._steps >= _LEAST_STEPS:
            promising = (each / 20 for each in range(1, 20) if self.length(each / 20))
            self.least_confidence = next(promising, 2.0)

    def _learn(self, size: int, seconds: float) -> float:
        """Learn what a step took; return its seconds, without what was surely an interruption."""
        self._steps += 1
        if self._steps % _STRIDE == 0:
            self._forget()
        if not self._seconds:
            self._seconds[size] = seconds
            return seconds
        known = self._of_size(size)
        seconds = min(seconds, _MOST_TIMES * known)
        share = _SHARE if size in self._seconds else _FIRST_SHARE
        self._seconds[size] = known + (seconds - known) * share
        return seconds

    def _forget(self) -> None:
        """Move what is known of larger steps towards the expected, so that they are tried again."""
        for size in self._seconds.keys() - {1}:
            expected = self._seconds[1] * (1 + _FURTHER * (size - 1))
            self._seconds[size] += (expected - self._seconds[size]) * _FORGOTTEN
        self._judge()

    def _of_size(self, size: int) -> float:
        """Return the seconds of a step, between those of the next measured sizes."""
        if (known := self._seconds.get(size)) is not None:
            return known
        smaller = max(each for each in self._seconds if each < size)
        larger = min((each for each in self._seconds if each > size), default=None)
        start = self._seconds[smaller]
        if larger is not None:
            rise = (self._seconds[larger] - start) / (larger - smaller)
        elif smaller > 1:
            rise = (start - self._seconds[1]) / (smaller - 1)
        else:
            rise = _FURTHER * start
        return start + (size - smaller) * rise
