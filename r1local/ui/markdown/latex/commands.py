"""Commands that are more than a symbol. Each reads its arguments and draws them."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from r1local.ui.cells import cell_len
from r1local.ui.markdown.latex import symbols
from r1local.ui.markdown.latex.pieces import (
    AtomKind,
    Bond,
    Box,
    binomial,
    bracketed,
    enclosed,
    fraction,
    framed,
    grid,
    one_row,
)
from r1local.ui.markdown.latex.reader import Reader, UnreadableError
from r1local.ui.markdown.latex.scripts import accented, small, with_scripts

#: Gaps before the columns of aligned lines and sides within them, as `grid` takes them.
ALIGNED: tuple[Sequence[str], str] = (("   ", " "), "><")
#: The environments of such lines, with and without a star.
ALIGNING = ["align", "aligned", "gather", "gathered", "split", "equation", "eqnarray", "multline"]
#: Environments with what stands around them, and the sides of their columns.
_ENVIRONMENTS = {
    "matrix": ("", "", "^"),
    "smallmatrix": ("", "", "^"),
    "array": ("", "", "^"),
    "pmatrix": ("(", ")", "^"),
    "bmatrix": ("[", "]", "^"),
    "Bmatrix": ("{", "}", "^"),
    "vmatrix": ("|", "|", "^"),
    "Vmatrix": ("‖", "‖", "^"),
    "cases": ("{", "", "<"),
    "dcases": ("{", "", "<"),
    "rcases": ("", "}", "<"),
}
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}


def on_one_line(cells: Sequence[Box]) -> str:
    """Return a line of cells without their columns."""
    return " ".join(text for cell in cells if (text := cell.text.strip()))


def _text(reader: Reader) -> Box:
    text = reader.raw_argument()
    text = re.sub(r"\\([^A-Za-z])", r"\1", re.sub(r"\s+|~", " ", text))
    return one_row(text, bond=Bond.LOOSE if " " in text.strip() else Bond.ATOM)


def _alphabet(command: str, reader: Reader) -> Box:
    return one_row(symbols.in_alphabet(command, reader.argument().text))


def _accent(command: str, reader: Reader) -> Box:
    return accented(command, reader.argument())


def _fraction(reader: Reader) -> Box:
    return fraction(reader.argument(), reader.argument())


def _binomial(reader: Reader) -> Box:
    return binomial(reader.argument(), reader.argument())


def _root(reader: Reader) -> Box:
    degree = reader.option()
    radicand = reader.argument()
    under = bracketed(radicand, Bond.SCRIPTED)
    if degree in _ROOTS:
        closed = radicand.bond <= Bond.SCRIPTED
        return one_row(_ROOTS[degree] + under, bond=Bond.ATOM if closed else Bond.TRAILING)
    raised = small("^", degree)
    # In brackets beside others, where the degree would look like an exponent.
    text = f"{raised}√{under}" if raised else f"√[{degree}]({radicand.text})"
    return one_row(text, bond=Bond.QUOTIENT)


def _box(reader: Reader) -> Box:
    content = reader.group()
    return framed(content) if reader.tall else one_row(f"▐{content.text}▌", "inner")


def _delimited(reader: Reader) -> Box:
    left = reader.delimiter()
    content = reader.row()
    reader.expect(r"\right")
    right = reader.delimiter()
    return enclosed(left, content, right) if left or right else content


def _environment(reader: Reader) -> Box:
    name = reader.raw_argument().strip().removesuffix("*")
    columns = reader.raw_argument() if name == "array" else ""
    lines = reader.lines()
    reader.expect(r"\end")
    reader.raw_argument()
    if name in ALIGNING:
        left = right = ""
        layout = ALIGNED
    elif name in _ENVIRONMENTS:
        left, right, side = _ENVIRONMENTS[name]
        layout = ("  ",), _sides(columns) or side
    else:
        raise UnreadableError
    if reader.tall and lines:
        return enclosed(left, grid(lines, *layout), right)
    text = "; ".join(map(on_one_line, lines))
    if left or right:
        return one_row(f"{left or '{'}{text}{right or '}'}", "inner")
    return one_row(text, "inner", Bond.LOOSE)


def _sides(columns: str) -> str:
    sides = {"l": "<", "c": "^", "r": ">"}
    return "".join(sides.get(letter, "") for letter in columns)


def _operator(reader: Reader) -> Box:
    return one_row(reader.argument().text, "function")


def _modulus(reader: Reader) -> Box:
    return one_row(f" (mod {reader.argument().text})", bond=Bond.LOOSE)


def _coloured(reader: Reader) -> Box:
    reader.raw_argument()
    return one_row("")


def _above(reader: Reader) -> Box:
    above, base = reader.argument(), reader.argument()
    return with_scripts(_of_its_kind(base), {"^": above})


def _below(reader: Reader) -> Box:
    below, base = reader.argument(), reader.argument()
    return with_scripts(_of_its_kind(base), {"_": below})


def _of_its_kind(base: Box) -> Box:
    """Return a relation for the argument `{=}`, which is none to TeX."""
    kind: AtomKind = symbols.KINDS.get(base.text, "ordinary")
    return one_row(base.text, kind, base.bond)


def _brace(mark: str, reader: Reader) -> Box:
    return one_row(f"({reader.argument().text}){mark}")


def _long_arrow(reader: Reader) -> Box:
    words = (reader.option(), reader.argument().text)
    return one_row(f"─{' / '.join(filter(None, words))}→", "relation")


def _blank(reader: Reader) -> Box:
    return one_row(" " * cell_len(reader.argument().text), "space")


def _distance(reader: Reader) -> Box:
    reader.raw_argument()
    return one_row(" ", "space")


def _tag(reader: Reader) -> Box:
    return one_row(f"  ({reader.raw_argument()})", bond=Bond.LOOSE)


_ARROWS = {"<=>": "⇌", "<->": "↔", "->": "→", "<-": "←"}


def _chemistry(reader: Reader) -> Box:
    r"""Draw mhchem's `\ce{2H2 + O2 -> 2H2O}`."""
    text = reader.raw_argument()
    text = re.sub("|".join(_ARROWS), lambda arrow: _ARROWS[arrow[0]], text)
    text = re.sub(r"(?<=[A-Za-z)\]])\d+", lambda count: small("_", count[0]), text)
    text = re.sub(r"\^\{?(\d*[+-])\}?", lambda charge: small("^", charge[1]), text)
    return one_row(text, bond=Bond.LOOSE)


#: What draws a command, by its name.
COMMANDS: Mapping[str, Callable[[Reader], Box]] = {
    **dict.fromkeys(symbols.TEXTS, _text),
    **dict.fromkeys(symbols.FONTS, Reader.argument),
    **{name: partial(_alphabet, name) for name in symbols.ALPHABETS},
    **{name: partial(_accent, name) for name in (*symbols.ACCENTS, *symbols.LINES)},
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), _fraction),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), _binomial),
    **dict.fromkeys(("boxed", "fbox"), _box),
    **dict.fromkeys(("overset", "stackrel"), _above),
    **dict.fromkeys(("color", "textcolor"), _coloured),
    **dict.fromkeys(("pmod", "mod"), _modulus),
    **dict.fromkeys(("hspace", "vspace"), _distance),
    "begin": _environment,
    "ce": _chemistry,
    "left": _delimited,
    "operatorname": _operator,
    "overbrace": partial(_brace, "⏞"),
    "phantom": _blank,
    "sqrt": _root,
    "tag": _tag,
    "underbrace": partial(_brace, "⏟"),
    "underset": _below,
    "xrightarrow": _long_arrow,
}
