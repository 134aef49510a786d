"""Which drafts pay in steps that several replies share, by the seconds that steps take."""

from collections.abc import Callable

import pytest

from r1local.engine.limits import MOST_DRAFTED
from r1local.engine.shared_pace import SharedPace

Cost = Callable[[int], float]
REPLIES = 8


def paced(cost: Cost, right: float, steps: int, expected: float | None = None) -> float:
    """Return the speed of so many steps, compared with no drafts.

    Args:
        cost: seconds of a step by its tokens.
        right: the share of drafts that turns out right.
        expected: what the replies' sources expect, if that is another one.
    """
    pace, seconds, written = SharedPace(), 0.0, 0.0
    pace.begin()
    for _ in range(steps):
        lengths = pace.lengths([right if expected is None else expected] * REPLIES, 24)
        took = cost(REPLIES + sum(lengths))
        tokens = REPLIES + int(right * sum(lengths))
        if any(lengths):
            pace.drafted(REPLIES, sum(lengths), took, tokens)
        else:
            pace.took(REPLIES, took)
        seconds, written = seconds + took, written + tokens
    return written * cost(REPLIES) / (REPLIES * seconds)


def test_where_more_tokens_cost_nothing_there_are_many() -> None:
    assert paced(lambda _size: 0.1, 0.95, 100) > 2.5


def test_where_tokens_cost_as_much_together_nothing_is_drafted() -> None:
    assert paced(lambda size: 0.01 * size, 0.9, 1_000) > 0.98


def test_drafts_that_are_never_right_cost_no_more_than_their_stake() -> None:
    assert paced(lambda size: 1 + 0.02 * size, 0.0, 1_000, expected=0.95) > 0.98


def test_costs_that_have_fallen_are_found_again() -> None:
    pace = SharedPace()
    costs: list[Cost] = [lambda size: 0.01 * size, lambda _size: 0.08]
    for cost in costs:
        for _ in range(3_000):
            lengths = pace.lengths([0.9] * REPLIES, 24)
            if any(lengths):
                pace.drafted(REPLIES, sum(lengths), cost(REPLIES + sum(lengths)), REPLIES)
            else:
                pace.took(REPLIES, cost(REPLIES))
            pace._stake = 3.0
    assert sum(pace.lengths([0.9] * REPLIES, 24)) > 0


def test_the_likeliest_tokens_are_drafted_whosever_they_are() -> None:
    pace = SharedPace()
    for _ in range(3):
        pace.took(3, 1.0)
        pace.drafted(3, 24, 1.01, 27)
    pace.took(3, 1.0)
    sure, unsure, none = pace.lengths([0.95, 0.5, 0.0], 16)
    assert none == 0
    assert sure > 2 * unsure > 0
    assert sure <= MOST_DRAFTED
    assert sum(pace.lengths([0.95, 0.5, 0.0], 4)) <= 4


@pytest.mark.parametrize("seconds", [0.5e-3, 5e-3])
def test_quick_models_are_told_apart_by_the_time_of_each_reply(seconds: float) -> None:
    pace = SharedPace()
    assert not pace.too_quick(REPLIES)
    for _ in range(2):
        pace.took(REPLIES, REPLIES * seconds)
    assert pace.too_quick(REPLIES) == (seconds < 1e-3)
    assert not pace.too_quick(REPLIES + 1)


def test_other_numbers_of_replies_are_measured_without_drafts_first() -> None:
    pace = SharedPace()
    pace.took(4, 1.0)
    pace.took(4, 1.0)
    assert pace.lengths([0.95] * 4, 8)
    assert not pace.lengths([0.95] * 3, 8)
    pace.took(3, 0.9)
    assert pace.lengths([0.95] * 3, 8)
