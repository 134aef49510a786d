"""The two consoles, and r1local's own messages on them.

Rich, whose import takes 20 ms, is imported once there is a console: pipes need none.
"""

from typing import IO, TYPE_CHECKING, TextIO, TypeAlias, TypeGuard

from r1local.language import _
from r1local.ui import streams
from r1local.ui.appearance import rich_theme, role_style
from r1local.ui.safe_text import unbroken, visible, visible_line

if TYPE_CHECKING:
    from rich.console import Console

#: Most characters of an error's line; what is longer quotes something and is cut.
_LONGEST_LINE = 600


class Pipe:
    """A stream that is no terminal: text goes into it as it is."""

    is_terminal = False

    def __init__(self, file: IO[str]) -> None:
        self.file = file


#: What takes r1local's messages and a reply's text.
Output: TypeAlias = "Console | Pipe"


def output_for(stream: IO[str]) -> Output:
    """Return the console of a terminal; a pipe does without one."""
    return console_for(stream) if stream.isatty() else Pipe(stream)


def console_for(stream: IO[str]) -> "Console":
    """Return the console of `stream`, which prints text as it is, without markup or highlights.

    Styles have the names of the theme's roles.

    Honours NO_COLOR, TERM and COLUMNS as rich does. FORCE_COLOR asks for colours only: it
    doesn't turn a pipe into a terminal, so the text in the pipe stays exact.
    """
    from rich.console import Console

    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=True,
        theme=rich_theme(),
    )


def can_repaint(output: Output) -> TypeGuard["Console"]:
    """Tell whether text already written on `output` can be painted over."""
    return (
        not isinstance(output, Pipe)
        and output.is_terminal
        and not output.is_dumb_terminal
        and not output.legacy_windows
    )


def painted(output: Output, text: str, role: str) -> str:
    """Return `text` with the codes of a role's style, if a terminal is there that supports them."""
    if not can_repaint(output) or output.no_color or not output.color_system:
        return text
    from rich.console import COLOR_SYSTEMS

    return role_style(role).render(text, color_system=COLOR_SYSTEMS[output.color_system])


def print_notice(output: Output, message: str) -> None:
    """Print one line, harmless on a terminal and exact in a pipe but for line breaks."""
    line = visible_line(message) if output.is_terminal else unbroken(message)
    _write(output.file, painted(output, line, "note") + "\n")


def print_note(output: Output, text: str) -> None:
    """Print lines of notice; on a terminal they are broken between words."""
    for line in text.split("\n"):
        rows = [line]
        if not isinstance(output, Pipe) and output.is_terminal:
            rows = _rows(visible_line(line), output.width)
        for row in rows:
            print_notice(output, row)


def print_log(output: Output, text: str) -> None:
    """Print a piece of another program's log, harmless on a terminal.

    Line breaks within it are shown: a name it quotes may have some.
    """
    line = text.strip("\n")
    begin, end = text[: len(text) - len(text.lstrip("\n"))], text[len(text.rstrip("\n")) :]
    line = visible_line(line) if output.is_terminal else unbroken(line)
    _write(output.file, f"{begin}{line}{end}" if line else begin)


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

    return wrapped_lines(text, width, by_phrase=True)


def _write(stream: IO[str], text: str) -> None:
    """Write a message to a stream, and drop the stream if that fails, since the answer matters."""
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        streams.drop(stream)
