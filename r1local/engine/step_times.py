"""What steps take, by the number of tokens that they evaluate."""

#: The cost of each further token, in that of the tokens of a step without drafts and of one more,
#: until it has been measured: for one reply 0.3 steps, as SmolLM2-135M's on a CPU, for eight 0.07.
#: GPUs take next to nothing for it.
_FURTHER = 0.6
#: What the first step of a size counts for in its seconds, and later ones, and how many times as
#: long as expected one can have taken: the system may have interrupted it.
_FIRST_SHARE, _SHARE, _MOST_TIMES = 1 / 2, 1 / 4, 3.0
#: Steps after which the seconds of larger steps are moved towards the expected, and how far.
_STRIDE, _FORGOTTEN = 64, 0.05


class StepTimes:
    """The seconds of steps by their size, as measured lately.

    The steps of some replies without drafts have the size of their number, which is called
    `replies` here; drafts make them larger.

    Attributes:
        steps: how many were measured.
    """

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self.steps = 0

    def __contains__(self, size: int) -> bool:
        """Whether steps of a size have been measured."""
        return size in self._seconds

    def learn(self, size: int, seconds: float, replies: int) -> float:
        """Learn what a step took; return its seconds, without what was surely an interruption."""
        self.steps += 1
        if self.steps % _STRIDE == 0 and replies in self._seconds:
            self._forget(replies)
        if all(size < each for each in self._seconds):
            self._seconds[size] = seconds
            return seconds
        known = self.of_size(size, replies)
        seconds = min(seconds, _MOST_TIMES * known)
        share = _SHARE if size in self._seconds else _FIRST_SHARE
        self._seconds[size] = known + (seconds - known) * share
        return seconds

    def of_size(self, size: int, replies: int) -> float:
        """Return the seconds of a step, between those of the next measured sizes.

        A smaller one must have been measured.
        """
        if (known := self._seconds.get(size)) is not None:
            return known
        smaller = max(each for each in self._seconds if each < size)
        larger = min((each for each in self._seconds if each > size), default=None)
        start = self._seconds[smaller]
        if larger is not None:
            rise = (self._seconds[larger] - start) / (larger - smaller)
        elif smaller > replies and replies in self._seconds:
            rise = (start - self._seconds[replies]) / (smaller - replies)
        else:
            rise = _further(smaller) * start
        return start + (size - smaller) * rise

    def _forget(self, replies: int) -> None:
        """Move what is known of larger steps towards the expected, so that they are tried again."""
        alone = self._seconds[replies]
        for size in [each for each in self._seconds if each > replies]:
            expected = alone * (1 + _further(replies) * (size - replies))
            self._seconds[size] += (expected - self._seconds[size]) * _FORGOTTEN


def _further(replies: int) -> float:
    return _FURTHER / (1 + replies)
