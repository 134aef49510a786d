"""Thoughts on a terminal, while they are written."""

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from r1local.language import _
from r1local.ui.appearance import text_width
from r1local.ui.console import painted, print_notice
from r1local.ui.live_rows import LiveRows, live_line
from r1local.ui.markdown.wrapping import WordStream
from r1local.ui.meter import Meter
from r1local.ui.safe_text import VisibleStream
from r1local.ui.wording import effort, thought_for

_FOLD_INTERVAL_S = 1 / 10


class StreamedThinking:
    """Renderer of the thought as it comes, between a header and a footer."""

    def __init__(self, err: Console, clock: Callable[[], float]) -> None:
        self._err = err
        self._meter = Meter(clock)
        self._visible = VisibleStream()
        self._words = WordStream(lambda: text_width(err.width))
        self._inside_line = False

    def write(self, text: str, tokens: int) -> None:
        """Write the next characters, each word as soon as it is complete."""
        if not self._meter.tokens:
            print_notice(self._err, _("Thinking"))
        self._meter.count(tokens)
        self._show(self._words.feed(self._visible.feed(text)))
        self._inside_line = text[-1] != "\n"

    def set_aside(self) -> None:
        """Start a new line."""
        self._show(self._words.flush())
        if self._inside_line:
            self._err.file.write("\n")
            self._words = WordStream(lambda: text_width(self._err.width))
        self._inside_line = False

    def end(self, *, unfinished: bool) -> None:
        """Write the footer."""
        self.set_aside()
        print_notice(self._err, _footer(self._meter, unfinished))
        self._err.file.write("\n")

    def _show(self, text: str) -> None:
        if text:
            self._err.file.write(painted(self._err, text, "thinking"))
            self._err.file.flush()


class FoldedThinking:
    """Renderer of a line that counts tokens while the model thinks, then a footer or nothing."""

    def __init__(self, err: Console, clock: Callable[[], float], *, with_footer: bool) -> None:
        self._err = err
        self._with_footer = with_footer
        self._rows = LiveRows(err)
        self._meter = Meter(clock)
        self._clock = clock
        self._next_paint = clock()

    def write(self, text: str, tokens: int) -> None:  # noqa: ARG002
        """Count the tokens, and repaint the line now and then."""
        self._meter.count(tokens)
        if (now := self._clock()) >= self._next_paint:
            self._next_paint = now + _FOLD_INTERVAL_S
            line = _(
                "thinking … {elapsed}", elapsed=effort(self._meter.elapsed, self._meter.tokens)
            )
            self._rows.update([], [live_line(self._err, line)])

    def set_aside(self) -> None:
        """Remove the line until the next token."""
        self._rows.update([], [])

    def end(self, *, unfinished: bool) -> None:
        """Replace the line by the footer, if there is to be one."""
        footer = [Text(_footer(self._meter, unfinished), "note"), Text()]
        self._rows.update(footer if self._with_footer else [], [])


def _footer(meter: Meter, unfinished: bool) -> str:
    return thought_for(meter.elapsed, meter.tokens, unfinished=unfinished)
