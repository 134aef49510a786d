r"""Comparing final answers as mathematics: `\dfrac{1}{2}`, `1/2` and `0.5` are the same answer.

An answer that `formula_reader` understands completely is compared by its normal form, any other
as text. All work is bounded, so no answer can make it take long.
"""

import re
from fractions import Fraction

from r1local.answers.formula_reader import LONGEST_FORMULA, read_formula
from r1local.answers.notation import spelled_alike
from r1local.answers.structures import NotMathematicsError, Value
from r1local.answers.terms import Terms

_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_CHOICE = re.compile(r"\(? ?([A-Za-z]) ?\)?\.?")
# Characters that don't occur in words.
_FORMULA = re.compile(r"[\\^=+*/<>_'|]")
_WORD = re.compile(r"[^\W\d_]{2}")
# A space between digits separates two numbers.
_NEEDLESS_SPACE = re.compile(r"(?<!\d) | (?!\d)")


def canonical_form(answer: str) -> str:
    """Return the form that all obviously equal spellings of an answer share.

    Numbers are exact, units are left out, like terms are collected, and sets are sorted. What isn't
    mathematics stays text, without layout, white space or differences in case.
    """
    formula = formula_of(answer)
    return _text_of(answer) if formula is None else str(formula)


def formula_of(answer: str) -> Value | None:
    """Return the answer as mathematics, or None if it is text."""
    try:
        return read_formula(answer)
    except NotMathematicsError:
        return None


def number_of(formula: Value | None) -> Fraction | None:
    """Return the number that a formula is, or None; for numbers the normal form is exact."""
    return formula.constant if isinstance(formula, Terms) else None


def _text_of(answer: str) -> str:
    """Return words separated by single spaces, and formulas without any, since TeX ignores them."""
    text = answer if len(answer) > LONGEST_FORMULA else spelled_alike(answer)
    text = " ".join(_TEXT.sub(r" \1 ", text).split()).rstrip(".。 ")
    if choice := _CHOICE.fullmatch(text):
        return choice[1].lower()
    if _FORMULA.search(text):
        return _NEEDLESS_SPACE.sub("", text)
    return text.casefold() if _WORD.search(text) else _NEEDLESS_SPACE.sub("", text.casefold())
