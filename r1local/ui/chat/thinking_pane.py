"""Whether the thinking pane shows, and where: by the layout, by what is written and by keys."""

from collections.abc import Callable

from prompt_toolkit.formatted_text import StyleAndTextTuples

from r1local.language import _
from r1local.ui.cells import cell_len, cut
from r1local.ui.chat.layout import PaneLayout
from r1local.ui.chat.view import ChatView


class ThinkingPane:
    """The place of the thinking pane.

    `forced` says whether it shows or not until the next thought, whatever the layout says.

    Args:
        talk: what the pane shows.
        layout: where it was last time.
        keep_layout: called when that changes.
        columns: returns how many the screen has.
    """

    def __init__(
        self,
        talk: ChatView,
        layout: PaneLayout,
        keep_layout: Callable[[PaneLayout], None],
        columns: Callable[[], int],
    ) -> None:
        self.forced: bool | None = None
        self._talk = talk
        self._layout = layout
        self._keep_layout = keep_layout
        self._columns = columns

    @property
    def share(self) -> int:
        """Its part of the screen in percent."""
        return self._layout.share

    @property
    def side_by_side(self) -> bool:
        """Whether it is beside the conversation."""
        return self._layout.side_by_side(self._columns())

    @property
    def shown(self) -> bool:
        """Whether it shows."""
        if self.forced is not None:
            return self.forced
        if self._layout.showing == "auto":
            return self._talk.state in ("reading", "thinking")
        return self._layout.showing == "open"

    @property
    def has_folded_title(self) -> bool:
        """Whether its title shows without it."""
        return self._talk.state != "idle" and not self.shown and bool(self._talk.title)

    @property
    def title_width(self) -> int:
        """The cells that its title has room in."""
        width = self._columns()
        if self.shown and self.side_by_side:
            width = self._talk.thinking.width or width
        return width

    def toggle(self) -> None:
        """Show it, or hide it."""
        self.forced = not self.shown

    def move(self) -> None:
        """Put it in the next place."""
        self._change_layout(self._layout.moved())

    def resize(self, steps: int) -> None:
        """Make it larger, or smaller."""
        self._change_layout(self._layout.resized(steps))

    def change_showing(self) -> None:
        """Let it show at other times, and say when."""
        self._change_layout(self._layout.shown())
        self.forced = None
        self._talk.note(
            _("thinking pane: {showing_words}", showing_words=self._layout.showing_words)
        )

    def _change_layout(self, layout: PaneLayout) -> None:
        self._layout = layout
        self._keep_layout(layout)


def title_row(parts: tuple[str, ...], width: int, keys: str) -> StyleAndTextTuples:
    """Return the title as a rule of `width` cells, with what `keys` do if there is room."""
    while len(parts) > 1 and cell_len(_title_of(parts)) > width:
        parts = parts[:-1]
    title = cut(_title_of(parts), width)
    end = f" {keys} ─" if keys else ""
    if cell_len(title) + cell_len(end) > width:
        end = ""
    return [("", title + "─" * (width - cell_len(title) - cell_len(end)) + end)]


def _title_of(parts: tuple[str, ...]) -> str:
    return f"─ {' · '.join(parts)} " if parts else ""
