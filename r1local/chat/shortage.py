"""What a question lacks that the context window has no room for."""

from collections.abc import Callable
from dataclasses import dataclass

from r1local.conversation import Turn


@dataclass(frozen=True, slots=True)
class Shortage:
    """A question that the context window has no room for.

    Args:
        needed: tokens of the prompt and of the least room for a reply.
        context_window: tokens there are.
        oldest: the oldest turns which leave room enough when left out; none if
            the question alone is too long.
        larger: a context that has room, which the model was trained for and memory holds.
    """

    needed: int
    context_window: int
    oldest: tuple[Turn, ...]
    larger: int | None


def least_that_holds(most: int, holds: Callable[[int], bool]) -> int:
    """The least number from 1 to `most` that `holds`, which stays true once it is; 0 if none."""
    if not most or not holds(most):
        return 0
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
