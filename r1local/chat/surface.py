"""What a chat asks of the place where it is shown, whatever its form."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from r1local.chat.finding import Hit
from r1local.config.keys import KeyMap
from r1local.conversation import Reply
from r1local.errors import R1LocalError
from r1local.events.reply import Event
from r1local.events.vote import VoteEvent
from r1local.language import N_
from r1local.replies.control import Control
from r1local.ui.chat.help import HelpSection

#: Lets the model reply; the control ends or steers the reply from outside.
Replying: TypeAlias = Callable[[Control], Generator[Event, None, None]]

#: Lets the model reply many times, and elects an answer.
Voting: TypeAlias = Callable[[Control], Generator[VoteEvent, None, None]]

#: Does something slow, until the control ends it; returns what there is to say.
Work: TypeAlias = Callable[[Control], str]

#: Downloads a model by its name, and says on the surface how far it is, until the control ends it.
Pull: TypeAlias = Callable[[str, "Surface", Control], str]

#: Said where there is no thought to end or to prolong.
NO_REPLY = N_("no reply is being written")


class Surface(Protocol):
    """A form of chat: how it shows things and how it carries them out."""

    #: The keys that are bound.
    keys: KeyMap
    #: Whether it has panes, and the keys that are about them.
    full_screen: bool

    def say(self, text: str) -> None:
        """Show a message of r1local's own; untrusted text in it is made harmless."""

    def say_error(self, error: R1LocalError) -> None:
        """Show what went wrong, and the hint."""

    def show_turns(self) -> None:
        """Show the conversation again, after it changed."""

    def show_undone(self) -> None:
        """Show the conversation without its last turn, which was undone."""

    def clear(self) -> None:
        """Empty the screen."""

    def open_thought(self, name: str, reply: Reply) -> None:
        """Show the thought of the reply with that name."""

    def show_found(self, hit: Hit, words: str, told: str) -> None:
        """Show a place that has the words, and tell where it is."""

    def pick_session(self, words: str) -> None:
        """Let the user go on with one of the saved sessions, found by words if there are any."""

    def show_help(self, sections: Sequence[HelpSection]) -> None:
        """Show what there is to type and to press, from its top."""

    def type(self, text: str) -> None:
        """Put a text into the input, in front of what is typed there."""

    def edit(self, path: Path, then: Callable[[], None]) -> None:
        """Let the user edit a file in an editor; go on when it is closed, unless it failed."""

    def reply(self, question: str | None, replying: Replying, begun: Reply | None = None) -> None:
        """Let the model reply to a question that is new on the screen, or go on with a reply."""

    def work(self, label: str, work: Work, then: Callable[[], None] | None = None) -> None:
        """Do something slow, under a label; say what it returns, if anything; then go on."""

    def vote(self, question: str | None, votes: int, voting: Voting) -> None:
        """Let `votes` replies vote on the answer to a question; None: again, on the last one."""

    def show_progress(self, words: str, share: float | None) -> None:
        """Show how far the present work is, in place of its label; from any thread."""

    def tell(self, text: str) -> None:
        """Show a message while work goes on; from any thread."""

    def tell_later(self, find_out: Callable[[], str]) -> None:
        """Show a message that takes a moment to find out, if possible without keeping anybody."""

    def stop(self) -> None:
        """End the reply or the work that goes on."""

    def need_choice(self, question: str) -> None:
        """Tell somebody who looks elsewhere that nothing goes on before a choice."""

    def answer_now(self) -> None:
        """End the thought of the current reply."""

    def think_more(self) -> None:
        """Make the current reply keep thinking."""

    def copy(self, text: str) -> bool:
        """Put a text on the clipboard; False if only the terminal knows whether it is there.

        Raises:
            ClipboardError: there is no clipboard.
        """

    def leave(self) -> None:
        """End the chat."""
