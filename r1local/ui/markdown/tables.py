"""Draws tables as rows of a screen."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Literal, TypeAlias

from rich.text import Text

from r1local.ui.appearance import role_style
from r1local.ui.cells import cell_len
from r1local.ui.markdown.wrapping import wrap

Justification: TypeAlias = Literal["left", "center", "right"]

_BETWEEN = "   "
_LEFT: Justification = "left"


def draw_table(
    head: Sequence[Text] | None,
    rows: Sequence[Sequence[Text]],
    justifications: Sequence[Justification],
    width: int,
) -> list[Text]:
    """Return the rows of a table, at most `width` cells wide where that leaves each column one.

    Cells beyond the columns that have a justification are to the left.
    """
    table = [*([head] if head else []), *rows]
    count = max([len(justifications), *map(len, table)])
    places = [*justifications, *[_LEFT] * (count - len(justifications))]
    lines = [[*line, *[Text()] * count][:count] for line in table]
    columns = zip(*lines, strict=True)
    widths = _fitted(
        [max(max(map(_width, column), default=1), 1) for column in columns] or [1] * count,
        width - len(_BETWEEN) * (count - 1),
    )
    drawn = [_draw_line(line, widths, places) for line in lines]
    if head:
        for row in drawn[0]:
            row.stylize_before(role_style("heading"))
        drawn.insert(1, [Text("─" * (sum(widths) + len(_BETWEEN) * (count - 1)))])
    return [row for line in drawn for row in line]


def _width(cell: Text) -> int:
    return max(map(cell_len, cell.plain.split("\n")))


def _fitted(widths: list[int], room: int) -> list[int]:
    """Return the widths, with the largest reduced until there is room for all of them."""
    while sum(widths) > room and max(widths) > 1:
        largest = max(widths)
        next_largest = max((each for each in widths if each < largest), default=1)
        over = -(-(sum(widths) - room) // widths.count(largest))
        widths[widths.index(largest)] = max(largest - over, next_largest, 1)
    return widths


def _draw_line(
    cells: Sequence[Text], widths: Sequence[int], justifications: Sequence[Justification]
) -> list[Text]:
    """Draw a line of the table, with as many rows as its highest cell has."""
    folded = [wrap(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return [
        Text(_BETWEEN).join(
            _justified(part, width, justification)
            for part, width, justification in zip(parts, widths, justifications, strict=True)
        )
        for parts in zip_longest(*folded, fillvalue=Text())
    ]


def _justified(text: Text, width: int, justification: Justification) -> Text:
    """Return a cell's row, padded to the width of its column."""
    missing = max(width - cell_len(text.plain), 0)
    before = {"left": 0, "center": missing // 2, "right": missing}[justification]
    return Text(" " * before) + text + Text(" " * (missing - before))
