"""Dividing layers among GPUs."""

from hypothesis import given
from hypothesis import strategies as st

from r1local.machine.split import fill, holds, split_by_shares, split_evenly

SIZES = st.lists(st.integers(0, 10**9), min_size=1, max_size=60)
ROOMS = st.lists(st.integers(0, 10**10), min_size=1, max_size=4)


@given(SIZES, ROOMS)
def test_every_layer_has_a_gpu_with_room_for_it(sizes: list[int], rooms: list[int]) -> None:
    counts = split_evenly(sizes, rooms)
    assert (counts is None) == (fill(sizes, rooms) is None)
    if counts is not None:
        assert sum(counts) == len(sizes)
        assert holds(sizes, counts, rooms)


@given(SIZES, ROOMS)
def test_no_division_leaves_the_fullest_gpu_less_full(sizes: list[int], rooms: list[int]) -> None:
    counts = split_evenly(sizes, rooms)
    if counts is None or not sum(sizes):
        return
    fullest, begun = 0.0, 0
    for count, room in zip(counts, rooms, strict=True):
        taken = sum(sizes[begun : begun + count])
        fullest, begun = max(fullest, taken / room if taken else 0.0), begun + count
    assert fill(sizes, [int(room * (fullest - 1e-6)) for room in rooms]) is None


def test_gpus_are_filled_by_their_free_memory() -> None:
    assert split_evenly([10] * 40, [300, 100]) == (30, 10)
    assert split_evenly([10] * 40, [100, 0, 300]) == (10, 0, 30)
    assert split_evenly([10] * 41, [300, 100]) is None


def test_shares_divide_like_llama_cpp() -> None:
    assert split_by_shares(7, (1, 5)) == (2, 5)
    assert split_by_shares(10, (1, 0, 1)) == (5, 0, 5)
    assert split_by_shares(29, (29, 0)) == (29, 0)


@given(st.lists(st.integers(0, 80), min_size=1, max_size=6).filter(any))
def test_counts_of_layers_are_shares_that_give_these_counts(counts: list[int]) -> None:
    assert split_by_shares(sum(counts), counts) == tuple(counts)
