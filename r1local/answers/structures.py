r"""Several expressions combined, in normal form: pairs, intervals, sets, relations, matrices."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from r1local.answers.terms import Terms

_CONSTANTS = frozenset(["e", "i", r"\pi", r"\infty", r"\emptyset"])
_FLIPPED = {">": "<", r"\ge": r"\le"}
# A variable such as `x`, `x_1` or `\alpha`, or a function of variables.
_NAME = re.compile(
    r"\\[A-Za-z]+(?:_\w|_\{\w+\})?|[A-Za-z](?:_\w|_\{\w+\})?'*(?:\([A-Za-z](?:,[A-Za-z])*\))?"
)
# Chains of inequalities, and the intervals they describe.
_INTERVALS = {"<,<": "()", r"<,\le": "(]", r"\le,<": "[)", r"\le,\le": "[]"}


class NotMathematicsError(ValueError):
    """A text that isn't mathematics, or that isn't understood here."""


@dataclass(frozen=True, slots=True)
class Structure:
    """Several expressions combined: a pair, an interval, a set, a relation, a matrix.

    Args:
        kind: its brackets, its sign or its name.
        members: in their order, or sorted by their texts where the order has no meaning.
    """

    kind: str
    members: tuple["Value", ...]

    @property
    def is_unordered(self) -> bool:
        """Whether the order of the members has no meaning."""
        return self.kind in _UNORDERED

    @property
    def is_condition(self) -> bool:
        """Whether it is an inequality and not a value."""
        return bool({"<", r"\le", r"\ne"} & {*self.kind.split(",")})

    def __str__(self) -> str:
        texts = [str(member) for member in self.members]
        if self.kind in _BRACKETS:
            opening, closing = _BRACKETS[self.kind]
            comma = "&" if self.kind == "row" else ","
            return f"{opening}{comma.join(texts)}{closing}"
        if self.kind.endswith("matrix"):
            rows = r"\\".join(text[1:-1] for text in texts)
            return rf"\begin{{{self.kind}}}{rows}\end{{{self.kind}}}"
        signs = self.kind.split(",") if self.kind != "," else [","]
        joined = signs * (len(texts) - 1) if len(signs) == 1 else signs
        return texts[0] + "".join(
            f" {sign} {text}" for sign, text in zip(joined, texts[1:], strict=True)
        )


Value: TypeAlias = Terms | Structure

_MATRICES = frozenset(["pmatrix", "bmatrix", "matrix", "array", "smallmatrix", "vmatrix"])
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


def terms_of(value: Value) -> Terms:
    """Return the value as a sum, where nothing else makes sense."""
    if not isinstance(value, Terms):
        raise NotMathematicsError
    return value


def times(left: Value, right: Value) -> Value:
    """Return the product of two sums, or of a matrix and a sum."""
    if isinstance(left, Terms) and isinstance(right, Structure):
        left, right = right, left
    if isinstance(right, Terms) and right.constant == 1:
        return left
    if isinstance(left, Structure) and left.kind in ("pmatrix", "row"):
        return Structure(left.kind, tuple(times(member, right) for member in left.members))
    return terms_of(left) * terms_of(right)


def matrix(name: str, rows: list[Value]) -> Structure:
    """Return the matrix in a LaTeX environment; square and round brackets mean the same.

    Raises:
        NotMathematicsError: the rows differ in length, or the environment isn't a matrix.
    """
    lengths = {len(row.members) for row in rows if isinstance(row, Structure)}
    if name not in _MATRICES or len(lengths) != 1:
        raise NotMathematicsError
    return Structure("vmatrix" if name == "vmatrix" else "pmatrix", tuple(rows))


def unordered(kind: str, members: list[Value]) -> Value:
    """Return a structure whose members may come in any order."""
    return Structure(kind, tuple(sorted(members, key=str)))


def set_of(members: list[Value]) -> Value:
    """Return a set, with duplicates removed."""
    different = {str(member): member for member in members}
    return unordered("{}", [*different.values()])


def either_sign(values: list[Value]) -> Value:
    r"""Return the value of an answer with `\pm`: both its variants, with either sign."""
    members: list[Value] = []
    for value in values:
        is_list = isinstance(value, Structure) and value.kind in ("{}", ",")
        members.extend(value.members if isinstance(value, Structure) and is_list else [value])
    return unnamed(set_of(members))


def listed(members: list[Value], words: set[str]) -> Value:
    """Return what commas, "and" or "or" join; for values, unlike conditions, all mean the same."""
    if not any(isinstance(member, Structure) and member.is_condition for member in members):
        values = _named_alike(members)
        has_repeats = len({*map(str, values)}) < len(values)
        return unordered(",", values) if has_repeats else set_of(values)
    words -= {","} if len(words) > 1 else set()
    intervals = [_interval(member) for member in members]
    if words == {"or"} and len({name for name, _ in intervals}) == 1 and intervals[0][0]:
        return unordered(r"\cup", [interval for _, interval in intervals])
    if len(words) > 1:
        raise NotMathematicsError
    return unordered(words.pop(), members)


def related(members: list[Value], signs: list[str]) -> Value:
    """Return a relation in normal form: `x=5`, `y-2*x=0`, `0<x-3`, `1<x<3`."""
    if {*signs} & _FLIPPED.keys():
        members, signs = members[::-1], [_FLIPPED.get(sign, f"not {sign}") for sign in signs[::-1]]
    if any(sign.startswith("not") for sign in signs) or (len({*signs}) > 1 and "=" in signs):
        raise NotMathematicsError
    if signs == [r"\in"] and _is_name(members[0]):
        return members[1]
    if {*signs} == {"="} and len({str(member) for member in members[1:]}) == 1:
        return _equation(members[0], members[1])
    if len(signs) == 1 and all(isinstance(member, Terms) for member in members):
        return _two_sided(terms_of(members[0]), signs[0], terms_of(members[1]))
    return Structure(",".join(signs), tuple(members))


def unnamed(value: Value) -> Value:
    """Drop the name of the unknown: `x=5` becomes 5, and `1<x<3` an interval.

    A set with one member becomes that member, unless the member is a set itself.
    """
    if isinstance(value, Structure) and value.kind == "{}" and len(value.members) == 1:
        return (
            value if str(value.members[0]).startswith((r"\{", r"\emptyset")) else value.members[0]
        )
    if isinstance(value, Structure) and value.kind == "=" and _is_name(value.members[0]):
        return unnamed(value.members[1])
    return _interval(value)[1]


def _named_alike(members: list[Value]) -> list[Value]:
    """Return only the values if all are of one unknown, as in `x=1` or `x=2`."""
    named = [unnamed(member) is not member for member in members]
    structures = [member for member in members if isinstance(member, Structure)]
    names = {str(member.members[0]) for member in structures if unnamed(member) is not member}
    one_unknown = len(names) == 1 and named[0] and sum(named) == len(structures)
    return [unnamed(member) for member in members] if one_unknown else members


def _equation(left: Value, right: Value) -> Value:
    if _is_name(right) and not _is_name(left):
        left, right = right, left
    if _is_name(left) or isinstance(left, Structure) or isinstance(right, Structure):
        return Structure("=", (left, right))
    return _two_sided(left, "=", right)


def _two_sided(left: Terms, sign: str, right: Terms) -> Value:
    zero = Terms.number(0)
    difference = right - left
    if not difference.terms or sign == r"\in":
        raise NotMathematicsError
    difference = difference.scaled(1 / difference.content())
    if sign in ("<", r"\le"):
        return Structure(sign, (zero, difference))
    if line := _line(difference):
        unknown, slope, start = line
        return Structure(sign, (unknown, Terms.number(-start / slope)))
    if sign == "=" and (solved := _solved_for_y(difference)):
        return solved
    return Structure(sign, (difference.scaled(Fraction(difference.sign())), zero))


def _line(value: Value) -> tuple[Terms, Fraction, Fraction] | None:
    """Split a linear expression into its variable, its factor and its constant."""
    if not isinstance(value, Terms):
        return None
    unknowns = [monomial for monomial in value.terms if monomial]
    if len(unknowns) != 1:
        return None
    unknown, slope = Terms({unknowns[0]: Fraction(1)}), value.terms[unknowns[0]]
    start = (value - unknown.scaled(slope)).constant
    return (unknown, slope, start or Fraction(0)) if _is_name(unknown) else None


def _interval(value: Value) -> tuple[str, Value]:
    """Return the unknown of an inequality and its interval; for others, "" and the value itself."""
    if not isinstance(value, Structure):
        return "", value
    if value.kind in _INTERVALS and _is_name(value.members[1]):
        name, ends = str(value.members[1]), value.members[::2]
        if not any(name in str(end) for end in ends):
            return name, Structure(_INTERVALS[value.kind], ends)
    if value.kind in ("<", r"\le") and (line := _line(value.members[1])):
        unknown, slope, start = line
        end, infinity = Terms.number(-start / slope), Terms.atom(r"\infty")
        is_open = value.kind == "<"
        if slope > 0:
            return str(unknown), Structure("()" if is_open else "[)", (end, infinity))
        return str(unknown), Structure("()" if is_open else "(]", (-infinity, end))
    return "", value


def _solved_for_y(zero: Terms) -> Structure | None:
    """Return a line or curve the way people write it, `y=2*x+3`, if the equation is one."""
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
