r"""Final answers read as mathematics: numbers, expressions, relations, tuples, sets, matrices.

Either an answer is read from its first sign to its last, or it isn't mathematics: nothing in it
is passed over but units (`units`) and layout (`notation`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import comb, factorial
from typing import TypeAlias

from r1local.notation import spelled_alike
from r1local.terms import Terms, TooLargeError
from r1local.units import SCALE, SCALES, UNIT

#: Characters, beyond which an answer is a text and not mathematics.
LONGEST_FORMULA = 200
_DEEPEST = 20
#: Letters that may be a product; more of them are a word.
_LONGEST_PRODUCT = 3
_MOST_DIGITS = 100
_LARGEST_FACTORIAL = 100


class NotMathematicsError(ValueError):
    """A text that isn't mathematics, or none that is understood here."""


@dataclass(frozen=True, slots=True)
class Structure:
    """Several expressions together: a pair, an interval, a set, a relation, a matrix.

    Args:
        kind: its brackets, its sign or its name.
        members: in their order; in that of their texts, where order has no meaning.
    """

    kind: str
    members: tuple["Value", ...]

    @property
    def is_unordered(self) -> bool:
        """Its members may stand in any order."""
        return self.kind in _UNORDERED

    def __str__(self) -> str:
        texts = [str(member) for member in self.members]
        if self.kind in _BRACKETS:
            opening, closing = _BRACKETS[self.kind]
            return f"{opening}{','.join(texts)}{closing}"
        if self.kind.endswith("matrix"):
            rows = r"\\".join(text.replace(",", "&")[1:-1] for text in texts)
            return rf"\begin{{{self.kind}}}{rows}\end{{{self.kind}}}"
        signs = self.kind.split(",") if self.kind != "," else [","]
        joined = signs * (len(texts) - 1) if len(signs) == 1 else signs
        return texts[0] + "".join(f" {sign} {text}" for sign, text in zip(joined, texts[1:], strict=True))

Value: TypeAlias = Terms | Structure

_UNORDERED = frozenset(["{}", r"\cup", ",", "and", "or"])
_BRACKETS = {
    "()": ("(", ")"),
    "(]": ("(", "]"),
    "[)": ("[", ")"),
    "[]": ("[", "]"),
    "{}": (r"\{", r"\}"),
    "<>": (r"\langle ", r"\rangle "),
    "row": ("(", ")"),
}

_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh coth ln log lg exp gcd lcm min max det"
    " deg arg Re Im".split()
)
_SHORT = {"pi": r"\pi", "inf": r"\infty", "infinity": r"\infty", "infty": r"\infty"}
_GREEK = frozenset(
    rf"\{name}"
    for name in (
        "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi"
        " rho sigma tau phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
        " infty emptyset ell hbar"
    ).split()
)
_MATRICES = {"pmatrix": "pmatrix", "bmatrix": "pmatrix", "matrix": "pmatrix", "vmatrix": "vmatrix"}
_RELATIONS = {"=": "=", "<": "<", ">": ">", r"\le": r"\le", r"\ge": r"\ge", r"\ne": r"\ne"}
_RELATIONS |= {r"\in": r"\in"}
_ORDERS = frozenset(["<", r"\le", r"\ne", "<,<", r"<,\le", r"\le,<", r"\le,\le"])
_CLOSING = frozenset(
    [r"\}", r"\rangle", r"\rfloor", r"\rceil", r"\end", "\\\\", r"\cup", r"\pm", r"\mp"]
)
_CONSTANTS = frozenset(["e", "i", r"\pi", r"\infty", r"\emptyset"])
_FLIPPED = {">": "<", r"\ge": r"\le"}

_NUMBER = re.compile(
    r"(?P<repeating>\d*\.\d*)\\overline ?\{ ?(?P<period>\d+) ?\}"
    r"|(?P<whole>\d+)\.\((?P<bracketed>\d+)\)"
    r"|(?P<mixed>\d+) (?P<over>\d+) ?/ ?(?P<under>\d+)(?![\d.])"
    r"|(?P<based>\d+)_(?:(?P<base>\d)|\{ ?(?P<longer>\d+) ?\})"
    r"|(?P<grouped>[1-9]\d{0,2}(?:(?: \d{3})+|(?:,\d{3})+)(?:\.\d+)?)(?![\d,]*\d| ?/)"
    r"|(?P<plain>\d+(?:\.\d*)?|\.\d+)"
)
_SIMPLE_FRACTION = re.compile(r" ?\\frac ?(?:\d|\{ ?\d+ ?\}) ?(?:\d|\{ ?\d+ ?\})")
_DIGITS = re.compile(r"(?P<plain>\d+)")
_PADDED = re.compile(r"0\d")
_LETTER = re.compile(r" ?(?:\{ ?([A-Z]) ?\}|([A-Z]))")
_GROUP = re.compile(r" ?\{ ?([A-Za-z]+) ?\}")
_FUNCTION = re.compile(r"\\?([a-z]+)")
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)|<|>|=")
_WORD = re.compile(r"[A-Za-z]+")
_SUBSCRIPT = re.compile(r" ?_ ?(?:([0-9A-Za-z])|\{ ?([0-9A-Za-z]+(?:[+-]\d+)?) ?\})")
_SEPARATOR = re.compile(r" ?(?:[,;]? ?(?P<word>and|or)\b|[,;]? ?\\text ?\{ ?,? ?(?P<text>and|or) ?\}|[,;]) ?")
_NAME = re.compile(r"(?:\\?[A-Za-z]+)(?:_\w|_\{\w+\})?'*(?:\((?:\\?[A-Za-z]+)(?:,[A-Za-z])*\))?")
# A letter or a word, which is no product of its letters: a choice, a name.
_LETTERS = re.compile(r"\(?(?!pi$|inf(?:ini)?ty$)(?:[A-Za-z ]+|\\text ?\{[^{}]*\})\)?\.?")
# Two words beside each other: prose, unless they are names of functions or join expressions.
_PROSE = re.compile(r"(?<![\\A-Za-z])(?!(?:and|or)\b)[A-Za-z]{2,} (?!(?:and|or)\b)[A-Za-z]{2,}")


def read_formula(answer: str) -> Value:
    """Read an answer as mathematics.

    Raises:
        NotMathematicsError: it isn't, or isn't understood to its last sign.
    """
    if len(answer) > LONGEST_FORMULA:
        raise NotMathematicsError
    text = spelled_alike(answer).rstrip(".。 ")
    if len(text) > 2 * LONGEST_FORMULA or _LETTERS.fullmatch(text) or _PROSE.search(UNIT.sub("", text)):
        raise NotMathematicsError
    try:
        if r"\pm" in text or r"\mp" in text:
            return _gathered([_Reader(text, sign).whole() for sign in (1, -1)])
        return _Reader(text).whole()
    except (ArithmeticError, TooLargeError) as error:
        raise NotMathematicsError from error


class _Reader:
    r"""A recursive descent through one answer; `sign` is what `\pm` stands for."""

    def __init__(self, text: str, sign: int = 1) -> None:
        self._text = text
        self._at = 0
        self._sign = sign
        self._depth = 0
        self._in_bars = False
        self._in_list = False

    def whole(self) -> Value:
        value = self._list()
        if self._rest().strip():
            raise NotMathematicsError
        return value

    # What joins expressions, from the loosest to the closest.

    def _list(self) -> Value:
        members, words = [self._relation()], set()
        while found := _SEPARATOR.match(self._text, self._at):
            self._at = found.end()
            words.add(found["word"] or found["text"] or ",")
            members.append(self._relation())
        if any(isinstance(member, Structure) and member.kind in _ORDERS for member in members[1:]):
            words -= {","} if len(words) > 1 else set()
            return _unordered(words.pop() if len(words) == 1 else ",", members)
        return _gathered(_named_alike(members)) if len(members) > 1 else _unnamed(members[0])

    def _relation(self) -> Value:
        members, signs = [self._union()], []
        while sign := self._taken_relation():
            signs.append(sign)
            members.append(self._union())
        return _related(members, signs) if signs else members[0]

    def _taken_relation(self) -> str | None:
        found = _COMMAND.match(self._skipped(), self._at)
        if not found or found[0] not in _RELATIONS:
            return None
        self._at = found.end()
        return _RELATIONS[found[0]]

    def _union(self) -> Value:
        members = [self._sum()]
        while self._take(r"\cup"):
            members.append(self._sum())
        return _unordered(r"\cup", members) if len(members) > 1 else members[0]

    def _sum(self) -> Value:
        first = self._product(self._taken_sign() or 1)
        while sign := self._taken_sign():
            first = _terms(first) + _terms(self._product(sign))
        return first

    def _taken_sign(self) -> int | None:
        for name, sign in (("+", 1), ("-", -1), (r"\pm", self._sign), (r"\mp", -self._sign)):
            if self._take(name):
                return sign
        return None

    def _product(self, sign: int = 1) -> Value:
        value = self._power()
        while True:
            self._skip_unit()
            if self._take("*"):
                value = _terms(value) * _terms(self._signed())
            elif self._take("/"):
                value = _terms(value) / _terms(self._signed())
            elif self._begins_factor():
                value = _terms(value) * _terms(self._power())
            else:
                return value if sign == 1 else -_terms(value)

    def _signed(self) -> Value:
        sign = self._taken_sign() or 1
        value = self._power()
        return value if sign == 1 else -_terms(value)

    def _begins_factor(self) -> bool:
        """A factor may follow without a sign; but not a number, which may belong to the first."""
        rest = self._rest().lstrip()
        if not rest or _SEPARATOR.match(rest):
            return False
        if rest[0] == "|":
            return not self._in_bars
        found = _COMMAND.match(rest)
        if found:
            return found[0] not in _RELATIONS and found[0] not in _CLOSING
        return rest[0].isalpha() or rest[0] in "({["

    def _power(self) -> Value:
        value = self._scaled(self._atom())
        while True:
            if self._take("^"):
                value = _terms(value).power(self._exponent())
            elif self._take("!"):
                value = _factorial(_terms(value))
            else:
                return value

    def _scaled(self, value: Value) -> Value:
        while isinstance(value, Terms) and (found := SCALE.match(self._text, self._at)):
            if value.constant is None:
                break
            self._at = found.end()
            value = value.scaled(Fraction(SCALES[found[1]]))
        return value

    # What stands for itself.

    def _atom(self) -> Value:
        self._skipped()
        rest = self._rest()
        if _NUMBER.match(rest):
            return self._number()
        for opening, read in self._openings().items():
            if self._take(opening):
                return self._nested(read)
        if rest.startswith("\\"):
            return self._command()
        if rest[:1].isalpha() and rest[0].isascii():
            return self._word()
        raise NotMathematicsError

    def _openings(self) -> dict[str, Callable[[], Value]]:
        return {
            "(": lambda: self._bracket("("),
            "[": lambda: self._bracket("["),
            "{": lambda: self._until("}"),
            r"\{": self._set,
            "|": self._bars,
            r"\langle": self._vector,
        }

    def _nested(self, read: Callable[[], Value]) -> Value:
        outside = self._depth, self._in_bars, self._in_list
        self._depth, self._in_bars, self._in_list = self._depth + 1, False, False
        if self._depth > _DEEPEST:
            raise NotMathematicsError
        value = read()
        self._depth, self._in_bars, self._in_list = outside
        return value

    def _number(self) -> Value:
        found = self._matched(_NUMBER)
        if "," in found[0] and self._in_list:
            self._at -= len(found[0])
            found = self._matched(_DIGITS)
        groups = found.groupdict()
        if len(found[0]) > _MOST_DIGITS or (self._in_list and _PADDED.match(found[0])):
            raise NotMathematicsError
        if groups.get("based"):
            return Terms.atom(f"{found['based']}_{{{found['base'] or found['longer']}}}")
        value = _number(groups)
        if _SIMPLE_FRACTION.match(self._text, self._at) and value.denominator == 1:
            return Terms.number(value) + _terms(self._atom())  # a mixed number
        return Terms.number(value)

    def _bracket(self, opening: str) -> Value:
        members = self._members(")", "]")
        kind = opening + self._text[self._at - 1]
        if len(members) == 1 and kind in ("()", "[]"):
            return members[0]
        if len(members) != 2 and kind not in ("()", "[]"):
            raise NotMathematicsError
        return Structure(kind, tuple(members))

    def _members(self, *closing: str) -> list[Value]:
        self._in_list = True
        members = [self._relation()]
        while self._take(",") or self._take(";"):
            members.append(self._relation())
        if not any(map(self._take, closing)):
            raise NotMathematicsError
        return members

    def _set(self) -> Value:
        if self._take(r"\}"):
            return Terms.atom(r"\emptyset")
        different = {str(member): member for member in self._members(r"\}")}
        return _gathered(list(different.values()))

    def _vector(self) -> Value:
        return Structure("<>", tuple(self._members(r"\rangle")))

    def _until(self, closing: str) -> Value:
        value = self._union()
        if not self._take(closing):
            raise NotMathematicsError
        return value

    def _bars(self) -> Value:
        self._in_bars = True
        value = _terms(self._until("|"))
        if value.constant is not None:
            return Terms.number(abs(value.constant))
        return Terms.atom(f"|{value.scaled(Fraction(value.sign()))}|")

    def _word(self) -> Value:
        word = self._matched(_WORD)[0]
        if word in _FUNCTIONS:
            return self._function(word)
        if word == "sqrt":
            return self._nested(self._root)
        if word in _SHORT:
            return Terms.atom(_SHORT[word])
        if len(word) > _LONGEST_PRODUCT:
            raise NotMathematicsError
        self._at -= len(word) - 1
        return self._symbol(word[0])

    def _symbol(self, name: str) -> Value:
        if subscript := _SUBSCRIPT.match(self._text, self._at):
            self._at = subscript.end()
            index = subscript[1] or subscript[2]
            name += f"_{index}" if len(index) == 1 else f"_{{{index}}}"
        while self._take("'"):
            name += "'"
        if name[0] in "fghFGH" and self._text.startswith("(", self._at):
            self._take("(")
            members = self._nested(lambda: Structure("()", tuple(self._members(")"))))
            return Terms.atom(f"{name}{members}")
        return Terms.atom(name)

    def _command(self) -> Value:
        name = self._matched(_COMMAND)[0]
        if name in _GREEK:
            return self._symbol(name)
        if name[1:] in _FUNCTIONS:
            return self._function(name[1:])
        read = {
            r"\frac": self._fraction,
            r"\sqrt": self._root,
            r"\binom": self._binomial,
            r"\mathbb": self._letter,
            r"\text": self._upright,
            r"\begin": self._matrix,
            r"\lfloor": lambda: self._rounded("floor"),
            r"\lceil": lambda: self._rounded("ceil"),
        }.get(name)
        if read is None:
            raise NotMathematicsError
        return self._nested(read)

    def _argument(self) -> Value:
        """What belongs to a command: a group, or one digit or letter."""
        self._skipped()
        digit = self._text[self._at : self._at + 1]
        if not digit.isdecimal():
            return self._atom()
        self._at += 1
        return Terms.number(int(digit))

    def _exponent(self) -> Terms:
        """What belongs to `^`: as people write it, the whole number behind it."""
        sign = self._taken_sign() or 1
        exponent = _terms(self._atom())
        if self._take("^"):
            exponent = exponent.power(self._exponent())
        return exponent.scaled(Fraction(sign))

    def _fraction(self) -> Value:
        top = _terms(self._argument())
        return top / _terms(self._argument())

    def _root(self) -> Value:
        degree = _terms(self._until("]")).constant if self._take("[") else Fraction(2)
        if not degree:
            raise NotMathematicsError
        return _terms(self._argument()).power(Terms.number(1 / degree))

    def _binomial(self) -> Value:
        above, below = _terms(self._argument()), _terms(self._argument())
        if above.constant is None or below.constant is None:
            return Terms.atom(rf"\binom{{{above}}}{{{below}}}")
        n, k = _small(above.constant), _small(below.constant)
        return Terms.number(comb(n, k))

    def _letter(self) -> Value:
        found = self._matched(_LETTER)
        return Terms.atom(rf"\mathbb{{{found[1] or found[2]}}}")

    def _upright(self) -> Value:
        name = self._matched(_GROUP)[1]
        if name in _FUNCTIONS:
            return self._function(name)
        if len(name) > 1:
            raise NotMathematicsError
        return self._symbol(name)

    def _rounded(self, name: str) -> Value:
        closing = rf"\r{name}"
        return Terms.atom(rf"\l{name} {_terms(self._until(closing))}{closing}")

    def _matrix(self) -> Value:
        kind = _MATRICES.get(self._matched(_GROUP)[1])
        rows = [self._row()]
        while self._take("\\\\"):
            if not self._rest().lstrip().startswith(r"\end"):
                rows.append(self._row())
        if not self._take(r"\end") or _MATRICES.get(self._matched(_GROUP)[1]) != kind:
            raise NotMathematicsError
        if kind is None or len({len(row.members) for row in rows}) != 1:
            raise NotMathematicsError
        return Structure(kind, tuple(rows))

    def _row(self) -> Structure:
        cells = [self._sum()]
        while self._take("&"):
            cells.append(self._sum())
        return Structure("row", tuple(cells))

    def _function(self, name: str) -> Value:
        index = _SUBSCRIPT.match(self._text, self._at)
        if index:
            self._at = index.end()
        exponent = self._exponent() if self._take("^") else None
        if exponent is not None and exponent.constant == -1 and name in ("sin", "cos", "tan"):
            name, exponent = f"arc{name}", None
        argument = self._function_argument()
        if name == "exp" and isinstance(argument, Terms):
            return Terms.atom("e").power(argument)
        base = f"_{{{index[1] or index[2]}}}" if index else ""
        written = argument if isinstance(argument, Structure) else f"({argument})"
        value = Terms.atom(rf"\{name}{base}{written}")
        return value if exponent is None else value.power(exponent)

    def _function_argument(self) -> Value:
        self._skipped()
        if self._rest().startswith(("(", "{", "|")):
            return self._atom()
        value = _terms(self._power())
        while self._begins_factor() and not self._begins_function():
            value = value * _terms(self._power())
        return value

    def _begins_function(self) -> bool:
        found = _FUNCTION.match(self._rest().lstrip())
        return bool(found and found[1] in _FUNCTIONS)

    # The text.

    def _rest(self) -> str:
        return self._text[self._at :]

    def _skipped(self) -> str:
        while self._text.startswith(" ", self._at):
            self._at += 1
        return self._text

    def _matched(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if not found:
            raise NotMathematicsError
        self._at = found.end()
        return found

    def _take(self, sign: str) -> bool:
        self._skipped()
        end = self._at + len(sign)
        if not self._text.startswith(sign, self._at):
            return False
        if sign[-1].isalpha() and self._text[end : end + 1].isalpha():
            return False
        self._at = end
        return True

    def _skip_unit(self) -> None:
        if found := UNIT.match(self._text, self._at):
            self._at = found.end()


def _terms(value: Value) -> Terms:
    if not isinstance(value, Terms):
        raise NotMathematicsError
    return value


def _number(groups: dict[str, str | None]) -> Fraction:
    if mixed := groups.get("mixed"):
        return Fraction(mixed) + Fraction(f"{groups['over']}/{groups['under']}")
    if period := groups.get("period") or groups.get("bracketed"):
        start = groups["repeating"] or f"{groups['whole']}."
        shift = 10 ** len(start.partition(".")[2])
        return _decimal(start) + Fraction(int(period), (10 ** len(period) - 1) * shift)
    return _decimal(re.sub("[ ,]", "", groups.get("grouped") or groups["plain"] or ""))


def _decimal(digits: str) -> Fraction:
    return Fraction(f"0{digits}" if digits.startswith(".") else digits.rstrip(".")) 


def _small(number: Fraction) -> int:
    if number.denominator != 1 or not 0 <= number <= _LARGEST_FACTORIAL:
        raise NotMathematicsError
    return int(number)


def _factorial(value: Terms) -> Terms:
    if value.constant is None:
        return Terms.atom(f"(({value})!)")
    return Terms.number(factorial(_small(value.constant)))


def _unordered(kind: str, members: list[Value]) -> Value:
    return Structure(kind, tuple(sorted(members, key=str)))


def _gathered(members: list[Value]) -> Value:
    """A set, or a list, of what may be sets; of one member, the member."""
    flat: list[Value] = []
    for member in members:
        is_set = isinstance(member, Structure) and member.kind == "{}"
        flat.extend(member.members if is_set else [member])
    return _unordered("{}", flat) if len(flat) > 1 else flat[0]


def _related(members: list[Value], signs: list[str]) -> Value:
    """A relation in normal form: `x=5`, `y-2*x=0`, `0<x-3`, `1<x<3`."""
    if {*signs} & _FLIPPED.keys():
        members, signs = members[::-1], [_FLIPPED.get(sign, f"not {sign}") for sign in signs[::-1]]
    if any(sign.startswith("not") for sign in signs) or (len({*signs}) > 1 and "=" in signs):
        raise NotMathematicsError
    if signs == [r"\in"] and _is_name(members[0]):
        return members[1]
    if {*signs} == {"="} and len({str(member) for member in members[1:]}) == 1:
        return _equation(members[0], members[1])
    if len(signs) == 1 and all(isinstance(member, Terms) for member in members):
        return _two_sided(_terms(members[0]), signs[0], _terms(members[1]))
    return Structure(",".join(signs), tuple(members))


def _equation(left: Value, right: Value) -> Value:
    if _is_name(right) and not _is_name(left):
        left, right = right, left
    if _is_name(left) or isinstance(left, Structure) or isinstance(right, Structure):
        return Structure("=", (left, right))
    return _two_sided(left, "=", right)


def _two_sided(left: Terms, sign: str, right: Terms) -> Value:
    zero = Terms.number(0)
    difference = right - left
    if not difference.terms:
        raise NotMathematicsError
    difference = difference.scaled(1 / difference.content())
    if sign in ("<", r"\le"):
        return Structure(sign, (zero, difference))
    if sign not in ("=", r"\ne"):
        raise NotMathematicsError
    unknowns = {monomial: value for monomial, value in difference.terms.items() if monomial}
    if len(unknowns) == 1:
        ((monomial, value),) = unknowns.items()
        unknown = Terms({monomial: Fraction(1)})
        if _is_name(unknown):
            return Structure(sign, (unknown, unknown - difference.scaled(1 / value)))
    if sign == "=" and (solved := _solved_for_y(difference)):
        return solved
    return Structure(sign, (difference.scaled(Fraction(difference.sign())), zero))


def _solved_for_y(zero: Terms) -> Structure | None:
    """A line or a curve as people write it, `y=2*x+3`, if that is what the equation says."""
    with_y = [monomial for monomial in zero.terms if "y" in str(Terms({monomial: Fraction(1)}))]
    y = Terms.atom("y")
    if [Terms({one: Fraction(1)}) for one in with_y] != [y]:
        return None
    return Structure("=", (y, y - zero.scaled(1 / zero.terms[with_y[0]])))


def _is_name(value: Value) -> bool:
    if isinstance(value, Structure):
        return value.kind == "()" and all(map(_is_name, value.members))
    text = str(value)
    return bool(_NAME.fullmatch(text)) and text not in _CONSTANTS


def _unnamed(value: Value) -> Value:
    """Of an equation that only names the unknown, the right side."""
    if isinstance(value, Structure) and value.kind == "=" and _is_name(value.members[0]):
        return value.members[1]
    return value


def _named_alike(members: list[Value]) -> list[Value]:
    """The values alone, if all are of one unknown: `x=1` or `x=2`."""
    names = {
        str(member.members[0])
        for member in members
        if isinstance(member, Structure) and member.kind == "=" and _is_name(member.members[0])
    }
    return [_unnamed(member) for member in members] if len(names) == 1 else members
