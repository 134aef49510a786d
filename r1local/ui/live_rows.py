"""Rows of a terminal that are repainted as they change."""

from collections.abc import Sequence
from itertools import takewhile
from math import ceil

from rich.console import Console
from rich.text import Text

from r1local.ui.cells import cell_len, cut, steadied
from r1local.ui.safe_text import visible_line


def live_line(console: Console, text: str) -> Text:
    """Return one row of r1local's own for `LiveRows`, cut to the console's width."""
    return Text(cut(visible_line(text), max(console.width - 1, 1)), "note")


class LiveRows:
    """The last rows on a terminal, painted over as they change.

    The cursor always stays at the end of the last live row and is never hidden, so the
    terminal is usable however the program ends. Rows must be narrower than the console:
    after a full row, terminals disagree on where the cursor is and what erasing clears.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = [""]
        self._width = console.width

    def update(self, finished: Sequence[Text], live: Sequence[Text]) -> None:
        """Replace the live rows by `finished` ones, which are final, and new live ones.

        If there are more live rows than the screen holds, only the last are shown, since
        rows that have scrolled away can't be painted over. If there are none, the cursor is
        left at the start of an empty row.
        """
        live = live[1 - self._console.height :] if self._console.height > 1 else live[-1:]
        rows = self._ansi([*finished, *(live or [Text()])])
        pairs = zip(self._rows[:-1], rows[:-1], strict=False)
        # The last row is always repainted: the terminal may have echoed a ^C there.
        kept = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        up = self._height(self._rows[kept:]) - 1
        self._console.file.write(
            "\r" + (f"\x1b[{up}A" if up else "") + steadied("\x1b[K\n".join(rows[kept:])) + "\x1b[J"
        )
        self._console.file.flush()
        self._rows = rows[len(finished) :]
        self._width = self._console.width

    def _ansi(self, rows: Sequence[Text]) -> list[str]:
        with self._console.capture() as capture:
            self._console.print(Text("\n").join(rows), end="")
        return capture.get().split("\n")

    def _height(self, rows: Sequence[str]) -> int:
        """Count the screen's rows that `rows` take; in a narrowed window some are wrapped."""
        width = self._console.width
        if width >= self._width:
            return len(rows)
        return sum(max(1, ceil(cell_len(Text.from_ansi(row).plain) / width)) for row in rows)
