"""How much of a text is new: what tells a loop from honest text that has its form.

Tables, logs and enumerations repeat their form as loops do, but something new comes with every
row. What zlib can't make much smaller is new. Elsewhere words are looked at: one is new where
four in a row weren't in the text before, counters left out, and a number where it neither was
in this place before nor goes on regularly. Counters alone are nothing new.

The count is a CUSUM (Page 1954, "Continuous inspection schemes"): it rises with every token,
falls with every new word, and is never less than 0. So it stays near 0 where more than one word
in `_WEIGHT` is new, and rises without end where fewer are, however they lie.
"""

import re
import string
import zlib
from collections.abc import Callable, Iterable, Sequence

#: Words in a row that are looked up. Shorter rows recur in any text.
_ROW = 4
#: One new word makes up for so many that aren't. In loops with small changes one word in thirty
#: is new; in data one in ten (testing/loop_corpus.py).
_WEIGHT = 13
#: A token in whose place the model might have written another is no copy. In loops, too, there
#: are some, at the beginnings of sentences, so that they count half.
_DOUBT = 0.5
#: Text of which zlib leaves more than this share is new. (Of the chunks of the loops in
#: testing/looping_texts.py it leaves 0.39 at most.)
_NEW = 0.42
#: Rows of words, numbers, and places that are remembered.
_REMEMBERED = 4_096
#: Characters of a chunk that are read.
_LONGEST_CHUNK = 4_096

_WIDE = r"\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|[{_WIDE}]|[^\W\d_{_WIDE}]+|[^\w\s]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FENCE = re.compile(r"\n[ \t]*(?:```|~~~)")
_WORD_ENDS = string.ascii_letters + string.digits + ".,"
_NUMERALS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "first second third fourth fifth sixth seventh eighth ninth tenth"
)
#: What stands for a counter: a number, a letter alone, or a word that counts.
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
    """Reads a text in chunks, and says for how long nothing new has come.

    Args:
        question: gives what the text answers; asked for its numbers, where counters may end.

    Attributes:
        stale: tokens without anything new, less what new words made up for.
        since: tokens read since that was 0.
        fenced: the text is inside a code fence.
    """

    def __init__(self, question: Callable[[], str]) -> None:
        self._question = question
        self._packer = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
        self._carry = "\n"
        self._rows = _Memory()
        self._numbers = _Numbers()
        self._before = [""] * (_ROW - 1)
        self._end: float | None = None  # in words read
        self.stale, self.since = 0.0, 0
        self.fenced = False

    def read(self, text: str, tokens: int, doubts: int) -> None:
        """Take the next chunk.

        Args:
            text: its characters.
            tokens: how many it has.
            doubts: those of them in whose place the model might have written others.
        """
        self.since += tokens
        text = self._whole(text)
        if self._packs_badly(text):
            self._end = None
            self.restart()
            return
        words = _WORD.findall(text)
        new = self._new_words(words) / max(1, len(words))
        self.stale += tokens - _WEIGHT * max(new * tokens, _DOUBT * doubts)
        if self.stale <= 0:
            self.restart()

    def restart(self) -> None:
        """Count from here."""
        self.stale, self.since = 0.0, 0

    def end_in_sight(self, words: int) -> bool:
        """Whether a counter of late comes to its end within so many words.

        Going down, that is 0; going up, a number in the question. What was in sight and doesn't
        come is so no longer: a counter may begin again and again.
        """
        read = self._numbers.words_read
        if self._end is None:
            ends = filter(None, map(_value, _NUMBER.findall(self._question())))
            left = self._numbers.left([0, *ends], self.since)
            self._end = max((read + far for far in left if 0 <= far <= words), default=None)
        return self._end is not None and read <= self._end

    def _whole(self, text: str) -> str:
        """The characters up to the last word, which may go on in the next chunk."""
        text = (self._carry + text)[-_LONGEST_CHUNK:]
        cut = max(text.rfind(" "), text.rfind("\n"))
        whole = text[:cut] if cut > len(text) // 2 else text.rstrip(_WORD_ENDS)
        whole = whole.rstrip() or text
        self._carry = text[len(whole) :]
        if len(_FENCE.findall(whole)) % 2:
            self.fenced = not self.fenced
        return whole

    def _packs_badly(self, text: str) -> bool:
        content = text.encode("utf-8", "replace")
        packed = self._packer.compress(content) + self._packer.flush(zlib.Z_SYNC_FLUSH)
        return len(packed) > _NEW * len(content)

    def _new_words(self, words: Sequence[str]) -> int:
        """How many words are new; remember them all."""
        shape = self._before + [
            _COUNTERS.get(word) or (_ANY if word[0].isdecimal() else word) for word in words
        ]
        self._before = shape[len(words) :]
        rows = list(zip(shape, shape[1:], shape[2:], shape[3:], strict=False))
        new = self._rows.new(rows)
        return _words_in(rows, new) + self._numbers.new(words, shape)


class _Memory:
    """What came of late; older things are forgotten, many at a time."""

    def __init__(self) -> None:
        self._recent: set[object] = set()
        self._older: set[object] = set()

    def new(self, things: Iterable[object]) -> set[object]:
        """Remember things; return those that weren't known."""
        come = set(things)
        new = come.difference(self._recent, self._older)
        self._recent |= come
        if len(self._recent) > _REMEMBERED:
            self._older, self._recent = self._recent, set()
        return new


class _Numbers:
    """The numbers of a text, and the places where they come: behind which three words."""

    def __init__(self) -> None:
        self._known = _Memory()
        self._places: dict[tuple[str, ...], _Place] = {}
        self.words_read = 0

    def new(self, words: Sequence[str], shape: Sequence[str]) -> int:
        """How many numbers of some words weren't in their places before and don't go on there."""
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
        """Words up to each end, of each counter that went on among the last words."""
        for place in self._places.values():
            if place.step and place.steady and place.seen >= self.words_read - words:
                yield from ((end - place.last) / place.step * place.gap for end in ends)


class _Place:
    """A place where numbers come again and again."""

    __slots__ = ("gap", "last", "seen", "steady", "step")

    def __init__(self) -> None:
        self.last = self.seen = self.step = self.gap = 0
        self.steady = False

    def goes_on(self, value: int, seen: int) -> bool:
        """Take the next number; whether it goes on from those before in equal steps."""
        step = value - self.last
        self.steady = step == self.step
        self.gap, self.last, self.seen, self.step = seen - self.seen, value, seen, step
        return self.steady


def _words_in(rows: Iterable[object], new: set[object]) -> int:
    """How many words are new if these rows are: one alone makes as many rows as one has words."""
    count = run = 0
    for row in rows:
        if row in new:
            new.discard(row)
            run += 1
        elif run:
            count, run = count + max(1, run - _ROW + 1), 0
    return count + (max(1, run - _ROW + 1) if run else 0)


def _value(counter: str) -> int | None:
    """A number's digits, a letter's place; None for a word that counts."""
    if counter[0].isdecimal():
        return int("".join(filter(str.isdecimal, counter))[-15:])
    return ord(counter.lower()) if len(counter) == 1 and counter.isascii() else None
