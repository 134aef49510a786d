"""A position in the text of a formula, and what its symbols mean."""

import re

from r1local.answers.structures import NotMathematicsError
from r1local.answers.units import UNIT

_FUNCTIONS = """
    sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth ln log lg exp gcd lcm min max
    det deg arg Re Im
"""
_SYMBOLS = """
    alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi
    rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega infty
    emptyset ell hbar
"""
#: Names of functions, with or without a backslash.
FUNCTIONS = frozenset(_FUNCTIONS.split())
#: Commands that are variables or constants.
SYMBOLS = frozenset(rf"\{name}" for name in _SYMBOLS.split())
#: Words that are constants.
WORDS = {"pi": r"\pi", "inf": r"\infty", "infinity": r"\infty", "infty": r"\infty"}
RELATIONS = frozenset(["=", "<", ">", r"\le", r"\ge", r"\ne", r"\in", r"\approx"])
#: Commands that can't begin anything.
CLOSING = frozenset(
    [r"\}", r"\rangle", r"\rfloor", r"\rceil", r"\end", "\\\\", r"\cup", r"\pm", r"\mp"]
)

DIGITS = re.compile(r"\d+")
PADDED = re.compile(r"0\d")
#: The letter of a `\mathbb` set.
BLACKBOARD = re.compile(r" ?(?:\{ ?([A-Z]) ?\}|([A-Z]))")
#: One word in braces.
GROUP = re.compile(r" ?\{ ?([A-Za-z]+) ?\}")
#: The columns of an `array`.
COLUMNS = re.compile(r" ?\{[clr| ]*\}")
COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)|<|>|=")
WORD = re.compile(r"\\?([A-Za-z]+)")
SUBSCRIPT = re.compile(r" ?_ ?(?:([0-9A-Za-z])|\{ ?([0-9A-Za-z]+(?:[+-]\d+)?) ?\})")
#: The number after `^`; it never starts a mixed number.
EXPONENT = re.compile(r" ?(\d+(?:\.\d+)?)")
#: The bracket after a function's name, if it holds nothing but variables or one number.
ARGUMENTS = re.compile(r"\((?:[A-Za-z]|\d+)(?:, ?[A-Za-z])*\)")
SEPARATOR = re.compile(
    r" ?(?:[,;]? ?(?P<word>and|or)\b|[,;]? ?\\text ?\{ ?,? ?(?P<text>and|or) ?\}|[,;]) ?"
)
#: A single letter or words alone, which aren't products of letters: a choice, a name.
LETTERS = re.compile(r"\(?(?!pi$|inf(?:ini)?ty$)(?:[A-Za-z ]+|\\text ?\{[^{}]*\})\)?\.?")
#: What isn't read as products of letters: two adjacent words that aren't conjunctions, a time of
#: day, differentials, double factorials.
PROSE = re.compile(
    r"(?<![\\A-Za-z])(?!(?:and|or)\b)[A-Za-z]{2,} (?!(?:and|or)\b)[A-Za-z]{2,}|\d ?[AaPp][Mm]$"
    r"|(?<![A-Za-z\\])d[xyztu](?![A-Za-z])|!!"
)


class FormulaText:
    """A text in uniform notation (`notation`), and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def rest(self) -> str:
        """The text that has not been read yet, from the next symbol on."""
        return self.text[self.at :].lstrip(" ")

    def skip_spaces(self) -> None:
        """Advance to the next symbol."""
        self.at = len(self.text) - len(self.rest)

    def take(self, sign: str) -> bool:
        """Read a symbol if it comes next; a command only as a whole."""
        self.skip_spaces()
        end = self.at + len(sign)
        begins_longer = sign[-1].isalpha() and self.text[end : end + 1].isalpha()
        if not self.text.startswith(sign, self.at) or begins_longer:
            return False
        self.at = end
        return True

    def matched(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """Read what a pattern matches here.

        Raises:
            NotMathematicsError: it doesn't match.
        """
        found = pattern.match(self.text, self.at)
        if not found:
            raise NotMathematicsError
        self.at = found.end()
        return found

    def found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what a pattern matches here, if it does."""
        return self.matched(pattern) if pattern.match(self.text, self.at) else None

    def skip_unit(self) -> None:
        """Skip a unit."""
        self.found(UNIT)
