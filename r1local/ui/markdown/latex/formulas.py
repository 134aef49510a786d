r"""LaTeX formulas as text that can be read on a terminal.

No library does it well enough. pylatexenc 2.11 makes `a+b/c` of `\frac{a+b}{c}` and
`x^n+1` of `x^{n+1}`, flatlatex 0.15 drops the braces of commands it doesn't know, and
unicodeit 0.7 knows no fractions. What is drawn here doesn't mean something else than its
source: what isn't known is kept to the letter, and a formula that is wrong stays as it was.
"""

import re
from functools import lru_cache

from r1local.ui.cells import cell_len
from r1local.ui.markdown.latex.commands import ALIGNED, ALIGNING, COMMANDS, on_one_line
from r1local.ui.markdown.latex.pieces import Box, grid
from r1local.ui.markdown.latex.reader import Reader, UnreadableError

_DELIMITED = re.compile(r"(?:\\\((.*)\\\)|\\\[(.*)\\\]|\$\$(.*)\$\$|\$(.*)\$)([^\s\w]?)", re.DOTALL)
_ALIGNED_LINES = re.compile(
    rf"\s*\\begin\{{(?P<name>(?:{'|'.join(ALIGNING)})\*?)\}}(.*)\\end\{{(?P=name)\}}\s*([.,;:]?)\s*",
    re.DOTALL,
)


@lru_cache(maxsize=1024)
def readable(formula: str) -> str:
    r"""Return a formula on one line, or as it is if it is no LaTeX that can be read.

    `formula` may have its delimiters: `\(…\)`, `\[…\]`, `$…$` or `$$…$$`, and a full stop or
    the like after them. The content of a `\boxed{}` stands between `▐` and `▌`.
    """
    return "; ".join(map(on_one_line, _lines(formula, tall=False))) or formula


@lru_cache(maxsize=256)
def readable_rows(formula: str, width: int) -> tuple[str, ...]:
    """Return a formula as rows below each other, with matrices and frames drawn.

    What is wider than `width` cells is given line by line instead, each as by `readable`:
    such lines can be broken.
    """
    lines = _lines(formula, tall=True)
    if not lines:
        return tuple(formula.split("\n"))
    rows = grid(lines, *ALIGNED).rows
    if max(map(cell_len, rows)) > width:
        rows = tuple(map(on_one_line, _lines(formula, tall=False)))
    return tuple(row.rstrip() for row in rows)


def _lines(formula: str, *, tall: bool) -> list[list[Box]]:
    """Return the cells of a formula's lines; none if there is nothing that can be read."""
    delimited = _DELIMITED.fullmatch(formula.strip())
    content = "".join(filter(None, delimited.groups())) if delimited else formula
    if aligned := _ALIGNED_LINES.fullmatch(content):
        content = aligned[2] + aligned[3]
    try:
        return Reader(content, COMMANDS, tall=tall).whole()
    except UnreadableError:
        return []
