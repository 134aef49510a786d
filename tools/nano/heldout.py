"""Which operands training never sees: a stable hash keeps one group in twenty for tests."""

from __future__ import annotations

import zlib

SHARE = 20  # one group of operands in this many is held out
_COMMUTATIVE = {"add", "sub", "mul", "cmp"}  # `sub` too: a pair is not seen reversed either


def is_held_out(operation: str, *operands: int) -> bool:
    """Return whether these operands of this operation are reserved for tests.

    Pairs of single digits are never reserved: every column of every sum needs them.
    """
    if max(operands) < 10:
        return False
    if operation in _COMMUTATIVE:
        operands = tuple(sorted(operands))
    key = operation + ":" + ",".join(map(str, operands))
    return zlib.crc32(key.encode()) % SHARE == 0
