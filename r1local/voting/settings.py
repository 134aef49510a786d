"""What a vote is made of: how it is held, its events, the ballots, and how it went."""

import re
from dataclasses import dataclass, field

from r1local.answers.boxed import final_answer
from r1local.config.options import check
from r1local.config.preferences import Settings
from r1local.conversation import Reply
from r1local.errors import InvalidSetting
from r1local.replies.settings import ReplySettings

#: Characters at the end of an answer that a pattern is looked for in, so that one of the
#: user's which tries many ways to match meets little text.
_PATTERN_REACHES = 2_000
#: Markdown around a last line.
_MARKS = " \t*_`#>"


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
        check("votes", self.votes)
        check("confidence", self.confidence)
        if self.reply.only_thinking:
            raise InvalidSetting("a vote is about answers", "leave out --thinking only")


def vote_settings(votes: int, reply: ReplySettings, chosen: Settings) -> VoteSettings:
    """How so many replies vote, by what is set of votes."""
    set_ = {name: setting.value for name, setting in chosen.items()}
    return VoteSettings(votes, reply, set_.get("confidence"), set_.get("answer-pattern"))


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
