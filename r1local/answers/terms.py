"""Sums of products with exact coefficients: the normal form of sums, products and powers.

A term is a rational number times atoms raised to rational powers. Atoms are variables, function
calls, primes under a root, and whatever else isn't taken apart; each is named by its text.
All numbers and sums are bounded: what would grow too large stays an atom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import comb, factorial, gcd, lcm

#: Terms of a product that is still multiplied out.
_MOST_TERMS = 60
_LARGEST_EXPONENT = 12
_LARGEST_FACTORIAL = 100
#: Bits of the largest number.
_MOST_BITS = 2_000
#: The largest factor that is searched for; whatever remains counts as a prime.
_LARGEST_FACTOR = 5_000

Monomial = tuple[tuple[str, Fraction], ...]
_ONE: Monomial = ()
_HALF = Fraction(1, 2)


class TooLargeError(ValueError):
    """A power or factorial that is too large to work out, or that isn't defined."""


@dataclass(frozen=True, slots=True)
class Terms:
    """A sum of terms; an empty one is zero."""

    terms: Mapping[Monomial, Fraction]

    def __post_init__(self) -> None:
        if any(_bits(value) > _MOST_BITS for value in self.terms.values()):
            raise TooLargeError

    @classmethod
    def number(cls, value: Fraction | int) -> "Terms":
        """Return a number as a sum."""
        return cls({_ONE: Fraction(value)} if value else {})

    @classmethod
    def atom(cls, name: str, exponent: Fraction | int = 1) -> "Terms":
        """Return an atom as a sum."""
        return cls({((name, Fraction(exponent)),): Fraction(1)})

    @property
    def constant(self) -> Fraction | None:
        """The number that the sum is equal to, or None if it has atoms."""
        if not self.terms:
            return Fraction(0)
        return self.terms[_ONE] if self.terms.keys() == {_ONE} else None

    def __add__(self, other: "Terms") -> "Terms":
        total = dict(self.terms)
        for monomial, coefficient in other.terms.items():
            total[monomial] = total.get(monomial, Fraction(0)) + coefficient
        return Terms({monomial: value for monomial, value in total.items() if value})

    def __neg__(self) -> "Terms":
        return self.scaled(Fraction(-1))

    def __sub__(self, other: "Terms") -> "Terms":
        return self + -other

    def scaled(self, factor: Fraction) -> "Terms":
        """Return the sum times a number."""
        return Terms({one: value * factor for one, value in self.terms.items() if factor})

    def __mul__(self, other: "Terms") -> "Terms":
        if len(self.terms) * len(other.terms) > _MOST_TERMS:
            return self._kept() * other._kept()
        total = Terms({})
        for left, first in self.terms.items():
            for right, second in other.terms.items():
                monomial, factor = _joined(left, right)
                total = total + Terms({monomial: first * second * factor})
        return total

    def __truediv__(self, other: "Terms") -> "Terms":
        return self * other.power(Terms.number(-1))

    def power(self, exponent: "Terms") -> "Terms":
        """Return the sum raised to a power.

        Raises:
            ZeroDivisionError: zero to a power that isn't positive.
        """
        wanted = exponent.constant
        if not self.terms:
            if wanted is None or wanted <= 0:
                raise ZeroDivisionError
            return self
        if wanted is None:
            return Terms.atom(f"({self._name()}^{{{exponent}}})")
        try:
            return self._whole_power(wanted) if wanted.denominator == 1 else self._root(wanted)
        except TooLargeError:
            return Terms.atom(self._name(), wanted)

    def factorial(self) -> "Terms":
        """Return the sum's factorial, worked out for small numbers only.

        Raises:
            TooLargeError: the number is too large, or isn't a natural number.
        """
        if self.constant is None:
            return Terms.atom(f"(({self})!)")
        return Terms.number(factorial(_small(self.constant)))

    def binomial(self, below: "Terms") -> "Terms":
        """Return the binomial coefficient with the sum on top, worked out like `factorial`."""
        if self.constant is None or below.constant is None:
            return Terms.atom(rf"\binom{{{self}}}{{{below}}}")
        return Terms.number(comb(_small(self.constant), _small(below.constant)))

    def content(self) -> Fraction:
        """Return the positive number that divides all terms and leaves whole coefficients."""
        values = [abs(value) for value in self.terms.values()]
        return Fraction(
            gcd(*(value.numerator for value in values)),
            lcm(*(value.denominator for value in values)),
        )

    def sign(self) -> int:
        """Return the sign of the term that is written first."""
        first = min(self.terms, key=_written)
        return 1 if self.terms[first] > 0 else -1

    def __str__(self) -> str:
        ordered = sorted(self.terms, key=_written)
        parts = [_term(self.terms[monomial], _written(monomial)) for monomial in ordered]
        return "+".join(parts).replace("+-", "-") or "0"

    def _whole_power(self, exponent: Fraction) -> "Terms":
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            raised = ((name, power * exponent) for name, power in monomial)
            reduced, factor = _joined(tuple(raised), _ONE)
            return Terms({reduced: _number_to(coefficient, exponent) * factor})
        if 0 <= exponent <= _LARGEST_EXPONENT:
            return reduce(Terms.__mul__, [self] * int(exponent), Terms.number(1))
        factor = self.content() * self.sign()
        primitive = Terms.atom(self.scaled(1 / factor)._name(), exponent)
        return primitive.scaled(_number_to(factor, exponent))

    def _root(self, exponent: Fraction) -> "Terms":
        content = self.content()
        rest = self.scaled(1 / content)
        root = _number_root(content, exponent)
        if rest.constant == 1:
            return root
        if rest.constant == -1:
            return root * _root_of_minus_one(exponent)
        return root * Terms.atom(rest._name(), exponent)

    def _name(self) -> str:
        """Return the sum's name as an atom."""
        if len(self.terms) == 1:
            ((monomial, coefficient),) = self.terms.items()
            if coefficient == 1 and len(monomial) == 1 and monomial[0][1] == 1:
                return monomial[0][0]
        return f"({self})"

    def _kept(self) -> "Terms":
        """Return the sum as one atom with its content as the coefficient."""
        if len(self.terms) <= 1:
            return self
        factor = self.content() * self.sign()
        return Terms.atom(self.scaled(1 / factor)._name()).scaled(factor)


def _joined(left: Monomial, right: Monomial) -> tuple[Monomial, Fraction]:
    """Multiply two products of atoms; whole powers of primes become part of the number."""
    powers: dict[str, Fraction] = {}
    factor = Fraction(1)
    for name, exponent in (*left, *right):
        powers[name] = powers.get(name, Fraction(0)) + exponent
    for name in filter(str.isdecimal, list(powers)):
        whole = powers[name] // 1
        factor *= _number_to(Fraction(int(name)), Fraction(whole))
        powers[name] -= whole
    if (imaginary := powers.get("i", _HALF)).denominator == 1:
        powers["i"] = imaginary % 2
        factor *= -1 if imaginary // 2 % 2 else 1
    return tuple(sorted((name, power) for name, power in powers.items() if power)), factor


def _bits(number: Fraction) -> int:
    return max(number.numerator.bit_length(), number.denominator.bit_length())


def _small(number: Fraction) -> int:
    if number.denominator != 1 or not 0 <= number <= _LARGEST_FACTORIAL:
        raise TooLargeError
    return int(number)


def _number_to(base: Fraction, exponent: Fraction) -> Fraction:
    if abs(base) != 1 and _bits(base) * abs(exponent) > _MOST_BITS:
        raise TooLargeError
    return base ** int(exponent % 2 if abs(base) == 1 else exponent)


def _number_root(base: Fraction, exponent: Fraction) -> Terms:
    """Raise a positive number to a fractional power: primes to powers below one, and a factor."""
    powers = {prime: count * exponent for prime, count in _factors(base.numerator).items()}
    for prime, count in _factors(base.denominator).items():
        powers[prime] = powers.get(prime, Fraction(0)) - count * exponent
    monomial, factor = _joined(tuple((str(prime), power) for prime, power in powers.items()), _ONE)
    return Terms({monomial: factor})


def _root_of_minus_one(exponent: Fraction) -> Terms:
    if exponent.denominator % 2:
        return Terms.number((-1) ** exponent.numerator)
    return Terms.atom("i") if exponent == _HALF else Terms.atom("(-1)", exponent)


def _factors(number: int) -> dict[int, int]:
    factors: dict[int, int] = {}
    divisor = 2
    while divisor <= _LARGEST_FACTOR and divisor * divisor <= number:
        while number % divisor == 0:
            factors[divisor] = factors.get(divisor, 0) + 1
            number //= divisor
        divisor += 1
    if number > 1:
        factors[number] = factors.get(number, 0) + 1
    return factors


def _written(monomial: Monomial) -> str:
    return "*".join(name if power == 1 else f"{name}^{{{power}}}" for name, power in monomial)


def _term(coefficient: Fraction, atoms: str) -> str:
    if not atoms:
        return str(coefficient)
    if abs(coefficient) == 1:
        return atoms if coefficient == 1 else f"-{atoms}"
    return f"{coefficient}*{atoms}"
