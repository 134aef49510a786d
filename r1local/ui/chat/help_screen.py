"""The help over the whole screen: scrolled with the usual keys, searched by typing."""

from collections.abc import Callable, Sequence

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window

from r1local.language import N_, _
from r1local.ui.cells import cell_len, cut
from r1local.ui.chat.help import HelpSection, HelpText
from r1local.ui.chat.pane import Pane, PaneWindow
from r1local.ui.chat.prompt import VisibleInput

#: The last ones are left out where there is no room.
_TITLE = (
    N_("─ Help"),
    N_("Esc closes"),
    N_("typing searches"),
    N_("Enter the next"),
    N_("↑ ↓ scroll"),
)


class HelpScreen:
    """The help, which takes the place of all else while it is `shown`.

    Args:
        columns: returns the width of the screen.
        copy: takes the text that the mouse has selected.
    """

    def __init__(self, columns: Callable[[], int], copy: Callable[[str], None]) -> None:
        self.shown = False
        self._columns = columns
        self._pane = Pane(below=N_(" ↓ more "))
        self._words = Buffer(multiline=False, on_text_changed=lambda _buffer: self._search())
        self._input = Window(
            BufferControl(self._words, [VisibleInput()]),
            height=1,
            get_line_prefix=lambda _line, _wrapped: self._prefix(),
        )
        title = Window(FormattedTextControl(self._title), height=1, style="class:title")
        self.container = HSplit(
            [title, PaneWindow(self._pane, copy, lambda _item: None), self._input]
        )

    def open(self, sections: Sequence[HelpSection], layout: Layout) -> None:
        """Show a help from its top."""
        self._pane.replace([HelpText(sections)])
        self._pane.scroll_to_start()
        self._words.reset()
        self._pane.find("")
        self.shown = True
        layout.focus(self._input)

    def keys(self, close: Callable[[], None]) -> KeyBindings:
        """Return the keys of the help, some of which `close` it."""
        keys = KeyBindings()
        shown = Condition(lambda: self.shown)
        pane = self._pane

        def on(action: Callable[[], None], *names: str, eager: bool = False) -> None:
            for name in names:

                @keys.add(name, filter=shown, eager=eager)
                def _pressed(_event: KeyPressEvent) -> None:
                    action()

        on(close, "c-c", "c-d")
        on(close, "escape", eager=True)
        on(pane.find_next, "enter")
        on(lambda: pane.scroll(-1), "up", "c-up")
        on(lambda: pane.scroll(+1), "down", "c-down")
        on(lambda: pane.scroll_page(-1), "pageup")
        on(lambda: pane.scroll_page(+1), "pagedown")
        on(pane.scroll_to_start, "home", "c-home")
        on(pane.scroll_to_end, "end", "c-end")
        return keys

    def _search(self) -> None:
        self._pane.find(self._words.text.strip())

    def _prefix(self) -> StyleAndTextTuples:
        if self._pane.lacks_words:
            return [("class:warning", _("not found: "))]
        return [("class:question", _("find: "))]

    def _title(self) -> StyleAndTextTuples:
        width = self._columns()
        parts = [*map(_, _TITLE)]
        while len(parts) > 1 and cell_len(" · ".join(parts)) + 1 > width:
            parts.pop()
        title = cut(" · ".join(parts), width - 1) + " "
        return [("", title + "─" * (width - cell_len(title)))]
