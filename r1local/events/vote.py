"""The events of a vote: those of its voters, and how it stands and ends."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import Reply
from r1local.events.reply import Notice, Reading, Written

#: Why there are no more votes: all were cast; none could change the winner any more; the
#: required confidence was reached; the user ended it.
VoteEnd: TypeAlias = Literal["complete", "decided", "confident", "cancelled"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer as it was first given, and the voters who gave it, in order of arrival."""

    answer: str
    voters: tuple[int, ...]

    @property
    def votes(self) -> int:
        """The number of voters who gave it."""
        return len(self.voters)


@dataclass(frozen=True, slots=True)
class VoterReply:
    """A voter's whole reply and its final answer, if there is one; voters are numbered from 1.

    An answer that doesn't match its JSON schema is not a final answer.
    """

    voter: int
    reply: Reply
    final_answer: str | None

    @property
    def tokens(self) -> int:
        """The number of tokens of thinking and answer together."""
        return self.reply.thinking_tokens + self.reply.answer_tokens


@dataclass(frozen=True, slots=True)
class VoteResult:
    """How the vote went.

    Args:
        winner: the shortest reply that gave the winning answer; None if there was no answer.
        candidates: the answers, the winning one first.
        ballots: all replies that were begun, by the voters' numbers.
        ended: why there are no more of them.
        prompt_tokens: tokens of the prompt, which was evaluated once; `cached_tokens` of them
            were already in the KV cache.
        load_s, prompt_s, voting_s: seconds for loading, for the prompt and for all replies.
    """

    winner: VoterReply | None
    candidates: tuple[Candidate, ...]
    ballots: tuple[VoterReply, ...]
    ended: VoteEnd
    prompt_tokens: int = 0
    cached_tokens: int = 0
    load_s: float = 0.0
    prompt_s: float = 0.0
    voting_s: float = 0.0

    @property
    def answer(self) -> str | None:
        """The answer that won, as its shortest reply states it."""
        return self.winner.final_answer if self.winner else None

    @property
    def finished(self) -> int:
        """The number of replies that came to their end, with or without an answer."""
        return sum(ballot.reply.reason != "cancelled" for ballot in self.ballots)

    @property
    def agreement(self) -> float:
        """The share of the finished replies that gave the winning answer."""
        return self.candidates[0].votes / self.finished if self.candidates else 0.0

    @property
    def tokens(self) -> int:
        """The number of tokens of all replies."""
        return sum(ballot.tokens for ballot in self.ballots)

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second, of all replies together."""
        return self.tokens / self.voting_s if self.voting_s else 0.0


@dataclass(frozen=True, slots=True)
class VoterEvent:
    """An event of one voter's reply, in the order that `events.reply` promises."""

    voter: int
    event: Written


@dataclass(frozen=True, slots=True)
class Paused:
    """A voter has made room in the KV cache, and continues when there is room again."""

    voter: int


@dataclass(frozen=True, slots=True)
class TallyUpdate:
    """How the vote stands after another reply: the answers, with the leading one first."""

    candidates: tuple[Candidate, ...]


VoteEvent: TypeAlias = (
    Reading | VoterEvent | Paused | VoterReply | TallyUpdate | Notice | VoteResult
)
