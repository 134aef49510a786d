"""Finding loops: a model that writes the same tokens, or lines alike, again and again.

Work for a token doesn't depend on how many came before. Two things are looked for:

- exact cycles: the last tokens repeat with a period of up to `longest_period`, at least
  `least_repeats` times and over at least `least_tokens` tokens. Every sixteenth token,
  earlier places of the last sixteen tokens give the periods that are possible.
- near-cycles: lines that differ in nothing but their numbers, one after the other or in
  turn. Honest text has such lines too (worked sums, tables), so these have to be wordy, and
  four times as many. Tables and code in fences are left out.

Code repeats lines honestly: inside fences an exact cycle has to be four times as long, too.
"""

import re
from collections import deque
from dataclasses import dataclass

from r1local.errors import require

#: Tokens between two searches, and tokens that are searched for.
_STRIDE = 16
#: How many times as many repeats and tokens a loop has where honest text repeats itself.
_MORE = 4
#: Lines of different shapes that may take turns in a near-cycle.
_MOST_LINES = 8
#: UTF-8 bytes of letters that its lines have on average, at least: four English words, seven 漢字.
_LEAST_LETTERS = 20
#: Lines that are remembered, and characters of one that are looked at.
_LINES_KEPT = 512
_LONGEST_LINE = 4_096

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_FENCE, _TABLE = ("```", "~~~"), "|"


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What counts as a loop. With `least_repeats` 0 nothing does.

    Args:
        least_repeats: how often the same thing is written, the first time included.
        least_tokens: tokens that all of it has.
        longest_period: tokens of one round.

    Raises:
        InvalidSetting: a value out of its range.
    """

    least_repeats: int = 3
    least_tokens: int = 120
    longest_period: int = 512

    def __post_init__(self) -> None:
        repeats, tokens, period = self.least_repeats, self.least_tokens, self.longest_period
        holds = repeats == 0 or 2 <= repeats <= 100
        require(holds, f"loop-repeats {repeats:,}", "from 2 to 100, or 0 (no loop is looked for)")
        require(_STRIDE <= tokens <= 10_000, f"loop-tokens {tokens:,}", f"from {_STRIDE} to 10,000")
        require(1 <= period <= 4_096, f"loop-period {period:,}", "from 1 to 4,096")


class LoopGuard:
    """Watches the tokens of one part of a reply, and their text."""

    def __init__(self, settings: LoopSettings) -> None:
        self._settings = settings
        self._off = settings.least_repeats == 0
        longest = max(settings.least_repeats * settings.longest_period, settings.least_tokens)
        self._window = _MORE * longest + _STRIDE
        self.reset()

    def reset(self) -> None:
        """Forget everything: another part begins, or a loop was taken away."""
        # Tokens as characters: strings are searched and compared in C.
        self._tail = ""
        self._pending: list[str] = []
        self._lines = _Lines(self._settings)

    def feed(self, token: int, text: str) -> int:
        """Take the next token.

        Returns:
            How many of the last tokens are rounds of a loop behind its first one; mostly 0.
        """
        if self._off:
            return 0
        self._pending.append(chr(token))
        found = self._lines.feed(text)
        if len(self._pending) == _STRIDE:
            self._tail = (self._tail + "".join(self._pending))[-self._window :]
            self._pending.clear()
            found = self._exact_cycle() or found
        return found

    def _exact_cycle(self) -> int:
        settings, tail, size = self._settings, self._tail, len(self._tail)
        probe = tail[-_STRIDE:]
        more = _MORE if self._lines.fenced else 1
        least_repeats, least_tokens = more * settings.least_repeats, more * settings.least_tokens
        first = max(0, size - _STRIDE - settings.longest_period)
        place = tail.rfind(probe, first, size - 1)
        while place >= 0:
            period = size - _STRIDE - place
            length = max(least_repeats * period, least_tokens)
            if length > size:
                return 0
            if tail[-length:-period] == tail[period - length :]:
                while length < size and tail[-length - 1] == tail[period - length - 1]:
                    length += 1
                return length - period
            place = tail.rfind(probe, first, place + _STRIDE - 1)
        return 0


class _Lines:
    """Near-cycles: for each number of lines that may take turns, how long they have done so."""

    def __init__(self, settings: LoopSettings) -> None:
        self._least_rounds = _MORE * settings.least_repeats
        self._least_tokens = _MORE * settings.least_tokens
        self._line: list[str] = []
        self._line_length = 0
        self._tokens = self._line_start = 0
        self.fenced = False
        self._shapes: deque[str | None] = deque([None] * _MOST_LINES, _MOST_LINES)
        self._letters: deque[int] = deque([0] * _MOST_LINES, _MOST_LINES)
        self._starts: deque[int] = deque(maxlen=_LINES_KEPT)
        self._alike = [0] * (_MOST_LINES + 1)

    def feed(self, text: str) -> int:
        """Take a token's text; return how many of the last tokens to drop, mostly 0."""
        self._tokens += 1
        self._line.append(text)
        self._line_length += len(text)
        if "\n" not in text and self._line_length < _LONGEST_LINE:
            return 0
        line = "".join(self._line).strip()
        self._line, self._line_length = [], 0
        start, self._line_start = self._line_start, self._tokens
        return self._end_line(line[:_LONGEST_LINE], start) if line else 0

    def _end_line(self, line: str, start: int) -> int:
        if line.startswith(_FENCE):
            self.fenced = not self.fenced
        looked_at = not self.fenced and not line.startswith(_TABLE)
        shape = _NUMBER.sub("0", line) if looked_at else None
        self._starts.append(start)
        for lines in range(1, _MOST_LINES + 1):
            same = shape is not None and shape == self._shapes[-lines]
            self._alike[lines] = self._alike[lines] + 1 if same else 0
        self._shapes.append(shape)
        self._letters.append(len(_NO_LETTERS.sub("", line).encode()))
        return next(filter(None, map(self._near_cycle, range(1, _MOST_LINES + 1))), 0)

    def _near_cycle(self, lines: int) -> int:
        alike = min(self._alike[lines], len(self._starts) - lines)
        if alike + lines < self._least_rounds * lines:
            return 0
        if sum(list(self._letters)[-lines:]) < _LEAST_LETTERS * lines:
            return 0
        if self._tokens - self._starts[-alike - lines] < self._least_tokens:
            return 0
        return self._tokens - self._starts[-alike]
