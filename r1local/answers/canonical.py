r"""Final answers compared as mathematics, not as text: `\dfrac{1}{2}`, `1/2` and `0.5` are one.

An answer that is read as mathematics to its last sign (`formula_reader`) is compared by its
normal form, any other as text. All work is bounded, so no answer can make it long.
"""

import re
from fractions import Fraction

from r1local.answers.formula_reader import LONGEST_FORMULA, read_formula
from r1local.answers.notation import spelled_alike
from r1local.answers.structures import NotMathematicsError, Value
from r1local.answers.terms import Terms

_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_CHOICE = re.compile(r"\(? ?([A-Za-z]) ?\)?\.?")
# What nobody writes in words.
_FORMULA = re.compile(r"[\\^=+*/<>_'|]")
_WORD = re.compile(r"[^\W\d_]{2}")
# Between digits a space keeps two numbers apart.
_NEEDLESS_SPACE = re.compile(r"(?<!\d) | (?!\d)")


def canonical_form(answer: str) -> str:
    """The form that all spellings of one answer share, as far as it is plain to see.

    Numbers are exact, and units are left out; like terms are collected; sets have an order. What
    isn't mathematics keeps its text, without layout, white space or the difference of capitals.
    """
    formula = formula_of(answer)
    return _text_of(answer) if formula is None else str(formula)


def formula_of(answer: str) -> Value | None:
    """The answer as mathematics; None if it is a text."""
    try:
        return read_formula(answer)
    except NotMathematicsError:
        return None


def number_of(formula: Value | None) -> Fraction | None:
    """The number that a formula is, which its normal form is exact for; None for others."""
    return formula.constant if isinstance(formula, Terms) else None


def _text_of(answer: str) -> str:
    """Words with single spaces between them; formulas with none, since TeX ignores them."""
    text = answer if len(answer) > LONGEST_FORMULA else spelled_alike(answer)
    text = " ".join(_TEXT.sub(r" \1 ", text).split()).rstrip(".。 ")
    if choice := _CHOICE.fullmatch(text):
        return choice[1].lower()
    if _FORMULA.search(text):
        return _NEEDLESS_SPACE.sub("", text)
    return text.casefold() if _WORD.search(text) else _NEEDLESS_SPACE.sub("", text.casefold())
