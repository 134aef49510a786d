"""The two consoles, r1local's own messages on them, and rows that are repainted."""

from collections.abc import Sequence
from itertools import takewhile
from math import ceil
from typing import IO, TextIO

from rich.console import COLOR_SYSTEMS, Console
from rich.text import Text

from r1local.language import _
from r1local.ui import streams
from r1local.ui.appearance import rich_theme, role_style
from r1local.ui.cells import cell_len, cut, steadied
from r1local.ui.safe_text import unbroken, visible, visible_line

#: Most characters of an error's line; what is longer quotes something and is cut.
_LONGEST_LINE = 600


def console_for(stream: IO[str]) -> Console:
    """Return the console of `stream`, which prints text as it is, without markup or highlights.

    Styles have the names of the theme's roles.

    Honours NO_COLOR, TERM and COLUMNS as rich does. FORCE_COLOR asks for colours only: it
    doesn't turn a pipe into a terminal, so the text in the pipe stays exact.
    """
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        theme=rich_theme(),
    )


def can_repaint(console: Console) -> bool:
    """Tell whether text already written on `console` can be painted over."""
    return console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows


def painted(console: Console, text: str, role: str) -> str:
    """Return `text` with the codes of a role's style, if the console's terminal supports them."""
    if not can_repaint(console) or console.no_color or not console.color_system:
        return text
    return role_style(role).render(text, color_system=COLOR_SYSTEMS[console.color_system])


def print_notice(console: Console, message: str) -> None:
    """Print one line, harmless on a terminal and exact in a pipe but for line breaks."""
    line = visible_line(message) if console.is_terminal else unbroken(message)
    _write(console.file, painted(console, line, "note") + "\n")


def print_note(console: Console, text: str) -> None:
    """Print lines of notice; on a terminal they are broken between words."""
    for line in text.split("\n"):
        for row in _rows(visible_line(line), console.width) if console.is_terminal else [line]:
            print_notice(console, row)


def print_log(console: Console, text: str) -> None:
    """Print a piece of another program's log, harmless on a terminal.

    Line breaks within it are shown: a name it quotes may have some.
    """
    line = text.strip("\n")
    begin, end = text[: len(text) - len(text.lstrip("\n"))], text[len(text.rstrip("\n")) :]
    line = visible_line(line) if console.is_terminal else unbroken(line)
    _write(console.file, f"{begin}{line}{end}" if line else begin)


def print_error(stream: TextIO, message: str, hint: str, width: int | None = None) -> None:
    """Print an error's message and its hint, one line each, harmless on a terminal.

    Both may contain quotations of any length from a file or a template. A terminal of that width
    is given lines that are broken between words; without it, they can be copied whole.
    """
    for label, text in ((_("error"), message), (_("hint"), hint)):
        line = " ".join(text.split())
        line = f"{label}: {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + ' …'}"
        if stream.isatty():
            line = "\n".join(_rows(visible(line), width)) if width else visible(line)
        _write(stream, line + "\n")


def _rows(text: str, width: int) -> list[str]:
    from r1local.ui.markdown.wrapping import wrapped_lines  # most commands need none of it

    return wrapped_lines(text, width)


def _write(stream: IO[str], text: str) -> None:
    """Write a message to a stream, and drop the stream if that fails, since the answer matters."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        streams.drop(stream)


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
