"""Wording of durations, counts of tokens and replies, and how a reply ended."""

from collections.abc import Mapping, Sequence

from r1local.language import N_, _, _n
from r1local.units import token_count

#: How a reply ended if it didn't finish by itself, by `Reply.reason`.
ENDINGS: Mapping[str, str] = {
    "cancelled": N_("stopped"),
    "length": N_("stopped at the token limit"),
    "loop": N_("stopped in a loop"),
    "lost": N_("cut off with the program"),
}
#: Fewer tokens than these are read before one notices: in 2 s by 7 billion weights on a few cores.
_READ_AT_ONCE = 100
#: The documents that are named; others are only counted.
_MOST_NAMED = 5
#: The notice about an answer that doesn't match its schema.
NOT_VALID = N_("the answer is not valid by its schema")


def duration(seconds: float) -> str:
    """Return a duration in words: `4.2 s`, `42 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return _("{seconds:.1f} s", seconds=seconds)
    minutes, whole = divmod(round(seconds), 60)
    return (
        _("{minutes} min {seconds} s", minutes=minutes, seconds=whole)
        if minutes
        else _("{seconds} s", seconds=whole)
    )


def reply_count(count: int) -> str:
    """Return a number of replies in words: `1 reply`, `16 replies`."""
    return _n("{count:,} reply", "{count:,} replies", count)


def turn_count(count: int) -> str:
    """Return a number of turns in words: `1 turn`, `16 turns`."""
    return _n("{count:,} turn", "{count:,} turns", count)


def session_count(count: int) -> str:
    """Return a number of sessions in words: `1 session`, `16 sessions`."""
    return _n("{count:,} session", "{count:,} sessions", count)


def effort(seconds: float, count: int) -> str:
    """Return a duration and a number of tokens: `42 s · 1,203 tokens`."""
    return f"{duration(seconds)} · {token_count(count)}"


def thought_for(
    seconds: float, count: int, *, unfinished: bool = False, edited: bool = False
) -> str:
    """Return one line about a thought: how long it took, and how it began and ended."""
    line = _("thought for {seconds}", seconds=effort(seconds, count))
    if edited:
        line += _(", from an edited beginning")
    return _("{line}, without coming to an end", line=line) if unfinished else line


def reading_first(tokens: int) -> str:
    """Return that the next reply begins later, if so many tokens are read first that one waits."""
    if tokens < _READ_AT_ONCE:
        return ""
    return _(
        "; before the next reply the model reads the conversation so far ({count}), which takes "
        "a while",
        count=token_count(tokens),
    )


def which(alternatives: tuple[int, int]) -> str:
    """Return which alternative it is, and of how many: `‹ 2/3 ›`; empty if there is only one."""
    number, count = alternatives
    return f"‹ {number}/{count} ›" if count > 1 else ""


def documents_told(names: Sequence[str], tokens: Sequence[int | None], *, exact: bool) -> str:
    """Return documents with what each takes: `a.md (12 tokens), b.md (9 tokens)`.

    Of many, the first few and all together.
    """
    sizes = [document_size(each, exact=exact) for each in tokens]
    shown = [f"{name} ({size})" if size else name for name, size in zip(names, sizes, strict=True)]
    more = len(names) - _MOST_NAMED
    if more <= 0:
        return ", ".join(shown)
    known_all = None if None in tokens else sum(filter(None, tokens))
    total = document_size(known_all, exact=exact)
    in_all = _(", {total} in all", total=total) if total else ""
    return _(
        "{shown} and {more:,} more{in_all}",
        shown=", ".join(shown[:_MOST_NAMED]),
        more=more,
        in_all=in_all,
    )


def document_size(tokens: int | None, *, exact: bool) -> str:
    """Return what a document takes: `12 tokens`, `about 12 tokens`; empty if that isn't known."""
    if tokens is None:
        return ""
    return token_count(tokens) if exact else _("about {tokens}", tokens=token_count(tokens))


def known(number: int | None) -> str:
    """Return a number with its thousands set apart, or a question mark if it isn't known."""
    return "?" if number is None else f"{number:,}"
