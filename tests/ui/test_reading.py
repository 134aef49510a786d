"""How far a prompt has been read: shares and seconds, between events too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.events.reply import AnswerDelta, Event, Reading
from r1local.ui.reading import ReadingMeter, reading_shown
from testing.terminals import Clock


def test_nothing_is_known_before_the_first_event() -> None:
    meter = ReadingMeter(Clock())
    assert (meter.share, meter.words) == (None, "reading the prompt")


def test_the_first_batch_has_no_pace_yet() -> None:
    clock = Clock()
    meter = ReadingMeter(clock)
    meter.handle(Reading(0, 2_000))
    clock.now = 30
    assert meter.words == "reading the prompt: 0 % of 2,000 tokens"


def test_the_rest_takes_as_long_as_its_tokens_did_before() -> None:
    clock = Clock()
    meter = ReadingMeter(clock)
    meter.handle(Reading(1_000, 2_000))  # half of it was read for an earlier prompt
    clock.now = 10
    meter.handle(Reading(1_500, 2_000))
    assert meter.words == "reading the prompt: 75 %, 10 s left"
    clock.now = 16
    assert meter.words == "reading the prompt: 90 %, 4.0 s left"


def test_another_prompt_is_expected_to_be_read_at_the_pace_of_the_last_one() -> None:
    clock = Clock()
    meter = ReadingMeter(clock)
    meter.handle(Reading(0, 1_000))
    clock.now = 10
    meter.handle(Reading(500, 1_000))
    meter.begin()
    assert meter.share is None
    meter.handle(Reading(0, 3_000))
    assert meter.words == "reading the prompt: 0 %, 1 min 0 s left"


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(0, 10_000)), min_size=1))
def test_a_share_is_less_than_the_whole_and_never_less_than_was_told(
    steps: list[tuple[float, int]],
) -> None:
    clock = Clock()
    meter = ReadingMeter(clock)
    done = 0
    for seconds, tokens in steps:
        done = min(done + tokens, 99_999)
        meter.handle(Reading(done, 100_000))
        clock.now += seconds
        assert meter.share is not None
        assert done / 100_000 <= meter.share < 1
        assert "%" in meter.words


@pytest.mark.parametrize("readings", [0, 1, 3])
def test_events_of_reading_are_shown_and_all_others_passed_on(readings: int) -> None:
    seen: list[str] = []

    @contextmanager
    def shown(words: Callable[[], str]) -> Iterator[None]:
        yield
        seen.append(words())

    told: list[Event] = [Reading(512 * n, 5_120) for n in range(readings)]
    deltas: list[Event] = [AnswerDelta("a", 1), AnswerDelta("b", 2)]
    assert [*reading_shown(iter([*told, *deltas]), shown)] == deltas
    assert seen[0].startswith("reading the prompt")
    assert ("%" in seen[0]) == bool(readings)


def test_a_stream_may_end_while_a_prompt_is_read() -> None:
    @contextmanager
    def shown(_words: Callable[[], str]) -> Iterator[None]:
        yield

    assert [*reading_shown(iter([Reading(0, 5_120)]), shown)] == []
