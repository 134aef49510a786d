"""The full-screen chat: two panes, a status line and the input.

It shows what it is given, and passes what the user asks for to its `Actions`. All its
methods except `post` must be called from the thread that runs it.
"""

import asyncio
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from time import perf_counter
from typing import Any, TypeAlias

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import (
    Condition,
)
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import (
    ConditionalKeyBindings,
    merge_key_bindings,
)
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.layout import (
    AnyContainer,
    ConditionalContainer,
    DynamicContainer,
    Float,
    FloatContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    Window,
)
from prompt_toolkit.layout.menus import CompletionsMenu
from prompt_toolkit.widgets import SearchToolbar

from r1local.events.reply import AnswerDelta, Event, ThinkingDelta
from r1local.events.vote import VoteEvent
from r1local.language import _
from r1local.ui.attention.attention import Attention
from r1local.ui.chat.help import HelpSection
from r1local.ui.chat.help_screen import HelpScreen
from r1local.ui.chat.items import Item
from r1local.ui.chat.layout import PaneLayout
from r1local.ui.chat.leaving import LEAVES_AGAIN, SECOND_PRESS_S, LeavingKey
from r1local.ui.chat.painting import SteadyRows, steady_output
from r1local.ui.chat.pane import PaneWindow
from r1local.ui.chat.picker import Picker
from r1local.ui.chat.prompt import Editing, input_keys, vi_mode
from r1local.ui.chat.screen_keys import Actions, screen_keys, terminal_keys, thinking_keys
from r1local.ui.chat.status_line import Status, status_row, waiting_rows
from r1local.ui.chat.style import chat_style
from r1local.ui.chat.suspension import Suspension
from r1local.ui.chat.thinking_pane import ThinkingPane, title_row
from r1local.ui.chat.view import ChatView
from r1local.ui.chat.windows import arranged, input_window

_FRAME_S = 1 / 30
#: The part of the time that painting may take: the model may need every core for the rest.
_PAINT_SHARE = 1 / 20
#: The longest that the screen stands still, whatever the last frame took: one may take a
#: second, such as when a question of a megabyte is wrapped into rows.
_LONGEST_PAUSE_S = 0.25
_CLOCK_S = 0.5
#: For so long the status line says what was just done.
_TOLD_S = 6.0

#: An event to show, or something to do in the screen's own thread.
Posted: TypeAlias = Event | Callable[[], None]


class ChatScreen:
    """The screen and its keys.

    Args:
        actions: carry out what the user asks for.
        buffer: the input.
        editing: how text is typed in it.
        status: returns what the status line is to say.
        layout: where the thinking pane was last time.
        keep_layout: called when it changes.
        numbered: whether questions have their numbers.
        attention: of who looks at the screen, or not.
    """

    def __init__(
        self,
        actions: Actions,
        buffer: Buffer,
        editing: Editing,
        status: Callable[[], Status],
        layout: PaneLayout,
        keep_layout: Callable[[PaneLayout], None],
        attention: Attention,
        *,
        numbered: bool = False,
    ) -> None:
        others = editing.keys.shown("previous_alternative", "next_alternative")
        self.talk = ChatView(others=others, numbered=numbered)
        self._attention = attention
        self._actions = actions
        self._status = status
        self._buffer = buffer
        self._thinking_keys = thinking_keys(editing.keys)
        self._leaving = LeavingKey()
        self._suspension = Suspension(attention.close)
        self._posted: deque[Posted] = deque()
        self._woken = self._left = False
        self._wake = asyncio.Event()
        self._paint_s = 0.0
        self._told, self._told_until = "", 0.0
        self._picker: Picker | None = None
        self._output = steady_output(reports_focus=True)
        self._pane = ThinkingPane(self.talk, layout, keep_layout, self._columns)
        self._help = HelpScreen(self._columns, actions.copy_selection)
        empty = Condition(lambda: not buffer.text)
        of_chat = merge_key_bindings(
            [
                input_keys(editing, self.talk.note),
                screen_keys(
                    editing.keys, self.talk, self._pane, actions, self._interrupt_or_leave, empty
                ),
                self._help.keys(self._close_help),
            ]
        )
        outside_picker = Condition(lambda: self._picker is None)
        of_terminal = terminal_keys(editing.keys, self._suspension, attention)
        all_keys = [ConditionalKeyBindings(of_chat, outside_picker), of_terminal]
        self.app: Application[None] = Application(
            layout=Layout(self._root(), focused_element=buffer),
            key_bindings=merge_key_bindings(all_keys),
            style=chat_style(),
            full_screen=True,
            mouse_support=True,
            output=self._output,
            editing_mode=editing.mode,
        )

        self.app.key_processor.before_key_press += lambda _keys: attention.touched()

    def run(self) -> None:
        """Show the screen until `leave`; the terminal is restored whatever ends it.

        Raises:
            Exception: a bug in anything the screen does.
        """
        self.app.run(pre_run=self._start, set_exception_handler=False, handle_sigint=False)

    def leave(self) -> None:
        """End `run`."""
        self._left = True
        if self.app.is_running and self.app.future and not self.app.future.done():
            self.app.exit()

    def post(self, what: Posted) -> None:
        """Have something shown or done soon; may be called from any thread."""
        self._posted.append(what)
        loop = self.app.loop
        if not self._woken and loop is not None:
            self._woken = True
            with suppress(RuntimeError):  # the screen was left at this very moment
                loop.call_soon_threadsafe(self._wake.set)

    def catch_up(self) -> None:
        """Show or do what was posted, at once."""
        posted = [self._posted.popleft() for _ in range(len(self._posted))]
        for what in _joined(posted):
            if isinstance(what, ThinkingDelta) and self.talk.state != "thinking":
                self._pane.forced = None
            if callable(what):
                what()
            else:
                self.talk.handle(what)
                self._attention.handle(what)

    def handle_vote(self, event: VoteEvent) -> None:
        """Take the next event of a vote."""
        self.talk.handle_vote(event)
        self._attention.handle(event)

    def show_thinking(self) -> None:
        """Open the thinking pane until the next thought."""
        self._pane.forced = True

    def tell(self, text: str) -> None:
        """Say something in the status line for a few seconds."""
        self._told, self._told_until = text, perf_counter() + _TOLD_S
        if self.app.loop:
            self.app.loop.call_later(_TOLD_S, self.app.invalidate)

    def pick(self, picker: Picker | None) -> None:
        """Show a picker in place of everything else, or with None the chat again."""
        self._picker = picker
        self.app.vi_state.input_mode = InputMode.INSERT
        self.app.layout.focus(picker.buffer if picker else self._buffer)
        self.app.invalidate()

    def show_help(self, sections: Sequence[HelpSection]) -> None:
        """Show a help over the whole screen, until a key closes it; asked for again, close it."""
        if self._help.shown:
            self._close_help()
        else:
            self._help.open(sections, self.app.layout)

    def _close_help(self) -> None:
        self._help.shown = False
        self.app.layout.focus(self._buffer)

    def type(self, text: str) -> None:
        """Put a text into the input, in front of what is typed there."""
        self._buffer.text = "\n".join(filter(None, (text, self._buffer.text)))
        self._buffer.cursor_position = len(self._buffer.text)

    def lend_terminal(self, borrow: Callable[[], None]) -> None:
        """Give the terminal to another program until it ends; called from another thread.

        Raises:
            Exception: what `borrow` raises.
        """

        async def lend() -> None:
            await run_in_terminal(borrow, in_executor=True)

        if self.app.loop is not None:
            with suppress(CancelledError):  # the screen is left
                asyncio.run_coroutine_threadsafe(lend(), self.app.loop).result()

    # The stream

    def _start(self) -> None:
        self._wake.set()  # something may have been posted before there was a screen
        self.app.create_background_task(self._pump())
        self._time_painting()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._fail)
        if sys.platform != "win32":
            loop.add_signal_handler(signal.SIGTERM, self.leave)
            loop.add_signal_handler(signal.SIGHUP, self.leave)
            loop.add_signal_handler(signal.SIGINT, self._interrupt_or_leave)
            loop.add_signal_handler(signal.SIGTSTP, self._suspension.suspend)
            loop.add_signal_handler(signal.SIGCONT, self._suspension.take_anew)

    def _fail(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Let `run` raise what a task or a key raised, instead of printing it on the screen."""
        if self.app.future and not self.app.future.done():
            self.app.exit(exception=context.get("exception") or RuntimeError(context["message"]))

    def _time_painting(self) -> None:
        began = 0.0

        def before(_app: Application[None]) -> None:
            nonlocal began
            began = perf_counter()

        def after(_app: Application[None]) -> None:
            self._paint_s = perf_counter() - began

        self.app.before_render += before
        self.app.after_render += after

    async def _pump(self) -> None:
        """Take what was posted and paint it, at the pace of the screen, not of the model."""
        # With a timeout: Python 3.11's wait_for can lose a cancellation that meets a wake-up.
        while not self._left:
            try:
                await asyncio.wait_for(self._wake.wait(), _CLOCK_S)
            except TimeoutError:
                if self.talk.state != "idle" or self._status().busy:
                    self.app.invalidate()
                continue
            self._wake.clear()
            self._woken = False
            self.catch_up()
            self.app.invalidate()
            pause = max(_FRAME_S, self._paint_s / _PAINT_SHARE)
            await asyncio.sleep(min(pause, _LONGEST_PAUSE_S))

    # The layout

    def _root(self) -> AnyContainer:
        copy, click = self._actions.copy_selection, self._click
        conversation = PaneWindow(self.talk.conversation, copy, click)
        thinking = PaneWindow(self.talk.thinking, copy, click)
        title = Window(FormattedTextControl(self._title_row), height=1, style="class:title")
        stacked, beside = arranged(conversation, title, thinking, lambda: self._pane.share)

        def body() -> AnyContainer:
            if not self._pane.shown:
                return conversation
            return beside if self._pane.side_by_side else stacked

        folded = Condition(lambda: self._pane.has_folded_title)
        search = SearchToolbar()
        rows = HSplit(
            [
                DynamicContainer(body),
                ConditionalContainer(title, folded),
                Window(FormattedTextControl(self._waiting_rows), dont_extend_height=True),
                Window(FormattedTextControl(self._status_row), height=1, style="class:status"),
                input_window(self._buffer, search, lambda: self._output.get_size().rows),
                search,
            ]
        )
        menu = Float(CompletionsMenu(max_height=8, scroll_offset=1), xcursor=True, ycursor=True)
        chat = FloatContainer(rows, [menu])

        def shown() -> AnyContainer:
            if self._picker:
                return self._picker.container
            return self._help.container if self._help.shown else chat

        return SteadyRows(DynamicContainer(shown))

    def _columns(self) -> int:
        return self._output.get_size().columns

    def _title_row(self) -> StyleAndTextTuples:
        keys = self._thinking_keys if self.talk.state == "thinking" else ""
        return title_row(self.talk.title, self._pane.title_width, keys)

    def _waiting_rows(self) -> StyleAndTextTuples:
        return waiting_rows(self._status().waiting, self._columns())

    def _status_row(self) -> StyleAndTextTuples:
        status = self._status()
        if perf_counter() < self._told_until and not status.busy:
            status = replace(status, busy=self._told)
        if self._leaving.half_pressed and not status.busy:
            status = replace(status, busy=_(LEAVES_AGAIN))
        if self.talk.state == "thinking" and self._pane.side_by_side:
            status = replace(status, hint=self._thinking_keys)
        status = replace(status, mode=vi_mode().removesuffix(" · "))
        return status_row(status, self._columns())

    # The keys

    def _interrupt_or_leave(self) -> None:
        """Handle Ctrl-C: stop the reply, else empty the input, else leave if pressed twice."""
        if self._actions.interrupt():
            return
        if self._buffer.text:
            self._buffer.reset()
        elif self._leaving.pressed():
            self._actions.quit()
        else:
            asyncio.get_running_loop().call_later(SECOND_PRESS_S, self.app.invalidate)

    def _click(self, item: Item) -> None:
        """Open the thought that an item stands for."""
        if turn := self.talk.turn_of(item):
            self._actions.open_thought_of(turn)


def _joined(posted: Iterable[Posted]) -> Iterator[Posted]:
    """Yield the same with neighbouring deltas joined: a fast model sends hundreds per frame."""
    for kind, group in groupby(posted, key=type):
        if kind is ThinkingDelta or kind is AnswerDelta:
            deltas = list(group)
            yield kind("".join(d.text for d in deltas), deltas[-1].tokens)  # type: ignore[union-attr]
        else:
            yield from group
