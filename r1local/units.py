"""Formatting numbers with their units for messages."""

from datetime import UTC, datetime

from r1local.language import _, _n

#: The latest time, in seconds since the epoch, that can be written in every time zone.
_LATEST = 250_000_000_000


def disk_size(size: int) -> str:
    """Return the bytes of a file in the units of disks and the hub: `4.7 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1000:.0f} kB"


def memory_size(size: int) -> str:
    """Return bytes of memory in the units in which memory is sold: `4.4 GiB`."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def speed_words(least: float, most: float, *, measured: bool) -> str:
    """Return tokens per second: `39 measured`, or `~53-90` for an estimate; `?` if unknown."""
    if not most:
        return "?"
    digits = 0 if least >= 10 else 1
    if measured:
        speed = f"{most:,.{digits}f}"
        return _("{speed} measured", speed=speed)
    return f"~{least:.{digits}f}-{most:.{digits}f}"


def token_count(count: int) -> str:
    """Return a number of tokens: `1 token`, `1,203 tokens`."""
    return _n("{count:,} token", "{count:,} tokens", count)


def file_time(seconds: float) -> datetime:
    """Return a file's time as UTC; the seconds since the epoch may be any number at all."""
    return datetime.fromtimestamp(min(max(0.0, seconds), _LATEST), UTC)
