"""Formulas as they are shown. Sources are written as DeepSeek-R1 and its family write them."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from r1local.ui.markdown.latex.formulas import readable, readable_rows
from r1local.ui.safe_text import visible

# On one line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        pytest.param(r"\(x = 2\)", "x = 2", id="round delimiters"),
        pytest.param(r"\[ x = 2 \]", "x = 2", id="square delimiters"),
        pytest.param("$x = 2$", "x = 2", id="dollar"),
        pytest.param("$$\nx = 2\n$$.", "x = 2.", id="two dollars and a full stop"),
        pytest.param("2x+3=7", "2x + 3 = 7", id="spaces are TeX's"),
        pytest.param("x=-3", "x = -3", id="a sign is no operator"),
        pytest.param(r"-b \pm c", "-b ± c", id="sign first"),
        pytest.param("(-1, 2)", "(-1, 2)", id="sign in brackets"),
        pytest.param("f'(x) = n!", "f'(x) = n!", id="primes and factorials"),
        pytest.param(r"\text{Area} = \pi r^2", "Area = πr²", id="text and Greek"),
        pytest.param(r"\boxed{not possible}", "▐not possible▌", id="words keep their spaces"),
        pytest.param(r"12 \text{ cm}^2", "12 cm²", id="a unit and its exponent"),
        pytest.param(r"5\,\text{m/s}", "5 m/s", id="thin space"),
        pytest.param(r"a \quad b", "a  b", id="wide space"),
        pytest.param(r"1{,}000 + 2,500.75", "1,000 + 2,500.75", id="thousands"),
        pytest.param(r"\{1,2,345\} \cup \{3, 4\}", "{1,2,345} ∪ {3, 4}", id="commas of numbers"),
        pytest.param(r"3:10 = 0~\text{h}", "3:10 = 0 h", id="times and ratios"),
        pytest.param("3 4", "3 4", id="two numbers"),
        pytest.param(r"P\left(A \middle| B\right)", "P(A|B)", id="bar in the middle"),
        pytest.param(r"50\% \text{ of } \$20", "50% of $20", id="percent and money"),
        pytest.param(r"\{1, 2\} \cup \emptyset", "{1, 2} ∪ ∅", id="sets"),
        pytest.param(r"\forall x \in \mathbb{R}", "∀x ∈ ℝ", id="double-struck"),
        pytest.param(r"\mathbb{F} \mathcal{L}", "𝔽ℒ", id="letters old and new to Unicode"),
        pytest.param(r"p \land \lnot q \implies r", "p ∧ ¬q ⟹ r", id="logic"),
        pytest.param(r"\sin\theta\cos 2x", "sin θ cos 2x", id="functions"),
        pytest.param(r"\gcd(a,b)", "gcd(a, b)", id="function of brackets"),
        pytest.param(r"\operatorname{lcm}(a, b)", "lcm(a, b)", id="function by name"),
        pytest.param(r"7 \equiv 1 \pmod{3}", "7 ≡ 1 (mod 3)", id="modulus"),
        pytest.param(r"|x - 3| \leq \|v\|", "|x - 3| ≤ ‖v‖", id="bars"),
        pytest.param(r"\bigl(\left[a\right]\bigr)", "([a])", id="sizes of brackets"),
        pytest.param(r"\overline{AB} \vec v \hat{x}", "A\u0305B\u0305v⃗x̂", id="accents"),
        pytest.param(r"\overrightarrow{AB}", "vec(AB)", id="accent on several letters"),
        pytest.param(r"a \not= b", "a ≠ b", id="not"),
        pytest.param(r"\underbrace{a + b}_{n}", "(a + b)⏟ₙ", id="brace below"),
        pytest.param(r"A \xrightarrow{\Delta} B", "A ─Δ→ B", id="labelled arrow"),
        pytest.param(r"\ce{2H2 + O2 -> 2H2O}", "2H₂ + O₂ → 2H₂O", id="chemistry"),
        pytest.param(r"\ce{SO4^{2-} <=> Fe^3+}", "SO₄²⁻ ⇌ Fe³⁺", id="ions"),
        pytest.param(r"\color{red}{x} + \phantom{x}", "x +", id="looks"),
        pytest.param(r"\binom{n}{k}", "C(n, k)", id="binomial"),
        pytest.param(r"{n \choose k+1} x", "C(n, k + 1)x", id="TeX's binomial"),
        pytest.param(
            r"{a+b \over c+d} = 1 \over 2", "((a + b)/(c + d) = 1)/2", id="TeX's fraction"
        ),
        pytest.param(r"x^{1 \over 2}", "x^(1/2)", id="TeX's fraction above"),
        pytest.param(r"\text{面積} = 12\text{平方センチ}", "面積 = 12平方センチ", id="Japanese"),
        pytest.param(r"x = 2 或 x = -3", "x = 2或x = -3", id="Chinese in the formula"),
        pytest.param(r"\boxed{\text{答案是 } 5}", "▐答案是 5▌", id="box of Chinese"),
        pytest.param(r"\boxed{\boxed{4}}", "▐▐4▌▌", id="box in a box"),
        pytest.param(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", "(1 2; 3 4)", id="matrix"),
        pytest.param(
            r"\begin{cases} a & x > 0 \\ b \end{cases}", "{a x > 0; b}", id="cases in a line"
        ),
        pytest.param(r"\begin{align*} a &= b \\ &= c \end{align*}", "a = b; = c", id="aligned"),
    ],
)
def test_formula(formula: str, shown: str) -> None:
    assert readable(formula) == shown


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        (r"\frac{1}{2}", "1/2"),
        (r"\frac12 + \dfrac ab", "1/2 + a/b"),
        (r"\frac{a+b}{c}", "(a + b)/c"),
        (r"\frac{a}{b+c}", "a/(b + c)"),
        (r"\frac{2x}{3y}", "2x/(3y)"),
        (r"\frac{\frac{a}{b}}{\frac{c}{d}}", "(a/b)/(c/d)"),
        (r"\frac{a/b}{c}", "(a/b)/c"),
        (r"\frac{n(n+1)}{2}", "n(n + 1)/2"),
        (r"\frac{(a+b)}{(c+d)}", "(a + b)/(c + d)"),
        (r"\frac{1}{(a+b)(c+d)}", "1/((a + b)(c + d))"),
        (r"\frac{P(A \cap B)}{P(B)}", "P(A ∩ B)/P(B)"),
        (r"\frac{\sin x}{x}", "(sin x)/x"),
        (r"\frac{dy}{dx} = \frac{\partial f}{\partial x}", "dy/dx = ∂f/∂x"),
        (r"\frac{-1}{2}", "-1/2"),
        (r"\frac{1}{-2}", "1/(-2)"),
        (r"\frac{1}{2}x", "(1/2)x"),
        (r"-\frac{1}{2}", "-1/2"),
        (r"\sin\frac{\pi}{4}", "sin(π/4)"),
        (r"2\frac{1}{3}", "2 1/3"),
        (r"x\frac{1}{3}", "x(1/3)"),
        (r"\left(\frac{1}{2}\right)^n", "(1/2)ⁿ"),
        (r"\frac{1}{2}^n", "(1/2)ⁿ"),
        (r"a \div \frac{b}{c}", "a ÷ (b/c)"),
        (r"\frac{1}{2} \cdot \frac{3}{4}", "1/2 · 3/4"),
        (r"\frac{1}{2}\text{ hour}", "1/2 hour"),
        (r"\frac{\text{distance in km}}{\text{time}}", "(distance in km)/time"),
        (r"\dfrac{-b \pm \sqrt{b^2 - 4ac}}{2a}", "(-b ± √(b² - 4ac))/(2a)"),
    ],
)
def test_fractions_mean_what_they_meant(formula: str, shown: str) -> None:
    assert readable(formula) == shown


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        ("x^2", "x²"),
        ("x^{n+1} - x_{n+1}", "xⁿ⁺¹ - xₙ₊₁"),
        ("x_1^2 = x^2_1", "x₁² = x₁²"),
        ("2^{10}", "2¹⁰"),
        ("x^10", "x¹0"),
        ("ab^2", "ab²"),
        (r"e^{i\pi} + e^\pi x", "e^(iπ) + e^π x"),
        ("x^{1/3}", "x^(1/3)"),
        ("a^{b^c}", "a^(bᶜ)"),
        ("{(x^2)}^3", "(x²)³"),
        ("{x^2}^3", "(x²)³"),
        ("x_{AB}^2", "x²_(AB)"),
        (r"E_{\text{kin}} + T_C", "Eₖᵢₙ + T_C"),
        (r"90^\circ + 45^{\circ}", "90° + 45°"),
        ("A^T A^{-1}", "AᵀA⁻¹"),
        ("{}^{14}C", "¹⁴C"),
        (r"\sum_{i=1}^{n} i", "∑ᵢ₌₁ⁿ i"),
        (r"\int_0^\infty x^2 \, dx", "∫₀^∞ x² dx"),
        (r"\lim_{x \to 0} f(x)", "lim_(x→0) f(x)"),
        (r"\log_{10} 100", "log₁₀ 100"),
        (r"\sum_{n \text{ is odd}} n", "∑_(n is odd) n"),
        (r"\sqrt{2}x", "√2 x"),
        (r"2\sqrt{3}", "2√3"),
        (r"\sqrt{n!} \sqrt{f(x)} {f(x)}^2", "√(n!)√(f(x))(f(x))²"),
        ("{-2}^2 = x_{1,2}", "(-2)² = x_(1,2)"),
        (r"\sqrt{x+1} \sqrt{x^2} \sqrt 2", "√(x + 1)√(x²)√2"),
        (r"\sqrt[3]{27} + \sqrt[n]{x}", "∛27 + ⁿ√x"),
        (r"2\sqrt[5]{32}", "2(⁵√32)"),
    ],
)
def test_scripts_and_roots(formula: str, shown: str) -> None:
    assert readable(formula) == shown


@pytest.mark.parametrize(
    ("formula", "shown"),
    [
        pytest.param(r"\foo{a}{b} + \bar", r"\(\foo{a}{b} + \bar\)", id="argument missing"),
        pytest.param(r"\foo{a}[b] + x", r"\foo{a}[b] + x", id="unknown command"),
        pytest.param(r"\foo[n]{a_1} + \frac12", r"\foo[n]{a_1} + 1/2", id="its arguments"),
        pytest.param(r"\foo x", r"\foo x", id="unknown command and a letter"),
        pytest.param(r"\@ \alpha", r"\@α", id="unknown sign"),
        pytest.param(r"\frac{1}{2", r"\(\frac{1}{2\)", id="open brace"),
        pytest.param(r"a}", r"\(a}\)", id="brace too many"),
        pytest.param(r"\left( a", r"\(\left( a\)", id="half a pair"),
        pytest.param(r"a \right)", r"\(a \right)\)", id="the other half"),
        pytest.param(r"x^2^3", r"\(x^2^3\)", id="two exponents"),
        pytest.param(r"\begin{foo} a \end{foo}", r"\(\begin{foo} a \end{foo}\)", id="environment"),
        pytest.param(r"\begin{pmatrix} a", r"\(\begin{pmatrix} a\)", id="never ended"),
        pytest.param(" ", r"\( \)", id="nothing"),
        pytest.param("&", r"\(&\)", id="nothing in cells"),
    ],
)
def test_what_is_not_known_or_wrong_is_kept(formula: str, shown: str) -> None:
    assert readable(rf"\({formula}\)") == shown
    assert "\n".join(readable_rows(rf"\({formula}\)", 80)) == shown


def test_what_is_wrong_is_kept_however_wide() -> None:
    for formula in ("\\frac{\n" * 20, "&" * 20):
        assert readable_rows(formula, 5) == tuple(formula.split("\n"))


# On rows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        pytest.param(r"\[ x = 2 \]", ["x = 2"], id="a line"),
        pytest.param(r"\[ \boxed{42} \]", ["┌────┐", "│ 42 │", "└────┘"], id="box"),
        pytest.param(
            r"\[ x = \boxed{\text{三}}. \]",
            ["    ┌────┐", "x = │ 三 │.", "    └────┘"],
            id="boxed part",
        ),
        pytest.param(
            r"\[ \begin{aligned} 2x + 3 &= 7 \\[4pt] x &= 2 \end{aligned} \]",
            ["2x + 3 = 7", "     x = 2"],
            id="aligned",
        ),
        pytest.param(
            r"\begin{align*} a &= b & c &= d \\ e &= f \end{align*}",
            ["a = b   c = d", "e = f"],
            id="aligned in columns",
        ),
        pytest.param(r"\[ a = 1 \\ b = 2 \]", ["a = 1", "b = 2"], id="lines alone"),
        pytest.param(
            r"$$f(x) = \begin{cases} x^2 & \text{if } x \geq 0 \\ -x \end{cases}$$",
            ["f(x) = ⎧x²  if x ≥ 0", "       ⎩-x"],
            id="cases",
        ),
        pytest.param(
            r"\[ A = \begin{pmatrix} 1 & 10 \\ 2 & 3 \\ 4 & 5 \end{pmatrix}^T \]",
            ["    ⎛1  10⎞ᵀ", "A = ⎜2  3 ⎟", "    ⎝4  5 ⎠"],
            id="matrix",
        ),
        pytest.param(
            r"\[ \left\{ \begin{array}{rl} x & y \\ 10 & z \end{array} \right. \]",
            ["⎧ x  y", "⎩10  z"],
            id="system of an array",
        ),
        pytest.param(
            r"\[ \frac{\begin{vmatrix} a & b \\ c & d \end{vmatrix}}{2} \]",
            ["|a b; c d|/2"],
            id="matrix in a fraction",
        ),
    ],
)
def test_rows(formula: str, rows: list[str]) -> None:
    assert list(readable_rows(formula, 80)) == rows


def test_what_is_too_wide_is_given_as_lines_that_can_be_broken() -> None:
    formula = r"\[ \begin{aligned} \boxed{a} &= b + c \\ d &= e \end{aligned} \]"
    assert len(readable_rows(formula, 13)) == 4
    assert readable_rows(formula, 12) == ("▐a▌ = b + c", "d = e")


# Anything -------------------------------------------------------------------------------

_ATOMS = st.sampled_from(["a", "b", "n", "x", "y", "1", "23", r"\alpha", r"\text{or }"])


def _compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda parts: rf"\frac{{{parts[0]}}}{{{parts[1]}}}"),
        st.tuples(inner, inner).map(lambda parts: f"{{{parts[0]}}}^{{{parts[1]}}}"),
        st.tuples(inner, inner).map(lambda parts: f"{{{parts[0]}}}_{{{parts[1]}}}"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]} {parts[1]}"),
        st.tuples(inner, inner).map(lambda parts: f"{parts[0]} - {parts[1]}"),
        inner.map(lambda part: rf"\sqrt{{{part}}}"),
        inner.map(lambda part: rf"\boxed{{{part}}}"),
        inner.map(lambda part: rf"\left({part}\right)"),
        inner.map(lambda part: rf"\begin{{pmatrix}} {part} & {part} \\ {part} \end{{pmatrix}}"),
    )


_FORMULAS = st.recursive(_ATOMS, _compound, max_leaves=12)
_HOSTILE = st.lists(
    st.sampled_from(
        [
            *"{}[]()^_&~$%'+-=,.| \n",
            *(
                r"\frac",
                r"\sqrt",
                r"\left",
                r"\right",
                r"\\",
                r"\begin{array}{l}",
                r"\begin{cases}",
            ),
            *(r"\end{cases}", r"\text", r"\boxed", r"\hat", r"\not", r"\mathbb", r"\ce", r"\foo"),
            *("ab", "7", "é", "中", "\u202e", "\x1b", "\x9b", "\U0001f600", "e\u0301"),
        ]
    ),
    max_size=40,
).map("".join)


@given(_FORMULAS)
def test_no_letter_is_lost(formula: str) -> None:
    source = re.sub(r"\\alpha", "α", formula)
    source = re.sub(r"\\(?:begin|end)\{pmatrix\}|\\(?!\\)[a-z]+", "", source)
    for shown in (readable(formula), "".join(readable_rows(formula, 500))):
        letters = unicodedata.normalize("NFKC", shown)
        assert sorted(re.findall(r"[^\W_]", letters)) == sorted(re.findall(r"[^\W_]", source))


@given(st.one_of(_HOSTILE, _FORMULAS, st.text(max_size=60)), st.integers(1, 60))
def test_whatever_is_written_is_drawn_and_harmless(text: str, width: int) -> None:
    formula = visible(text)
    rows = readable_rows(formula, width)
    shown = [readable(formula), *rows]
    if shown[0] != formula:
        assert all(visible(row) == row for row in shown)
        assert not any("\n" in row for row in rows)


@given(_FORMULAS)
def test_rows_are_as_wide_as_there_is_room(formula: str) -> None:
    rows = readable_rows(formula, 40)
    assert len(rows) == 1 or max(map(cell_len, rows)) <= 40


_PIECES = r"""
    \frac{ { ^ a^ \sqrt \left( \begin{pmatrix} & a\\ \text{ \alpha+x^2 \frac{a}{b} a 1, }
    \begin{align} \end{align}
"""


@pytest.mark.slow
@pytest.mark.parametrize("piece", _PIECES.split())
def test_a_long_formula_takes_its_time_but_no_more(piece: str) -> None:
    formula = (piece * 40_000)[:40_000]
    began = time.process_time()
    readable(formula)
    readable_rows(formula, 80)
    assert time.process_time() - began < 5


def test_depth_is_bounded_but_beyond_what_people_read() -> None:
    for depth, is_drawn in ((25, True), (1_000, False)):
        formula = r"\frac{" * depth + "x" + "}{y}" * depth
        assert (readable(formula) != formula) is is_drawn
