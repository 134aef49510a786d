"""The pace of a reply while it is shown."""

from collections.abc import Callable

#: Seconds that a pace is taken over; tokens that come all at once have none yet.
_LEAST_PACE_S = 0.05


class Meter:
    """Seconds since a reply began, and its tokens, which may come many at once.

    Args:
        clock: tells seconds, as `time.monotonic` does.

    Attributes:
        measured: the whole reply's tokens per second, once it is known from where they were drawn.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._first = self._last = clock()
        self.tokens = self._first_tokens = 0
        self.thinking_tokens = 0
        self.measured: float | None = None

    def count(self, tokens: int) -> None:
        """Take the number of tokens so far."""
        self._last = self._clock()
        if not self.tokens:
            self._first, self._first_tokens = self._last, tokens
        self.tokens = tokens

    def end_thought(self) -> None:
        """Note that the tokens so far are the thought's."""
        self.thinking_tokens = self.tokens

    @property
    def elapsed(self) -> float:
        """Seconds since the first token; before it, since the reply began."""
        return self._clock() - (self._first if self.tokens else self._began)

    @property
    def tokens_per_s(self) -> float:
        """The pace so far; 0 while there is too little to tell."""
        if self.measured is not None:
            return self.measured
        seconds = self._last - self._first
        return (self.tokens - self._first_tokens) / seconds if seconds >= _LEAST_PACE_S else 0.0
