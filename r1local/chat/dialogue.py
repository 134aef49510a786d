"""A conversation in progress: its turns, the model that replies, and where it is kept."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from r1local.conversation import Conversation, Reply, Turn, messages_of
from r1local.events.reply import Event
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteEvent, VoteResult, VoterEvent, VoterReply
from r1local.models.loading import LoadedModel
from r1local.models.selection import Selected
from r1local.replies.control import Control
from r1local.replies.generation import Begun, generate
from r1local.replies.settings import ReplySettings
from r1local.sessions.recorder import Recorder
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings


@dataclass(frozen=True, slots=True)
class Shortage:
    """A question that the context window has no room for.

    Args:
        needed: tokens of the prompt and of the least room for a reply.
        context_window: tokens there are.
        oldest: the oldest turns which leave room enough when left out; none if
            the question alone is too long.
    """

    needed: int
    context_window: int
    oldest: tuple[Turn, ...]


class Dialogue:
    """What is said, by whom, and what the model is given of it.

    One thread at a time may let the model reply; the turns may be read from any.

    Args:
        selected: which model replies.
        loaded: the same, loaded; `close` closes it.
        settings: how it replies.
        recorder: keeps the conversation; an opened session brings its turns along.
    """

    def __init__(
        self, selected: Selected, loaded: LoadedModel, settings: ReplySettings, recorder: Recorder
    ) -> None:
        self.selected = selected
        self.loaded = loaded
        self.settings = settings
        self.recorder: Recorder
        self.system: str | None
        self.dropped: int
        self._turns: list[Turn]
        self._lock = threading.Lock()
        self._enter(recorder)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, those included that the model isn't given any more."""
        with self._lock:
            return tuple(self._turns)

    @property
    def context_used(self) -> int:
        """Tokens of the context window in use."""
        return self.loaded.model.position

    def ask(
        self, question: str, control: Control, shown: str | None = None
    ) -> Generator[Event, None, None]:
        """Let the model answer one more question, typed as `shown` if that differs.

        Raises:
            R1LocalError: as `generation.reply`; the question stays, without a reply.
        """
        self.recorder.question(question, shown)
        conversation = self._messages(self.turns, question)
        self._put(Turn(question, shown=shown))
        yield from self._reply(conversation, control, self.settings)

    def retry(self, control: Control) -> Generator[Event, None, None]:
        """Let the model reply to the last question anew, with another seed than any asked for."""
        last = self.turns[-1]
        self.recorder.retry()
        self._put(replace(last, reply=None), in_place=True)
        settings = replace(self.settings, sampler=replace(self.settings.sampler, seed=None))
        conversation = self._messages(self.turns[:-1], last.question)
        yield from self._reply(conversation, control, settings)

    def go_on(self, control: Control) -> Generator[Event, None, None]:
        """Let the last reply go on from where it was cut; there must be one."""
        last = self.turns[-1]
        assert last.reply is not None
        self.recorder.continued()
        conversation = self._messages(self.turns[:-1], last.question)
        yield from self._reply(conversation, control, self.settings, last.reply)

    def vote(self, votes: int, question: str, control: Control) -> Generator[VoteEvent, None, None]:
        """Let the model answer a question so many times; the winning reply is what stays.

        Raises:
            R1LocalError: as `votes.vote`; the question stays, without a reply.
        """
        self.recorder.question(question)
        conversation = self._messages(self.turns, question)
        self._put(Turn(question))
        settings = VoteSettings(votes, replace(self.settings, only_thinking=False))
        events = hold_vote(self.loaded, conversation, settings, control, self.selected.name)
        with closing(events):
            for event in events:
                self._keep(event)
                yield event

    def _keep(self, event: VoteEvent) -> None:
        """Keep each voter's reply; as the turn's own the winner's, or, without one, the first."""
        match event:
            case VoterEvent(voter, of_reply):
                self.recorder.event(of_reply, voter)
            case VoterReply(voter, reply):
                turn = self.turns[-1]
                self._put(replace(turn, voters={**turn.voters, voter: reply}), in_place=True)
                self.recorder.finished(reply, voter)
            case VoteResult(winner, ballots=ballots) if ballots:
                chosen = winner or ballots[0]
                self._put(replace(self.turns[-1], reply=chosen.reply), in_place=True)
                self.recorder.finished(chosen.reply)

    def undo(self) -> Turn:
        """Take the last turn away; return it."""
        self.recorder.undo()
        with self._lock:
            turn = self._turns.pop()
            self.dropped = min(self.dropped, len(self._turns))
        return turn

    def use_system(self, system: str | None) -> None:
        """Give the model another system prompt from here on, or none."""
        self.recorder.use_system(system)
        self.system = system

    def change(self, name: str, value: str, settings: ReplySettings) -> None:
        """Reply by other settings from here on; `name` and `value` say what was changed."""
        self.recorder.set(name, value)
        self.settings = settings

    def drop_oldest(self, count: int) -> None:
        """Give the model so many turns less; they stay on the screen and on the disk."""
        self.recorder.drop_oldest(count)
        self.dropped += count

    def move_to(self, recorder: Recorder) -> None:
        """Go on in another session, with its turns; a new one keeps the system prompt."""
        system = self.system
        self._leave_session()
        self._enter(recorder)
        if system and not recorder.turns:
            self.use_system(system)

    def switch(self, selected: Selected, load: Callable[[Selected], LoadedModel]) -> int:
        """Let another model reply; return the tokens it will have to evaluate anew.

        The model before leaves memory first, which may not hold both. If the other
        can't be loaded it comes back.
        """
        before = self.selected
        self.loaded.model.close()
        try:
            self.loaded = load(selected)
        except BaseException:
            self.loaded = load(before)
            raise
        self.selected = selected
        self.recorder.use_model(selected.reference)
        return self._count(self._messages(self.turns, None)) if self.turns else 0

    def shortage(self, question: str) -> Shortage | None:
        """What is missing to let the model answer a question, if anything is."""
        window = self.loaded.model.context_window
        turns, room = self.turns, window - self.settings.thinking.reserve(window)

        def needed(dropped: int) -> int:
            return self._count(self._messages(turns, question, self.dropped + dropped))

        if (prompt := needed(0)) <= room:
            return None
        given = len(turns) - self.dropped
        fewest = _first(given, lambda count: needed(count) <= room)
        oldest = turns[self.dropped : self.dropped + fewest] if fewest else ()
        return Shortage(prompt + window - room, window, oldest)

    def close(self) -> None:
        """Close the session and the model; the KV cache is kept for the next time.

        Raises:
            SessionNotSaved: the disk still refuses what was said.
        """
        try:
            self._leave_session()
        finally:
            self.loaded.model.close()

    def _enter(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.system, self.dropped = recorder.system, recorder.dropped
        with self._lock:
            self._turns = list(recorder.turns)
        if recorder.model != self.selected.reference:
            recorder.use_model(self.selected.reference)
        if self._turns:
            recorder.restore_state(self.loaded.model)

    def _leave_session(self) -> None:
        if self._turns:
            self.recorder.keep_state(self.loaded.model)
        self.recorder.close()

    def _messages(
        self, turns: Sequence[Turn], question: str | None, dropped: int | None = None
    ) -> Conversation:
        start = self.dropped if dropped is None else dropped
        return messages_of(turns[start:], self.system, question)

    def _count(self, conversation: Conversation) -> int:
        parts = self.loaded.template.render(conversation).parts
        return len(self.loaded.model.vocabulary.tokenise(parts))

    def _put(self, turn: Turn, *, in_place: bool = False) -> None:
        with self._lock:
            self._turns[-1 if in_place else len(self._turns) :] = [turn]

    def _reply(
        self,
        conversation: Conversation,
        control: Control,
        settings: ReplySettings,
        begun: Reply | None = None,
    ) -> Generator[Event, None, None]:
        kept = ReplyBuilder(self.selected.name, begun)
        start = Begun(begun.thinking, begun.answer, begun.thinking_open) if begun else None
        events = generate(self.loaded, conversation, settings, control, start)
        try:
            with closing(events):
                for event in events:
                    kept.handle(event)
                    self.recorder.event(event)
                    yield event
        finally:
            # Whatever ended it, what was streamed is kept.
            whole = kept.reply()
            self._put(replace(self.turns[-1], reply=whole), in_place=True)
            self.recorder.finished(whole)


def _first(most: int, holds: Callable[[int], bool]) -> int:
    """The least number from 1 to `most` that `holds`, which stays true once it is; 0 if none."""
    if not most or not holds(most):
        return 0
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
