"""A conversation in progress: the model that replies, and the records of what is said."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial

from r1local.chat.session_settings import given_in
from r1local.chat.shortage import Shortage, least_that_holds
from r1local.chat.waiting import attach_to, detach_from, waiting_in
from r1local.config.preferences import settings_in_force
from r1local.conversation import Conversation, Span, Turn, messages_of
from r1local.errors import (
    ChatTemplateError,
    GrammarError,
    ModelLoadError,
    R1LocalError,
    SessionNotSaved,
    UsageError,
)
from r1local.events.reply import Event, Finished, Reading, ThinkingDelta, Written
from r1local.events.vote import VoteEvent, VoteResult, VoterEvent
from r1local.language import _
from r1local.models.selection import Chosen
from r1local.replies.control import Control
from r1local.replies.engine import (
    Begun,
    Engine,
    PreparedPrompt,
    never,
    prepared,
    reply_to,
)
from r1local.replies.settings import ReplySettings
from r1local.replies.structured_output import checked, structure_by
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import (
    Continued,
    Dropped,
    Ended,
    OfVoter,
    Question,
    Retry,
    SchemaChange,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
    ended,
)
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings, vote_settings


@dataclass(frozen=True, slots=True)
class PreparedQuestion:
    """A question ready to be asked, with its prompt rendered and tokenised."""

    question: Question
    prompt: PreparedPrompt


class Dialogue:
    """Passes questions to the model, and every record of the conversation to the recorder.

    The recorder's transcript holds what was said; nothing of it is kept here. Only one thread at
    a time may change the conversation; any thread may read it.

    Args:
        selected: which model replies.
        engine: runs that model; `close` closes it.
        settings: how it replies, except for the schema, which belongs to the conversation.
        recorder: keeps the conversation; an opened session brings its turns along.
    """

    def __init__(
        self, selected: Chosen, engine: Engine, settings: ReplySettings, recorder: Recorder
    ) -> None:
        self.selected = selected
        self.engine = engine
        self.settings = settings
        self.recorder: Recorder
        self._counted: int | None = None
        self._enter(recorder)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, including those that the model is no longer given."""
        return self.recorder.transcript.turns

    @property
    def system(self) -> str | None:
        """The system prompt."""
        return self.recorder.transcript.system

    @property
    def schema(self) -> str | None:
        """The JSON schema that answers are held to."""
        return self.recorder.transcript.schema

    @property
    def dropped(self) -> int:
        """How many of the oldest turns the model is no longer given."""
        return self.recorder.transcript.dropped

    @property
    def context_used(self) -> int | None:
        """Tokens of the context window that are in use, or that the next prompt begins with.

        None if the engine doesn't know.
        """
        return self.engine.position if self._counted is None else self._counted

    def prepare(
        self, question: Question, cancelled: Callable[[], bool] = never
    ) -> PreparedQuestion:
        """Make the prompt that asks a question.

        Args:
            cancelled: called meanwhile; True ends it.

        Raises:
            LoadingCancelled: `cancelled` returned True.
            ChatTemplateError: the template can't render it.
            GrammarError: the session's schema isn't valid.
            ModelLoadError: there is no model in memory.
        """
        messages = self._messages(self.turns, question.text)
        prompt = self._prompt(messages, settings=self._settings, cancelled=cancelled)
        return PreparedQuestion(question, prompt)

    def shortage(self, prepared: PreparedQuestion) -> Shortage | None:
        """Return what the model lacks to answer a question; None if it lacks nothing."""
        window, size = self.engine.context_window, prepared.prompt.size
        if window is None or size is None or size.tokens <= (room := self._room(window)):
            return None
        given = self.turns[self.dropped :]

        def fits(left_out: int) -> bool:
            messages = messages_of(given[left_out:], self.system, prepared.question.text)
            tried = self._prompt(messages).size
            return tried is None or tried.tokens <= room

        oldest = given[: least_that_holds(len(given), fits)]
        larger = self.engine.larger(lambda context: size.tokens <= self._room(context))
        return Shortage(size.tokens + window - room, window, oldest, larger)

    def ask(self, prepared: PreparedQuestion, control: Control) -> Generator[Event, None, None]:
        """Let the model answer another question, prepared for the conversation as it stands.

        Raises:
            R1LocalError: as `Engine.reply`; the question stays, and its reply is `lost`.
        """
        self.recorder.append(prepared.question)
        yield from self._reply(prepared.prompt, control, self._settings)

    def retry(self, control: Control) -> Generator[Event, None, None]:
        """Let the model reply to the last question again, ignoring any seed that was asked for."""
        *before, last = self.turns
        settings = _with_another_seed(self._settings)
        prompt = self._prompt(self._messages(before, last.question))
        self.recorder.append(Retry())
        yield from self._reply(prompt, control, settings)

    def go_on(self, control: Control) -> Generator[Event, None, None]:
        """Let the last reply, which must exist, go on from where it was cut off.

        Raises:
            GrammarError: its answer doesn't follow the schema in force.
        """
        *before, last = self.turns
        assert last.reply is not None
        begun = Begun(last.reply.thinking, last.reply.answer, last.reply.thinking_open)
        prompt = self._prompt(self._messages(before, last.question), begun, self._settings)
        self.recorder.append(Continued())
        yield from self._reply(prompt, control, self._settings)

    def rethink(
        self,
        thought: str,
        edited: tuple[Span, ...],
        kept: Callable[[], None],
        control: Control,
    ) -> Generator[Event, None, None]:
        """Let the model go on from an edited thought, in an alternative to the last reply.

        Args:
            thought: what the model is to have thought so far.
            edited: the passages of it that were edited.
            kept: called once the session has the thought on the disk.
        """
        *before, last = self.turns
        begun = Begun(thought, "", thinking_open=True)
        prompt = self._prompt(self._messages(before, last.question), begun, self._settings)
        self.recorder.append(Retry(edited=edited))
        self.recorder.append(ThinkingDelta(thought, 0))
        unsaved: SessionNotSaved | None = None
        try:
            self.recorder.save()
            kept()
        except SessionNotSaved as error:
            unsaved = error
        yield from self._reply(prompt, control, self._settings)
        if unsaved:  # nothing says so again
            raise unsaved

    def vote_settings(self, votes: int) -> VoteSettings:
        """Return the settings for a vote of `votes` replies, each made like a single reply.

        Raises:
            InvalidSetting: that number of replies can't vote, or a setting for votes is invalid.
            GrammarError: the session's schema isn't valid.
            ModelLoadError: there is no model in memory.
        """
        self._require_model()
        settings = replace(self._settings, only_thinking=False)
        chosen = settings_in_force(given_in({}, self.recorder), self.selected.preferred)
        return vote_settings(votes, settings, chosen)

    def vote(
        self, question: Question, control: Control, settings: VoteSettings | None = None
    ) -> Generator[VoteEvent, None, None]:
        """Let the model answer a question several times, and keep the winning reply.

        Without a winner, the first voter's reply is kept. Without `settings`, those of
        `vote_settings` are used.

        Raises:
            R1LocalError: as `election.hold_vote`; the question stays, without a reply.
        """
        assert question.votes is not None
        conversation = self._messages(self.turns, question.text)
        settings = settings or self.vote_settings(question.votes)
        self.recorder.append(question)
        yield from self._vote(conversation, control, settings)

    def vote_again(self, votes: int, control: Control) -> Generator[VoteEvent, None, None]:
        """Hold the last turn's vote again, ignoring any seed that was asked for."""
        *before, last = self.turns
        conversation = self._messages(before, last.question)
        settings = self.vote_settings(votes)
        settings = replace(settings, reply=_with_another_seed(settings.reply))
        self.recorder.append(Retry())
        yield from self._vote(conversation, control, settings)

    def _vote(
        self, conversation: Conversation, control: Control, settings: VoteSettings
    ) -> Generator[VoteEvent, None, None]:
        result: VoteResult | None = None
        self._counted = None
        try:
            with closing(
                hold_vote(self.engine, conversation, settings, control, self.selected.name)
            ) as events:
                for event in events:
                    if isinstance(event, VoterEvent):
                        self._append_of_voter(event.voter, event.event)
                    elif isinstance(event, VoteResult):
                        result = event
                    yield event
        finally:
            if result and result.ballots:
                chosen = result.winner or result.ballots[0]
                self.recorder.append(ended(chosen.reply, streamed=False))
            self._count()  # what the cache holds is the voters'

    def undo(self) -> Turn:
        """Show the last turn no longer, and return it."""
        last = self.turns[-1]
        self.recorder.append(Undo())
        self._count()
        return last

    def show(self, number: int) -> None:
        """Go on from the turn with that number, which there must be, or from the start: 0.

        The KV cache stays as it is: the next prompt is evaluated from where it differs.

        Raises:
            SessionNotSaved: this can't be written to the disk.
        """
        unsaved: SessionNotSaved | None = None
        for record in self.recorder.transcript.records_to(number):
            try:
                self.recorder.append(record)
            except SessionNotSaved as error:
                unsaved = error
        self._count()
        if unsaved:
            raise unsaved

    def use_system(self, system: str | None) -> None:
        """Give the model another system prompt from here on, or none."""
        self.recorder.append(SystemPromptChange(system))
        self._count()

    def use_schema(self, schema: str | None) -> None:
        """Hold answers to another JSON schema from here on, or to none."""
        self.recorder.append(SchemaChange(schema))

    def change(self, name: str, value: str, settings: ReplySettings) -> None:
        """Use other settings for replies from here on; `name` and `value` say what was changed."""
        self.recorder.append(Setting(name, value))
        self.settings = settings

    def use_preset(self, name: str) -> None:
        """Record that another preset holds from here on; its settings are the caller's to use."""
        self.recorder.append(Setting("preset", name))

    def drop_oldest(self, count: int) -> None:
        """Leave `count` more of the oldest turns out; they stay on the screen and on the disk."""
        self.recorder.append(Dropped(count))
        self._count()

    def move_to(self, recorder: Recorder) -> None:
        """Go on in another session; a new one keeps the system prompt, the schema and the preset.

        Documents that wait go along.

        Raises:
            SessionNotSaved: the current one can't be saved and stays open; the other is closed.
        """
        system, schema, preset = self.system, self.schema, self.recorder.transcript.preset
        waiting = waiting_in(self.recorder)
        try:
            detach_from(self.recorder)
            self.recorder.save()
            self._leave_session()
        except BaseException:
            attach_to(self.recorder, waiting)
            recorder.close()
            raise
        self._enter(recorder)
        attach_to(recorder, waiting)
        if system and not self.turns:
            self.use_system(system)
        if schema and not self.turns:
            self.use_schema(schema)
        if preset and not self.turns:
            self.use_preset(preset)

    def switch(self, selected: Chosen, opening: Callable[[Chosen], Engine]) -> int:
        """Let another model reply; return the number of tokens it will have to evaluate again.

        The previous model is unloaded first, since memory may not hold both. If the new one
        can't be loaded, the previous one is loaded again; if that fails too, questions are
        refused until a model is loaded.
        """
        before = self.engine
        before.close()
        try:
            self.engine = opening(selected)
        except BaseException:
            with suppress(R1LocalError):  # the error raised says why the other one wasn't loaded
                self.engine = before.reopened(lambda: False)
            self._count()
            raise
        self.selected = selected
        self.recorder.append(UsedModel(selected.reference))
        return self._count()

    def reload(
        self,
        cancelled: Callable[[], bool],
        *,
        context: int | None = None,
        at_once: int | None = None,
    ) -> int:
        """Open the same model as `Engine.reopened` does; return what `switch` returns.

        Raises:
            UsageError: the engine can't do that.
        """
        if not self.engine.abilities.resizes:
            raise UsageError(
                _("{name} can't be opened with another context", name=self.engine.name),
                _("/new begins a session"),
            )
        reopened = partial(self.engine.reopened, cancelled, context=context, at_once=at_once)
        return self.switch(self.selected, lambda _same: reopened())

    def close(self) -> None:
        """Close the session and the model; the KV cache is kept for next time.

        Raises:
            SessionNotSaved: what was said still can't be written to the disk.
        """
        try:
            self._leave_session()
        finally:
            self.engine.close()

    @property
    def _settings(self) -> ReplySettings:
        """How the next reply is made: in the form that is set, or else by the session's schema."""
        if self.schema is None or self.settings.grammar:
            return self.settings
        try:
            grammar = structure_by(self.schema).grammar
        except GrammarError as error:
            raise GrammarError(error.message, _("/schema none leaves answers free")) from error
        return replace(self.settings, grammar=grammar, schema=self.schema)

    def _enter(self, recorder: Recorder) -> None:
        self.recorder = recorder
        if recorder.transcript.model != self.selected.reference:
            recorder.append(UsedModel(self.selected.reference))
        state = None if self.engine.closed else self.engine.kv_state
        if not self.turns or not state or not recorder.restore_state(state):
            self._count()

    def _leave_session(self) -> None:
        state = None if self.engine.closed else self.engine.kv_state
        if self.turns and state:
            self.recorder.keep_state(state)
        self.recorder.close()

    def _messages(self, turns: Sequence[Turn], question: str | None) -> Conversation:
        return messages_of(turns[self.dropped :], self.system, question)

    def _count(self) -> int:
        """Count the tokens of a conversation that the model hasn't seen in its current form."""
        self._counted = 0
        if self.turns and not self.engine.closed:
            self._counted = None
            with suppress(ChatTemplateError):  # some templates require a question at the end
                size = self._prompt(self._messages(self.turns, None)).size
                self._counted = size.tokens if size else None
        return self._counted or 0

    def _prompt(
        self,
        conversation: Conversation,
        begun: Begun | None = None,
        settings: ReplySettings | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> PreparedPrompt:
        """Make a prompt; without `settings` the schema, which may be invalid, is ignored."""
        self._require_model()
        return prepared(self.engine, conversation, settings or self.settings, begun, cancelled)

    def _require_model(self) -> None:
        if self.engine.closed:
            raise ModelLoadError(_("no model is in memory any more"), _("/model NAME loads one"))

    def _reply(
        self, prompt: PreparedPrompt, control: Control, settings: ReplySettings
    ) -> Generator[Event, None, None]:
        finished: Finished | None = None
        self._counted = None
        try:
            events = reply_to(self.engine, prompt, settings, control)
            with closing(checked(events, self.recorder.transcript, settings.schema)) as events:
                for event in events:
                    if isinstance(event, Finished):
                        finished = event
                    elif not isinstance(event, Reading):
                        self.recorder.append(event)
                    yield event
        finally:
            # Whatever ended the reply, what was streamed is kept.
            self.recorder.append(self._ended(finished))

    def _room(self, window: int) -> int:
        """Return the tokens of a context that a prompt may take; up to half is the reply's."""
        return window - min(self.settings.thinking.reserve(window), window // 2)

    def _append_of_voter(self, voter: int, event: Written) -> None:
        record = self._ended(event, voter) if isinstance(event, Finished) else event
        self.recorder.append(OfVoter(voter, record))

    def _ended(self, finished: Finished | None, voter: int | None = None) -> Ended:
        return self.recorder.transcript.ended(finished, self.selected.name, voter)


def _with_another_seed(settings: ReplySettings) -> ReplySettings:
    return replace(settings, sampler=replace(settings.sampler, seed=None))
