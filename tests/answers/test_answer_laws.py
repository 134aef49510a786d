"""Laws of comparing answers, whatever a model has written."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.answers.algebra import equal_formula
from r1local.answers.canonical import canonical_form, formula_of

PIECES = r"""
    0 1 2 5 12 1,234 0.5 .5 x y n a b e i ab and or + - * / ^ ! = < > ( ) [ ] { } | , ; . ' _ _1
    \frac \sqrt \sin \log \ln \pi \infty \alpha \text{ \text{cm} \{ \} \cup \in \le \ge \ne \pm
    \begin{pmatrix} \end{pmatrix} \\ & \left( \right) \lfloor \rfloor \binom \overline{3} \langle
    \rangle \mathbb{R} cm million ½ √ π ≤ ² ₁ 万 個 ° % $ 5^\circ f(x) \frac12 \approx \mathrm
"""
answers = st.one_of(
    st.text(max_size=220),
    st.lists(st.sampled_from([*PIECES.split(), " "]), max_size=60).map("".join),
)

# Sums and products, and two ways of writing each.
LEAVES = st.sampled_from([("x", "x"), ("2", "2"), ("1/3", r"\frac13"), ("y", "y"), ("0.5", ".50")])


def _joined(parts: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[tuple[str, str]]:
    pairs = st.tuples(parts, parts)
    sums = pairs.map(lambda p: (f"({p[0][0]}+{p[1][0]})", rf"\left({p[1][1]} + {p[0][1]}\right)"))
    products = pairs.map(lambda p: (f"{p[0][0]}*{p[1][0]}", rf"{p[1][1]} \cdot {p[0][1]}"))
    squares = parts.map(lambda p: (f"({p[0]})^2", f"({p[1]})({p[1]})"))
    return sums | products | squares


@given(answers)
def test_any_text_has_a_form(answer: str) -> None:
    assert isinstance(canonical_form(answer), str)


@given(answers)
def test_the_form_of_a_formula_is_its_own(answer: str) -> None:
    if formula_of(answer) is not None:
        form = canonical_form(answer)
        assert canonical_form(form) == form


@given(st.recursive(LEAVES, _joined, max_leaves=6))
def test_two_ways_of_writing_are_one_answer(spellings: tuple[str, str]) -> None:
    left, right = spellings
    assert canonical_form(left) == canonical_form(right)


@given(st.integers(), st.integers())
def test_two_numbers_are_one_answer_only_if_they_are_equal(left: int, right: int) -> None:
    forms = canonical_form(f"{left:,}"), canonical_form(rf"\text{{{right}}} \text{{ cm}}^2")
    assert (forms[0] == forms[1]) is (left == right)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param("9^{600}" * 28, id="large powers"),
        pytest.param("2^" * 99 + "2", id="a tower of powers"),
        pytest.param("(a+b+c+d+e+f+g+h)^12" * 9, id="sums that explode"),
        pytest.param("((a+b)^9(c+d)^9+1)^9(a+c)^9" * 5, id="nested sums that explode"),
        pytest.param("(" * 100 + "x" + ")" * 99, id="brackets"),
        pytest.param("|" * 200, id="bars"),
        pytest.param(r"\sin" * 50, id="functions"),
        pytest.param(r"\frac1" * 33, id="fractions"),
        pytest.param("{" * 199 + "}", id="braces"),
        pytest.param("sqrt" * 50, id="roots"),
        pytest.param(r"\sqrt{" + "9" * 99 + "}" * 3, id="a number without small factors"),
        pytest.param(r"\pm1" * 50, id="signs that may be two"),
        pytest.param("5 km/" * 40, id="units"),
        pytest.param("5 million " * 20, id="scales"),
        pytest.param("100!" * 50, id="factorials"),
        pytest.param("x^{99999999999}" * 13, id="large exponents"),
        pytest.param("½" * 200, id="characters that grow"),
        pytest.param("ﷺ" * 200, id="a character of eighteen"),
        pytest.param("(x+1)(" * 33, id="products that never close"),
        pytest.param("1," * 100, id="lists"),
    ],
)
def test_hostile_answers_take_no_time(answer: str) -> None:
    started = time.process_time()
    canonical_form(answer)
    assert time.process_time() - started < 0.5


class TestWithMathVerify:
    """What its own parser loses, or takes for equal, is never one answer."""

    @pytest.fixture(autouse=True)
    def installed(self) -> None:
        pytest.importorskip("math_verify", reason="pip install r1local[math]")

    @pytest.mark.slow
    def test_only_what_was_read_whole_is_compared(self) -> None:
        pairs = [
            ("204_5+x", "204_6+x"),
            ("f'(x)+1", "f(x)+1"),
            ("x^2=-1", "x^2=-2"),
            ("(1,x)", r"\{1,x\}"),
            (r"\gcd(a,b)+1", "a*b+1"),
        ]
        assert [equal_formula(left, [right]) for left, right in pairs] == [None] * len(pairs)
