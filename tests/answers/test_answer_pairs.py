r"""Pairs of answers, each marked as one answer (≡) or two (≢), in the kinds that graders test."""

from pathlib import Path

import pytest

from r1local.answers.algebra import are_equal
from r1local.answers.canonical import canonical_form, formula_of

PAIRS = Path(__file__).with_name("answer_pairs.txt").read_text(encoding="utf-8").splitlines()
EQUAL = [tuple(line.split(" ≡ ")) for line in PAIRS if " ≡ " in line and line[0] != "#"]
APART = [tuple(line.split(" ≢ ")) for line in PAIRS if " ≢ " in line and line[0] != "#"]
#: Of all pairs, the share to be judged right: with computer algebra, and without.
RIGHT_WITH, RIGHT_WITHOUT = 400 / 441, 340 / 441


def are_one(left: str, right: str, *, algebra: bool) -> bool:
    if canonical_form(left) == canonical_form(right):
        return True
    mine, theirs = formula_of(left), formula_of(right)
    return algebra and mine is not None and theirs is not None and are_equal(mine, theirs)


def share_right(*, algebra: bool) -> float:
    right = sum(are_one(left, right, algebra=algebra) for left, right in EQUAL)
    right += sum(not are_one(left, right, algebra=algebra) for left, right in APART)
    return right / (len(EQUAL) + len(APART))


def test_there_are_enough_pairs() -> None:
    assert len(EQUAL) >= 300
    assert len(APART) >= 150
    assert all(len(pair) == 2 for pair in EQUAL + APART)


@pytest.mark.parametrize(("left", "right"), APART)
def test_different_answers_stay_apart(left: str, right: str) -> None:
    assert canonical_form(left) != canonical_form(right)


def test_equal_answers_are_one_by_their_normal_form() -> None:
    assert share_right(algebra=False) >= RIGHT_WITHOUT


def test_a_normal_form_is_its_own() -> None:
    formulas = {answer for pair in EQUAL + APART for answer in pair if formula_of(answer)}
    forms = {canonical_form(answer) for answer in formulas}
    assert {form for form in forms if canonical_form(form) != form} == set()


class TestWithMathVerify:
    """What the normal form keeps apart, and computer algebra joins."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("math_verify", reason="pip install r1local[math]")

    @pytest.mark.slow
    def test_equal_answers_are_one(self) -> None:
        assert share_right(algebra=True) >= RIGHT_WITH

    @pytest.mark.slow
    def test_different_answers_stay_apart(self) -> None:
        united = [pair for pair in APART if are_one(*pair, algebra=True)]
        united += [pair for pair in APART if are_one(*pair[::-1], algebra=True)]
        assert not united
