"""Counting votes: who leads, and when no more votes are needed."""

import pytest

from r1local.voting.tally import Tally, probability_above_half


def tally_of(*answers: str) -> Tally:
    tally = Tally()
    for voter, answer in enumerate(answers, 1):
        tally.add(voter, answer)
    return tally


def test_spellings_are_counted_together() -> None:
    (first, second) = tally_of("1/2", "3", r"\dfrac{1}{2}", "0.5").candidates
    assert (first.answer, first.voters) == ("1/2", (1, 3, 4))
    assert (second.answer, second.voters) == ("3", (2,))


def test_a_finer_comparison_joins_what_text_keeps_apart() -> None:
    asked: list[str] = []

    def equal(answer: str, others: object) -> int | None:
        asked.append(answer)
        return 0 if others else None

    tally = Tally(equal)
    for voter, answer in enumerate(["2^n*2", "2^{n+1}", "2^{1+n}", "2^n*2"], 1):
        tally.add(voter, answer)
    (only,) = tally.candidates
    assert only.voters == (1, 2, 3, 4)
    assert asked == ["2^n*2", "2^{n+1}"]


def test_of_as_many_votes_the_first_to_have_them_leads() -> None:
    assert [one.answer for one in tally_of("1", "2", "2", "1").candidates] == ["2", "1"]
    assert [one.answer for one in tally_of("1", "2").candidates] == ["1", "2"]


@pytest.mark.parametrize(
    ("answers", "outstanding", "decided"),
    [
        ("", 1, False),
        ("1", 1, False),
        ("1", 0, True),
        ("11", 1, True),
        ("11", 2, False),
        ("1112", 1, True),
        ("1112", 2, False),
        ("12", 0, False),
    ],
)
def test_decided_when_the_leader_cannot_be_caught(
    answers: str, outstanding: int, decided: bool
) -> None:
    assert tally_of(*answers).is_decided(outstanding) is decided


# R: 1 - pbeta(0.5, first + 1, second + 1)
@pytest.mark.parametrize(
    ("first", "second", "probability"),
    [
        (0, 0, 0.5),
        (1, 0, 0.75),
        (3, 0, 0.9375),
        (4, 0, 0.96875),
        (10, 5, 0.8949432),
        (1, 3, 0.1875),
    ],
)
def test_confidence_is_the_beta_distributions(first: int, second: int, probability: float) -> None:
    assert probability_above_half(first, second) == pytest.approx(probability)
    if first > second:
        tally = tally_of(*["1"] * first, *["2"] * second)
        assert tally.confidence() == pytest.approx(probability)


def test_a_thousand_votes_are_no_trouble() -> None:
    assert probability_above_half(600, 400) == pytest.approx(1, abs=1e-9)
