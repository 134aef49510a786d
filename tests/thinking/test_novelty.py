"""How much of a text is new: counters and copies are not, data and what zlib can't pack are."""

import random
from collections.abc import Iterable

from r1local.thinking.novelty import Novelty

DRAWN = random.Random(1)


def reading(chunks: Iterable[str], question: str = "", doubts: int = 0) -> Novelty:
    """What is thought of a text, of which each word or mark counts as a token."""
    novelty = Novelty(lambda: question)
    for chunk in chunks:
        novelty.read(chunk, max(1, len(chunk.split())), doubts)
    return novelty


def steps(count: int) -> list[str]:
    return [f"Let me check whether step {n} is right.\n" for n in range(count)]


def test_lines_with_a_new_counter_are_nothing_new() -> None:
    novelty = reading(steps(100))
    assert novelty.stale > 600
    assert novelty.since >= novelty.stale


def test_letters_and_numerals_count_as_well() -> None:
    letters = [f"Case {letter} is like the case before it.\n" for letter in "abcdefghij" * 5]
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    numerals = [f"Case {word} is like the case before it.\n" for word in words * 5]
    assert reading(letters).stale > 200 and reading(numerals).stale > 200


def test_values_without_order_are_new() -> None:
    data = [f"Let me see: item {n} costs {DRAWN.randrange(10**6)}.\n" for n in range(200)]
    assert reading(data).stale < 50


def test_what_packs_badly_is_new() -> None:
    text = ["".join(DRAWN.choices("abcdefghijklmnopqrstuvwxyz ", k=80)) for _ in range(50)]
    assert reading(text).stale == 0
    assert reading([*steps(100), *text]).stale < reading(steps(100)).stale


def test_what_the_model_doubted_is_half_new() -> None:
    assert reading(steps(100), doubts=2).stale < reading(steps(100)).stale / 2


def test_counting_again_begins_at_nothing() -> None:
    novelty = reading(steps(100))
    novelty.restart()
    assert (novelty.stale, novelty.since) == (0, 0)


def test_a_counter_that_comes_to_an_end_is_seen_to() -> None:
    assert not reading(steps(50)).end_in_sight(10_000)
    assert reading(steps(50), "Check the 90 steps.").end_in_sight(10_000)
    assert not reading(steps(50), "Check the 90 steps.").end_in_sight(10)
    assert not reading(steps(50), "Check the 40 steps.").end_in_sight(10_000), "it has gone by"


def test_fences_are_seen_where_they_begin_and_end() -> None:
    assert reading(["So:\n```python\n", "x = 1\n"]).fenced
    assert not reading(["So:\n```python\n", "x = 1\n", "```\n", "Done.\n"]).fenced
