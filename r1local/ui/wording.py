"""Wording of durations, counts of tokens and replies, and how a reply ended."""

from collections.abc import Mapping

from r1local.units import token_count

#: How a reply ended if it didn't finish by itself, by `Reply.reason`.
ENDINGS: Mapping[str, str] = {
    "cancelled": "stopped",
    "length": "stopped at the token limit",
    "loop": "stopped in a loop",
    "lost": "cut off with the program",
}
#: The notice about an answer that doesn't match its schema.
NOT_VALID = "the answer is not valid by its schema"


def duration(seconds: float) -> str:
    """Return a duration in words: `4.2 s`, `42 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    return f"{minutes} min {whole} s" if minutes else f"{whole} s"


def reply_count(count: int) -> str:
    """Return a number of replies in words: `1 reply`, `16 replies`."""
    return "1 reply" if count == 1 else f"{count:,} replies"


def effort(seconds: float, count: int) -> str:
    """Return a duration and a number of tokens: `42 s · 1,203 tokens`."""
    return f"{duration(seconds)} · {token_count(count)}"


def thought_for(
    seconds: float, count: int, *, unfinished: bool = False, edited: bool = False
) -> str:
    """Return one line about a thought: how long it took, and how it began and ended."""
    line = f"thought for {effort(seconds, count)}"
    if edited:
        line += ", from an edited beginning"
    return f"{line}, without coming to an end" if unfinished else line


def which(alternatives: tuple[int, int]) -> str:
    """Return which alternative it is, and of how many: `‹ 2/3 ›`; empty if there is only one."""
    number, count = alternatives
    return f"‹ {number}/{count} ›" if count > 1 else ""


def known(number: int | None) -> str:
    """Return a number with its thousands set apart, or a question mark if it isn't known."""
    return "?" if number is None else f"{number:,}"
