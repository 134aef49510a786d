r"""One spelling for each mathematical symbol: `½`, `\dfrac12` and `\tfrac{1}{2}` become the same.

Follows the normalisers that are used for scoring MATH (Hendrycks et al. 2021, arXiv 2103.03874,
`math_equivalence.py`; Lewkowycz et al. 2022, arXiv 2206.14858, appendix D): what is only layout
is removed, and the rest becomes LaTeX with one name for each thing.
"""

import re
import unicodedata

from r1local.answers.units import SCALES

_NAMES = {
    "": """left right big bigl bigr Big Bigl Bigr bigg biggl biggr Bigg Biggl Biggr displaystyle
        textstyle limits mathopen mathclose degree ! $ %""",
    " ": ", : ; ~ > quad qquad thinspace enspace ( ) [ ]",
    r"\text": """text textbf textit textrm textsf textnormal mathrm mathbf mathit mathsf mathcal
        mathscr mathfrak mbox operatorname rm bf""",
    r"\frac": "dfrac tfrac cfrac",
    r"\binom": "dbinom tbinom",
    r"\le": "leq leqslant leqq",
    r"\ge": "geq geqslant geqq",
    r"\ne": "neq",
    r"\{": "lbrace",
    r"\}": "rbrace",
    r"\emptyset": "varnothing",
    "[": "lbrack",
    "]": "rbrack",
    "|": "lvert rvert vert mid",
    "*": "cdot times ast",
    "/": "div",
    "<": "lt",
    ">": "gt",
    "'": "prime",
    ":": "colon",
    "...": "ldots dots cdots",
    " or ": "lor",
    " and ": "land",
}
_COMMANDS = {name: sign for sign, names in _NAMES.items() for name in names.split()}
_COMMANDS |= {" ": " ", "\n": " "}
_COMMAND = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL)

_GREEK_NAMES = """
    alpha beta gamma delta epsilon zeta eta theta kappa mu nu xi pi rho sigma tau phi chi psi omega
"""
_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name}"): rf"\{name} " for name in _GREEK_NAMES.split()
} | {"λ": r"\lambda "}
_SIGNS = str.maketrans(
    _GREEK
    | dict.fromkeys("−–—‐‑‒﹣－", "-")
    | dict.fromkeys("×·⋅∙∗", "*")
    | dict.fromkeys("⁄∕÷", "/")
    | dict.fromkeys("°€£¥￥₹₩\u200b\u2060\ufeff", "")
    | dict.fromkeys("′’", "'")
    | {"≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ", "∞": r"\infty ", "±": r"\pm ", "∓": r"\mp "}
    | {"∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "Ω": r"\Omega "}
    | {"ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℚ": r"\mathbb{Q}", "ℕ": r"\mathbb{N}"}
    | {"ℂ": r"\mathbb{C}", "⟨": r"\langle ", "⟩": r"\rangle ", "，": ",", "、": ",", "；": ";"}
)
_SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ]+")
_SUBSCRIPT = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋ₙ]+")
_VULGAR = re.compile("[¼-¾⅐-⅞]")

_SCALE_TEXT = re.compile(rf"\\text\s*\{{\s*({'|'.join(SCALES)})\b\s*([^{{}}]*)\}}")
# `{,}` and `,\\!` are TeX for a comma without space around it.
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\s*(?:\\!)+\s*)(?=\d{3}(?!\d))")
_SPELLINGS = (
    (re.compile(r"\^\s*(?:\\circ(?![A-Za-z])|\{\s*\\circ\s*\})"), ""),
    (re.compile(r"[$%]"), ""),
    (re.compile(r"~"), " "),
    (re.compile(r"(?:√|(?<![\\A-Za-z])sqrt) ?(\d+(?:\.\d+)?)"), r"\\sqrt{\1}"),
    (re.compile("√"), r"\\sqrt "),
    (re.compile(r"\*\*"), "^"),
    (re.compile(r"(?<=\d)\{,\}(?=\d)"), "."),
    (re.compile(r"<="), r"\\le "),
    (re.compile(r">="), r"\\ge "),
    (re.compile(r"!="), r"\\ne "),
    (_SCALE_TEXT, r" \1 \\text{\2}"),
    (re.compile(r"\\text\s*\{\s*(-?[\d.,/]+)\s*([^{}\d]*)\}"), r" \1 \\text{\2}"),
    (re.compile(r"\\text\s*\{\s*\}"), ""),
)


def spelled_alike(answer: str) -> str:
    """Return the answer with one spelling for each symbol, and without what is only layout."""
    text = _without_typography(answer)
    if r"\begin" not in text:  # backslashes doubled as in JSON, not ends of rows
        text = re.sub(r"\\\\(?=[A-Za-z])", r"\\", text)
    text = _THOUSANDS.sub(",", text)
    text = _COMMAND.sub(lambda match: _COMMANDS.get(match[1], match[0]), text)
    for pattern, replacement in _SPELLINGS:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


def _without_typography(text: str) -> str:
    """Return Unicode's forms of mathematics as TeX; NFKC alone would turn `10²` into 102."""
    text = _SUPERSCRIPT.sub(lambda match: f"^{{{_plain(match[0])}}}", text)
    text = _SUBSCRIPT.sub(lambda match: f"_{{{_plain(match[0])}}}", text)
    text = _VULGAR.sub(_fraction, text)
    return unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS)


def _plain(script: str) -> str:
    return unicodedata.normalize("NFKC", script).replace("−", "-")


def _fraction(match: re.Match[str]) -> str:
    top, _, bottom = unicodedata.normalize("NFKC", match[0]).partition("⁄")
    return rf"\frac{{{top}}}{{{bottom}}}"
