"""Many replies to one question, and the answer that most of them give."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from r1local.answers.algebra import equal_formula
from r1local.conversation import Conversation, Reply
from r1local.errors import EndpointError, LoadingCancelled, R1LocalError
from r1local.events.reply import Finished, Notice, Reading, Usage, Written
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import (
    Paused,
    TallyUpdate,
    VoteEnd,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.language import _
from r1local.replies.abilities import AbleControl, within
from r1local.replies.control import Control
from r1local.replies.engine import ManyReplies, PreparedPrompt, Replier, never_begun, prepared
from r1local.replies.structured_output import canonical_json, judged
from r1local.voting.settings import VoteSettings, answer_of
from r1local.voting.tally import Tally

#: Errors in a row of a server elsewhere, after which no more replies are asked for.
_MOST_FAILURES = 3


def hold_vote(
    engine: Replier,
    conversation: Conversation,
    settings: VoteSettings,
    control: Control,
    model: str = "",
) -> Generator[VoteEvent, None, None]:
    """Let a model reply many times to one conversation; close the generator if not exhausted.

    As many voters reply at once as the engine has room for; the others wait. A voter whose server
    fails in the middle of the vote is left out, and has no vote.

    Args:
        control: cancels the vote; its steering commands apply to every voter.
        model: the model's name, for the replies that are stored.

    Yields:
        The events of the voters, each in the order that `events` promises; a voter's
        `VoterReply` and a `TallyUpdate` when it is done; a `VoteResult` at the end.

    Raises:
        ChatTemplateError, PromptTooLong, InferenceError: as for a single reply.
        EndpointError: no reply has come to its end.
    """
    try:
        prompt = prepared(engine, conversation, settings.reply, cancelled=control.cancelled)
    except LoadingCancelled:
        yield VoteResult(None, (), (), "cancelled")
        return
    replies = engine.together()
    try:
        election = _Election(engine, replies, prompt, settings, control, model)
        yield from election.hold()
    finally:
        replies.close(keep=prompt)
    yield election.result()


class _VoterControl(Control):
    """The control of one voter, which is cancelled with the whole vote."""

    def __init__(self, vote: Control) -> None:
        super().__init__()
        self._vote = vote

    def cancelled(self) -> bool:
        """Return whether the vote should end."""
        return self._vote.cancelled()


class _Voter:
    """A reply that votes; it has `started` when the prompt was read."""

    def __init__(self, number: int, control: Control, model: str) -> None:
        self.number = number
        self.control = control
        self.kept = ReplyBuilder(model)
        self.started = False


class _Election:
    """The voters whose replies an engine makes, and the votes."""

    def __init__(
        self,
        engine: Replier,
        replies: ManyReplies,
        prompt: PreparedPrompt,
        settings: VoteSettings,
        control: Control,
        model: str,
    ) -> None:
        self._engine = engine
        self._replies = replies
        self._prompt = prompt
        self._settings = settings
        self._control = AbleControl(control, engine.abilities, engine.name)
        self._model = model
        self._reply, self._notices = within(settings.reply, engine.abilities, engine.name)
        self._first = self._reply.sampler.with_seed()
        self._called = 0
        self._failures = 0
        self._failed: EndpointError | None = None
        #: The voters that haven't finished, by the numbers of their replies.
        self._voters: dict[int, _Voter] = {}
        schema = settings.reply.schema
        self._tally = Tally(equal_formula) if schema is None else Tally(form=canonical_json)
        self._ballots: list[VoterReply] = []
        self._ended: VoteEnd = "cancelled"
        self._usage: Usage | None = None
        self._begun = self._read = self._over = time.monotonic()

    def hold(self) -> Iterator[VoteEvent]:
        """Let the voters reply, until there are enough votes or the user ends it."""
        ended: VoteEnd | None = None
        while ended is None and not self._control.cancelled():
            self._call_voters()
            yield from self._pass_commands_on()
            yield from self._step()
            ended = self._end()
        self._ended = ended or "cancelled"
        for number in self._voters:
            self._replies.cancel(number)
        while self._voters:
            yield from self._step()
        self._over = time.monotonic()
        if self._failed and ended and all(one.reply.reason == "cancelled" for one in self._ballots):
            raise self._failed

    def result(self) -> VoteResult:
        """Return how the vote went."""
        candidates = self._tally.candidates
        voters = candidates[0].voters if candidates else ()
        ballots = sorted(self._ballots, key=lambda ballot: ballot.voter)
        for_winner = (ballot for ballot in ballots if ballot.voter in voters)
        size, usage = self._prompt.size, self._usage
        return VoteResult(
            winner=min(for_winner, key=lambda ballot: ballot.tokens, default=None),
            candidates=candidates,
            ballots=tuple(ballots),
            ended=self._ended,
            prompt_tokens=usage.prompt_tokens if usage else size.tokens if size else 0,
            cached_tokens=usage.cached_tokens if usage else 0,
            load_s=self._engine.load_s,
            prompt_s=self._read - self._begun,
            voting_s=self._over - self._read,
        )

    def _call_voters(self) -> None:
        """Ask for as many replies as can be written at once, for as long as votes are wanted.

        Where the engine knows seeds, theirs are consecutive.
        """
        while self._called < self._wanted and len(self._voters) < self._engine.at_once:
            reply = self._reply
            if self._engine.abilities.seeds:
                reply = replace(reply, sampler=self._first.later(self._called))
            self._called += 1
            voter = _Voter(self._called, _VoterControl(self._control), self._model)
            self._voters[self._replies.add(self._prompt, reply, voter.control)] = voter

    @property
    def _wanted(self) -> int:
        """How many replies are asked for in all."""
        return self._settings.votes if self._failures < _MOST_FAILURES else self._called

    def _step(self) -> Iterator[VoteEvent]:
        for number, happening in self._replies.step():
            voter = self._voters[number]
            if isinstance(happening, R1LocalError):
                yield from self._leave_out(number, happening)
            elif happening == "paused":
                yield Paused(voter.number)
            elif happening == "started":
                yield from self._start(voter)
            elif isinstance(happening, Reading):
                yield happening  # all voters have the same prompt
            elif isinstance(happening, Finished):
                del self._voters[number]
                self._failures = 0
                yield from self._close_reply(voter, happening)
            elif isinstance(happening, Notice) and happening in self._prompt.notices:
                yield happening  # it is about the question, not about one voter
            else:
                yield self._said(voter, happening)

    def _start(self, voter: _Voter) -> Iterator[Notice]:
        voter.started = True
        if voter.number == 1:
            self._read = time.monotonic()
        yield from self._engine.new_notices(self._notices)

    def _said(self, voter: _Voter, event: Written) -> VoterEvent:
        voter.kept.handle(event)
        return VoterEvent(voter.number, event)

    def _pass_commands_on(self) -> Iterator[Notice]:
        while command := self._control.next_command():
            for voter in self._voters.values():
                if command == "answer now":
                    voter.control.answer_now()
                else:
                    voter.control.think_more()
        yield from self._engine.new_notices(self._control.refused())

    def _close_reply(self, voter: _Voter, finished: Finished) -> Iterator[VoteEvent]:
        """Count a voter's vote if it gave an answer; one that never started isn't mentioned."""
        if not voter.started:
            return
        if voter.number == 1:
            self._usage = finished.usage
        for event in judged(finished, voter.kept, self._settings.reply.schema):
            yield self._said(voter, event)
        reply = voter.kept.reply()
        ballot = VoterReply(voter.number, reply, self._answer(reply))
        self._ballots.append(ballot)
        if ballot.final_answer is not None:
            self._tally.add(voter.number, ballot.final_answer)
        yield ballot
        yield TallyUpdate(self._tally.candidates)

    def _leave_out(self, number: int, error: R1LocalError) -> Iterator[VoteEvent]:
        """Go on without a voter whose server has failed, if any server has begun a reply.

        Raises:
            R1LocalError: nothing has begun, or the engine itself has failed.
        """
        voter = self._voters.pop(number)
        begun = voter.started or self._ballots or any(one.started for one in self._voters.values())
        if not begun or not isinstance(error, EndpointError):
            raise error
        self._failures += error is not self._failed  # replies that share a stream fail with it
        self._failed = error
        told = _("voter {number} is left out: {reason}", number=voter.number, reason=error.message)
        yield Notice("engine", told)
        came, none = voter.kept.reply(), never_begun(self._reply)
        counts = {"thinking_tokens": came.thinking_tokens, "answer_tokens": came.answer_tokens}
        usage = replace(none.usage, **counts)
        yield self._said(voter, replace(none, usage=usage, thinking_open=came.thinking_open))
        ballot = VoterReply(voter.number, voter.kept.reply(), None)
        self._ballots.append(ballot)
        yield ballot

    def _answer(self, reply: Reply) -> str | None:
        """Return what a voter votes for: with a schema, its whole answer if that is valid."""
        if self._settings.reply.schema is None:
            return answer_of(reply, self._settings.pattern)
        return canonical_json(reply.answer) if reply.valid else None

    def _end(self) -> VoteEnd | None:
        """Return why no more votes are needed, or None if they are."""
        outstanding = self._wanted - len(self._ballots)
        if not outstanding:
            return "complete"
        if self._tally.is_decided(outstanding):
            return "decided"
        wanted = self._settings.confidence
        if wanted is not None and self._tally.confidence() >= wanted:
            return "confident"
        return None
