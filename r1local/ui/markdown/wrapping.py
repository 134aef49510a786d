"""Breaks lines of text into rows of a screen."""

import re
from collections.abc import Callable, Iterator
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
# Not compiled before a line is broken, since that takes 3 ms.
_UNITS = rf"\s+|[{_OPENING}]*[{WIDE}]{_CLOSINGS}|[^\s{WIDE}]+[{_CLOSING}]*"


def wrap(text: Text, width: int) -> list[Text]:
    """Break each line of `text` between words, or between characters where scripts allow it."""
    rows: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        if cell_len(line.plain) > width:
            rows += line.divide(_breaks(line.plain, width))
        else:
            rows.append(line)
    for row in rows:
        row.rstrip()
    return rows


def wrapped_lines(text: str, width: int) -> list[str]:
    """Break a text as `wrap` does."""
    return [row.plain for row in wrap(Text(text), width)]


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


def _breaks(line: str, width: int) -> Iterator[int]:
    used = 0
    for match in re.finditer(_UNITS, line):
        unit = match[0]
        cells = cell_len(unit)
        if used and used + cells > width and not unit.isspace():
            yield match.start()
            used = 0
        if cells > width:
            *folded, last = chop(unit, width)
            yield from accumulate(map(len, folded), initial=match.start())
            cells = cell_len(last)
        used += cells


def fold(text: Text, width: int) -> list[Text]:
    """Break each line of `text` where the row ends, as code must be."""
    rows: list[Text] = []
    for line in text.split("\n", allow_blank=True):
        lengths = [len(chunk) for chunk in chop(line.plain, max(width, 1))]
        rows += line.divide(list(accumulate(lengths))[:-1])
    return rows
