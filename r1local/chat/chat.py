"""What every form of chat does with what is typed: questions, choices and slash commands."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from r1local.chat.dialogue import Dialogue, Shortage
from r1local.chat.slash import SlashCommand, command_named, split_command
from r1local.config.options import MOST_AT_ONCE
from r1local.conversation import Reply
from r1local.errors import PromptInputError, R1LocalError
from r1local.events.reply import Event
from r1local.events.vote import VoteEvent
from r1local.models.catalog import Catalog
from r1local.models.loading import LoadedModel
from r1local.models.selection import Selected, select
from r1local.prompts.documents import Document, question_with_documents
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings
from r1local.sessions.recorder import Recorder
from r1local.voting.settings import VoteSettings

#: Lets the model reply; the control ends or steers it from outside.
Replying: TypeAlias = Callable[[Control], Generator[Event, None, None]]

#: Lets the model reply many times, and elects an answer.
Voting: TypeAlias = Callable[[Control], Generator[VoteEvent, None, None]]

#: Said where there is no thought to end or to draw out.
NO_REPLY = "no reply is being written"


class Surface(Protocol):
    """A form of chat: how it shows things and how it does them."""

    def say(self, text: str) -> None:
        """Tell something of r1local's own; untrusted text in it is made harmless."""

    def say_error(self, error: R1LocalError) -> None:
        """Tell what went wrong, and the hint."""

    def show_turns(self) -> None:
        """Show the conversation anew, after it changed."""

    def clear(self) -> None:
        """Empty the screen."""

    def open_thought(self, name: str, reply: Reply, words: str = "") -> None:
        """Show the thought of the reply of that name, `words` in it set apart."""

    def type(self, text: str) -> None:
        """Put a text into the input."""

    def reply(self, question: str | None, replying: Replying, begun: Reply | None = None) -> None:
        """Let the model reply: to a question that is new on the screen, or going on."""

    def work(
        self, label: str, work: Callable[[], str], then: Callable[[], None] | None = None
    ) -> None:
        """Do what takes its time, under a label; say what it returns, if anything; then go on."""

    def vote(self, question: str, votes: int, voting: Voting) -> None:
        """Let so many replies vote on the answer to a question."""

    def answer_now(self) -> None:
        """End the thought of the present reply."""

    def think_more(self) -> None:
        """Have the present reply think on."""

    def copy(self, text: str) -> None:
        """Put a text on the clipboard."""

    def leave(self) -> None:
        """End the chat."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of several things to do: what it is, and how."""

    told: str
    action: Callable[[], None]


class Chat:
    """One chat: the dialogue, where it is shown, and what is attached or to be decided.

    Args:
        dialogue: what is said.
        surface: where it is shown.
        commands: the slash commands by name.
        models: the known models.
        load: loads a model as the command line asked for, but for fields of `LoadOptions`
            that are given by name.
        new_session: opens a session; with a name it is one that exists.
        settings_of: how a model replies in a session.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        surface: Surface,
        commands: Mapping[str, SlashCommand["Chat"]],
        models: Catalog,
        load: Callable[..., LoadedModel],
        new_session: Callable[[str | None], Recorder],
        settings_of: Callable[[Selected, Recorder], ReplySettings],
    ) -> None:
        self.dialogue = dialogue
        self.surface = surface
        self.commands = commands
        self.models = models
        self.attached: list[Document] = []
        #: What `/find` looked for, and the replies that are still to be shown.
        self.found: tuple[str, list[str]] = ("", [])
        self._load = load
        self._new_session = new_session
        self._settings_of = settings_of
        self._options: Sequence[Option] = ()

    def at_once(self, text: str) -> bool:
        """Whether a text is a command that needn't wait for the present reply."""
        command = split_command(text)
        return command is not None and (
            command[0] not in self.commands or self.commands[command[0]].at_once
        )

    def handle(self, text: str) -> None:
        """Do what was typed: a choice, a slash command, or a question."""
        options, self._options = self._options, ()
        try:
            if options and text.strip() in {str(n) for n, _ in enumerate(options, 1)}:
                options[int(text) - 1].action()
            elif command := split_command(text):
                name, argument = command
                command_named(name, self.commands).action(self, argument)
            elif text.strip():
                self.ask(text)
        except R1LocalError as error:
            self.surface.say_error(error)

    def ask(self, text: str) -> None:
        """Ask the model a question, about the documents attached.

        Raises:
            PromptInputError: it is no text.
            ChatTemplateError: the template can't render it.
        """
        question = question_with_documents(text, self.attached)
        _check_text(question)
        names = [document.name for document in self.attached]
        shown = f"{text}\n({', '.join(names)})" if names else None
        prepared = self.dialogue.prepare(question, shown)
        if shortage := self.dialogue.shortage(prepared):
            self._offer_room(shortage, text)
            return
        self.attached.clear()
        self.surface.reply(shown or text, partial(self.dialogue.ask, prepared))

    def vote(self, votes: int, question: str) -> None:
        """Let so many replies vote on the answer to a question.

        Raises:
            InvalidSetting: so many can't vote.
            PromptInputError: the question is no text.
        """
        _check_text(question)
        VoteSettings(votes)
        dialogue = self.dialogue

        def voting(control: Control) -> Generator[VoteEvent, None, None]:
            at_once = min(votes, MOST_AT_ONCE)
            if dialogue.loaded.model.sequences < at_once:
                dialogue.switch(dialogue.selected, partial(self._load, sequences=at_once))
            yield from dialogue.vote(votes, question, control)

        self.surface.vote(question, votes, voting)

    def switch(self, reference: str) -> None:
        """Let another model reply from here on.

        Raises:
            UnknownModel, ModelNotInstalled: there is none of that name here.
        """
        selected = select(reference, self.models)

        def work() -> str:
            again = self.dialogue.switch(selected, self._load)
            self.dialogue.settings = self._settings_of(selected, self.dialogue.recorder)
            notices = "".join(f"\n{each.message}" for each in self.dialogue.loaded.notices)
            return f"{selected.name} replies from here on{_evaluated(again)}{notices}"

        self.surface.work(f"loading {selected.name}", work)

    def widen(self, context: int, then: Callable[[], None] | None = None) -> None:
        """Load the model anew, with a context of so many tokens."""
        contexts = [self.dialogue.loaded.model.context_window, context]

        def work() -> str:
            # Should the wider one fail, the second load has the one before.
            again = self.dialogue.switch(
                self.dialogue.selected, lambda model: self._load(model, context=contexts.pop())
            )
            window = self.dialogue.loaded.model.context_window
            notices = "".join(f"\n{each.message}" for each in self.dialogue.loaded.notices)
            return f"the context has {window:,} tokens now{_evaluated(again)}{notices}"

        self.surface.work("making room", work, then)

    def begin_session(self, name: str | None, then: Callable[[], None]) -> None:
        """Go on in a new session, or in the one of that name."""

        def work() -> str:
            recorder = self._new_session(name)
            self.dialogue.move_to(recorder)
            self.dialogue.settings = self._settings_of(self.dialogue.selected, recorder)
            self.found = ("", [])
            return ""

        def show() -> None:
            self.surface.show_turns()
            then()

        self.surface.work("opening the session", work, show)

    def _offer_room(self, shortage: Shortage, text: str) -> None:
        """Say that the next prompt won't fit, before it happens, and offer what can be done."""
        options = []
        if count := len(shortage.oldest):
            told = "the oldest turn" if count == 1 else f"the {count} oldest turns"
            names = "; ".join(turn.headline for turn in shortage.oldest)
            options.append(Option(f"leave out {told}: {names}", lambda: self._drop(count, text)))
        options.append(Option("ask it in a new session", lambda: self._ask_anew(text)))
        larger = _larger(shortage.context_window, shortage.needed)
        options.append(
            Option(
                f"load the model with a context of {larger:,} tokens",
                lambda: self.widen(larger, lambda: self.handle(text)),
            )
        )
        self._options = options
        self.surface.say(
            f"the next prompt needs {shortage.needed:,} tokens with room for a reply, and the"
            f" context has {shortage.context_window:,}. Type a number:\n"
            + "\n".join(f"{n}  {option.told}" for n, option in enumerate(options, 1))
        )

    def _drop(self, count: int, text: str) -> None:
        self.dialogue.drop_oldest(count)
        self.surface.show_turns()
        self.ask(text)

    def _ask_anew(self, text: str) -> None:
        self.begin_session(None, lambda: self.handle(text))


def _evaluated(tokens: int) -> str:
    return f"; {tokens:,} tokens are evaluated again" if tokens else ""


def _larger(window: int, needed: int) -> int:
    """The first doubling of a context that has room."""
    while window < needed:
        window *= 2
    return window


def _check_text(text: str) -> None:
    """Refuse what is no UTF-8: a terminal can send such bytes."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptInputError(
            "the question is not valid UTF-8", "type it again, or check the terminal's encoding"
        ) from error
