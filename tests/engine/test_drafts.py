"""Drafts from texts: what the automaton finds is what searching the texts would find."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.engine.drafts import Drafts

TOKENS = st.lists(st.integers(0, 3), max_size=40)


def longest_end(text: Sequence[int], others: Sequence[Sequence[int]]) -> int:
    """Length of the text's longest end that occurs in any text with a token after it."""
    for length in range(len(text), 0, -1):
        end = list(text[len(text) - length :])
        for each in (text, *others):
            places = range(len(each) - length)
            if any(list(each[place : place + length]) == end for place in places):
                return length
    return 0


def occurs(part: Sequence[int], texts: Sequence[Sequence[int]]) -> bool:
    starts = ((text, place) for text in texts for place in range(len(text)))
    return any(list(text[at : at + len(part)]) == list(part) for text, at in starts)


@given(TOKENS, TOKENS)
def test_a_draft_continues_the_longest_end_that_occurred_before(
    earlier: list[int], text: list[int]
) -> None:
    drafts = Drafts()
    drafts.drafter(earlier)
    drafter = drafts.drafter(())
    drafter.feed(text)
    length = longest_end(text, [earlier])
    draft = drafter.propose(8)
    assert bool(draft) == bool(length)
    assert len(draft) <= 2 * length
    if draft:
        assert occurs([*text[len(text) - length :], draft[0]], [text, earlier])


@given(TOKENS, TOKENS, TOKENS)
def test_a_text_goes_on_after_a_rewind(
    begun: list[int], dropped: list[int], rest: list[int]
) -> None:
    drafter = Drafts().drafter(begun)
    drafter.feed(dropped)
    drafter.rewind(len(begun))
    drafter.feed(rest)
    length = longest_end([*begun, *rest], [[*begun, *dropped]])
    draft = drafter.propose(1)
    assert bool(draft) == bool(length)
    if draft:
        end = [*begun, *rest][len(begun) + len(rest) - length :]
        assert occurs([*end, *draft], [[*begun, *rest], [*begun, *dropped]])


def test_what_came_most_often_is_drafted() -> None:
    drafter = Drafts().drafter([1, 2, 3, 8, 1, 2, 4, 9, 1, 2, 3, 7, 1, 2])
    assert drafter.propose(1) == [3]


def test_texts_written_in_turns_know_each_other() -> None:
    drafts = Drafts()
    one, two = drafts.drafter([5]), drafts.drafter([6])
    for token in (1, 2, 3, 4):
        one.feed([token])
    two.feed([1, 2])
    assert two.propose(2) == [3, 4]
    two.feed([3, 9])
    one.feed([6, 1, 2, 3])
    assert one.propose(1) == [9]


def test_confidence_is_learnt() -> None:
    drafts = Drafts()
    drafter = drafts.drafter([1, 2, 3, 4] * 2)
    before = drafter.confidence
    drafter.feed([1, 2, 3, 4] * 50)
    assert drafter.confidence > max(before, 0.9)
    other = drafts.drafter(range(100, 200))
    other.feed(range(100, 120))
    for token in range(200, 300):  # nothing that was drafted comes
        other.rewind(120)
        other.feed([token])
    other.rewind(120)
    assert other.confidence < 0.2
    assert drafts.drafter([]).confidence == 0


@pytest.mark.parametrize("text", [[7] * 5_000, list(range(5_000)), [1, 2] * 2_500])
def test_any_text_makes_a_small_automaton(text: list[int]) -> None:
    drafts = Drafts()
    drafts.drafter(text)
    states = len(drafts._automaton.links)
    transitions = sum(map(len, drafts._automaton.following))
    assert states <= 2 * len(text)
    assert transitions <= 3 * len(text)


def test_earlier_texts_are_forgotten_before_they_take_much_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("r1local.engine.drafts._MOST_STATES", 100)
    drafts = Drafts()
    drafts.drafter(range(200))
    drafter = drafts.drafter([3, 4])
    assert not drafter.propose(1)
