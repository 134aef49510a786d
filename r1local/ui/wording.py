"""Seconds and tokens as people read them."""


def duration(seconds: float) -> str:
    """`4.2 s`, `42 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(round(seconds), 60)
    return f"{minutes} min {whole} s" if minutes else f"{whole} s"


def tokens(count: int) -> str:
    """`1 token`, `1,203 tokens`."""
    return "1 token" if count == 1 else f"{count:,} tokens"


def reply_count(count: int) -> str:
    """`1 reply`, `16 replies`."""
    return "1 reply" if count == 1 else f"{count:,} replies"


def effort(seconds: float, count: int) -> str:
    """`42 s · 1,203 tokens`."""
    return f"{duration(seconds)} · {tokens(count)}"


def thought_for(seconds: float, count: int, *, unfinished: bool = False) -> str:
    """One line for a whole thought."""
    line = f"thought for {effort(seconds, count)}"
    return f"{line}, without coming to an end" if unfinished else line
