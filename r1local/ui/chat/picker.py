"""A list to choose from, on the whole screen: searched as one types, with a preview."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import (
    AnyContainer,
    BufferControl,
    Dimension,
    DynamicContainer,
    FormattedTextControl,
    HSplit,
    VSplit,
    Window,
)
from prompt_toolkit.mouse_events import MouseButton, MouseEvent, MouseEventType

from r1local.language import N_, _
from r1local.ui.cells import cell_len, cut, fitted
from r1local.ui.chat.items import Item, Row
from r1local.ui.chat.layout import WIDE
from r1local.ui.chat.pane import Pane, PaneWindow, RowsWindow, highlighted
from r1local.ui.chat.prompt import VisibleInput
from r1local.ui.safe_text import visible_line

#: The rows of each entry: its title, and what there is to say about it.
_ENTRY_ROWS = 2
#: The narrowest list that has times.
_LEAST_WITH_TIMES = 40
_KEYS = (
    N_("Enter takes it"),
    N_("Esc leaves"),
    N_("↑ ↓ choose"),
    N_("PageUp PageDown scroll the preview"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to choose: its key, and untrusted texts about it; `when` is left out first."""

    key: str
    title: str
    when: str
    about: str


class PickerActions(Protocol):
    """What a picker asks for."""

    def search(self, text: str) -> None:
        """Look for entries; `show` is given what there is."""

    def preview(self, key: str, text: str) -> None:
        """Look for the preview of an entry found by a text; `show_preview` is given it."""

    def copy_selection(self, text: str) -> None:
        """Put a text that was selected with the mouse on the clipboard."""

    def take(self, key: str) -> None:
        """End with a choice."""

    def leave(self) -> None:
        """End without a choice."""


class Picker:
    """The list, its preview, and the line to search in.

    Args:
        counted: returns a number of entries in words.
        actions: look for entries, and take the choice.
    """

    def __init__(self, counted: Callable[[int], str], actions: PickerActions) -> None:
        self._counted = counted
        self._actions = actions
        self._entries: Sequence[Entry] = ()
        self._chosen = self._top = self._height = 0
        self._told = ""
        self._preview = Pane()
        self._previewed: tuple[str, str] | None = None
        #: Whether the entries are still those of another text, and one of the new is to be taken.
        self._stale = self._takes_next = False
        self.buffer = Buffer(multiline=False, on_text_changed=lambda _buffer: self._changed())
        self.container = self._root()

    def begin(self, text: str) -> None:
        """Search for a text, as if it had been typed."""
        self.buffer.text = text
        self.buffer.cursor_position = len(text)
        if not text:
            self._actions.search("")

    def show(self, entries: Sequence[Entry], told: str = "") -> None:
        """Show entries; `told` says how many there are in all, or that they are being read."""
        self._entries, self._told, self._stale = entries, told, False
        self._choose(self._chosen)
        if self._takes_next and (entries or not told):
            self._takes_next = False
            self._take()

    def show_preview(self, items: Iterable[Item], words: str, *, at_words: bool) -> None:
        """Show what an entry is about, with words highlighted: at the first of them, or the end."""
        self._preview.replace(items)
        self._preview.find(words)
        if not at_words:
            self._preview.scroll_to_end()

    def rows_in_view(self, width: int, height: int) -> list[Row]:
        """Return the rows of the list."""
        self._height = max(height // _ENTRY_ROWS, 1)
        self._top = min(max(self._top, self._chosen - self._height + 1), self._chosen)
        shown = self._entries[self._top : self._top + self._height]
        rows = [row for number, each in enumerate(shown) for row in self._rows(number, each, width)]
        return rows[:height]

    def _rows(self, number: int, entry: Entry, width: int) -> list[Row]:
        here = self._top + number == self._chosen
        title, about = ("class:chosen", "class:chosen") if here else ("", "class:about")
        when = f" {entry.when} " if width >= _LEAST_WITH_TIMES else ""
        rows: list[Row] = [
            [
                (title, fitted(f" {visible_line(entry.title)}", width - cell_len(when))),
                (about, when),
            ],
            [(about, fitted(f"   {visible_line(entry.about)}", width))],
        ]
        text = self.buffer.text.strip()
        return rows if here or not text else [highlighted(row, text) for row in rows]

    def _root(self) -> AnyContainer:
        entries = _Entries(self)
        preview = PaneWindow(self._preview, self._actions.copy_selection, lambda _item: None)
        rule = Window(char="│", width=1, style="class:rule")
        line = Window(char="─", height=1, style="class:rule")
        beside = VSplit(
            [HSplit([entries], width=_share(45)), rule, HSplit([preview], width=_share(55))]
        )
        above = HSplit(
            [HSplit([entries], height=_share(50)), line, HSplit([preview], height=_share(50))]
        )

        def body() -> AnyContainer:
            return beside if get_app().output.get_size().columns >= WIDE else above

        control = BufferControl(self.buffer, [VisibleInput()], key_bindings=self._keys())
        return HSplit(
            [
                DynamicContainer(body),
                Window(FormattedTextControl(self._status), height=1, style="class:status"),
                Window(
                    control,
                    height=1,
                    get_line_prefix=lambda *_line: [("class:question", _("search ❯ "))],
                ),
            ]
        )

    def _status(self) -> StyleAndTextTuples:
        width = get_app().output.get_size().columns
        parts = [f"{self._counted(len(self._entries))} {self._told}".rstrip(), *map(_, _KEYS)]
        while len(parts) > 1 and cell_len(" · ".join(parts)) > width:
            parts.pop()
        return [("", cut(" · ".join(parts), width))]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        def on(key: str, action: Callable[[], object]) -> None:
            @keys.add(key, eager=True)
            def _pressed(_event: KeyPressEvent) -> None:
                action()

        on("enter", self._take)
        for key in ("escape", "c-c", "c-d", "c-g"):
            on(key, self._actions.leave)
        for key, step in (("up", -1), ("c-p", -1), ("down", 1), ("c-n", 1)):
            on(key, lambda step=step: self._choose(self._chosen + step))  # type: ignore[misc]
        on("c-home", lambda: self._choose(0))
        on("c-end", lambda: self._choose(len(self._entries)))
        on("pageup", lambda: self._preview.scroll_page(-1))
        on("pagedown", lambda: self._preview.scroll_page(+1))
        return keys

    def _changed(self) -> None:
        self._chosen = self._top = 0
        self._stale, self._takes_next = True, False
        self._actions.search(self.buffer.text)

    def _choose(self, number: int) -> None:
        self._chosen = max(0, min(number, len(self._entries) - 1))
        if not self._entries:
            self._preview.replace(())
            self._previewed = None
            return
        wanted = self._entries[self._chosen].key, self.buffer.text
        if wanted != self._previewed:
            self._previewed = wanted
            self._actions.preview(*wanted)

    def _take(self) -> None:
        if self._stale:
            self._takes_next = True
        elif self._entries:
            self._actions.take(self._entries[self._chosen].key)

    def mouse(self, event: MouseEvent, row: int) -> bool:
        """Choose by the wheel or a click, take what is clicked at again; False for all else."""
        match event.event_type:
            case MouseEventType.SCROLL_UP:
                self._choose(self._chosen - 1)
            case MouseEventType.SCROLL_DOWN:
                self._choose(self._chosen + 1)
            case MouseEventType.MOUSE_DOWN if event.button is MouseButton.LEFT:
                number = self._top + row // _ENTRY_ROWS
                if number == self._chosen:
                    self._take()
                elif number < len(self._entries):
                    self._choose(number)
            case _:
                return False
        return True


class _Entries(RowsWindow):
    """Where the list is on the screen."""

    def __init__(self, picker: Picker) -> None:
        super().__init__(picker.rows_in_view)
        self._picker = picker

    def mouse(self, event: MouseEvent, row: int, cell: int) -> bool:  # noqa: ARG002
        """Choose with the mouse."""
        return self._picker.mouse(event, row)


def _share(percent: int) -> Dimension:
    return Dimension(weight=percent)
