"""The keys of the full-screen chat, except for those of the input."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from prompt_toolkit.filters import (
    Condition,
    Filter,
    FilterOrBool,
    is_searching,
    vi_navigation_mode,
)
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from r1local.config.keys import KeyMap
from r1local.ui.attention.attention import Attention
from r1local.ui.chat.painting import FOCUS_IN, FOCUS_OUT
from r1local.ui.chat.prompt import bind
from r1local.ui.chat.suspension import Suspension
from r1local.ui.chat.thinking_pane import ThinkingPane
from r1local.ui.chat.view import ChatView


class Actions(Protocol):
    """What the screen asks for on behalf of its user."""

    def interrupt(self) -> bool:
        """Stop the reply; False if there is none."""

    def answer_now(self) -> None:
        """End the thought and go on to the answer."""

    def think_more(self) -> None:
        """Make the model keep thinking."""

    def show_beside(self, step: int) -> None:
        """Show the next alternative to the last reply that has some; -1: the one before."""

    def help(self) -> None:
        """Show the keys and the commands."""

    def find_again(self, step: int) -> None:
        """Go to the next place that has the words looked for last, or with -1 to the one before."""

    def open_thought_of(self, turn: int) -> None:
        """Open the thought of a turn, counted from 1."""

    def copy_selection(self, text: str) -> None:
        """Put a text that was selected with the mouse on the clipboard."""

    def quit(self) -> None:
        """Leave, if nothing is lost by it or the user confirms."""


def terminal_keys(bound: KeyMap, suspension: Suspension, attention: Attention) -> KeyBindings:
    """Return what is pressed and reported whatever the screen shows."""
    keys = KeyBindings()

    @bind(keys, bound, "suspend")
    def _suspend(_event: KeyPressEvent) -> None:
        suspension.suspend()

    @bind(keys, bound, "repaint")
    def _repaint(event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    @keys.add(Keys.Ignore)
    def _focused(event: KeyPressEvent) -> None:
        if event.data in (FOCUS_IN, FOCUS_OUT):
            attention.focused = event.data == FOCUS_IN

    return keys


def screen_keys(
    bound: KeyMap,
    talk: ChatView,
    pane: ThinkingPane,
    actions: Actions,
    interrupt: Callable[[], None],
    empty: Filter,
) -> KeyBindings:
    """Return what is pressed to read, to find and to steer.

    Args:
        bound: the keys of each action.
        talk: what is read.
        pane: where the thinking pane is.
        actions: carry out what the user asks for.
        interrupt: called when Ctrl-C is pressed.
        empty: whether there is no text in the input.
    """
    keys = KeyBindings()

    def on(action: str, do: Callable[[], object], when: FilterOrBool = True) -> None:
        @bind(keys, bound, action, filter=when)
        def _pressed(_event: KeyPressEvent) -> None:
            do()

    on("help", actions.help)
    on("toggle_thought", pane.toggle)
    on("answer_now", actions.answer_now)
    on("think_more", actions.think_more)
    on("show_source", lambda: talk.show_raw(not talk.raw))
    on("move_pane", pane.move)
    on("shrink_pane", partial(pane.resize, -1))
    on("grow_pane", partial(pane.resize, +1))
    on("fold_pane", pane.change_showing)
    on("page_up", lambda: talk.conversation.scroll_page(-1))
    on("page_down", lambda: talk.conversation.scroll_page(+1))
    on("go_to_start", talk.conversation.scroll_to_start)
    on("go_to_end", talk.conversation.scroll_to_end)
    on("thought_page_up", lambda: talk.thinking.scroll_page(-1))
    on("thought_page_down", lambda: talk.thinking.scroll_page(+1))
    on("thought_up", lambda: talk.thinking.scroll(-1))
    on("thought_down", lambda: talk.thinking.scroll(+1))
    # With text in the input these move by words.
    on("previous_alternative", partial(actions.show_beside, -1), empty)
    on("next_alternative", partial(actions.show_beside, +1), empty)
    finding = Condition(lambda: talk.finding)
    on("find_next", lambda: actions.find_again(+1), finding)
    on("find_previous", lambda: actions.find_again(-1), finding)

    for key, step in (("n", +1), ("N", -1)):
        keys.add(key, filter=vi_navigation_mode & finding)(
            lambda _event, step=step: actions.find_again(step)
        )

    @keys.add("c-c", filter=~is_searching)
    def _ctrl_c(_event: KeyPressEvent) -> None:
        interrupt()

    @bind(keys, bound, "leave", filter=empty)
    def _end_of_input(_event: KeyPressEvent) -> None:
        actions.quit()

    return keys


def thinking_keys(bound: KeyMap) -> str:
    """Return the keys that steer a thought, and what they do."""
    hint = bound.hint
    hints = (hint("answer_now", "answer now"), hint("think_more", "think on"))
    return " · ".join(filter(None, hints))
