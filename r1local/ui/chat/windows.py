"""Where the screen's windows are: the panes in relation to each other, and the input below."""

from collections.abc import Callable

from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import AnyContainer, BufferControl, Dimension, HSplit, VSplit, Window
from prompt_toolkit.widgets import SearchToolbar

from r1local.ui.chat.pane import PaneWindow
from r1local.ui.chat.prompt import VisibleInput

_MOST_INPUT_ROWS = 10


def arranged(
    conversation: PaneWindow, title: Window, thinking: PaneWindow, share: Callable[[], int]
) -> tuple[AnyContainer, AnyContainer]:
    """Return the panes stacked, and side by side; `share` is the thinking pane's in percent."""

    def rest() -> Dimension:
        return Dimension(weight=100 - share())

    def part() -> Dimension:
        return Dimension(weight=share())

    below = HSplit([title, thinking])
    stacked = HSplit([HSplit([conversation], height=rest), HSplit([below], height=part)])
    rule = Window(char="│", width=1, style="class:rule")
    left = HSplit([conversation], width=rest)
    beside = VSplit([left, rule, HSplit([title, thinking], width=part)])
    return stacked, beside


def input_window(buffer: Buffer, search: SearchToolbar, screen_rows: Callable[[], int]) -> Window:
    """Return the input's window, as high as its text, up to a third of the screen."""

    def height() -> Dimension:
        return Dimension(min=1, max=max(min(_MOST_INPUT_ROWS, screen_rows() // 3), 1))

    def prefix(line: int, wrapped: int) -> StyleAndTextTuples:
        return [("class:question", "  " if line or wrapped else "❯ ")]

    return Window(
        BufferControl(
            buffer, [VisibleInput()], preview_search=True, search_buffer_control=search.control
        ),
        height=height,
        wrap_lines=True,
        dont_extend_height=True,
        get_line_prefix=prefix,
    )
