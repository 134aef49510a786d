"""Counting votes: which answers are equal, which one leads, and when no more are needed.

Self-consistency (Wang et al. 2022, arXiv 2203.11171): the answer that most of many replies
to one question give is right more often than the answer of any single reply.
"""

from collections.abc import Callable, Sequence
from math import comb
from typing import TypeAlias

from r1local.answers.canonical import canonical_form
from r1local.events.vote import Candidate

#: Returns the index of the answer that is equal to the given one, or None.
Equal: TypeAlias = Callable[[str, Sequence[str]], int | None]


class Tally:
    """The votes so far.

    Args:
        equal: a finer comparison, for answers that are spelled differently.
        form: returns the form that all obviously equal spellings of an answer share.
    """

    def __init__(
        self,
        equal: Equal = lambda _answer, _others: None,
        form: Callable[[str], str] = canonical_form,
    ) -> None:
        self._equal = equal
        self._form = form
        self._places: dict[str, int] = {}
        self._candidates: list[Candidate] = []
        #: For each candidate, how many votes there were in all when its last one came.
        self._came: list[int] = []
        self.votes = 0

    def add(self, voter: int, answer: str) -> None:
        """Count one vote."""
        place = self._place(answer)
        found = self._candidates[place]
        self._candidates[place] = Candidate(found.answer, (*found.voters, voter))
        self.votes += 1
        self._came[place] = self.votes

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The candidates, best first; with equal votes, the one that had them first."""
        order = sorted(
            range(len(self._candidates)),
            key=lambda place: (-self._candidates[place].votes, self._came[place]),
        )
        return tuple(self._candidates[place] for place in order)

    def is_decided(self, outstanding: int) -> bool:
        """Return whether the leader stays ahead whatever the outstanding votes say."""
        first, second = self._first_two()
        return first > second + outstanding

    def confidence(self) -> float:
        """Return the probability that the leader would lead after any number of votes.

        Adaptive-Consistency's Beta criterion (Aggarwal et al. 2023, arXiv 2305.11860, section
        3.2): of the votes for the first two, the leader's share has the distribution
        Beta(first + 1, second + 1), and this is the probability that it is above one half.
        """
        return probability_above_half(*self._first_two())

    def _first_two(self) -> tuple[int, int]:
        votes = [candidate.votes for candidate in self.candidates[:2]]
        first, second = (*votes, 0, 0)[:2]
        return first, second

    def _place(self, answer: str) -> int:
        """Return the index of an answer's candidate, which is a new one for a new answer."""
        form = self._form(answer)
        place = self._places.get(form)
        if place is None:
            place = self._equal(answer, [candidate.answer for candidate in self._candidates])
        if place is None:
            place = len(self._candidates)
            self._candidates.append(Candidate(answer, ()))
            self._came.append(0)
        self._places[form] = place
        return place


def probability_above_half(successes: int, failures: int) -> float:
    """Return P(p > 1/2) for p from Beta(successes + 1, failures + 1).

    For whole parameters the incomplete beta function is a binomial sum (Abramowitz and Stegun,
    26.5.24): here P(X <= successes) for X from Binomial(successes + failures + 1, 1/2).
    """
    trials = successes + failures + 1
    return sum(comb(trials, count) for count in range(successes + 1)) / (1 << trials)
