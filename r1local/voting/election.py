"""Many replies to one question, decoded together, and the answer that most of them give."""

import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from r1local.answers.algebra import equal_formula
from r1local.conversation import Conversation, Reply
from r1local.engine.batch import Batch
from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.sampler import SEED_LIMIT
from r1local.events.reply import Event
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
from r1local.replies.stream import ReplyStream
from r1local.replies.structured_output import canonical_json, judged
from r1local.voting.settings import VoteSettings, answer_of
from r1local.voting.tally import Tally

#: Free tokens in the KV cache that each voter needs before another one may join.
_ROOM_TO_JOIN = 256


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
    engine = loaded.model
    prompt = tokenised_prompt(loaded, conversation, settings.reply)
    check_prompt(prompt.tokens, engine.context_window)
    started = time.monotonic()
    # The last token is left to the voters: each has to draw from the logits after it.
    cached: int | None = 0
    if shared := prompt.tokens[:-1]:
        cached = engine.evaluate(shared, control.cancelled)
    else:
        engine.rewind(0)
    yield from loaded.template.new_notices(prompt.notices)
    election = _Election(loaded, prompt, settings, control, model)
    if cached is not None:
        with engine.batch() as batch, ExitStack() as streams:
            yield from election.hold(batch, streams)
    yield election.result(cached_tokens=cached or 0, prompt_s=election.began - started)


class _Voter:
    """A reply that is being generated.

    `tokens` are those of prompt and reply; a sequence of the batch contains the first of them,
    and the rest is pending.
    """

    def __init__(
        self, number: int, prompt: Sequence[int], stream: ReplyStream, control: Control, model: str
    ) -> None:
        self.number = number
        self.tokens = list(prompt)
        self.stream = stream
        self.control = control
        self.kept = ReplyBuilder(model)


class _Election:
    """The voters, the sequences of the batch that they occupy, and the votes."""

    def __init__(
        self,
        loaded: LoadedModel,
        prompt: TokenisedPrompt,
        settings: VoteSettings,
        control: Control,
        model: str,
    ) -> None:
        self._loaded = loaded
        self._prompt = prompt
        self._prompt_tokens = prompt.tokens
        self._settings = settings
        self._control = control
        self._model = model
        self._first_seed = settings.reply.sampler.with_seed().seed or 0
        self._begun = 0
        self._paused: deque[_Voter] = deque()
        self._running: dict[int, _Voter] = {}
        self._free: list[int] = []
        self._at_once = 0
        schema = settings.reply.schema
        self._tally = Tally(equal_formula) if schema is None else Tally(form=canonical_json)
        self._ballots: list[VoterReply] = []
        self._ended: VoteEnd = "cancelled"
        self.began = self._over = time.monotonic()

    def hold(self, batch: Batch, streams: ExitStack) -> Iterator[VoteEvent]:
        """Let the voters reply, until there are enough votes or the user ends it."""
        self._free = list(reversed(range(batch.sequences)))
        self._at_once = batch.sequences
        ended: VoteEnd | None = None
        while ended is None and not self._control.cancelled():
            self._let_join(batch, streams)
            yield from self._step(batch)
            ended = self._end()
        self._ended = ended or "cancelled"
        for voter in [*self._running.values(), *self._paused]:
            yield from self._close_reply(voter)
        self._over = time.monotonic()

    def result(self, *, cached_tokens: int, prompt_s: float) -> VoteResult:
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
            prompt_tokens=len(self._prompt_tokens),
            cached_tokens=cached_tokens,
            load_s=self._loaded.load_s,
            prompt_s=prompt_s,
            voting_s=self._over - self.began,
        )

    def _let_join(self, batch: Batch, streams: ExitStack) -> None:
        """Fill the batch with the voters that were paused, and then with new ones."""
        while self._free and len(self._running) < self._at_once:
            if not self._paused and self._begun == self._settings.votes:
                return
            own = len(self._paused[0].tokens) - len(self._prompt_tokens) if self._paused else 0
            if self._running and batch.room < own + _ROOM_TO_JOIN * (len(self._running) + 1):
                return
            voter = self._paused.popleft() if self._paused else self._new_voter(streams)
            self._running[self._free.pop()] = voter

    def _new_voter(self, streams: ExitStack) -> _Voter:
        seed = (self._first_seed + self._begun) % SEED_LIMIT
        self._begun += 1
        reply = self._settings.reply
        settings = replace(reply, sampler=replace(reply.sampler, seed=seed))
        model, control, prompt = self._loaded.model, Control(), self._prompt_tokens
        stream = ReplyStream(
            model.vocabulary,
            self._loaded.template.dialect,
            prompt,
            self._prompt.start,
            model.context_window,
            settings,
            control,
        )
        streams.enter_context(stream)
        return _Voter(self._begun, prompt, stream, control, self._model)

    def _step(self, batch: Batch) -> Iterator[VoteEvent]:
        """Evaluate what is pending, and draw a token for every voter that has nothing pending."""
        self._pass_commands_on()
        yield from self._make_room(batch)
        parts: list[tuple[int, list[int]]] = []
        left = BATCH_TOKENS
        for sequence, voter in self._running.items():
            position = batch.position(sequence)
            if part := voter.tokens[position : position + left]:
                parts.append((sequence, part))
                left -= len(part)
        batch.evaluate(parts)
        for sequence, _part in parts:
            voter = self._running[sequence]
            if batch.position(sequence) == len(voter.tokens):
                yield from self._draw(batch, sequence, voter)

    def _draw(self, batch: Batch, sequence: int, voter: _Voter) -> Iterator[VoteEvent]:
        stream = voter.stream
        token, checker = batch.sample(sequence, stream.sampler), stream.checker
        doubtful = checker is not None and batch.sample(sequence, checker) != token
        yield from self._handle(voter, stream.feed(token, doubtful=doubtful))
        if stream.finished:
            self._leave(batch, sequence)
            yield from self._close_reply(voter)
            return
        if stream.rewind_to is not None:
            batch.rewind(sequence, stream.rewind_to)
            del voter.tokens[stream.rewind_to :]
        voter.tokens += stream.next_tokens

    def _make_room(self, batch: Batch) -> Iterator[Paused]:
        """Pause voters, as vLLM preempts by recomputation (Kwon et al. 2023, arXiv 2309.06180).

        The voter with the fewest tokens is the cheapest to resume. From then on only as many reply
        at once as have proved to fit, so no voter is paused over and over. One alone always fits: a
        context window is no larger than the KV cache.
        """
        while len(self._running) > 1 and batch.room < self._pending(batch):
            sequence, voter = min(self._running.items(), key=lambda item: len(item[1].tokens))
            self._leave(batch, sequence)
            self._paused.append(voter)
            self._at_once = len(self._running)
            yield Paused(voter.number)

    def _pending(self, batch: Batch) -> int:
        """Return the number of tokens that the next step evaluates."""
        pending = (
            len(voter.tokens) - batch.position(sequence)
            for sequence, voter in self._running.items()
        )
        return min(BATCH_TOKENS, sum(pending))

    def _leave(self, batch: Batch, sequence: int) -> None:
        del self._running[sequence]
        batch.restart(sequence)
        self._free.append(sequence)

    def _pass_commands_on(self) -> None:
        while command := self._control.next_command():
            for voter in self._running.values():
                if command == "answer now":
                    voter.control.answer_now()
                else:
                    voter.control.think_more()

    def _handle(self, voter: _Voter, events: Sequence[Event]) -> Iterator[VoterEvent]:
        for event in events:
            for each in judged(event, voter.kept, self._settings.reply.schema):
                voter.kept.handle(each)
                yield VoterEvent(voter.number, each)

    def _close_reply(self, voter: _Voter) -> Iterator[VoteEvent]:
        """End a voter's reply, and count its vote if it gave an answer."""
        shared = len(self._prompt_tokens) - 1
        events = voter.stream.finish(cached_tokens=shared, load_s=0.0, prompt_s=0.0)
        yield from self._handle(voter, events)
        voter.stream.close()
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
