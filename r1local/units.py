"""Numbers with their units, as people read them in messages of every room."""

from datetime import UTC, datetime

#: Seconds since the epoch of a time that every calendar and time zone can still write.
_LATEST = 250_000_000_000


def disk_size(size: int) -> str:
    """Bytes of a file, in the units that disks and the hub count in: `4.7 GB`."""
    for unit, name in ((10**9, "GB"), (10**6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size / 1000:.0f} kB"


def memory_size(size: int) -> str:
    """Bytes of memory, in the units that memory is sold in: `4.4 GiB`."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def token_count(count: int) -> str:
    """`1 token`, `1,203 tokens`."""
    return "1 token" if count == 1 else f"{count:,} tokens"


def file_time(seconds: float) -> datetime:
    """Return a file's time, in seconds since the epoch, which may be any number at all, as UTC."""
    return datetime.fromtimestamp(min(max(0.0, seconds), _LATEST), UTC)
