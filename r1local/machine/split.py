"""Dividing a model's layers among several GPUs, in order and without cutting one."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

#: Steps in which the best division is searched: the fullest GPU ends within a billionth of it.
_STEPS = 30


def split_evenly(sizes: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """Return how many layers each GPU takes so that all are about as full; None if there's no room.

    Args:
        sizes: the bytes of each layer.
        rooms: the bytes free on each GPU.
    """
    best = fill(sizes, rooms)
    low, high = 0.0, 1.0
    for _ in range(_STEPS if best else 0):
        share = (low + high) / 2
        found = fill(sizes, [int(room * share) for room in rooms])
        best, low, high = (found, low, share) if found else (best, share, high)
    return best


def fill(sizes: Sequence[int], rooms: Sequence[int]) -> tuple[int, ...] | None:
    """Fill one GPU after the other; return the counts, or None if something is left over."""
    ends = [0, *accumulate(sizes)]
    counts, begun = [], 0
    for room in rooms:
        end = bisect_right(ends, ends[begun] + room, lo=begun + 1) - 1
        counts.append(end - begun)
        begun = end
    return tuple(counts) if begun == len(sizes) else None


def split_by_shares(count: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Return how many of `count` layers each GPU takes, as llama.cpp divides them by shares."""
    total = sum(shares)
    points = [end / total for end in accumulate(shares)]
    owners = [bisect_right(points, layer / count) for layer in range(count)]
    return tuple(owners.count(number) for number in range(len(shares)))


def holds(sizes: Sequence[int], counts: Sequence[int], rooms: Sequence[int]) -> bool:
    """Tell whether each GPU has room for its part of the layers."""
    ends = [0, *accumulate(sizes)]
    bounds = [0, *accumulate(counts)]
    parts = [ends[end] - ends[begin] for begin, end in pairwise(bounds)]
    return all(part <= max(0, room) for part, room in zip(parts, rooms, strict=True))
