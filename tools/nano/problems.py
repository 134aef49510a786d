"""What all problems share: their parts, how operands are drawn, how a question is filled in."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from tools.nano import thoughts
from tools.nano.grammar import fill, pick
from tools.nano.heldout import is_held_out
from tools.nano.surface import PHRASES, number_style, signs, write_number
from tools.nano.thoughts import Step

PLANS = {
    "en": {
        "add": "Add",
        "sub": "Subtract",
        "mul": "Multiply",
        "div": "Divide",
        "larger": "Which is larger",
        "smaller": "Which is smaller",
        "yes": "Is it true",
        "eq": "Solve",
        "sum": "Add in turn",
        "two": "Two steps with",
        "colon": ": ",
        "end": ".",
    },
    "ja": {
        "add": "足し算",
        "sub": "引き算",
        "mul": "かけ算",
        "div": "割り算",
        "larger": "大きい方",
        "smaller": "小さい方",
        "yes": "正しいか",
        "eq": "解く",
        "sum": "順に計算",
        "two": "二つの計算",
        "colon": "：",
        "end": "。",
    },
    "zh": {
        "add": "加法",
        "sub": "减法",
        "mul": "乘法",
        "div": "除法",
        "larger": "哪个大",
        "smaller": "哪个小",
        "yes": "对不对",
        "eq": "解方程",
        "sum": "依次计算",
        "two": "两步计算",
        "colon": "：",
        "end": "。",
    },
}
REMAINDER = {"en": "{} remainder {}", "ja": "{} あまり {}", "zh": "{} 余 {}"}


@dataclass(slots=True)
class Problem:
    """One question with its worked answer; `box` is the required content of `\\boxed{}`."""

    kind: str
    language: str
    text: str
    plan: tuple[str, str]  # the label, and the expression copied from the question
    steps: list[Step]
    answer: str
    box: str
    value: int = 0
    thing: str = ""
    operands: list[int] = field(default_factory=list)


def plan(kind: str, expression: str, language: str) -> tuple[str, str]:
    """Return the first line of a thought: what is done, and the copied expression."""
    plans = PLANS[language]
    return plans[kind] + plans["colon"], expression


def number(rng: random.Random, weights: tuple[int, ...]) -> int:
    """Return a number with at least one digit, whose length is drawn by weight."""
    digits = rng.choices(range(1, len(weights) + 1), weights)[0]
    return rng.randrange(0 if digits == 1 else 10 ** (digits - 1), 10**digits)


def _additive_pair(rng: random.Random) -> tuple[int, int]:
    """Return operands of up to three digits, with a share of awkward ones."""
    a, b = number(rng, (15, 42, 43)), number(rng, (20, 42, 38))
    trick = rng.random()
    if trick < 0.07:
        b = min(999, max(0, a + rng.randint(-12, 12)))
    elif trick < 0.11:
        a = rng.choice([99, 100, 101, 199, 200, 299, 300, 400, 500, 600, 700, 800, 900, 999, 990])
    elif trick < 0.13:
        b = a
    elif trick < 0.15:
        a, b = a // 10 * 10, b // 10 * 10
    return (b, a) if rng.random() < 0.1 else (a, b)


def _pair(kind: str, rng: random.Random) -> tuple[int, int]:
    """Return operands of the sizes that a task has."""
    if kind == "mul":
        return number(rng, (35, 65)), number(rng, (40, 60))
    if kind == "mul32":
        a, b = number(rng, (0, 0, 1)), number(rng, (20, 80))
        return (b, a) if rng.random() < 0.25 else (a, b)
    if kind == "div":
        small = rng.random() < 0.8
        b = max(1, number(rng, (72, 28))) if small else rng.randint(10, 30)
        if rng.random() < 0.35:
            return min(999, b * number(rng, (40, 60))), b
        return number(rng, (10, 35, 55)), b
    a, b = _additive_pair(rng)
    if kind == "sub" and a < b and rng.random() < 0.7:
        a, b = b, a
    return a, b


def draw(kind: str, rng: random.Random, held_out: bool) -> tuple[int, int]:
    """Return a pair of operands that is or isn't held out, as wanted."""
    operation = "mul" if kind == "mul32" else kind
    while True:
        a, b = _pair(kind, rng)
        if is_held_out(operation, a, b) == held_out:
            return a, b


def ask(block: str, language: str, rng: random.Random, values: dict[str, object]) -> str:
    """Fill a phrasing with signs and numbers (integers in this question's style)."""
    style = number_style(rng)
    template = pick(PHRASES[language][block], rng)
    shown = {
        mark: write_number(value, style, language) if isinstance(value, int) else str(value)
        for mark, value in values.items()
    }
    return fill(template, signs(language, rng) | shown)


def as_written(text: str, a: int, b: int, language: str) -> tuple[int, int]:
    """Return two numbers in the order in which the question names them, for sums and products.

    Copying in order is learnt far sooner than which of them a phrasing puts first.
    """

    def place(number: int) -> int:
        styles = {write_number(number, style, language) for style in ("digits", "full", "words")}
        found = [text.find(shown) for shown in styles if shown in text]
        return min(found, default=-1)

    # If one number contains the other, as 58 contains 5, the order can't be told: keep it as drawn.
    if str(a) in str(b) or str(b) in str(a):
        return a, b
    return (b, a) if place(b) < place(a) else (a, b)


SIGN = {"add": "+", "sub": "-", "mul": "×", "mul32": "×", "div": "÷"}
WORK = {
    "add": thoughts.add,
    "sub": thoughts.subtract,
    "mul": thoughts.multiply,
    "mul32": thoughts.multiply,
    "div": thoughts.divide,
}


def binary(kind: str, language: str, a: int, b: int, text: str) -> Problem:
    """Return a plain sum, difference, product or quotient of two numbers."""
    work = WORK[kind](a, b, language)
    plan_kind = "mul" if kind == "mul32" else kind
    box = str(work.result)
    if kind == "div" and work.remainder:
        box = REMAINDER[language].format(work.result, work.remainder)
    answer = f"**{a} {SIGN[kind]} {b} = \\boxed{{{box}}}**"
    made = plan(plan_kind, f"{a}{SIGN[kind]}{b}", language)
    return Problem(
        kind, language, text, made, work.steps, answer, box, work.result, operands=[a, b]
    )


def sound(numbers: list[int], signs_: list[str], held_out: bool, kind: str) -> bool:
    """Return whether the operands are held out as wanted and, for training, so is every step."""
    if is_held_out(kind, *numbers) != held_out:
        return False
    total = numbers[0]
    for sign, value in zip(signs_, numbers[1:], strict=True):
        operation = {"+": "add", "-": "sub", "×": "mul"}[sign]
        if not held_out and is_held_out(operation, total, value):
            return False
        total = total + value if sign == "+" else total - value if sign == "-" else total * value
    return True


def speaks(text: str, language: str) -> bool:
    """Return whether a question shows its language; digits and signs alone pass as English."""
    han = re.search(r"(?![零一二三四五六七八九十百])[\u4e00-\u9fff]", text)
    return language == "en" or bool(han or (language == "ja" and re.search("[ぁ-ヿ]", text)))
