"""When a thought is closed, and when its end is put off: decided by counts alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.thinking.limits import ClosedFor, ThoughtLimits


def limits(
    budget: int | None = None, room: int = 1_000, least: int = 0, waits: int = 0, blank: bool = True
) -> ThoughtLimits:
    return ThoughtLimits(budget=budget, room=room, least=least, most_waits=waits, mend_blank=blank)


def closed_at(limit: ThoughtLimits, *, sentences: int = 10**9) -> tuple[int, ClosedFor]:
    """The tokens at which a thought is closed whose sentences have so many, and why."""
    for tokens in range(1, 5_000):
        if why := limit.close(tokens, at_sentence_end=tokens % sentences == 0):
            return tokens, why
    raise AssertionError("it is never closed")


def test_a_budget_waits_for_the_end_of_a_sentence_but_not_for_ever() -> None:
    assert closed_at(limits(100), sentences=7) == (105, "budget")
    assert closed_at(limits(100), sentences=1) == (100, "budget")
    assert closed_at(limits(100)) == (116, "budget"), "at least 16 more"
    assert closed_at(limits(500)) == (550, "budget"), "a tenth more"


def test_without_a_budget_the_answer_has_its_room() -> None:
    tokens, why = closed_at(limits(room=1_000), sentences=7)
    assert why == "answer" and 900 <= tokens <= 1_000
    assert closed_at(limits(room=1_000)) == (990, "answer"), "nine tenths, and a tenth of that"
    assert closed_at(limits(budget=5_000, room=1_000)) == (990, "answer")


@given(st.none() | st.integers(0, 3_000), st.integers(1, 2_000), st.integers(1, 50))
def test_a_thought_never_takes_more_than_the_room(
    budget: int | None, room: int, sentences: int
) -> None:
    tokens, _ = closed_at(limits(budget, room), sentences=sentences)
    assert tokens <= room


def test_answer_now_counts_at_once_and_before_all_else() -> None:
    limit = limits(100, least=50, waits=3)
    assert limit.close(1, at_sentence_end=False) is None
    limit.answer_now()
    assert limit.close(1, at_sentence_end=False) == "asked"
    assert not limit.put_off(1, blank=True)


def test_think_more_lengthens_a_budget_by_as_much_again() -> None:
    limit = limits(100)
    limit.think_more()
    assert closed_at(limit, sentences=1) == (200, "budget")
    limit = limits(100)
    for _ in range(50):
        limit.think_more()
    tokens, why = closed_at(limit, sentences=1)
    assert why == "answer" and tokens <= 1_000


def test_think_more_puts_one_end_off() -> None:
    limit = limits()
    limit.think_more()
    assert limit.put_off(500, blank=False)
    assert not limit.put_off(501, blank=False)


@pytest.mark.parametrize("waits", [0, 1, 3])
def test_an_early_end_is_put_off_so_many_times(waits: int) -> None:
    limit = limits(least=100, waits=waits)
    put_off = [limit.put_off(tokens, blank=False) for tokens in range(50, 60)]
    assert put_off == [True] * waits + [False] * (10 - waits)
    assert not limits(least=100, waits=3).put_off(100, blank=False)


def test_a_blank_thought_is_put_off_where_that_is_wanted() -> None:
    assert limits(waits=1).put_off(2, blank=True)
    assert not limits(waits=1).put_off(2, blank=False)
    assert not limits(waits=1, blank=False).put_off(2, blank=True)


def test_at_its_budget_no_end_is_put_off() -> None:
    limit = limits(100, least=500, waits=9)
    assert limit.put_off(99, blank=False)
    assert not limit.put_off(100, blank=False)
