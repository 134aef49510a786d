r"""Reading final answers as mathematics: numbers, expressions, relations, tuples, sets, matrices.

Either an answer is understood from its first character to its last, or it isn't mathematics:
nothing but units (`units`) and layout (`notation`) is skipped.
"""

from collections.abc import Callable
from fractions import Fraction

from r1local.answers import formula_text as signs
from r1local.answers.formula_text import FormulaText
from r1local.answers.notation import spelled_alike
from r1local.answers.structures import (
    NotMathematicsError,
    Structure,
    Value,
    either_sign,
    listed,
    matrix,
    related,
    set_of,
    terms_of,
    times,
    unnamed,
    unordered,
)
from r1local.answers.terms import Terms, TooLargeError
from r1local.answers.units import SCALE, SCALES, UNIT
from r1local.answers.written_numbers import NUMBER, SIMPLE_FRACTION, written_number

#: Characters; a longer answer is treated as text.
LONGEST_FORMULA = 200
_DEEPEST = 20
_MOST_DIGITS = 100
#: Adjacent letters that may be a product; a longer run is a word.
_LONGEST_PRODUCT = 3


def read_formula(answer: str) -> Value:
    """Read an answer as mathematics.

    Raises:
        NotMathematicsError: some part of it isn't mathematics, or isn't understood.
    """
    if len(answer) > LONGEST_FORMULA:
        raise NotMathematicsError
    text = spelled_alike(answer).rstrip(".。 ")
    is_prose = signs.LETTERS.fullmatch(text) or signs.PROSE.search(UNIT.sub("", text))
    if len(text) > 2 * LONGEST_FORMULA or is_prose:
        raise NotMathematicsError
    try:
        if r"\pm" in text or r"\mp" in text:
            return either_sign([_Reader(text, sign).whole() for sign in (1, -1)])
        return _Reader(text).whole()
    except (ArithmeticError, TooLargeError) as error:
        raise NotMathematicsError from error


class _Reader(FormulaText):
    r"""A recursive-descent parser for one answer; `sign` is what `\pm` stands for."""

    def __init__(self, text: str, sign: int = 1) -> None:
        super().__init__(text)
        self._sign = sign
        self._depth = 0
        self._in_bars = False
        self._in_list = False
        self._after_power = False

    def whole(self) -> Value:
        value = self._list()
        if self.rest.strip():
            raise NotMathematicsError
        return value

    # What joins expressions, from the loosest operator to the tightest.

    def _list(self) -> Value:
        members, words = [self._relation()], set[str]()
        while found := self.found(signs.SEPARATOR):
            words.add(found["word"] or found["text"] or ",")
            members.append(self._relation())
        return listed(members, words) if words else unnamed(members[0])

    def _relation(self) -> Value:
        members, relations = [self._union()], list[str]()
        while sign := next(filter(self.take, signs.RELATIONS), None):
            relations.append(sign)
            members.append(self._union())
        if r"\approx" in relations:  # the exact value comes first
            exact = max(relations.index(r"\approx"), 1)
            members, relations = members[: exact + 1], ["="] * exact
        return related(members, relations) if relations else members[0]

    def _union(self) -> Value:
        members = [self._sum()]
        while self.take(r"\cup"):
            members.append(self._sum())
        return unordered(r"\cup", members) if len(members) > 1 else members[0]

    def _sum(self) -> Value:
        first = self._product(self._taken_sign() or 1)
        while sign := self._taken_sign():
            first = terms_of(first) + terms_of(self._product(sign))
        return first

    def _taken_sign(self) -> int | None:
        for name, sign in (("+", 1), ("-", -1), (r"\pm", self._sign), (r"\mp", -self._sign)):
            if self.take(name):
                return sign
        return None

    def _product(self, sign: int = 1) -> Value:
        value = times(self._power(), Terms.number(sign))
        while True:
            self.skip_unit()
            if self.take("*"):
                value = times(value, self._signed())
            elif self.take("/"):
                value = times(value, Terms.number(1) / terms_of(self._signed()))
            elif self._begins_factor():
                value = times(value, self._power())
            else:
                return value

    def _signed(self) -> Value:
        sign = self._taken_sign() or 1
        return times(self._power(), Terms.number(sign))

    def _begins_factor(self) -> bool:
        """Tell whether a factor follows without a sign; a number needs a power first: `2^6 3^5`."""
        rest = self.rest
        if not rest or signs.SEPARATOR.match(rest):
            return False
        if rest[0] == "|":
            return not self._in_bars
        if found := signs.COMMAND.match(rest):
            return found[0] not in signs.RELATIONS and found[0] not in signs.CLOSING
        if rest[0].isdecimal():
            return self.text[self.at - 1] == " " and self._after_power
        return rest[0].isalpha() or rest[0] in "({["

    def _power(self) -> Value:
        value = self._scaled(self._atom())
        self._after_power = False
        while True:
            if self.take("^"):
                value = terms_of(value).power(self._exponent())
                self._after_power = True
            elif self.take("!"):
                value = terms_of(value).factorial()
            else:
                return value

    def _scaled(self, value: Value) -> Value:
        while isinstance(value, Terms) and value.constant and (found := self.found(SCALE)):
            value = value.scaled(Fraction(SCALES[found[1]]))
        return value

    # Atoms.

    def _atom(self) -> Value:
        self.skip_spaces()
        rest = self.rest
        if NUMBER.match(rest):
            return self._number()
        for opening, read in self._openings().items():
            if self.take(opening):
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
            "{": self._group,
            r"\{": self._set,
            "|": self._bars,
            r"\langle": lambda: Structure("<>", tuple(self._members(r"\rangle"))),
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
        begun = self.at
        found = self.matched(NUMBER)
        if "," in found[0] and self._in_list:
            self.at = begun
            return Terms.number(int(self.matched(signs.DIGITS)[0]))
        is_group = self._in_list and signs.PADDED.match(found[0])  # the 000 of (5,000)
        if len(found[0]) > _MOST_DIGITS or is_group:
            raise NotMathematicsError
        if found["digits"]:
            return Terms.atom(f"{found['digits']}_{{{found['base'] or found['longer_base']}}}")
        value = written_number(found)
        if value.denominator == 1 and SIMPLE_FRACTION.match(self.text, self.at):
            return Terms.number(value) + terms_of(self._atom())  # a mixed number
        return Terms.number(value)

    def _bracket(self, opening: str) -> Value:
        members = self._members(")", "]")
        kind = opening + self.text[self.at - 1]
        if len(members) == 1 and kind in ("()", "[]"):
            return members[0]
        if len(members) != 2 and kind not in ("()", "[]"):
            raise NotMathematicsError
        return Structure(kind, tuple(members))

    def _members(self, *closing: str) -> list[Value]:
        self._in_list = True
        members = [self._relation()]
        while self.take(",") or self.take(";"):
            members.append(self._relation())
        if not any(map(self.take, closing)):
            raise NotMathematicsError
        return members

    def _set(self) -> Value:
        if self.take(r"\}"):
            return Terms.atom(r"\emptyset")
        return set_of(self._members(r"\}"))

    def _group(self) -> Value:
        """Read a TeX group, or a set whose braces have lost their backslashes."""
        members = [self._relation()]
        while self.take(","):
            members.append(self._relation())
        if not self.take("}"):
            raise NotMathematicsError
        return set_of(members) if len(members) > 1 else members[0]

    def _until(self, closing: str) -> Value:
        value = self._union()
        if not self.take(closing):
            raise NotMathematicsError
        return value

    def _bars(self) -> Value:
        self._in_bars = True
        value = terms_of(self._until("|"))
        if value.constant is not None:
            return Terms.number(abs(value.constant))
        return Terms.atom(f"|{value.scaled(Fraction(value.sign()))}|")

    def _word(self) -> Value:
        word = self.matched(signs.WORD)[0]
        if word in signs.FUNCTIONS:
            return self._function(word)
        if word == "sqrt":
            return self._nested(self._root)
        if word in signs.WORDS:
            return Terms.atom(signs.WORDS[word])
        if len(word) > _LONGEST_PRODUCT:
            raise NotMathematicsError
        self.at -= len(word) - 1
        return self._symbol(word[0])

    def _symbol(self, name: str) -> Value:
        if subscript := self.found(signs.SUBSCRIPT):
            index = subscript[1] or subscript[2]
            name += f"_{index}" if len(index) == 1 else f"_{{{index}}}"
        while self.take("'"):
            name += "'"
        if not self._calls(name):
            return Terms.atom(name)
        self.take("(")
        return Terms.atom(f"{name}{self._nested(self._arguments)}")

    def _calls(self, name: str) -> bool:
        """Return whether a bracket after a name holds arguments, f(x+1), or is a factor, p(1-p)."""
        if name[0] in "fghFGH":
            return self.text.startswith("(", self.at)
        return name in ("P", "Q", "p", "q") and bool(signs.ARGUMENTS.match(self.text, self.at))

    def _arguments(self) -> Value:
        return Structure("()", tuple(self._members(")")))

    def _command(self) -> Value:
        name = self.matched(signs.COMMAND)[0]
        if name in signs.SYMBOLS:
            return self._symbol(name)
        if name[1:] in signs.FUNCTIONS:
            return self._function(name[1:])
        read = {
            r"\frac": self._fraction,
            r"\sqrt": self._root,
            r"\binom": self._binomial,
            r"\mathbb": self._letter,
            r"\text": self._upright,
            r"\begin": self._environment,
            r"\lfloor": lambda: self._rounded("floor"),
            r"\lceil": lambda: self._rounded("ceil"),
        }.get(name)
        if read is None:
            raise NotMathematicsError
        return self._nested(read)

    def _argument(self) -> Value:
        """Read the argument of a command: a group, or a single digit or letter."""
        self.skip_spaces()
        digit = self.text[self.at : self.at + 1]
        if not digit.isdecimal():
            return self._atom()
        self.at += 1
        return Terms.number(int(digit))

    def _exponent(self) -> Terms:
        """Read the exponent after `^`, where people mean the whole number that follows."""
        sign = self._taken_sign() or 1
        number = self.found(signs.EXPONENT)
        exponent = Terms.number(Fraction(number[1])) if number else terms_of(self._atom())
        if self.take("^"):
            exponent = exponent.power(self._exponent())
        return exponent.scaled(Fraction(sign))

    def _fraction(self) -> Value:
        top = terms_of(self._argument())
        return top / terms_of(self._argument())

    def _root(self) -> Value:
        degree = terms_of(self._until("]")).constant if self.take("[") else Fraction(2)
        if not degree:
            raise NotMathematicsError
        return terms_of(self._argument()).power(Terms.number(1 / degree))

    def _binomial(self) -> Value:
        above = terms_of(self._argument())
        return above.binomial(terms_of(self._argument()))

    def _letter(self) -> Value:
        found = self.matched(signs.BLACKBOARD)
        return Terms.atom(rf"\mathbb{{{found[1] or found[2]}}}")

    def _upright(self) -> Value:
        name = self.matched(signs.GROUP)[1]
        if name in signs.FUNCTIONS:
            return self._function(name)
        if len(name) > 1:
            raise NotMathematicsError
        return self._symbol(name)

    def _rounded(self, name: str) -> Value:
        closing = rf"\r{name}"
        return Terms.atom(rf"\l{name} {terms_of(self._until(closing))}{closing}")

    def _environment(self) -> Value:
        name = self.matched(signs.GROUP)[1]
        if name == "array":
            self.matched(signs.COLUMNS)
        read = self._relation if name == "cases" else self._row
        rows = [read()]
        while self.take("\\\\"):
            if not self.rest.startswith(r"\end"):
                rows.append(read())
        if not self.take(r"\end") or self.matched(signs.GROUP)[1] != name:
            raise NotMathematicsError
        return listed(rows, {","}) if name == "cases" else matrix(name, rows)

    def _row(self) -> Value:
        cells = [self._sum()]
        while self.take("&"):
            cells.append(self._sum())
        return Structure("row", tuple(cells))

    def _function(self, name: str) -> Value:
        index = self.found(signs.SUBSCRIPT)
        exponent = self._exponent() if self.take("^") else None
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
        if self.rest.startswith(("(", "{", "|")):
            return self._atom()
        value = terms_of(self._power())
        while self._begins_factor() and not self._begins_function():
            value = value * terms_of(self._power())
        return value

    def _begins_function(self) -> bool:
        found = signs.WORD.match(self.rest)
        return bool(found and found[1] in signs.FUNCTIONS)
