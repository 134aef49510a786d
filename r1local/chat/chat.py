"""What every form of chat does with what is typed: questions, choices and slash commands."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

from r1local.chat.choices import Choices, Option
from r1local.chat.dialogue import Dialogue, PreparedQuestion
from r1local.chat.finding import Finding
from r1local.chat.shortage import Shortage
from r1local.chat.slash import SlashCommand, command_named, split_command
from r1local.chat.stopping import prepare_later, stoppable
from r1local.chat.surface import Pull, Surface, Voting
from r1local.chat.waiting import return_to_questions, waiting_in
from r1local.config.options import MOST_AT_ONCE, check
from r1local.config.presets import PresetQuestion
from r1local.conversation import Turn, labelled_question
from r1local.errors import (
    ChatTemplateError,
    GrammarError,
    LoadingCancelled,
    PromptTooLong,
    R1LocalError,
    SessionNotSaved,
    UsageError,
)
from r1local.events.vote import VoteEvent
from r1local.language import _
from r1local.models.catalog import Catalog
from r1local.models.references import parse_reference
from r1local.models.selection import Chosen, choose
from r1local.prompts.documents import Document, check_prompt_text, question_with_documents
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.replies.settings import ReplySettings
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Question
from r1local.ui.wording import documents_told, reading_first

#: Seconds in which a question is ready to be asked, unless a model's process is stuck.
_PATIENCE_S = 2.0


class Chat:
    """One chat: the dialogue, where it is shown, what is attached, and what is still to be decided.

    Args:
        dialogue: what is said.
        surface: where it is shown.
        commands: the slash commands by name.
        models: the known models.
        open_engine: opens a model as the command line asked for, until the control cancels it.
        new_session: opens a session; an existing one if it is given a name.
        settings_of: how a model replies in a session.
        pull: downloads a model.
        fetches_private: attached addresses may be ones of this machine and its networks.
        given: the values on the command line, by the names of options.
        preset: the preset into whose prompt questions are put.
        first: what is asked first.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        surface: Surface,
        commands: Mapping[str, SlashCommand["Chat"]],
        models: Catalog,
        open_engine: Callable[[Chosen, Control], Engine],
        new_session: Callable[[str | None], Recorder],
        settings_of: Callable[[Chosen, Recorder], ReplySettings],
        pull: Pull,
        fetches_private: bool = False,
        *,
        given: Mapping[str, Any] | None = None,
        preset: PresetQuestion | None = None,
        first: str = "",
    ) -> None:
        self.dialogue = dialogue
        self.surface = surface
        self.commands = commands
        self.models = models
        self.fetches_private = fetches_private
        self.finding = Finding()
        self.given = given or {}
        self.preset = preset
        self.first = first
        self._open_engine = open_engine
        self._new_session = new_session
        self._settings_of = settings_of
        self._pull = pull
        self._choices = Choices(surface)
        self._warned = False

    @property
    def documents(self) -> tuple[Document, ...]:
        """What goes with the next question."""
        return waiting_in(self.dialogue.recorder)

    def at_once(self, text: str) -> bool:
        """Return whether a text is a command that needn't wait for the current reply."""
        command = split_command(text)
        return command is not None and (
            command[0] not in self.commands or self.commands[command[0]].at_once
        )

    def begin(self) -> None:
        """Act on what the command line says, once the conversation is on the screen."""
        if self.preset and self.preset.takes_input:
            self.surface.say(
                _("questions are put into the prompt of preset {preset}", preset=self.preset.preset)
            )
        if not self.first:
            self.tell_waiting()
        if self.first:
            self.handle(self.first)

    def handle(self, text: str) -> None:
        """Act on what was typed: a choice, a slash command, or a question."""
        self._warned = False
        with self.errors_said():
            if number := self._choices.number_in(text):
                self._choices.choose(int(number))
            elif command := split_command(text):
                self._command(text, *command)
            elif text.strip():
                self._choices.pass_over()
                self.ask(text)

    @contextmanager
    def errors_said(self) -> Iterator[None]:
        """Say what goes wrong, and go on."""
        try:
            yield
        except R1LocalError as error:
            self.surface.say_error(error)

    def carry_out(self, action: Callable[[], None]) -> None:
        """Do something; say what goes wrong."""
        with self.errors_said():
            action()

    def ask(self, text: str, votes: int | None = None) -> None:
        """Ask the model a question, about the documents attached.

        Args:
            votes: the number of replies that vote on the answer.

        Raises:
            InvalidSetting: that number of replies can't vote, or a setting for votes is invalid.
            GrammarError: the session's schema isn't valid.
            PromptInputError: the question isn't valid text.
            PromptTooLong: the question doesn't fit, and nothing can be done about it.
            ChatTemplateError: the template can't render it.
        """
        if votes is not None:
            self.dialogue.vote_settings(votes)
        question = self._question(text, votes)
        typed = text if votes is None else f"/vote {votes} {text}"
        asked = partial(self._ask, text, typed, votes)
        patient_until = monotonic() + _PATIENCE_S
        try:
            prepared = self.dialogue.prepare(question, lambda: monotonic() > patient_until)
        except LoadingCancelled:
            prepare_later(question, typed, self.dialogue, self.surface, asked)
        else:
            asked(prepared)

    def _ask(self, text: str, typed: str, votes: int | None, prepared: PreparedQuestion) -> None:
        """Ask a question, unless the model lacks room for it."""
        if shortage := self.dialogue.shortage(prepared):
            self._offer_room(shortage, typed)
            return
        question = prepared.question
        labelled = labelled_question(text, question.documents or ())
        if votes is None:
            self.surface.reply(labelled, partial(self.dialogue.ask, prepared))
        else:
            self._hold_vote(labelled, votes, partial(self.dialogue.vote, question))

    def show(self, number: int) -> None:
        """Show the branch that ends with a turn: its number is the transcript's.

        Documents that `/edit` took out of a question no longer wait once it is shown again.
        """
        recorder = self.dialogue.recorder
        before = recorder.transcript.numbers
        try:
            self.dialogue.show(number)
            return_to_questions(recorder, before, self.filled)
        finally:
            self.surface.show_turns()

    def retry(self) -> None:
        """Ask for another reply to the last question, which must exist, or for another vote."""
        if votes := self.dialogue.turns[-1].voted:
            self._hold_vote(None, votes, partial(self.dialogue.vote_again, votes))
        else:
            self.surface.reply(None, self.dialogue.retry)

    def leave(self) -> None:
        """End the chat. If what was said can't be saved, ask first, but not twice in a row."""
        if not self._warned:
            try:
                self.dialogue.recorder.save()
            except SessionNotSaved as error:
                self._warned = True
                self.offer(
                    _(
                        "{reason}; /export PATH writes the conversation elsewhere",
                        reason=error.message,
                    ),
                    Option(_("try again to save it, and leave"), self.leave),
                    Option(_("leave, and lose what isn't saved"), self.surface.leave),
                )
                return
        self.surface.leave()

    def switch(self, reference: str) -> None:
        """Let another model reply from here on.

        Raises:
            UnknownModel, ModelNotInstalled: no model with that name is known, or installed.
        """
        selected = choose(reference, self.models)

        def work(control: Control) -> str:
            with stoppable():
                again = self.dialogue.switch(
                    selected, lambda model: self._open_engine(model, control)
                )
            self.dialogue.settings = self._settings_of(selected, self.dialogue.recorder)
            return _(
                "{name} replies from here on{again}{notices}",
                name=selected.name,
                again=reading_first(again),
                notices=self._notices,
            )

        self.surface.work(_("loading {name}", name=selected.name), work)

    def pull(self, reference: str) -> None:
        """Download a model, and let it reply from then on.

        Raises:
            UnknownModel: nothing is meant by the reference.
        """
        parse_reference(reference, self.models)
        work = partial(self._pull, reference, self.surface)
        then = partial(self.handle, f"/model {reference}")
        self.surface.work(_("downloading {name}", name=reference), work, then)

    def widen(self, context: int, typed: str = "") -> None:
        """Load the model again, with a context of the given size, and then act on what was typed.

        If that fails, what was typed is put back into the input.
        """
        check("context", context)

        def work(control: Control) -> str:
            try:
                with stoppable():
                    again = self.dialogue.reload(control.cancelled, context=context)
            except R1LocalError:
                self.surface.type(typed)
                raise
            window = self.dialogue.engine.context_window or context
            return _(
                "the context has {window:,} tokens now{again}{notices}",
                window=window,
                again=reading_first(again),
                notices=self._notices,
            )

        self.surface.work(_("making room"), work, partial(self.handle, typed) if typed else None)

    def shortage_of_documents(self) -> Shortage | None:
        """Return what even a short question about the documents that wait would lack."""
        if not self.documents or self.dialogue.engine.closed:
            return None
        try:
            return self.dialogue.shortage(self.dialogue.prepare(self._question("?", None)))
        except (ChatTemplateError, GrammarError):  # said when a question is asked
            return None

    def tell_waiting(self) -> None:
        """Name the documents that wait, if any do: after a session is opened."""
        if names := [each.name for each in self.documents]:
            nothing_counted = documents_told(names, [None] * len(names), exact=False)
            self.surface.say(
                _(
                    "goes with the next question: {nothing_counted}; /files lists them",
                    nothing_counted=nothing_counted,
                )
            )

    def begin_session(self, name: str | None, then: Callable[[], None]) -> None:
        """Go on in a new session, or in the one with that name."""

        def work(_control: Control) -> str:
            recorder = self._new_session(name)
            self.dialogue.move_to(recorder)
            self.finding = Finding()
            self.settle()
            if self.preset and self.preset.preset != recorder.transcript.preset:
                self.preset = None
            return ""

        def show() -> None:
            self.surface.show_turns()
            self.tell_waiting()
            then()

        self.surface.work(_("opening the session"), work, show)

    def filled(self, text: str) -> str:
        """Return a question as it is asked: in the preset's prompt, if that takes questions."""
        asked = self.preset.ask(text) if self.preset and self.preset.takes_input else text
        return asked or ""

    def settle(self) -> None:
        """Let the model reply as the session says now, after something in it was chosen."""
        recorder = self.dialogue.recorder
        self.dialogue.settings = self._settings_of(self.dialogue.selected, recorder)

    @property
    def _notices(self) -> str:
        """What the engine has to say of how it was opened, each notice on a line of its own."""
        return "".join(f"\n{each.message}" for each in self.dialogue.engine.notices)

    def _command(self, text: str, name: str, argument: str) -> None:
        command = command_named(name, self.commands)
        if argument and not command.usage:
            raise UsageError(
                _("/{name} takes nothing behind it", name=name), _("type /{name} alone", name=name)
            )
        if not self.at_once(text):
            self._choices.pass_over()
        command.action(self, argument)

    def _question(self, text: str, votes: int | None) -> Question:
        documents = self.documents
        message = question_with_documents(self.filled(text), documents)
        check_prompt_text(message)
        names = tuple(document.name for document in documents)
        whole = message == text
        return Question(message, None if whole else text, None if whole else names, votes)

    def _hold_vote(self, question: str | None, votes: int, hold: Voting) -> None:
        def voting(control: Control) -> Generator[VoteEvent, None, None]:
            at_once = min(votes, MOST_AT_ONCE)
            engine = self.dialogue.engine
            if engine.abilities.resizes and engine.at_once < at_once:
                with stoppable():
                    self.dialogue.reload(control.cancelled, at_once=at_once)
            yield from hold(control)

        self.surface.vote(question, votes, voting)

    def offer(self, told: str, *options: Option) -> None:
        """Say what is to be decided, in place of any earlier choice; the next number decides it."""
        self._choices.offer(told, *options)

    def _offer_room(self, shortage: Shortage, typed: str) -> None:
        """Warn that the next prompt won't fit, before it happens, and offer what helps."""
        told = shortage.told
        options = [*self._ways_without(shortage.oldest, typed)]
        if larger := shortage.larger:
            widen = partial(self.widen, larger, typed)
            options.append(
                Option(
                    _("load the model with a context of {larger:,} tokens", larger=larger), widen
                )
            )
        if not options:
            self.surface.type(typed)
            hint = _("; /file none lets the files go") if self.documents else ""
            raise PromptTooLong(told, _("ask something shorter{hint}", hint=hint))
        take_back = partial(self.surface.type, typed)
        self.offer(told, *options, Option(_("don't ask it: have it in the input again"), take_back))
        self._choices.unasked = typed

    def _ways_without(self, oldest: Sequence[Turn], typed: str) -> Iterator[Option]:
        """Return ways to ask without the oldest turns, if that makes enough room."""
        if not oldest:
            return
        told = (
            _("the oldest turn")
            if len(oldest) == 1
            else _("the {count} oldest turns", count=len(oldest))
        )
        names = "; ".join(turn.headline for turn in oldest)
        yield Option(
            _("leave out {told}: {names}", told=told, names=names),
            partial(self._drop, len(oldest), typed),
        )
        ask_anew = partial(self.begin_session, None, partial(self.handle, typed))
        yield Option(_("ask it in a new session"), ask_anew)

    def _drop(self, count: int, typed: str) -> None:
        self.dialogue.drop_oldest(count)
        self.surface.show_turns()
        self.handle(typed)
