"""Going from one place that has the words to the next, and back."""

from hypothesis import given
from hypothesis import strategies as st

from r1local.chat.finding import Finding, Hit
from r1local.conversation import Turn
from testing.sessions import turn

TURNS = (
    turn("A prime?", "Two primes: Prime.", "prime"),
    turn("Why?", "Because.", "So."),
    turn("Another PRIME?", "", "No."),
)


def names(step: int, count: int) -> list[str]:
    finding = Finding("prime")
    return [found[0].name for _ in range(count) if (found := finding.go(TURNS, step))]


def test_all_that_was_said_in_the_order_in_which_it_is_read() -> None:
    first = ["question 1", "thought 1", "thought 1", "answer 1", "question 3"]
    assert names(+1, 6) == [*first, "question 1"]
    assert names(-1, 6) == [*reversed(first), "question 3"]


def test_where_it_is_among_all() -> None:
    finding = Finding("prime")
    found = finding.go(TURNS, -1)
    assert found and found[1:] == (5, 5) and found[0].excerpt == "Another PRIME?"
    assert Finding("zebra").go(TURNS, 1) is None


def test_it_goes_on_from_its_place_in_a_conversation_that_grew() -> None:
    finding = Finding("so")
    assert finding.go(TURNS, 1)
    found = finding.go((*TURNS, turn("So?")), 1)
    assert found and found[0].name == "question 4"


@given(st.lists(st.text("ab ", max_size=8), max_size=4), st.integers(1, 12))
def test_the_way_back_is_the_way_there(texts: list[str], steps: int) -> None:
    turns: list[Turn] = [turn(text, text[::-1], text) for text in texts]
    finding = Finding("a")
    there: list[Hit] = [found[0] for _ in range(steps) if (found := finding.go(turns, +1))]
    back: list[Hit] = [found[0] for _ in range(steps - 1) if (found := finding.go(turns, -1))]
    assert back == there[-2::-1]
