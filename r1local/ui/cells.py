"""The width of text in terminal cells, counted in the same way everywhere.

Cells are counted for each grapheme, which a reader sees as one character, and not for each code
point: a family of emoji is two cells wide, not eight. Terminals disagree about the width of many
graphemes, so the count only says where text should be; `steadied` and `r1local.ui.chat.painting`
make sure that it is there.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

# Characters whose width all terminals agree on, whichever version of Unicode they support:
# Latin, Greek, Cyrillic, punctuation, mathematics, boxes, kana, ideographs, Hangul.
_STEADY = (
    r"\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e"
    r"\u2070-\u20cf\u2100-\u2138\u2190-\u2193\u2200-\u2319\u2400-\u2426\u2500-\u25a9\u25b2-\u25b5"
    r"\u25b8-\u25bf\u25c6-\u25fa\u2800-\u28ff\u3000-\u3029\u3041-\u3096\u309b-\u30ff\u3400-\u4dbf"
    r"\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff60"
)
# All other characters, and one before them that they may combine with: none of the marks,
# selectors and joiners is listed above. Not compiled before it is needed, which takes 2 ms.
_UNSTEADY = rf"[{_STEADY}]?[^{_STEADY}\x00-\x1f\x7f]+"

_NON_JOINER, _JOINER = "\u200c", "\u200d"


def clusters(text: str) -> Iterator[str]:
    """Yield the graphemes of a text."""
    if text.isascii():
        return iter(text)
    from wcwidth import iter_graphemes  # importing its tables takes long

    return iter_graphemes(text)


@lru_cache(4096)
def cluster_cells(cluster: str) -> int:
    """Return the cells of one grapheme: 0 for one that terminals don't show."""
    from wcwidth import wcswidth

    return max(wcswidth(cluster), 0)


def cell_len(text: str) -> int:
    """Return the cells that a text takes on one row."""
    if text.isascii() and text.isprintable():
        return len(text)
    return sum(map(cluster_cells, clusters(text)))


def chop(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most `width` cells, but of at least one grapheme each."""
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
    """Return the beginning of a text, at most `width` cells wide."""
    first = chop(text, width)[0]
    return first if cell_len(first) <= width else ""


def fitted(text: str, width: int) -> str:
    """Cut a text, or pad it with spaces, so that it takes `width` cells."""
    text = cut(text, width)
    return text + " " * (width - cell_len(text))


def is_steady(text: str) -> bool:
    """Tell whether all terminals agree about the width of a text."""
    return text.isascii() or re.search(_UNSTEADY, text) is None


def guarded(cluster: str, cells: int) -> str:
    """Wrap a grapheme in control sequences that move the cursor exactly `cells` to the right.

    However wide the terminal shows the grapheme, the rest of the row is erased first (EL), and
    afterwards the cursor is put back to the start (DECSC, DECRC) and moved on (CUF); see xterm's
    control sequences. The next character overwrites what exceeds the cells. Therefore the rest
    of the row has to be painted as well.

    A joiner at the end, which a stream may have been cut after, gets a non-joiner: tmux joins
    the next character that it is sent, wherever that stands (screen_write_cell in its 3.3a).
    """
    shown = f"{cluster}{_NON_JOINER}" if cluster.endswith(_JOINER) else cluster
    return f"\x1b[K\x1b7{shown}\x1b8\x1b[{cells}C" if cells else shown


def steadied(text: str) -> str:
    """Guard all graphemes in a text whose width terminals disagree about.

    The rows of the text have to be painted to their ends.
    """
    return re.sub(
        _UNSTEADY,
        lambda match: "".join(
            each if is_steady(each) else guarded(each, cluster_cells(each))
            for each in clusters(match[0])
        ),
        text,
    )
