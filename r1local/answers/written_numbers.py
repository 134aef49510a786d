r"""Numbers as people write them: `1,234.5`, `1 1/2`, `0.1\overline{6}`; all are exact."""

import re
from fractions import Fraction

#: A number, or one in another base, whose digits are treated as a name.
NUMBER = re.compile(
    r"(?P<start>\d*\.\d*)\\overline ?\{ ?(?P<period>\d+) ?\}"
    r"|(?P<whole>\d+)\.\((?P<repeated>\d+)\)"
    r"|(?P<mixed>\d+) (?P<over>\d+) ?/ ?(?P<under>\d+)(?![\d.])"
    r"|(?P<digits>\d+)_(?:(?P<base>\d)|\{ ?(?P<longer_base>\d+) ?\})"
    # A comma or a space before groups of three digits separates thousands, except in 0,125.
    r"|(?P<grouped>[1-9]\d{0,2}(?:(?: \d{3})+|(?:,\d{3})+)(?:\.\d+)?)(?![\d,]*\d| ?/)"
    r"|(?P<plain>\d+(?:\.\d*)?|\.\d+)"
)
#: A fraction that forms a mixed number with the whole number before it.
SIMPLE_FRACTION = re.compile(r" ?\\frac ?(?:\d|\{ ?\d+ ?\}) ?(?:\d|\{ ?\d+ ?\})")


def written_number(found: re.Match[str]) -> Fraction:
    """Return the number that `NUMBER` has matched.

    Raises:
        ZeroDivisionError: the denominator of a fraction is zero.
    """
    if mixed := found["mixed"]:
        return Fraction(mixed) + Fraction(int(found["over"]), int(found["under"]))
    if period := found["period"] or found["repeated"]:
        start = found["start"] or f"{found['whole']}."
        shift = 10 ** len(start.partition(".")[2])
        return _decimal(start) + Fraction(int(period), (10 ** len(period) - 1) * shift)
    return _decimal(re.sub("[ ,]", "", found["grouped"] or found["plain"]))


def _decimal(digits: str) -> Fraction:
    return Fraction(f"0{digits}".rstrip("."))
