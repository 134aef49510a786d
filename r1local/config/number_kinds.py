"""The kinds of values that are numbers: whole ones, others, and spans of time."""

import math
import re
from typing import NamedTuple

from r1local.config.kinds import Plain, not_a, or_word
from r1local.errors import require
from r1local.language import _

#: Greater than every count there is, and the largest of C's integers.
UNBOUNDED = 2**31 - 1

#: `30d`, `1h30m`, `5m`, `90s`, or a number of seconds. Longer numbers are out of any range.
_DURATION = re.compile(
    r"(?:(?P<d>[0-9]{1,9})d)?(?:(?P<h>[0-9]{1,9})h)?(?:(?P<m>[0-9]{1,9})m)?(?:(?P<s>[0-9]{1,9})s)?"
    r"|(?P<bare>[0-9]{1,9})"
)


class Whole(NamedTuple):
    """Whole numbers in a range; 0 may be allowed besides, and a word may stand for None."""

    least: int = 0
    most: int = UNBOUNDED
    or_zero: bool = False
    nothing: str | None = None

    @property
    def metavar(self) -> str:
        return f"<int|{self.nothing}>" if self.nothing else "<int>"

    @property
    def range(self) -> str:
        bounded = self.most != UNBOUNDED
        words = (
            _("from {least:,} to {most:,}", least=self.least, most=self.most)
            if bounded
            else _("{least:,} or more", least=self.least)
        )
        return words + (_(", or 0") if self.or_zero else "") + or_word(self.nothing)

    def parse(self, name: str, text: str) -> int | None:
        if text.lower() == self.nothing:
            return None
        try:
            value = int(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise not_a(name, text, _("a whole number"), self.range) from None
        self.check(name, value)
        return value

    def check(self, name: str, value: int | None) -> None:
        if value is None and self.nothing:
            return
        whole = isinstance(value, int) and not isinstance(value, bool)
        holds = whole and value is not None and self.least <= value <= self.most
        require(holds or (self.or_zero and value == 0), f"{name} {value}", self.range)

    def plain(self, value: int | None) -> Plain:
        return _plain(value, self.nothing)


class Number(NamedTuple):
    """Finite numbers between two bounds, which are included unless they are `exclusive`."""

    least: float = -math.inf
    most: float = math.inf
    exclusive: tuple[float, ...] = ()
    nothing: str | None = None

    @property
    def metavar(self) -> str:
        return f"<float|{self.nothing}>" if self.nothing else "<float>"

    @property
    def range(self) -> str:
        if self.most == math.inf:
            words = _("{least:g} or more", least=self.least)
        elif self.exclusive:
            least = (
                _("above {least:g}", least=self.least)
                if self.least in self.exclusive
                else f"{self.least:g}"
            )
            most = (
                _("below {most:g}", most=self.most)
                if self.most in self.exclusive
                else _("at most {most:g}", most=self.most)
            )
            words = _("{least} and {most}", least=least, most=most)
        else:
            words = _("from {least:g} to {most:g}", least=self.least, most=self.most)
        return words + or_word(self.nothing)

    def parse(self, name: str, text: str) -> float | None:
        if text.lower() == self.nothing:
            return None
        try:
            value = float(text)
        except ValueError:
            raise not_a(name, text, _("a number"), self.range) from None
        self.check(name, value)
        return value

    def check(self, name: str, value: float | None) -> None:
        if value is None and self.nothing:
            return
        number = math.nan if value is None else value
        holds = math.isfinite(number) and self.least <= number <= self.most
        require(holds and number not in self.exclusive, f"{name} {number:g}", self.range)

    def plain(self, value: float | None) -> Plain:
        return _plain(value, self.nothing)


class Duration(NamedTuple):
    """Times in seconds, written as `90s`, `1h30m` or `30d`; 0 and a word stand for None."""

    nothing: str = "none"
    most: int = 366 * 24 * 3600

    @property
    def metavar(self) -> str:
        return f"<time|{self.nothing}>"

    @property
    def range(self) -> str:
        return _(
            "a time such as 90s, 5m, 1h30m or 30d, at most a year, or {nothing}",
            nothing=self.nothing,
        )

    def parse(self, name: str, text: str) -> int | None:
        written = text.strip().lower()
        if written == self.nothing:
            return None
        found = _DURATION.fullmatch(written)
        if not written or found is None:
            raise not_a(name, text, _("a time"), self.range)
        given = {unit: int(number) for unit, number in found.groupdict("0").items()}
        value = given["s"] + given["bare"] + 60 * (given["m"] + 60 * (given["h"] + 24 * given["d"]))
        self.check(name, value)
        return value or None

    def check(self, name: str, value: int | None) -> None:
        holds = value is None or 0 <= value <= self.most
        require(holds, f"{name} {self.plain(value)}", self.range)

    def plain(self, value: int | None) -> str:
        if not value:
            return self.nothing
        hours, minutes, seconds = value // 3600, value // 60 % 60, value % 60
        parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)


def _plain(value: float | None, nothing: str | None) -> Plain:
    return (nothing or "") if value is None else value
