"""When r1local closes a thought, and when it doesn't let the model close one yet.

Closing at a budget follows the "budget forcing" of s1 (Muennighoff et al. 2025,
arXiv:2501.19393, section 3.1), and so does the "Wait," that replaces an end tag.
"""

from collections.abc import Mapping
from typing import Literal

from r1local.language import N_

#: Written in place of the end of a thought (s1's own word).
WAIT = "\nWait,"
#: Ends a thought; the tag and the line breaks that R1 writes after it follow.
CLOSING = "\n\nI have thought about this for long enough, so I will answer with what I have.\n"

#: Tokens beyond a budget while the sentence is finished: a tenth of the budget, but at least this.
_LEAST_GRACE = 16

#: Why a thought is closed: its budget, the room needed for the answer, or the user's command.
ClosedFor = Literal["budget", "answer", "asked"]
#: The same as the end of a sentence.
WHY_CLOSED: Mapping[ClosedFor, str] = {
    "budget": N_(", its budget"),
    "answer": N_(" to leave room for the answer"),
    "asked": N_(" as you asked"),
}


class ThoughtLimits:
    """The limits of one thought; all numbers are tokens of the thought.

    Args:
        budget: the maximum that the user asked for, if any.
        room: the maximum whatever the user asked for.
        least: a thought that the model ends before this is continued.
        most_waits: how many times the end of a thought may be put off.
        mend_blank: also put off the end of a thought without a word in it.
    """

    def __init__(
        self, *, budget: int | None, room: int, least: int, most_waits: int, mend_blank: bool
    ) -> None:
        self._step = budget or 0
        self._room = max(1, room)
        self._room_budget = max(self._room - _grace(self._room), (self._room + 1) // 2)
        self._least = least
        self._waits_left = most_waits
        self._mend_blank = mend_blank
        self._more_wanted = 0
        self._answer_wanted = False
        self._set_budget(self._room_budget if budget is None else budget)

    def answer_now(self) -> None:
        """Close the thought at the next token."""
        self._answer_wanted = True

    def think_more(self) -> None:
        """Put off the next end: the model's own, or the budget's by another budget."""
        self._more_wanted += 1

    def close(self, tokens: int, *, at_sentence_end: bool) -> ClosedFor | None:
        """Return why a thought of `tokens` tokens has to be closed now, or None if it doesn't."""
        if self._answer_wanted:
            return "asked"
        if tokens < self._budget:
            return None
        if self._more_wanted and self._budget < self._room_budget:
            self._more_wanted -= 1
            self._set_budget(self._budget + self._step)
            return self.close(tokens, at_sentence_end=at_sentence_end)
        if at_sentence_end or tokens >= self._end:
            return "answer" if self._budget == self._room_budget else "budget"
        return None

    def put_off(self, tokens: int, *, blank: bool) -> bool:
        """Return whether to put off an end that the model itself makes after `tokens` tokens."""
        if self._answer_wanted or tokens >= self._budget:
            return False
        if self._more_wanted:
            self._more_wanted -= 1
            return True
        too_short = tokens < self._least or (blank and self._mend_blank)
        if not too_short or not self._waits_left:
            return False
        self._waits_left -= 1
        return True

    def _set_budget(self, budget: int) -> None:
        self._budget = min(budget, self._room_budget)
        self._end = min(self._budget + _grace(self._budget), self._room)


def _grace(budget: int) -> int:
    return max(_LEAST_GRACE, budget // 10)
