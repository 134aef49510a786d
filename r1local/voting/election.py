"""Many replies to one question, and the answer that most of them give."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace

from r1local.answers.algebra import equal_formula
from r1local.conversation import Conversation, Reply
from r1local.events.reply import Event, Finished, Notice, Usage
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
from r1local.replies.abilities import AbleControl, within
from r1local.replies.control import Control
from r1local.replies.engine import Engine, ManyReplies, PreparedPrompt, prepared
from r1local.replies.settings import ReplySettings
from r1local.replies.structured_output import canonical_json, judged
from r1local.voting.settings import VoteSettings, answer_of
from r1local.voting.tally import Tally


def hold_vote(
    engine: Engine,
    conversation: Conversation,
    settings: VoteSettings,
    control: Control,
    model: str = "",
) -> Generator[VoteEvent, None, None]:
    """Let a model reply many times to one conversation; close the generator if not exhausted.

    As many voters reply at once as the engine has room for; the others wait.

    Args:
        control: cancels the vote; its steering commands apply to every voter.
        model: the model's name, for the replies that are stored.

    Yields:
        The events of the voters, each in the order that `events` promises; a voter's
        `VoterReply` and a `TallyUpdate` when it is done; a `VoteResult` at the end.

    Raises:
        ChatTemplateError, PromptTooLong, InferenceError: as for a single reply.
    """
    started = time.monotonic()
    reply, notices = within(settings.reply, engine.abilities, engine.name)
    prompt = prepared(engine, conversation, settings.reply)
    able = AbleControl(control, engine.abilities, engine.name)
    with closing(engine.together(control.cancelled)) as replies:
        election = _Election(engine, replies, settings, able, model)
        election.let_vote(prompt, reply)
        events = election.hold()
        first = next(events, None)  # there is something to show when the prompt was evaluated
        yield from engine.new_notices((*prompt.notices, *notices))
        if first:
            yield first
        yield from events
    tokens = prompt.size.tokens if prompt.size else 0
    yield election.result(tokens, engine.load_s, time.monotonic() - started)


class _Voter:
    """A reply that is asked for, and what there is of it."""

    def __init__(self, number: int, model: str) -> None:
        self.number = number
        self.control = Control()
        self.begun = False
        self.kept = ReplyBuilder(model)


class _Election:
    """The voters, those of them that have yet to reply, and the votes."""

    def __init__(
        self,
        engine: Engine,
        replies: ManyReplies,
        settings: VoteSettings,
        control: AbleControl,
        model: str,
    ) -> None:
        self._engine = engine
        self._replies = replies
        self._settings = settings
        self._control = control
        self._model = model
        schema = settings.reply.schema
        self._tally = Tally(equal_formula) if schema is None else Tally(form=canonical_json)
        self._voters: dict[int, _Voter] = {}
        self._ballots: list[VoterReply] = []
        self._ended: VoteEnd | None = None
        self._prompt_usage: Usage | None = None

    def let_vote(self, prompt: PreparedPrompt, reply: ReplySettings) -> None:
        """Ask for the voters' replies; where seeds count, they are consecutive."""
        first = reply.sampler.with_seed()
        for index in range(self._settings.votes):
            voter = _Voter(index + 1, self._model)
            if self._engine.abilities.seeds:
                reply = replace(reply, sampler=first.later(index))
            self._voters[self._replies.add(prompt, reply, voter.control)] = voter

    def hold(self) -> Iterator[VoteEvent]:
        """Let the voters reply, until there are enough votes or the user ends it."""
        while self._ended is None and not self._control.cancelled():
            yield from self._pass_commands_on()
            yield from self._step()
            self._ended = self._end()
        self._ended = self._ended or "cancelled"
        for number in self._voters:
            self._replies.cancel(number)
        while self._voters:
            yield from self._step()

    def result(self, prompt_tokens: int, load_s: float, seconds: float) -> VoteResult:
        """Return how the vote went.

        Args:
            prompt_tokens: tokens of the prompt, as far as they were known before.
            load_s: seconds of loading.
            seconds: those of the vote, with the evaluation of its prompt.
        """
        candidates = self._tally.candidates
        voters = candidates[0].voters if candidates else ()
        ballots = sorted(self._ballots, key=lambda ballot: ballot.voter)
        for_winner = (ballot for ballot in ballots if ballot.voter in voters)
        usage = self._prompt_usage
        prompt_s = usage.prompt_s if usage else 0.0
        return VoteResult(
            winner=min(for_winner, key=lambda ballot: ballot.tokens, default=None),
            candidates=candidates,
            ballots=tuple(ballots),
            ended=self._ended or "cancelled",
            prompt_tokens=usage.prompt_tokens if usage else prompt_tokens,
            cached_tokens=usage.cached_tokens if usage else 0,
            load_s=load_s,
            prompt_s=prompt_s,
            voting_s=max(0.0, seconds - prompt_s),
        )

    def _step(self) -> Iterator[VoteEvent]:
        for number, event in self._replies.step():
            voter = self._voters[number]
            if isinstance(event, Paused):
                yield Paused(voter.number)
            elif not isinstance(event, Finished):
                voter.begun = True
                yield from self._handle(voter, event)
            else:
                del self._voters[number]
                yield from self._finish(voter, event)

    def _finish(self, voter: _Voter, finished: Finished) -> Iterator[VoteEvent]:
        """End a voter's reply, and count its vote if it gave an answer."""
        usage = finished.usage
        tokens = usage.thinking_tokens + usage.answer_tokens
        if finished.reason == "cancelled" and not (voter.begun or tokens):
            return  # the vote ended before it began
        if voter.number == 1:  # it began first, and so the prompt was evaluated for it
            self._prompt_usage = usage
        yield from self._handle(voter, finished)
        reply = voter.kept.reply()
        ballot = VoterReply(voter.number, reply, self._answer(reply))
        self._ballots.append(ballot)
        if ballot.final_answer is not None:
            self._tally.add(voter.number, ballot.final_answer)
        yield ballot
        yield TallyUpdate(self._tally.candidates)

    def _pass_commands_on(self) -> Iterator[Notice]:
        """Give commands to all who are replying; they wait until somebody is."""
        replying = [voter for voter in self._voters.values() if voter.begun]
        while replying and (command := self._control.next_command()):
            for voter in replying:
                if command == "answer now":
                    voter.control.answer_now()
                else:
                    voter.control.think_more()
        yield from self._engine.new_notices(self._control.refused())

    def _handle(self, voter: _Voter, event: Event) -> Iterator[VoterEvent]:
        for each in judged(event, voter.kept, self._settings.reply.schema):
            voter.kept.handle(each)
            yield VoterEvent(voter.number, each)

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
