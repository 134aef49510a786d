"""How many cells of a terminal a text takes: the one rule of all screens.

A cell count belongs to a grapheme, what a reader takes for one character, and not to
its code points: a family of emoji is two cells wide, not eight. Terminals disagree
about many of them; so what is counted here is only where text is meant to stand, and
`steadied` and `r1local.ui.chat.painting` see to it that it stands there.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

# Characters that every terminal takes for as many cells, whichever version of Unicode it
# knows: Latin, Greek, Cyrillic, punctuation, mathematics, boxes, kana, ideographs, Hangul.
_STEADY = (
    r"\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e"
    r"\u2070-\u20cf\u2100-\u2138\u2190-\u2193\u2200-\u2319\u2400-\u2426\u2500-\u25a9\u25b2-\u25b5"
    r"\u25b8-\u25bf\u25c6-\u25fa\u2800-\u28ff\u3000-\u3029\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf"
    r"\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
)
# With what joins to a character before it: marks, selectors, joiners, all unlisted.
_UNSTEADY = re.compile(rf"[{_STEADY}]?[^{_STEADY}\x00-\x1f\x7f]+")


def clusters(text: str) -> Iterator[str]:
    """The text's graphemes."""
    if text.isascii():
        return iter(text)
    from wcwidth import iter_graphemes  # its tables take long to import

    return iter_graphemes(text)


@lru_cache(4096)
def cluster_cells(cluster: str) -> int:
    """The cells of one grapheme; none for what a terminal doesn't show."""
    from wcwidth import wcswidth

    return max(wcswidth(cluster), 0)


def cell_len(text: str) -> int:
    """The cells of a text on one row."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(map(cluster_cells, clusters(text)))


def chop(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most `width` cells, and of one grapheme at least."""
    pieces = [""]
    used = 0
    for cluster in clusters(text):
        cells = cluster_cells(cluster)
        if used + cells > width and pieces[-1]:
            pieces.append("")
            used = 0
        pieces[-1] += cluster
        used += cells
    return pieces


def cut(text: str, width: int) -> str:
    """The beginning of a text, of at most `width` cells."""
    first = chop(text, width)[0]
    return first if cell_len(first) <= width else ""


def fitted(text: str, width: int) -> str:
    """A text cut or filled up with spaces, so that it takes `width` cells."""
    text = cut(text, width)
    return text + " " * (width - cell_len(text))


def is_steady(text: str) -> bool:
    """Whether all terminals agree about the cells of a text."""
    return text.isascii() or _UNSTEADY.search(text) is None


def guarded(cluster: str, cells: int) -> str:
    """A grapheme with the control sequences that let what follows stand `cells` further right.

    However wide the terminal takes it: the row is erased from here on (EL), the cursor is
    put back after it (DECSC, DECRC) and sent on (CUF); see xterm's control sequences. The
    next character is written over what reaches out of the cells. So the rest of the row
    has to be painted as well.
    """
    return f"\x1b[K\x1b7{cluster}\x1b8\x1b[{cells}C" if cells else cluster


def steadied(text: str) -> str:
    """Rows for a terminal, to be painted whole, with what terminals disagree about guarded."""
    return _UNSTEADY.sub(
        lambda match: "".join(
            each if is_steady(each) else guarded(each, cluster_cells(each))
            for each in clusters(match[0])
        ),
        text,
    )
