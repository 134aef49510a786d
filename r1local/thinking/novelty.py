"""How much of a text is new, which distinguishes a loop from legitimate text of the same form.

Tables, logs and enumerations repeat their form as loops do, but every row brings something new.
Text that zlib can't compress much is new. In other text, words are counted: a word is new if
its row of four, not counting counters, didn't occur in the text before, and a number if it
neither occurred in this place before nor continues a regular sequence. Counters alone aren't new.

The count is a CUSUM (Page 1954, "Continuous inspection schemes"): it rises with every token,
falls with every new word, and is never less than 0. So it stays near 0 where more than one word
in `_WEIGHT` is new, and rises without end where fewer are, however they are distributed.
"""

import re
import string
import zlib
from collections.abc import Callable, Iterable, Sequence

#: Consecutive words that are looked up. Shorter rows recur in any text.
_ROW = 4
#: How many words without anything new one new word makes up for. In loops with small changes,
#: one word in thirty is new; in data, one in ten (testing/loop_corpus.py).
_WEIGHT = 13
#: The weight of a doubtful token: one is not a copy if the model might have written another in its
#: place. Loops have some of them too, at the beginnings of sentences, so they count half.
_DOUBT = 0.5
#: Text that zlib compresses to more than this share is new. (The chunks of the loops in
#: testing/looping_texts.py are compressed to 0.39 at most.)
_NEW = 0.42
#: How many rows of words, numbers and places are remembered.
_REMEMBERED = 4_096
#: The longest part of a chunk that is read, in characters.
_LONGEST_CHUNK = 4_096

_WIDE = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = rf"\d+(?:[.,]\d+)*|[{_WIDE}]|[^\W\d_{_WIDE}]+|[^\w\s]"
_NUMBER = r"\d+(?:[.,]\d+)*"
_FENCE = r"\n[ \t]*(?:```|~~~)"
_WORD_ENDS = string.ascii_letters + string.digits + ".,"
_NUMERALS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "first second third fourth fifth sixth seventh eighth ninth tenth"
)
#: Stands for a counter: a number, a single letter, or a word that counts.
_ANY = "0"
_COUNTERS = dict.fromkeys(
    [
        *_NUMERALS.split(),
        *_NUMERALS.title().split(),
        *"一二三四五六七八九十百千",
        *string.ascii_letters,
    ],
    _ANY,
)


class Novelty:
    """A reader of text in chunks that knows for how long nothing new has come.

    Args:
        question: returns the text that is being answered, for its numbers: counters may end there.

    Attributes:
        stale: tokens without anything new, minus what new words made up for.
        since: tokens read since `stale` was 0.
        fenced: whether the text is inside a code fence.
    """

    def __init__(self, question: Callable[[], str]) -> None:
        self._question = question
        self._packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        self._carry = "\n"
        self._rows = _Memory()
        self._numbers = _Numbers()
        self._before = [""] * (_ROW - 1)
        self._end: float | None = None  # counted in words read
        self.stale, self.since = 0.0, 0
        self.fenced = False

    def read(self, text: str, tokens: int, doubts: int) -> None:
        """Take the next chunk.

        Args:
            text: the characters of the chunk.
            tokens: how many tokens it has.
            doubts: how many of them the model might as well have replaced by others.
        """
        self.since += tokens
        text = self._whole(text)
        if self._packs_badly(text):
            self._end = None
            self.restart()
            return
        words = re.findall(_WORD, text)
        new = self._new_words(words) / max(1, len(words))
        self.stale += tokens - _WEIGHT * max(new * tokens, _DOUBT * doubts)
        if self.stale <= 0:
            self.restart()

    def restart(self) -> None:
        """Start counting from here."""
        self.stale, self.since = 0.0, 0

    def end_in_sight(self, words: int) -> bool:
        """Return whether a recent counter reaches its end within this number of words.

        Counting down, the end is 0; counting up, a number in the question. An end that was in sight
        and isn't reached no longer counts, since a counter may start again and again.
        """
        read = self._numbers.words_read
        if self._end is None:
            ends = filter(None, map(_value, re.findall(_NUMBER, self._question())))
            left = self._numbers.left([0, *ends], self.since)
            self._end = max((read + far for far in left if 0 <= far <= words), default=None)
        return self._end is not None and read <= self._end

    def _whole(self, text: str) -> str:
        """Return the text up to the last complete word; the rest may continue in the next chunk."""
        text = (self._carry + text)[-_LONGEST_CHUNK:]
        cut = max(text.rfind(" "), text.rfind("\n"))
        whole = text[:cut] if cut > len(text) // 2 else text.rstrip(_WORD_ENDS)
        whole = whole.rstrip() or text
        self._carry = text[len(whole) :]
        if len(re.findall(_FENCE, whole)) % 2:
            self.fenced = not self.fenced
        return whole

    def _packs_badly(self, text: str) -> bool:
        content = text.encode("utf-8", "replace")
        packed = self._packer.compress(content) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return len(packed) > _NEW * len(content)

    def _new_words(self, words: Sequence[str]) -> int:
        """Return how many words are new, and remember all of them."""
        shape = self._before + [
            _COUNTERS.get(word) or (_ANY if word[0].isdecimal() else word) for word in words
        ]
        self._before = shape[len(words) :]
        rows = list(zip(shape, shape[1:], shape[2:], shape[3:], strict=False))
        new = self._rows.new(rows)
        return _words_in(rows, new) + self._numbers.new(words, shape)


class _Memory:
    """A set of recent things; older ones are forgotten, many at a time."""

    def __init__(self) -> None:
        self._recent: set[object] = set()
        self._older: set[object] = set()

    def new(self, things: Iterable[object]) -> set[object]:
        """Remember things, and return those that weren't known."""
        current = set(things)
        new = current.difference(self._recent, self._older)
        self._recent |= current
        if len(self._recent) > _REMEMBERED:
            self._older, self._recent = self._recent, set()
        return new


class _Numbers:
    """The numbers of a text, and the places where they occur: the three words before them."""

    def __init__(self) -> None:
        self._known = _Memory()
        self._places: dict[tuple[str, ...], _Place] = {}
        self.words_read = 0

    def new(self, words: Sequence[str], shape: Sequence[str]) -> int:
        """Return how many numbers are new in their places and don't continue a sequence there."""
        surprising = []
        for index, word in enumerate(words):
            if shape[index + _ROW - 1] == _ANY and (value := _value(word)) is not None:
                where = tuple(shape[index : index + _ROW - 1])
                place = self._places.setdefault(where, _Place())
                if not place.goes_on(value, self.words_read + index):
                    surprising.append((where, value))
        self.words_read += len(words)
        if len(self._places) > _REMEMBERED:
            self._places.clear()
        return len(self._known.new(surprising))

    def left(self, ends: Sequence[int], words: int) -> Iterable[float]:
        """Yield the words that remain up to each end, for each counter among the last words."""
        for place in self._places.values():
            if place.step and place.steady and place.seen >= self.words_read - words:
                yield from ((end - place.last) / place.step * place.gap for end in ends)


class _Place:
    """A place where numbers occur again and again."""

    __slots__ = ("gap", "last", "seen", "steady", "step")

    def __init__(self) -> None:
        self.last = self.seen = self.step = self.gap = 0
        self.steady = False

    def goes_on(self, value: int, seen: int) -> bool:
        """Take the next number; return whether it continues the previous ones in equal steps."""
        step = value - self.last
        self.steady = step == self.step
        self.gap, self.last, self.seen, self.step = seen - self.seen, value, seen, step
        return self.steady


def _words_in(rows: Iterable[object], new: set[object]) -> int:
    """Return how many words are new if these rows are: one new word makes up to four rows new."""
    count = run = 0
    for row in rows:
        if row in new:
            new.discard(row)
            run += 1
        elif run:
            count, run = count + max(1, run - _ROW + 1), 0
    return count + (max(1, run - _ROW + 1) if run else 0)


def _value(counter: str) -> int | None:
    """Return the digits of a number or the position of a letter; None for a word that counts."""
    if counter[0].isdecimal():
        return int("".join(filter(str.isdecimal, counter))[-15:])
    return ord(counter.lower()) if len(counter) == 1 and counter.isascii() else None
