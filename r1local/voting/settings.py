"""How a vote is held, and which answer a reply votes for."""

import re
from dataclasses import dataclass, field

from r1local.answers.boxed import final_answer
from r1local.config.options import check
from r1local.config.preferences import Settings
from r1local.conversation import Reply
from r1local.errors import InvalidSetting
from r1local.language import _
from r1local.replies.settings import ReplySettings

#: Characters at the end of an answer in which a pattern is searched for, so that a user's
#: pattern that backtracks has little text to do it on.
_PATTERN_REACHES = 2_000
#: Markdown marks around a last line.
_MARKS = " \t*_`#>"


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """How to vote.

    Args:
        votes: the maximum number of replies.
        reply: how each reply is made; the voters have consecutive seeds.
        confidence: end as soon as the leader is this likely to stay ahead (see
            `Tally.confidence`); None means only when it can't be caught.
        pattern: finds the answer in a reply without a box: its first group, or the whole match.

    Raises:
        InvalidSetting: a value is out of its range.
    """

    votes: int
    reply: ReplySettings = field(default_factory=ReplySettings)
    confidence: float | None = None
    pattern: re.Pattern[str] | None = None

    def __post_init__(self) -> None:
        check("votes", self.votes)
        check("confidence", self.confidence)
        if self.reply.only_thinking:
            raise InvalidSetting(_("a vote is about answers"), _("leave out --thinking only"))


def vote_settings(votes: int, reply: ReplySettings, chosen: Settings) -> VoteSettings:
    """Return the settings of a vote, from what is set for votes."""
    set_ = {name: setting.value for name, setting in chosen.items()}
    return VoteSettings(votes, reply, set_.get("confidence"), set_.get("answer-pattern"))


def answer_of(reply: Reply, pattern: re.Pattern[str] | None) -> str | None:
    r"""Return the final answer of a reply, or None.

    This is the last `\boxed{}` of its answer, or else the last match of the pattern or, without
    a pattern, the last line of a complete answer. A cancelled reply gives None.
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
        lines = reversed(text.split("\n"))
        found = next((line for line in lines if not _is_rule(line)), "").strip().strip(_MARKS)
    return (found or "").strip() or None


def _is_rule(line: str) -> bool:
    """Return whether a line is one across the page, as Markdown has it, or blank."""
    marks = "".join(line.split())
    return not marks or (len(marks) > 2 and marks[0] in "-*_=" and len({*marks}) == 1)
