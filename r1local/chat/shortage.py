"""What a question lacks when the context window has no room for it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from r1local.conversation import Turn
from r1local.language import _
from r1local.replies.engine import Engine, PromptSize


@dataclass(frozen=True, slots=True)
class Shortage:
    """A question that the context window has no room for.

    Args:
        needed: tokens of the prompt and of the least room that a reply needs.
        context_window: its size in tokens.
        oldest: the oldest turns, which make enough room when left out; empty if
            the question alone is too long.
        larger: a context size that has room, which the model was trained for and memory can hold.
    """

    needed: int
    context_window: int
    oldest: tuple[Turn, ...]
    larger: int | None

    @property
    def told(self) -> str:
        """What is lacking, in words."""
        return _(
            "the next prompt needs {needed:,} tokens with room for a reply, and the context "
            "has {context_window:,}",
            needed=self.needed,
            context_window=self.context_window,
        )


def shortage_of(
    size: PromptSize | None,
    engine: Engine,
    reserve: Callable[[int], int],
    given: Sequence[Turn],
    size_without: Callable[[int], PromptSize | None],
) -> Shortage | None:
    """Return what an engine lacks to reply to a prompt; None if it lacks nothing.

    Args:
        size: the prompt's.
        reserve: returns the tokens of a context that a reply wants.
        given: the turns in the prompt.
        size_without: returns the prompt's size without so many of the oldest turns.
    """

    def room_in(context: int) -> int:
        """Return the tokens of a context that a prompt may take; up to half is the reply's."""
        return context - min(reserve(context), context // 2)

    window = engine.context_window
    if window is None or size is None or size.tokens <= (room := room_in(window)):
        return None

    def fits(left_out: int) -> bool:
        tried = size_without(left_out)
        return tried is None or tried.tokens <= room

    oldest = tuple(given[: least_that_holds(len(given), fits)])
    larger = engine.larger(lambda context: size.tokens <= room_in(context))
    return Shortage(size.tokens + window - room, window, oldest, larger)


def least_that_holds(most: int, holds: Callable[[int], bool]) -> int:
    """Return the least number from 1 to `most` for which `holds`, which is monotonic; 0 if none."""
    if not most or not holds(most):
        return 0
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low
