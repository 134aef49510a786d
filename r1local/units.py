"""Numbers with their units, as people read them in messages of every room."""


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
