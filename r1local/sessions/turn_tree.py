"""All turns of a conversation, and the ones among them that are shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from r1local.conversation import Turn


@dataclass(frozen=True, slots=True)
class Placed:
    """A turn and its place among all of a conversation.

    Args:
        number: its own, from 1.
        after: the number of the turn that it comes after; 0 if it is the first of its branch.
        position: its place in its branch, from 1.
        shown: whether it is in the branch that is shown.
        turn: what was said.
    """

    number: int
    after: int
    position: int
    shown: bool
    turn: Turn


class TurnTree:
    """Turns by their numbers, from 1 in the order in which they began, and the path of those shown.

    Each turn comes after another one, or first in the conversation: after 0, which is no turn.
    Turns that come after the same one are alternatives; the path goes by one of them.

    Attributes:
        path: the numbers of the turns that are shown, from the first question on.
    """

    def __init__(self) -> None:
        self.path: list[int] = []
        self._turns: dict[int, Turn] = {}
        self._before: dict[int, int] = {}
        self._after: dict[int, list[int]] = {}
        #: Which of the turns after another one was shown last.
        self._shown_last: dict[int, int] = {}

    def __getitem__(self, number: int) -> Turn:
        return self._turns[number]

    @property
    def shown(self) -> tuple[Turn, ...]:
        """The turns that are shown."""
        return tuple(self._turns[number] for number in self.path)

    @property
    def tip(self) -> int:
        """The number of the last turn that is shown; 0 if there is none."""
        return self.path[-1] if self.path else 0

    @property
    def last(self) -> Turn:
        """The last turn that is shown; there must be one."""
        return self._turns[self.path[-1]]

    @last.setter
    def last(self, turn: Turn) -> None:
        self._turns[self.path[-1]] = turn

    @property
    def alternatives(self) -> tuple[tuple[int, int], ...]:
        """For each turn that is shown: which of its alternatives it is, from 1, of how many."""
        places = ((number, self.beside(number)) for number in self.path)
        return tuple((beside.index(number) + 1, len(beside)) for number, beside in places)

    @property
    def ends(self) -> tuple[int, ...]:
        """The numbers of the turns that none comes after: a branch ends with each of them."""
        return tuple(number for number in self._turns if number not in self._after)

    @property
    def everything(self) -> tuple[Placed, ...]:
        """All turns by their numbers."""
        positions, shown = {0: 0}, set(self.path)
        for number, after in self._before.items():
            positions[number] = positions[after] + 1
        return tuple(
            Placed(number, self._before[number], positions[number], number in shown, turn)
            for number, turn in self._turns.items()
        )

    def beside(self, number: int) -> list[int]:
        """Return a turn's alternatives, itself among them."""
        return self._after[self._before[number]]

    def path_to(self, number: int) -> list[int]:
        """Return the numbers of the turns up to one, from the first question on."""
        path = list(self._back_from(number))
        return path[::-1]

    def end_from(self, number: int) -> int:
        """Return the end of the branch that was shown last of those that begin with a turn."""
        while after := self.shown_last_after(number):
            number = after
        return number

    def shown_last_after(self, number: int) -> int | None:
        """Return which of the turns that come after one was shown last; None if there is none."""
        return self._shown_last.get(number)

    def add(self, turn: Turn) -> None:
        """Begin a turn after the last one that is shown."""
        number = len(self._turns) + 1
        self._turns[number], self._before[number] = turn, self.tip
        self._after.setdefault(self.tip, []).append(number)
        self.go_on_to(number)

    def go_on_to(self, number: int) -> None:
        """Show a turn that comes after the last one that is shown."""
        self._shown_last[self.tip] = number
        self.path.append(number)

    def comes_next(self, number: int) -> bool:
        """Return whether a turn comes after the last one that is shown; there may be no such."""
        return self._before.get(number) == self.tip

    def back(self) -> None:
        """Show the last turn no longer."""
        self.path.pop()

    def _back_from(self, number: int) -> Iterator[int]:
        while number:
            yield number
            number = self._before[number]


def parting(path: list[int], other: list[int]) -> int:
    """Return how many turns two paths begin with in common."""
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, other, strict=False))
    )
