"""Worked thoughts: written arithmetic, column by column, in English, Japanese and Chinese.

A thought is a list of steps. Each step is a line whose last computed number is known, so that
the sample writer can put a wrong number there and let the thought notice and correct it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "places": "Ones|Tens|Hundreds|Thousands|Ten thousands",
        "colon": ": ",
        "end": ".",
        "write": ", write {}",
        "carry": ", carry {}",
        "borrow": ", borrow: ",
        "so": "So ",
        "digits": "{} has {} digits, {} has {}.",
        "gap": " ",
        "negative": "{}, so I do {}.",
        "equal": "They are equal.",
        "swap": "{}={}.",
        "small": "less than {}, write 0.",
        "remainder": ", remainder {}",
        "comma": ", ",
        "wait": "Wait, {}, not {}.",
        "check": "Wait, let me check: ",
        "yes": "{}, yes",
        "checked": " It holds.",
        "copy": "Wait, the number is {}, not {}.",
    },
    "ja": {
        "places": "一の位|十の位|百の位|千の位|万の位",
        "colon": "：",
        "end": "。",
        "write": "、{}を書く",
        "carry": "、{}くり上がる",
        "borrow": "、借りて",
        "so": "よって",
        "digits": "{}は{}けた、{}は{}けた。",
        "gap": "",
        "negative": "{}なので{}をする。",
        "equal": "等しい。",
        "swap": "{}={}。",
        "small": "{}より小さい、0を書く。",
        "remainder": "、あまり{}",
        "comma": "、",
        "wait": "待って、{}、{}ではない。",
        "check": "待って、確かめる：",
        "yes": "{}、合う",
        "checked": "正しい。",
        "copy": "待って、数は{}、{}ではない。",
    },
    "zh": {
        "places": "个位|十位|百位|千位|万位",
        "colon": "：",
        "end": "。",
        "write": "，写{}",
        "carry": "，进{}",
        "borrow": "，借位：",
        "so": "所以",
        "digits": "{}有{}位，{}有{}位。",
        "gap": "",
        "negative": "{}，所以算{}。",
        "equal": "相等。",
        "swap": "{}={}。",
        "small": "比{}小，写0。",
        "remainder": "，余{}",
        "comma": "，",
        "wait": "等等，{}，不是{}。",
        "check": "等等，检查一下：",
        "yes": "{}，对",
        "checked": "没错。",
        "copy": "等等，数字是{}，不是{}。",
    },
}


def _fixed(text: str) -> Callable[[str], str]:
    """Return a tail that is the same for every number."""
    return lambda _value: text


def _full_stop(language: str) -> Callable[[str], str]:
    return _fixed(WORDS[language]["end"])


@dataclass(slots=True)
class Step:
    """One line of a thought: `before` + `value` + `after(value)`; `equation` is its left side."""

    before: str
    value: str
    after: Callable[[str], str]
    equation: str = ""

    def line(self, value: str | None = None) -> str:
        """Return the line if the computed number is `value` (by default the right one)."""
        value = self.value if value is None else value
        return self.before + value + self.after(value)


@dataclass(slots=True)
class Work:
    """Steps of a computation and its result."""

    steps: list[Step] = field(default_factory=list)
    result: int = 0
    remainder: int = 0


def plain(text: str) -> Step:
    """Return a line without a number that could be wrong."""
    return Step(text, "", lambda _value: "")


def _places(language: str) -> list[str]:
    words = WORDS[language]
    return [place + words["colon"] for place in words["places"].split("|")]


def _digits(number: int, count: int = 0) -> list[int]:
    """Return digits from the ones upwards, padded with zeros to `count`."""
    return [int(digit) for digit in str(number).zfill(count)][::-1]


def conclude(equation: str, value: object, language: str) -> Step:
    """Return the line that states a result: "So 27+58=85."."""
    before = f"{WORDS[language]['so']}{equation}="
    return Step(before, str(value), _full_stop(language), equation)


def _column_tail(language: str, last: bool) -> Callable[[str], str]:
    """Return what is written and carried after a column's sum."""
    words = WORDS[language]

    def tail(value: str) -> str:
        if last or len(value) == 1:
            return words["write"].format(value) + words["end"]
        carried = words["carry"].format(value[:-1])
        return words["write"].format(value[-1]) + carried + words["end"]

    return tail


def add(a: int, b: int, language: str) -> Work:
    """Work out a written addition."""
    count = max(len(str(a)), len(str(b)))
    work, carry = Work(result=a + b), 0
    columns = zip(_digits(a, count), _digits(b, count), _places(language), strict=False)
    for index, (x, y, place) in enumerate(columns):
        equation = f"{x}+{y}+{carry}" if carry else f"{x}+{y}"
        total = x + y + carry
        tail = _column_tail(language, index == count - 1)
        work.steps.append(Step(f"{place}{equation}=", str(total), tail, equation))
        carry = total // 10
    work.steps.append(conclude(f"{a}+{b}", a + b, language))
    return work


def compare_text(a: int, b: int, language: str) -> str:
    """Compare digits from the left until they differ."""
    words = WORDS[language]
    sign = "<" if a < b else ">" if a > b else "="
    count = len(str(a))
    if count != len(str(b)):
        text = words["digits"].format(a, count, b, len(str(b)))
    else:
        shown = []
        columns = list(zip(_digits(a), _digits(b), _places(language), strict=False))
        for x, y, place in reversed(columns):
            shown.append(f"{place}{x}{'<' if x < y else '>' if x > y else '='}{y}{words['end']}")
            if x != y:
                break
        text = words["gap"].join(shown)
    return f"{text}{words['gap']}{words['so']}{a}{sign}{b}{words['end']}"


def _subtract_columns(a: int, b: int, language: str) -> list[Step]:
    """Work out a written subtraction of b from a, which is not smaller."""
    words, count = WORDS[language], len(str(a))
    steps, borrowed = [], False
    for x, y, place in zip(_digits(a), _digits(b, count), _places(language), strict=False):
        taken = f"-1-{y}" if borrowed else f"-{y}"
        left = x - borrowed - y
        if left < 0:
            before = f"{place}{x}{taken}{words['borrow']}{x + 10}{taken}="
            steps.append(Step(before, str(left + 10), _full_stop(language), f"{x + 10}{taken}"))
        else:
            before = f"{place}{x}{taken}="
            steps.append(Step(before, str(left), _full_stop(language), f"{x}{taken}"))
        borrowed = left < 0
    return [*steps, conclude(f"{a}-{b}", a - b, language)]


def subtract(a: int, b: int, language: str) -> Work:
    """Compare first, since a smaller first number gives a negative result."""
    words = WORDS[language]
    work = Work([plain(compare_text(a, b, language))], a - b)
    if a == b:
        work.steps.append(conclude(f"{a}-{b}", 0, language))
    elif a > b:
        work.steps += _subtract_columns(a, b, language)
    else:
        work.steps.append(plain(words["negative"].format(f"{a}<{b}", f"{b}-{a}")))
        work.steps += _subtract_columns(b, a, language)
        work.steps.append(conclude(f"{a}-{b}", a - b, language))
    return work


def _times_digit(a: int, d: int, language: str) -> list[Step]:
    """Work out a written multiplication by one digit."""
    steps, carry, count = [], 0, len(str(a))
    if d > 1 and count > 1:
        for index, (x, place) in enumerate(zip(_digits(a), _places(language), strict=False)):
            product = x * d
            equation, before = f"{x}×{d}", f"{place}{x}×{d}="
            if carry:
                equation = f"{product}+{carry}"
                before += f"{product}{WORDS[language]['comma']}{equation}="
            tail = _column_tail(language, index == count - 1)
            steps.append(Step(before, str(product + carry), tail, equation))
            carry = (product + carry) // 10
    return [*steps, conclude(f"{a}×{d}", a * d, language)]


def multiply(a: int, b: int, language: str) -> Work:
    """Add up partial products of the first number; the shorter number multiplies."""
    work = Work(result=a * b)
    if len(str(b)) > len(str(a)):
        work.steps.append(plain(WORDS[language]["swap"].format(f"{a}×{b}", f"{b}×{a}")))
        a, b = b, a
    ones, tens = b % 10, b // 10
    if ones or not tens:
        work.steps += _times_digit(a, ones, language)
    if tens:
        work.steps += _times_digit(a, tens, language)
        work.steps.append(conclude(f"{a}×{tens}0", a * tens * 10, language))
    if tens and ones:
        work.steps += add(a * tens * 10, a * ones, language).steps[:-1]
        work.steps.append(conclude(f"{a}×{b}", a * b, language))
    return work


def divide(a: int, b: int, language: str) -> Work:
    """Work out a long division; multiples of a two-digit divisor are listed until too large."""
    words = WORDS[language]
    work, rest = Work(result=a // b, remainder=a % b), 0
    for digit in str(a):
        current = rest * 10 + int(digit)
        times, rest = divmod(current, b)
        head = f"{current}{words['colon']}"
        if not times:
            work.steps.append(plain(head + words["small"].format(b)))
            continue
        if b > 9:
            multiples = range(b, min(b * 9, b * (times + 1)) + 1, b)
            head += words["comma"].join(map(str, multiples)) + words["end"] + words["gap"]
        used, comma = times * b, words["comma"]
        before = f"{head}{b}×{times}={used}{comma}{current}-{used}="
        tail = _fixed(words["write"].format(times) + words["end"])
        work.steps.append(Step(before, str(rest), tail, f"{current}-{used}"))
    tail = _fixed(words["remainder"].format(a % b) + words["end"])
    before = f"{words['so']}{a}÷{b}="
    work.steps.append(Step(before, str(a // b), tail, f"{a}÷{b}"))
    return work


def chain(first: int, terms: list[tuple[str, int]], language: str) -> Work:
    """Work out a running total of added and subtracted terms."""
    work = Work(result=first)
    for sign, number in terms:
        part = (add if sign == "+" else subtract)(work.result, number, language)
        work.steps += part.steps
        work.result = part.result
    return work
