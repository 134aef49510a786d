"""Final answers compared as mathematics: what is one answer, and what are two."""

import pytest

from r1local.answers.algebra import equal_formula
from r1local.answers.canonical import canonical_form
from testing.waiting import processor_within

ONE_ANSWER = {
    "half": [r"\frac12", r"\dfrac{1}{2}", "1/2", "0.5", ".5", "0.50", r"$\frac{1}{2}$"],
    "thousands": ["1234", "1,234", "1{,}234", r"1\,234", "1 234", "1234.0", "1234."],
    "negative": ["-3", "−3", "- 3", r"-\frac{6}{2}", "-3.0"],
    "mixed number": [r"1\frac{1}{2}", "1 1/2", "3/2", "1.5"],
    "units": ["5", r"5\text{ cm}", r"5 \mathrm{km/h}", "5 cm^2", "5 apples", "$5", "5 €"],
    "signs": ["5", r"5\%", "5%", r"5^\circ", r"5^{\circ}", "5°"],
    "east asian units": ["12", "12個", "12 个", "１２", "12円"],
    "the unknown": ["7", "x = 7", "x=7", "f(x) = 7", r"x_1 = 7"],
    "braces": [r"\sqrt2", r"\sqrt{2}", r"\sqrt 2"],
    "powers": ["x^2+1", "x^{2} + 1", "x^2 + 1"],
    "tuples": ["(1,2)", "(1, 2)", r"\left(1, 2\right)", r"(1,\; 2)"],
    "choices": ["B", "(B)", r"\text{(B)}", "b", r"\textbf{B}"],
    "words": ["Paris", "paris", r"\text{Paris}", " Paris. ", "PARIS"],
    "sentences": ["The cat sat.", "the  cat\nsat"],
    "east asian words": ["北京", "北京。"],
}  # fmt: skip
TWO_ANSWERS = [
    ("1/2", "1/3"),
    ("12", "1 2"),
    ("1,2", "12"),
    ("1,2,3", "123"),
    ("5x", "5"),
    ("2 pi", "2"),
    (r"2\pi", "2"),
    ("3 or 5", "3"),
    ("-3", "3"),
    ("x^2", "x2"),
    ("(1,2)", "(2,1)"),
    ("1 1/2", "11/2"),
    ("new york", "newyork"),
    ("10:30", "1030"),
    ("x = 1 or x = 2", "2"),
    ("1/0", "0"),
]
HOSTILE = [
    "1 " * 100_000,
    "1," * 100,
    "5 " + "a." * 99,
    "5 a" + " b" * 98,
    r"\text{" * 40,
    r"\frac" * 40,
    "{" * 200,
    "9^{" * 60,
    "1,111" * 40,
    "5 " + "a" * 190 + "!",
    "5" + "€ " * 99 + "!",
    "9" * 5_000,
    "0." + "0" * 100_000,
    "",
]


@pytest.mark.parametrize("spellings", ONE_ANSWER.values(), ids=ONE_ANSWER)
def test_spellings_of_one_answer(spellings: list[str]) -> None:
    assert len({canonical_form(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(("left", "right"), TWO_ANSWERS)
def test_two_answers(left: str, right: str) -> None:
    assert canonical_form(left) != canonical_form(right)


@pytest.mark.parametrize("answer", HOSTILE, ids=lambda answer: answer[:12])
def test_hostile_answers_take_no_time(answer: str) -> None:
    with processor_within(0.5):
        canonical_form(answer)


def test_a_canonical_form_is_its_own() -> None:
    for spelling in (one for spellings in ONE_ANSWER.values() for one in spellings):
        assert canonical_form(canonical_form(spelling)) == canonical_form(spelling)


def test_without_math_verify_formulas_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1local.answers.algebra.find_spec", lambda _name: None)
    assert equal_formula("(x+1)^2", ["x^2+2x+1"]) is None


class TestWithMathVerify:
    """Computer algebra, in a process of its own."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("math_verify", reason="pip install r1local[math]")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("answer", "others", "place"),
        [
            ("(x+1)^2", ["Paris", "3", "x^2+2x+1"], 2),
            (r"\frac{1}{\sqrt2}", [r"\frac{\sqrt2}{2}"], 0),
            (r"\{1,2\}", [r"\{2,1\}"], 0),
            ("(1,2)", ["(2,1)"], None),
            ("x", ["y"], None),
            (r"2\pi", ["2"], None),
        ],
    )
    def test_equal(self, answer: str, others: list[str], place: int | None) -> None:
        assert equal_formula(answer, others) == place

    def test_numbers_and_prose_need_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "r1local.confined.process.start", lambda _module: pytest.fail("started")
        )
        assert equal_formula("3", ["4", "1/2"]) is None
        assert equal_formula("The cat sat", ["On the mat"]) is None

    @pytest.mark.parametrize("answer", ["9^{9^{9^9}}", "100000000!", r"\sum_{i=1}^{10^9} i^{-1}"])
    def test_what_would_take_for_ever_is_given_up(
        self, answer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("r1local.answers.algebra._SECONDS", 1)
        with processor_within(10):  # most of it imports math-verify
            assert equal_formula(answer, [f"{answer}+1"]) is None
