"""Selecting text with the mouse, by rows and cells of a pane."""

from dataclasses import dataclass

from r1local.ui.cells import cluster_cells, clusters
from r1local.ui.chat.items import Row


@dataclass(frozen=True, slots=True)
class Selection:
    """From where the mouse was pressed to where it is: each a row of a pane, and a cell in it."""

    pressed: tuple[int, int]
    now: tuple[int, int]

    @property
    def is_click(self) -> bool:
        """Whether the mouse is where it was pressed."""
        return self.pressed == self.now

    @property
    def rows(self) -> range:
        """The rows that have a part of it."""
        first, last = sorted((self.pressed, self.now))
        return range(first[0], last[0] + 1)

    def cells(self, row: int) -> tuple[int, int]:
        """Return the first selected cell of a row, and the one behind the last."""
        first, last = sorted((self.pressed, self.now))
        if not first[0] <= row <= last[0]:
            return 0, 0
        return first[1] if row == first[0] else 0, last[1] + 1 if row == last[0] else 2**31


def selected(row: Row, start: int, end: int) -> Row:
    """Return a row with the graphemes highlighted that have any of some cells."""
    marked: Row = []
    cell = 0
    for style, text in row:
        for cluster in clusters(text):
            after = cell + cluster_cells(cluster)
            inside = start < max(after, cell + 1) and cell < end
            marked.append(("class:selected" if inside else style, cluster))
            cell = after
    return marked


def text_in(row: Row, start: int, end: int) -> str:
    """Return the text in some cells of a row, without blanks at its end."""
    return "".join(
        text for style, text in selected([("", text) for _, text in row], start, end) if style
    ).rstrip()
