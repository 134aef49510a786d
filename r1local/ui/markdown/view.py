"""Markdown on a terminal while it is still being written."""

from collections.abc import Callable
from time import monotonic

from rich.console import Console
from rich.text import Text

from r1local.ui.appearance import text_width
from r1local.ui.live_rows import LiveRows
from r1local.ui.markdown.blocks import JSON_FENCE, Block, BlockKind, MarkdownBlocks
from r1local.ui.markdown.rows import draw
from r1local.ui.safe_text import VisibleStream, visible

_PAINT_INTERVAL_S = 1 / 20
# Painting may take this part of the time, however slow the terminal is.
_PAINT_SHARE = 1 / 10


class MarkdownView:
    """Shows Markdown that comes in pieces: what is finished for good, the rest live.

    Painting is gated by the clock, so that a token costs the same whether it is the
    twentieth or the twenty-thousandth. `clock` gives seconds. With `json` all of the text is
    JSON, and shown as code.
    """

    def __init__(
        self, console: Console, clock: Callable[[], float] = monotonic, *, json: bool = False
    ) -> None:
        self._console = console
        self._clock = clock
        self._blocks = MarkdownBlocks()
        self._visible = VisibleStream()
        self._rows = LiveRows(console)
        self._unpainted: list[Block] = []
        self._last_kind: BlockKind | None = None
        self._next_paint = clock()
        if json:
            self._blocks.feed(JSON_FENCE)

    def feed(self, text: str) -> None:
        """Take the next characters and show them soon."""
        self._unpainted += self._blocks.feed(self._visible.feed(text))
        if self._clock() >= self._next_paint:
            self._paint(self._blocks.pending())

    def set_aside(self) -> None:
        """Take the live rows off the screen until the next text, to make room for a line."""
        self._paint([])

    def close(self) -> None:
        """Show everything, for good, and leave the cursor on a line of its own."""
        self._unpainted += self._blocks.flush()
        self._paint([])

    def _paint(self, pending: list[Block]) -> None:
        begun = self._clock()
        width = text_width(self._console.width - 1)
        finished = draw(self._unpainted, self._last_kind, width)
        if self._unpainted:
            self._last_kind = self._unpainted[-1].kind
            self._unpainted = []
        live = draw(pending, self._last_kind, width)
        self._rows.update(finished, live)
        ended = self._clock()
        self._next_paint = begun + max(_PAINT_INTERVAL_S, (ended - begun) / _PAINT_SHARE)


def finished_rows(text: str, width: int, *, json: bool = False) -> list[Text]:
    """Return the rows of an untrusted text that is complete: Markdown, or JSON as code."""
    blocks = MarkdownBlocks()
    complete = blocks.feed(JSON_FENCE * json + visible(text))
    return draw([*complete, *blocks.flush()], None, width)
