"""The speed of a reply while it is shown."""

from collections.abc import Callable

#: Least seconds over which the speed is measured; tokens that arrive all at once have none yet.
_LEAST_PACE_S = 0.05


class Meter:
    """Meter of a reply's time and tokens, several of which may arrive at once.

    Args:
        clock: returns the time in seconds, as `time.monotonic` does.

    Attributes:
        measured: the whole reply's tokens per second as measured by the generator, once known.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = self._first = self._last = clock()
        self.tokens = self._first_tokens = 0
        self.thinking_tokens = 0
        self.measured: float | None = None

    def count(self, tokens: int) -> None:
        """Record the number of tokens so far."""
        self._last = self._clock()
        if not self.tokens:
            self._first, self._first_tokens = self._last, tokens
        self.tokens = tokens

    def end_thought(self) -> None:
        """Record that all tokens so far belong to the thought."""
        self.thinking_tokens = self.tokens

    @property
    def elapsed(self) -> float:
        """Seconds since the first token or, before it, since the reply began."""
        return self._clock() - (self._first if self.tokens else self._began)

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second so far; 0 while it is too early to tell."""
        if self.measured is not None:
            return self.measured
        seconds = self._last - self._first
        return (self.tokens - self._first_tokens) / seconds if seconds >= _LEAST_PACE_S else 0.0
