"""Many replies to one question, decoded together, and the answer that most of them give."""

import time
from collections.abc import Generator, Iterator
from dataclasses import replace

from r1local.answers.algebra import equal_formula
from r1local.conversation import Conversation, Reply
from r1local.engine.sampler import SEED_LIMIT
from r1local.errors import R1LocalError
from r1local.events.reply import Event, Finished
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
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.generation import TokenisedPrompt, check_prompt, tokenised_prompt
from r1local.replies.scheduler import Scheduler
from r1local.replies.structured_output import canonical_json, judged
from r1local.voting.settings import VoteSettings, answer_of
from r1local.voting.tally import Tally


def hold_vote(
    loaded: LoadedModel,
    conversation: Conversation,
    settings: VoteSettings,
    control: Control,
    model: str = "",
) -> Generator[VoteEvent, None, None]:
    """Let a model reply many times to one conversation; close the generator if not exhausted.

    As many voters reply at once as the model has sequences and its KV cache has room for; the
    others wait. With a model loaded for one sequence, they reply one after the other.

    Args:
        control: cancels the vote; its steering commands apply to every voter.
        model: the model's name, for the replies that are stored.

    Yields:
        The events of the voters, each in the order that `events` promises; a voter's
        `VoterReply` and a `TallyUpdate` when it is done; a `VoteResult` at the end.

    Raises:
        ChatTemplateError, PromptTooLong, InferenceError: as for `generation.reply_to`.
    """
    prompt = tokenised_prompt(loaded, conversation, settings.reply)
    check_prompt(prompt.tokens, loaded.model.context_window)
    yield from loaded.template.new_notices(prompt.notices)
    scheduler = Scheduler(loaded)
    election = _Election(scheduler, replace(prompt, notices=()), settings, control, model)
    try:
        yield from election.hold()
    finally:
        scheduler.close(keep=prompt.tokens)
    yield election.result(loaded.load_s)


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
    """The voters whose replies a scheduler makes, and the votes."""

    def __init__(
        self,
        scheduler: Scheduler,
        prompt: TokenisedPrompt,
        settings: VoteSettings,
        control: Control,
        model: str,
    ) -> None:
        self._scheduler = scheduler
        self._prompt = prompt
        self._settings = settings
        self._control = control
        self._model = model
        self._first_seed = settings.reply.sampler.with_seed().seed or 0
        self._called = 0
        #: The voters that haven't finished, by the numbers of their requests.
        self._voters: dict[int, _Voter] = {}
        schema = settings.reply.schema
        self._tally = Tally(equal_formula) if schema is None else Tally(form=canonical_json)
        self._ballots: list[VoterReply] = []
        self._ended: VoteEnd = "cancelled"
        self._cached_tokens = 0
        self._begun = self._read = self._over = time.monotonic()

    def hold(self) -> Iterator[VoteEvent]:
        """Let the voters reply, until there are enough votes or the user ends it."""
        ended: VoteEnd | None = None
        while ended is None and not self._control.cancelled():
            self._call_voters()
            self._pass_commands_on()
            yield from self._step()
            ended = self._end()
        self._ended = ended or "cancelled"
        for request in self._voters:
            self._scheduler.cancel(request)
        yield from self._step()
        self._over = time.monotonic()

    def result(self, load_s: float) -> VoteResult:
        """Return how the vote went."""
        candidates = self._tally.candidates
        voters = candidates[0].voters if candidates else ()
        ballots = sorted(self._ballots, key=lambda ballot: ballot.voter)
        for_winner = (ballot for ballot in ballots if ballot.voter in voters)
        return VoteResult(
            winner=min(for_winner, key=lambda ballot: ballot.tokens, default=None),
            candidates=candidates,
            ballots=tuple(ballots),
            ended=self._ended,
            prompt_tokens=len(self._prompt.tokens),
            cached_tokens=self._cached_tokens,
            load_s=load_s,
            prompt_s=self._read - self._begun,
            voting_s=self._over - self._read,
        )

    def _call_voters(self) -> None:
        """Ask for as many replies as can be written at once, for as long as votes are wanted."""
        while self._called < self._settings.votes and len(self._voters) < self._scheduler.sequences:
            seed = (self._first_seed + self._called) % SEED_LIMIT
            reply = self._settings.reply
            settings = replace(reply, sampler=replace(reply.sampler, seed=seed))
            self._called += 1
            voter = _Voter(self._called, _VoterControl(self._control), self._model)
            request = self._scheduler.add(self._prompt, settings, voter.control, keep_reply=False)
            self._voters[request] = voter

    def _step(self) -> Iterator[VoteEvent]:
        for request, happening in self._scheduler.step():
            voter = self._voters[request]
            if isinstance(happening, R1LocalError):
                raise happening
            if happening == "paused":
                yield Paused(voter.number)
            elif happening == "started":
                self._start(voter)
            elif isinstance(happening, Finished):
                del self._voters[request]
                yield from self._close_reply(voter, happening)
            else:
                yield self._said(voter, happening)

    def _start(self, voter: _Voter) -> None:
        voter.started = True
        if voter.number == 1:
            self._read = time.monotonic()

    def _said(self, voter: _Voter, event: Event) -> VoterEvent:
        voter.kept.handle(event)
        return VoterEvent(voter.number, event)

    def _pass_commands_on(self) -> None:
        while command := self._control.next_command():
            for voter in self._voters.values():
                if command == "answer now":
                    voter.control.answer_now()
                else:
                    voter.control.think_more()

    def _close_reply(self, voter: _Voter, finished: Finished) -> Iterator[VoteEvent]:
        """Count a voter's vote if it gave an answer; one that never started isn't mentioned."""
        if voter.number == 1:
            self._cached_tokens = finished.usage.cached_tokens
        if not voter.started:
            return
        for event in judged(finished, voter.kept, self._settings.reply.schema):
            yield self._said(voter, event)
        reply = voter.kept.reply()
        ballot = VoterReply(voter.number, reply, self._answer(reply))
        self._ballots.append(ballot)
        if ballot.final_answer is not None:
            self._tally.add(voter.number, ballot.final_answer)
        yield ballot
        yield TallyUpdate(self._tally.candidates)

    def _answer(self, reply: Reply) -> str | None:
        """Return what a voter votes for: with a schema, its whole answer if that is valid."""
        if self._settings.reply.schema is None:
            return answer_of(reply, self._settings.pattern)
        return canonical_json(reply.answer) if reply.valid else None

    def _end(self) -> VoteEnd | None:
        """Return why no more votes are needed, or None if they are."""
        outstanding = self._settings.votes - len(self._ballots)
        if not outstanding:
            return "complete"
        if self._tally.is_decided(outstanding):
            return "decided"
        wanted = self._settings.confidence
        if wanted is not None and self._tally.confidence() >= wanted:
            return "confident"
        return None
