"""When a thought is closed for the model, and when the model may not close it yet.

Closing at a budget follows "budget forcing" of s1 (Muennighoff et al. 2025,
arXiv:2501.19393, section 3.1), and so does the "Wait," that takes the place of an end tag.
"""

from typing import Literal

#: Written in a thought's end's stead (s1's own word).
WAIT = "\nWait,"
#: Ends a thought; the tag and the line breaks that R1 writes behind it follow.
CLOSING = "\n\nI have thought about this for long enough, so I will answer with what I have.\n"

#: Tokens beyond a budget in which the end of a sentence is waited for: a tenth of it, or this.
_LEAST_GRACE = 16

#: Why a thought is closed: its budget, the answer's room, the user's command.
ClosedFor = Literal["budget", "answer", "asked"]


class ThoughtLimits:
    """The limits of one thought; all numbers are tokens of thought.

    Args:
        budget: at most so many, if the user asked for a budget.
        room: at most so many, whatever the user asked.
        least: an earlier end is put off.
        most_waits: how often an end is put off, at most.
        mend_blank: the end of a thought without a word is put off, too.
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
        """Put the next end off: the model's own, or the budget's by as much again."""
        self._more_wanted += 1

    def close(self, tokens: int, *, at_sentence_end: bool) -> ClosedFor | None:
        """Whether a thought of so many tokens is to be closed now, and what for."""
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
        """Whether an end that the model makes itself behind so many tokens is put off."""
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
