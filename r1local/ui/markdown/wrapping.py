"""Breaks lines of text into rows of a screen."""

import re
from collections.abc import Iterator
from itertools import accumulate

from rich.text import Text

from r1local.ui.cells import cell_len, chop

# A line may be broken after white space and beside any wide character, but not between
# such a character and the punctuation that belongs to it.
WIDE = (
    r"\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60"
    r"\U00020000-\U0003fffd"
)
_OPENING = "（「『【〈《〔［｛"
_CLOSING = "、。，．）」』】〉》〕］｝！？：；ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ…"
_UNITS = re.compile(rf"\s+|[{_OPENING}]*[{WIDE}][{_CLOSING}]*|[^\s{WIDE}]+[{_CLOSING}]*")


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


def _breaks(line: str, width: int) -> Iterator[int]:
    used = 0
    for match in _UNITS.finditer(line):
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
