"""The length of drafts that pays, by the seconds that steps take."""

from collections.abc import Callable

from r1local.engine.limits import MOST_DRAFTED
from r1local.engine.pace import Pace

Cost = Callable[[int], float]


def paced(cost: Cost, right: float, steps: int) -> tuple[Pace, float]:
    """Return a pace after so many steps, and the speed compared with no drafts.

    Args:
        cost: seconds of a step by its tokens.
        right: the share of a draft that turns out right, which is what its source expects.
    """
    pace, seconds, written = Pace(), 0.0, 0
    pace.begin()
    for _ in range(steps):
        length = pace.length(right) if right >= pace.least_confidence else 0
        took = cost(1 + length)
        tokens = 1 + int(right * length)
        if length:
            pace.drafted(length, took, tokens)
        else:
            pace.took(took)
        seconds, written = seconds + took, written + tokens
    return pace, written * cost(1) / seconds


def test_where_more_tokens_cost_nothing_drafts_are_long() -> None:
    pace, speed = paced(lambda _size: 0.1, 0.95, 100)
    assert pace.length(0.95) == MOST_DRAFTED
    assert speed > 10


def test_where_tokens_cost_as_much_together_nothing_is_drafted() -> None:
    _pace, speed = paced(lambda size: 0.01 * size, 0.95, 1_000)
    assert speed > 0.98


def test_drafts_that_are_never_right_cost_no_more_than_their_stake() -> None:
    pace, seconds = Pace(), 0.0
    pace.begin()
    for _ in range(1_000):  # though their source is always sure
        length = pace.length(0.95) if pace.least_confidence <= 0.95 else 0
        took = 1 + 0.3 * length
        if length:
            pace.drafted(length, took, 1)
        else:
            pace.took(took)
        seconds += took
    assert seconds < 1_000 * 1.02


def test_costs_that_have_fallen_are_found_again() -> None:
    pace, _speed = paced(lambda size: 0.01 * size, 0.9, 300)
    for _ in range(5_000):
        length = pace.length(0.9) if pace.least_confidence <= 0.9 else 0
        if length:
            pace.drafted(length, 0.01, 1 + int(0.9 * length))
        else:
            pace.took(0.01)
    assert pace.length(0.9)


def test_one_slow_step_says_little() -> None:
    pace, _speed = paced(lambda size: 0.01 + 0.001 * size, 0.8, 200)
    length = pace.length(0.8)
    pace.drafted(length, 5.0, 1)
    assert pace.length(0.8)


def test_nothing_is_drafted_before_a_step_was_measured() -> None:
    pace = Pace()
    pace.begin()
    assert pace.least_confidence > 1
