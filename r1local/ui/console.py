"""The two consoles, the lines r1local itself says on them, and rows that are repainted."""

from collections.abc import Sequence
from itertools import takewhile
from math import ceil
from typing import IO, TextIO

from rich.console import Console
from rich.text import Text

from r1local.ui import streams
from r1local.ui.cells import cell_len, cut, steadied
from r1local.ui.safe_text import unbroken, visible, visible_line

#: Characters of an error's line, beyond which a quotation is cut.
_LONGEST_LINE = 600


def console_for(stream: TextIO) -> Console:
    """Return the console of `stream`, which prints text as it is, without markup or highlights.

    Honours NO_COLOR, TERM and COLUMNS as rich does. FORCE_COLOR asks for colours, not
    for a screen: it makes no terminal of a pipe, whose text stays exact.
    """
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
    )


def can_repaint(console: Console) -> bool:
    """Say whether what was written on `console` can be painted over."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


def dim(console: Console, text: str) -> str:
    """Return `text` with the codes that dim it, where the console's terminal knows them."""
    if not can_repaint(console) or console.no_color:
        return text
    return f"\x1b[2m{text}\x1b[22m"


def print_notice(console: Console, message: str) -> None:
    """Print one dim line, harmless on a terminal and exact in a pipe but for line breaks."""
    line = dim(console, visible_line(message)) if console.is_terminal else unbroken(message)
    _write(console.file, line + "\n")


def print_log(console: Console, text: str) -> None:
    """Print a piece of another program's log, harmless on a terminal.

    Line breaks within it are shown: a name it quotes may have some.
    """
    line = text.strip("\n")
    begin, end = text[: len(text) - len(text.lstrip("\n"))], text[len(text.rstrip("\n")) :]
    line = visible_line(line) if console.is_terminal else unbroken(line)
    _write(console.file, f"{begin}{line}{end}" if line else begin)


def print_error(stream: TextIO, message: str, hint: str) -> None:
    """Print an error's sentence and its hint, one line each, harmless on a terminal.

    Both may quote a file or a template at any length.
    """
    for label, text in (("error", message), ("hint", hint)):
        line = " ".join(text.split())
        line = f"{label}: {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + ' …'}"
        _write(stream, (visible(line) if stream.isatty() else line) + "\n")


def _write(stream: IO[str], text: str) -> None:
    """Write what is said beside the answer: if it can't be, the answer goes on."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        streams.drop(stream)


def live_line(console: Console, text: str) -> Text:
    """Return one dim row, cut to fit, for `LiveRows`."""
    return Text(cut(visible_line(text), max(console.width - 1, 1)), "dim")


class LiveRows:
    """The last rows on a terminal, painted over as they change.

    The cursor always stands at the end of the last live row and is never hidden, so
    whatever ends the program leaves the terminal whole. Rows must be narrower than the
    console: a full row leaves the cursor where terminals disagree about erasing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows = [""]
        self._width = console.width

    def update(self, finished: Sequence[Text], live: Sequence[Text]) -> None:
        """Replace the live rows by `finished` ones, never touched again, and new live ones.

        Of more live rows than the screen holds only the last are shown, since those
        that have scrolled away can't be painted over. Without live rows the cursor is
        left at the start of an empty one.
        """
        live = live[1 - self._console.height :] if self._console.height > 1 else live[-1:]
        rows = self._ansi([*finished, *(live or [Text()])])
        pairs = zip(self._rows[:-1], rows[:-1], strict=False)
        # The last row is always painted anew: the terminal may have echoed a ^C there.
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
        """Count the rows of the screen, where a window made narrower has folded some."""
        width = self._console.width
        if width >= self._width:
            return len(rows)
        return sum(max(1, ceil(cell_len(Text.from_ansi(row).plain) / width)) for row in rows)
