"""What a vote is made of: how it is held, its events, the ballots, and how it went."""

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from r1local.answers import final_answer
from r1local.conversation import Reply
from r1local.errors import InvalidSetting, UsageError
from r1local.events import Event, Notice
from r1local.reply_settings import ReplySettings
from r1local.settings import MOST_VOTES, check
from r1local.tally import Candidate

#: Characters at the end of an answer that a pattern is looked for in, so that one of the
#: user's which tries many ways to match meets little text.
_PATTERN_REACHES = 2_000
#: Markdown around a last line.
_MARKS = " \t*_`#>"

#: Why there are no more votes: all were cast; none could change the winner any more; the
#: confidence asked for was reached; the user ended it.
VoteEnd: TypeAlias = Literal["complete", "decided", "confident", "cancelled"]


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """How to vote.

    Args:
        votes: replies at most.
        reply: how each is made. The seeds of voters follow one another.
        confidence: end as soon as the leader is this likely to stay ahead (see
            `Tally.confidence`); None: only when it can't be caught.
        pattern: finds the answer of a reply without a box: its first group, or all of it.

    Raises:
        InvalidSetting: a value out of its range.
    """

    votes: int
    reply: ReplySettings = field(default_factory=ReplySettings)
    confidence: float | None = None
    pattern: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        check(1 <= self.votes <= MOST_VOTES, f"votes {self.votes}", f"from 1 to {MOST_VOTES:,}")
        wanted = self.confidence
        holds = wanted is None or 0.5 < wanted < 1
        check(holds, f"confidence {wanted}", "above 0.5 and below 1")
        if self.reply.only_thinking:
            raise InvalidSetting("a vote is about answers", "leave out --thinking only")


@dataclass(frozen=True, slots=True)
class Ballot:
    """A voter's whole reply and its final answer, if it came to one. Voters count from 1.

    `valid` is as in `Finished`: an answer that a JSON schema refuses is no final answer.
    """

    voter: int
    reply: Reply
    final_answer: str | None
    valid: bool | None = None

    @property
    def tokens(self) -> int:
        """Of thinking and answer together."""
        return self.reply.thinking_tokens + self.reply.answer_tokens


@dataclass(frozen=True, slots=True)
class Elected:
    """How the vote went.

    Args:
        winner: the shortest reply that gave the winning answer; None if there was no answer.
        candidates: the answers, the winning one first.
        ballots: all replies that were begun, by the voters' numbers.
        ended: why there are no more of them.
        prompt_tokens: tokens of the prompt, evaluated once, and how many of them the KV
            cache held already: `cached_tokens`.
        load_s, prompt_s, voting_s: seconds of loading, of the prompt and of all replies.
    """

    winner: Ballot | None
    candidates: tuple[Candidate, ...]
    ballots: tuple[Ballot, ...]
    ended: VoteEnd
    prompt_tokens: int = 0
    cached_tokens: int = 0
    load_s: float = 0.0
    prompt_s: float = 0.0
    voting_s: float = 0.0

    @property
    def answer(self) -> str | None:
        """The answer that won, as its shortest reply has it."""
        return self.winner.final_answer if self.winner else None

    @property
    def finished(self) -> int:
        """Replies that came to their end, with an answer or without."""
        return sum(ballot.reply.reason != "cancelled" for ballot in self.ballots)

    @property
    def agreement(self) -> float:
        """The share of the finished replies that gave the winning answer."""
        return self.candidates[0].votes / self.finished if self.candidates else 0.0

    @property
    def tokens(self) -> int:
        """Of all replies."""
        return sum(ballot.tokens for ballot in self.ballots)

    @property
    def tokens_per_s(self) -> float:
        """Generated tokens per second of all replies together."""
        return self.tokens / self.voting_s if self.voting_s else 0.0


@dataclass(frozen=True, slots=True)
class VoterEvent:
    """An event of one voter's reply, by the law in `events`."""

    voter: int
    event: Event


@dataclass(frozen=True, slots=True)
class Paused:
    """A voter makes room in the KV cache, and goes on when there is some again."""

    voter: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How the vote stands after one more of them: the answers, the leading one first."""

    candidates: tuple[Candidate, ...]


VoteEvent: TypeAlias = VoterEvent | Paused | Ballot | Standing | Notice | Elected


def answer_pattern(text: str) -> re.Pattern[str]:
    """A pattern for `VoteSettings`; `^` and `$` stand for the ends of lines.

    Raises:
        UsageError: it is no regular expression.
    """
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"answer-pattern {text!r} is no regular expression: {error}",
            r"write it as Python's re has it, as in '^Answer: (.+)$'",
        ) from error


def answer_of(reply: Reply, pattern: re.Pattern[str] | None) -> str | None:
    r"""The final answer of a reply, or None.

    The last `\boxed{}` of its answer; else the last match of the pattern; else, where there
    is no pattern and the answer came to its end, its last line. A cancelled reply gives none.
    """
    if reply.reason == "cancelled":
        return None
    text = reply.answer
    if (boxed := final_answer(text)) is not None:
        return boxed
    found: str | None = None
    if pattern:
        for match in pattern.finditer(text[-_PATTERN_REACHES:]):
            found = match[1] if pattern.groups else match[0]
    elif reply.reason == "stop":
        found = text.rstrip().rpartition("\n")[2].strip(_MARKS)
    return (found or "").strip() or None
