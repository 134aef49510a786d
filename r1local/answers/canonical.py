r"""Final answers compared as mathematics, not as text: `\dfrac{1}{2}`, `1/2` and `0.5` are one.

A plain normaliser, after those that MATH's scores are counted with (Hendrycks et al. 2021,
arXiv 2103.03874, `math_equivalence.py`; Lewkowycz et al. 2022, arXiv 2206.14858, appendix D):
what is only layout goes, numbers become exact fractions, and the rest is compared as text.
It computes nothing, so no answer can make it work long.
"""

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction

#: Characters, beyond which an answer is a text and not mathematics.
LONGEST_FORMULA = 200
#: Digits of a number, beyond which it is a text.
_MOST_DIGITS = 100

_Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


def _rules(*pairs: tuple[str, str]) -> tuple[_Rule, ...]:
    return tuple((re.compile(pattern), replacement) for pattern, replacement in pairs)


# Layout: what changes how an answer looks and never what it says.
_LAYOUT = _rules(
    (r"\\(?:left|right|displaystyle|limits|bigl?|bigr?|Bigl?|Bigr?)(?![A-Za-z])", ""),
    (r"\\[()\[\]]|\$", " "),
    (r"\\[,:;!~ ]|~|\\q?quad(?![A-Za-z])", " "),
    (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
    (r"\\(?:cdot|times)(?![A-Za-z])", "*"),
    (r"\\(?:leq?|leqslant)(?![A-Za-z])", "<="),
    (r"\\(?:geq?|geqslant)(?![A-Za-z])", ">="),
    (r"\\(?:ne|neq)(?![A-Za-z])", "!="),
    (r"\{,\}", ","),
    (r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})|°|\\degree", ""),
    (r"\\?%", ""),
    # A single digit or letter needs no braces in TeX.
    (r"\\frac\s*([0-9A-Za-z])\s*([0-9A-Za-z])", r"\\frac{\1}{\2}"),
    (r"\\sqrt\s*([0-9A-Za-z])", r"\\sqrt{\1}"),
    (r"([\^_])\{([0-9A-Za-z])\}", r"\1\2"),
)
_WORDS = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}"
)
# Of an equation that only names the unknown, the right side: "x = 5", "f(x) = 5".
_NAMED = re.compile(r"^[A-Za-z](?:\([A-Za-z]\)|_\w)?\s*=\s*(?=[^=]+$)")
_CHOICE = re.compile(r"^\(([A-Za-z])\)$")

_FORMULA = re.compile(r"[\\^=+*/<>]")
_WORD = re.compile(r"[^\W\d_]{2}")
# Three letters in a row that are no TeX command and no function.
_PROSE = re.compile(r"(?<![\\A-Za-z])(?!(?:sqrt|sin|cos|tan|log|exp)\b)[^\W\d_]{3,}")
# Between digits a space keeps two numbers apart.
_NEEDLESS_SPACE = re.compile(r"(?<!\d) | (?!\d)")

_INTEGER = r"\d{1,3}(?:[,\s]\d{3})+|\d+"
_DECIMAL = rf"(?:{_INTEGER})(?:\.\d*)?|\.\d+"
_FRACTION = (
    rf"\\frac\s*\{{\s*(?P<top>-?(?:{_DECIMAL}))\s*\}}"
    rf"\s*\{{\s*(?P<bottom>-?(?:{_DECIMAL}))\s*\}}"
)
# A unit: words or symbols behind a number, but no name of a number or function.
_UNIT = (
    r"(?:\s+(?!(?:or|and|pi|sqrt|sin|cos|tan|log|ln|exp|to|mod)\b)[A-Za-zµΩ][\wµΩ./^*-]*"
    r"(?:\s+[A-Za-z.]+)*|\s*(?:[^\W\d_a-zA-Zα-ωΑ-Ω]|[€£¥¢])+)?"
)
_NUMBER = re.compile(
    rf"(?P<sign>[+-]?)\s*[€£¥]?\s*(?:"
    rf"(?P<whole>\d+)?\s*{_FRACTION}"
    rf"|(?:(?P<before>\d+)\s+)?(?P<over>{_DECIMAL})\s*/\s*(?P<under>{_DECIMAL})"
    rf"|(?P<decimal>{_DECIMAL})"
    rf"){_UNIT}"
)


def canonical_form(answer: str) -> str:
    """The form that all spellings of one answer share, as far as it is plain to see.

    A number becomes an exact fraction in lowest terms, whatever unit stands behind it; anything
    else keeps its text, without layout, white space or the difference of capitals.
    """
    text = unicodedata.normalize("NFKC", answer).replace("−", "-").strip().rstrip(".。").strip()
    if len(text) > LONGEST_FORMULA:
        return _as_text(text)
    text = _unwrapped(text)
    number = _number_of(text)
    return str(number) if number is not None else _as_text(text)


def is_formula(answer: str) -> bool:
    """The answer may be mathematics that `canonical` does not see through."""
    text = answer.strip()
    return 0 < len(text) <= LONGEST_FORMULA and not _PROSE.search(_WORDS.sub("", text))


def is_number(answer: str) -> bool:
    """The answer is a number, which `canonical` compares exactly."""
    return _number_of(canonical_form(answer)) is not None


def _number_of(text: str) -> Fraction | None:
    """The number that an answer without layout is; None for anything else."""
    match = _NUMBER.fullmatch(text)
    if match is None or sum(map(str.isdigit, text)) > _MOST_DIGITS:
        return None
    top, bottom = match["top"] or match["over"], match["bottom"] or match["under"]
    if top is None:
        value = _decimal(match["decimal"])
    else:
        divisor = _decimal(bottom)
        if not divisor:
            return None
        whole = match["whole"] or match["before"] or "0"
        value = _decimal(whole) + _decimal(top) / divisor
    return -value if match["sign"] == "-" else value


def _unwrapped(text: str) -> str:
    for pattern, replacement in _LAYOUT:
        text = pattern.sub(replacement, text)
    text = _WORDS.sub(r" \1 ", text)
    text = _NAMED.sub("", " ".join(text.split()))
    return _CHOICE.sub(r"\1", text)


def _decimal(digits: str) -> Fraction:
    plain = re.sub(r"[,\s]", "", digits)
    return Fraction(plain if plain.strip("-.") else "0")


def _as_text(text: str) -> str:
    """Words with single spaces between them; formulas with none, since TeX ignores them."""
    words = " ".join(text.casefold().split())
    is_formula = _FORMULA.search(words) or not _WORD.search(words)
    return _NEEDLESS_SPACE.sub("", words) if is_formula else words
