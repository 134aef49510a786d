"""Breaks lines of text into rows of a screen."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate

from rich.text import Text

from r1local.ui.cells import cell_len, chop

# A line may be broken after white space and beside any wide character, but not between
# such a character and the punctuation that belongs to it.
WIDE = (
    r"\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
    r"\U00020000-\U0003fffd"
)
_OPENING = r"（「『【〈《〔［｛(\["
_CLOSING = "、。，．）」』】〉》〕］｝！？：；ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ…"
# Latin ones too, where they end something: not the point of a file's name.
_CLOSINGS = rf"[{_CLOSING}]*(?:[.,;:!?)\]%'\"]+(?=[\s{WIDE}]|$)[{_CLOSING}]*)?"
# Not compiled before a line is broken, since that takes 3 ms, and 8 for phrases.
_UNITS = rf"\s+|[{_OPENING}]*[{WIDE}]{_CLOSINGS}|[^\s{WIDE}]+[{_CLOSING}]*"

# A Japanese phrase is a word in kanji, katakana or Latin letters, and the hiragana after it. Verbs
# of two kanji, such as 読み込む, are one word, and so are a number and what it counts, as in
# 2〜3 トークン/秒.
_HIRAGANA, _KATAKANA, _KANJI = r"\u3041-\u309f", r"\u30a1-\u30ff", r"々\u3400-\u9fff"
_VERB = rf"(?:[{_KANJI}]+[きぎしちびみりえけれ](?=[{_KANJI}]))*[{_KANJI}]+"
_NUMBER = r"\d[\d,.]*(?:〜\d[\d,.]*)? "
_WORD = (
    rf"(?:{_NUMBER})?(?:(?:{_VERB}|[{_KATAKANA}]+)(?:/[{_KANJI}])?[{_HIRAGANA}]*"
    rf"|[{_HIRAGANA}]+|[{WIDE}])"
)
_PHRASE = (
    rf"\s+|(?:[{_OPENING}]*{_WORD}{_CLOSINGS}|[^\s{WIDE}]+[{_CLOSING}]*)"
    rf"(?:(?<=[!-~]) ?[{_HIRAGANA}]+{_CLOSINGS})?"
)
# From the coarsest, each with its finer one for what is wider than a row; the label of a value in
# brackets stays with the value's beginning.
_FORMS = (rf"(?:\[[^\s\[\]]+: )?(?:{_PHRASE})", _PHRASE, _UNITS)


def wrap(text: Text, width: int, *, by_phrase: bool = False) -> list[Text]:
    """Break each line of `text` between words, or between characters where scripts allow it.

    Args:
        by_phrase: break Japanese between phrases too, as short texts are read most easily.
    """
    rows: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        if cell_len(line.plain) > width:
            has_phrases = by_phrase and not line.plain.isascii()
            units = _units(line.plain, width, _FORMS if has_phrases else _FORMS[-1:])
            rows += line.divide(_breaks(units, width))
        else:
            rows.append(line)
    for row in rows:
        row.rstrip()
    return rows


def wrapped_lines(text: str, width: int, *, by_phrase: bool = False) -> list[str]:
    """Break a text as `wrap` does."""
    return [row.plain for row in wrap(Text(text), width, by_phrase=by_phrase)]


class WordStream:
    """Breaks text that comes in pieces between words, and holds back the word in the making.

    Args:
        width: tells the cells of a row.
    """

    def __init__(self, width: Callable[[], int]) -> None:
        self._width = width
        self._word = ""
        self._used = 0

    def feed(self, text: str) -> str:
        """Take the next characters; return those that can be shown, with line breaks."""
        *units, self._word = re.findall(_UNITS, self._word + text) or [""]
        if self._word.isspace():
            units.append(self._word)
            self._word = ""
        return "".join(map(self._placed, units))

    def flush(self) -> str:
        """Return the last word."""
        word, self._word = self._word, ""
        return self._placed(word)

    def _placed(self, unit: str) -> str:
        """Return a word, on a new row if this one has no room; white space becomes the break."""
        cells, width = cell_len(unit.rpartition("\n")[2]), self._width()
        if "\n" in unit:
            self._used = cells
            return unit
        if self._used and self._used + cells > width:
            self._used = 0 if unit.isspace() else cells % width
            return "\n" if unit.isspace() else f"\n{unit}"
        self._used = (self._used + cells) % max(width, 1) if cells > width else self._used + cells
        return unit


def _units(
    line: str, width: int, forms: Sequence[str], start: int = 0, end: int | None = None
) -> Iterator[re.Match[str]]:
    """Yield what isn't broken of a line, in the coarsest form that a row has room for."""
    form, *finer = forms
    for unit in re.compile(form).finditer(line, start, len(line) if end is None else end):
        if finer and cell_len(unit[0]) > width:
            yield from _units(line, width, finer, *unit.span())
        else:
            yield unit


def _breaks(units: Iterable[re.Match[str]], width: int) -> Iterator[int]:
    used = 0
    for match in units:
        unit = match[0]
        cells = cell_len(unit)
        if used and used + cells > width and not unit.isspace():
            yield match.start()
            used = 0
        if cells > width:
            *folded, last = chop(unit, width)
            ends = accumulate(map(len, folded))
            yield from (match.start() + end for end in ends)
            cells = cell_len(last)
        used += cells


def fold(text: Text, width: int) -> list[Text]:
    """Break each line of `text` where the row ends, as code must be."""
    rows: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        lengths = [len(chunk) for chunk in chop(line.plain, max(width, 1))]
        rows += line.divide(list(accumulate(lengths))[:-1])
    return rows
