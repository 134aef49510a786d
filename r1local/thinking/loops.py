"""Finding loops: a model that writes the same thing again and again.

The work per token doesn't depend on how many tokens came before. There are two criteria:

- exact cycles: the last tokens repeat with a period of up to `longest_period`, at least
  `least_repeats` times and over at least `least_tokens` tokens. At every sixteenth token,
  earlier occurrences of the last sixteen tokens give the candidate periods. Only prose and
  code outside fences can be such loops: tables, markup, drawings and what the question asks
  for repeat themselves legitimately.
- text without anything new (`novelty`), whatever its form. Legitimate text may have nothing
  new for a while, so a warning comes first; it is a loop only after `patience` tokens.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from r1local.config.options import check, default_of
from r1local.thinking.novelty import Novelty

#: Tokens between two searches, which is also the length searched for; tokens of a chunk.
_STRIDE = 16
_CHUNK = 64
#: The share of the patience after which to warn.
_WARNED_AFTER = 1 / 4
#: A counter's end is in sight if it is at most this multiple of the patience away, in words.
_IN_SIGHT = 2

#: How lines of tables, markup, data and chord charts begin or end.
_DATA_BEGINS = tuple("|<{}[]+=~_@")
_DATA_ENDS = ('",', "',", "},", "],", "|")
_WORD = r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_\u3040-\u30ff\u3400-\u9fff]+"


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What counts as a loop; with `least_repeats` 0, nothing does.

    Args:
        least_repeats: how many times the same thing is written, including the first.
        least_tokens: the total number of tokens in the repetitions.
        longest_period: tokens of one round.
        patience: tokens without anything new, for text that doesn't repeat word for word; with
            0, such text is never a loop.

    Raises:
        InvalidSetting: a value is out of its range.
    """

    least_repeats: int = default_of("loop-repeats")
    least_tokens: int = default_of("loop-tokens")
    longest_period: int = default_of("loop-period")
    patience: int = default_of("loop-patience")

    def __post_init__(self) -> None:
        check("loop-repeats", self.least_repeats)
        check("loop-tokens", self.least_tokens)
        check("loop-period", self.longest_period)
        check("loop-patience", self.patience)


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that the guard has found.

    Args:
        tokens: how many of the last tokens form the loop, or had nothing new.
        drop: how many of them to take back; 0 means that this is only a warning.
    """

    tokens: int
    drop: int


class LoopGuard:
    """A detector that watches the tokens of one part of a reply, and their text.

    Args:
        settings: what counts as a loop.
        question: returns the text that is being answered; it is rarely called.
    """

    def __init__(self, settings: LoopSettings, question: Callable[[], str] = str) -> None:
        self._settings = settings
        self._question = question
        self._off = settings.least_repeats == 0
        longest = max(settings.least_repeats * settings.longest_period, settings.least_tokens)
        self._window = longest + _STRIDE
        self.reset()

    def reset(self) -> None:
        """Forget everything, because another part begins or a loop was taken back."""
        # Tokens are stored as characters, since strings are searched and compared in C.
        self._tail = ""
        self._pending: list[str] = []
        self._texts: list[str] = []
        self._unread = self._doubts = 0
        self._novelty = Novelty(self._question)
        self._warned = False

    @property
    def suspicious(self) -> bool:
        """Whether nothing new has come for a while, so that doubtful tokens are worth finding."""
        return self._novelty.stale > _CHUNK

    def feed(self, token: int, text: str, *, doubtful: bool = False) -> Loop | None:
        """Take the next token.

        Args:
            token: its number in the vocabulary.
            text: the characters that it completes.
            doubtful: whether the model might as well have written another one.
        """
        if self._off:
            return None
        self._pending.append(chr(token))
        self._texts.append(text)
        self._doubts += doubtful
        return self._search() if len(self._pending) == _STRIDE else None

    def _search(self) -> Loop | None:
        self._tail = (self._tail + "".join(self._pending))[-self._window :]
        self._pending.clear()
        self._unread += _STRIDE
        found = None
        if self._unread == _CHUNK:
            self._novelty.read("".join(self._texts[-_CHUNK:]), _CHUNK, self._doubts)
            self._unread = self._doubts = 0
            del self._texts[: -self._settings.longest_period]
            found = self._nothing_new()
        return self._exact_cycle() or found

    def _nothing_new(self) -> Loop | None:
        """Return a warning or a loop, if nothing new has come for long."""
        novelty, patience = self._novelty, self._settings.patience
        limit = patience if self._warned else patience * _WARNED_AFTER
        if not patience or novelty.stale < limit:
            return None
        if novelty.end_in_sight(_IN_SIGHT * patience):
            novelty.restart()
            return None
        if self._warned:
            return Loop(novelty.since, novelty.since)
        self._warned = True
        return Loop(novelty.since, 0)

    def _exact_cycle(self) -> Loop | None:
        settings, tail, size = self._settings, self._tail, len(self._tail)
        probe = tail[-_STRIDE:]
        first = max(0, size - _STRIDE - settings.longest_period)
        place = tail.rfind(probe, first, size - 1)
        while place >= 0:
            period = size - _STRIDE - place
            length = max(settings.least_repeats * period, settings.least_tokens)
            if length > size:
                return None
            if tail[-length:-period] == tail[period - length :]:
                return self._loop_of(period, length)
            place = tail.rfind(probe, first, place + _STRIDE - 1)
        return None

    def _loop_of(self, period: int, length: int) -> Loop | None:
        """Return the loop with this period, unless legitimate text repeats such a round."""
        round_ = "".join(self._texts[-period:])
        if self._novelty.fenced or _is_data(round_) or self._asked_for(round_):
            return None
        tail, size = self._tail, len(self._tail)
        while length < size and tail[-length - 1] == tail[period - length - 1]:
            length += 1
        return Loop(length, length - period)

    def _asked_for(self, round_: str) -> bool:
        """Return whether the question has the words of a round in sequence, from any of them."""
        # A round may begin inside a word; of three in a row, all but the outermost words are whole.
        words = re.findall(_WORD, round_.casefold() * 3)[1:-1]
        # The last word of a round and the first of the next needn't be adjacent in the question.
        unasked = set(pairwise(words)) - self._asked_pairs
        asked = {word for pair in self._asked_pairs for word in pair}
        return bool(words) and len(unasked) <= 1 and asked.issuperset(words)

    @cached_property
    def _asked_pairs(self) -> set[tuple[str, str]]:
        """The question's words, each paired with the next one."""
        return set(pairwise(re.findall(_WORD, self._question().casefold())))


def _is_data(round_: str) -> bool:
    """Return whether a round is table, markup, drawing or digits rather than prose or code."""
    characters = "".join(round_.split())
    if not any(map(str.isalnum, characters)):
        # Drawings have lines; endless marks or emoji without any are written by broken models.
        return bool(characters) and "\n" in round_
    # A round may begin inside a line; repeated twice, it contains each line whole.
    lines = [line.strip() for line in (round_ * 2).split("\n")[1:]]
    data = any(line.startswith(_DATA_BEGINS) or line.endswith(_DATA_ENDS) for line in lines)
    return data or sum(map(str.isalpha, characters)) * 2 < len(characters)
