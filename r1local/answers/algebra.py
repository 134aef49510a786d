"""Comparing answers by computer algebra, with math-verify, where that is installed.

math-verify reads things that aren't there and skips what it doesn't know: it reads `204_5` as
204 and `f'(x)` as f(x), and considers any two equations without real solutions equal. So it is
only given expressions that `formula_reader` has understood completely, written in normal form,
and is trusted only if it has found every variable in them. Pairs, sets, relations and matrices
are compared here, member by member.

Parsing and simplifying what a model wrote may take any amount of time and memory
(`9^{9^{9^9}}`), and math-verify's own time limit relies on signals, which only work in main
threads. So it runs in a process of its own, with limits of time and memory.
"""

import json
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from r1local.answers.canonical import formula_of, number_of
from r1local.answers.structures import Structure, Value
from r1local.answers.terms import Terms

# In the normal form: a variable with its subscript, a function, and what math-verify can't read.
_NAME = re.compile(r"\\?[A-Za-z]+(?:_\w|_\{\w+\})?")
_FUNCTION = re.compile(
    r"\\(?:sin|cos|tan|cot|sec|csc|arc\w+|sinh|cosh|tanh|ln|log|binom|[lr]floor|[lr]ceil)(?![a-z])"
)
_CONSTANTS = {"e", "i", r"\pi", r"\infty"}
_UNKNOWN = re.compile(
    r"'|\d_|(?<![a-z\\])[A-Za-z](?:_\w|_\{\w+\})?\("
    r"|\\(?:mathbb|emptyset|lg|gcd|lcm|min|max|det|deg|arg|Re|Im|coth|ell|hbar)(?![a-z])"
)
#: Seconds of a processor that a comparison may take, and bytes of memory.
_SECONDS = 5.0
_MEMORY_BYTES = 2 * 2**30


def equal_formula(answer: str, others: Sequence[str]) -> int | None:
    """Return the index of the first of `others` that is equal to `answer` as a formula, or None.

    Also None if math-verify is not installed or doesn't find out in time.
    """
    mine = formula_of(answer)
    if mine is None or find_spec("math_verify") is None:
        return None
    theirs = [formula_of(other) for other in others]
    formulas = [place for place, other in enumerate(theirs) if _may_be_equal(mine, other)]
    if not formulas:
        return None
    from r1local.confined.process import Watch, run, start  # psutil takes a moment

    question = json.dumps([_SECONDS, answer, [others[place] for place in formulas]]).encode()
    try:
        process = start(__name__)
        place = json.loads(run(process, question, Watch(process, _MEMORY_BYTES, _SECONDS)).printed)
    except (OSError, ValueError):
        return None
    return None if place is None else formulas[place]


def main() -> None:
    """Do the work of the separate process: one comparison, from stdin to stdout."""
    import math_verify  # noqa: F401  (the time is for comparing)

    from r1local.confined.limits import forbid_contact, forbid_files, limited

    forbid_files()
    forbid_contact()
    seconds, answer, others = json.load(sys.stdin.buffer)
    with limited(_MEMORY_BYTES, seconds):
        print(json.dumps(_first_equal(answer, others)))


def _may_be_equal(left: Value, right: Value | None) -> bool:
    """Return whether the two have the same shape, with something in it left to work out."""
    if isinstance(left, Structure) and isinstance(right, Structure):
        same_shape = left.kind == right.kind and len(left.members) == len(right.members)
        return same_shape and (
            left.is_unordered or all(map(_may_be_equal, left.members, right.members))
        )
    if not isinstance(left, Terms) or not isinstance(right, Terms):
        return False
    return str(left) == str(right) or number_of(left) is None or number_of(right) is None


def _first_equal(answer: str, others: Sequence[str]) -> int | None:
    mine = formula_of(answer)
    for place, other in enumerate(others):
        theirs = formula_of(other)
        if mine and theirs and are_equal(mine, theirs):
            return place
    return None


def are_equal(left: Value, right: Value) -> bool:
    """Return whether computer algebra finds two formulas equal.

    This may take any amount of time, and needs math-verify.
    """
    if str(left) == str(right):
        return True
    if not _may_be_equal(left, right):
        return False
    if isinstance(left, Structure) and isinstance(right, Structure):
        if left.is_unordered:
            return _same_members(left.members, list(right.members))
        return all(map(are_equal, left.members, right.members))
    return _is_one_expression(str(left), str(right))


def _same_members(left: Sequence[Value], right: list[Value]) -> bool:
    for mine in left:
        found = next((theirs for theirs in right if are_equal(mine, theirs)), None)
        if found is None:
            return False
        right.remove(found)
    return True


def _is_one_expression(left: str, right: str) -> bool:
    from math_verify import verify

    mine, theirs = _parsed(left), _parsed(right)
    if mine is None or theirs is None:
        return False
    return bool(verify(theirs, mine, timeout_seconds=None))


def _parsed(expression: str) -> object | None:
    """Return what math-verify reads in an expression in normal form, or None if it skips a part."""
    from math_verify import LatexExtractionConfig, parse
    from sympy import Expr, I

    if _UNKNOWN.search(expression):
        return None
    found = parse(f"${expression}$", [LatexExtractionConfig()], "no_fallback", parsing_timeout=None)
    if len(found) != 1 or not isinstance(found[0], Expr):
        return None
    variables = {_bare(symbol.name): symbol for symbol in found[0].free_symbols}
    if variables.keys() - {"i"} != _variables(expression):
        return None
    read: object = found[0].subs(variables["i"], I) if "i" in variables else found[0]
    return read


def _variables(expression: str) -> set[str]:
    names = {match[0] for match in _NAME.finditer(_FUNCTION.sub("", expression))} - _CONSTANTS
    return set(map(_bare, names))


def _bare(name: str) -> str:
    return re.sub(r"[{}\\]", "", name)
