"""The tasks: plain sums, comparisons, lists, equations, and `make`, which knows them all."""

from __future__ import annotations

import random

from tools.nano import thoughts
from tools.nano.grammar import pick
from tools.nano.heldout import is_held_out
from tools.nano.problems import (
    PLANS,
    Problem,
    as_written,
    ask,
    binary,
    draw,
    number,
    plan,
    sound,
    speaks,
)
from tools.nano.stories import two_step_problem, word_problem
from tools.nano.surface import PHRASES, number_style, signs, write_number
from tools.nano.thoughts import Step

EASY = ("add", "sub", "mul", "cmp", "word_add", "word_sub", "word_mul")
HARD = ("mul32", "div", "word_div", "word2", "eq", "sum4")
COMPARISONS = ("larger", "larger", "smaller", "yes_larger", "yes_smaller")
COMPARED = {
    "en": {
        "larger": "so \\boxed{{{}}} is larger.",
        "smaller": "so \\boxed{{{}}} is smaller.",
        "equal": "so they are \\boxed{equal}.",
        "yes": "yes",
        "no": "no",
        "link": ", ",
        "sizes": "{} is larger, {} is smaller.",
        "true": "{}? {}.",
        "settled": "The answer is {}.",
    },
    "ja": {
        "larger": "大きいのは \\boxed{{{}}} です。",
        "smaller": "小さいのは \\boxed{{{}}} です。",
        "equal": "\\boxed{等しい} です。",
        "yes": "はい",
        "no": "いいえ",
        "link": "、",
        "sizes": "大きいのは{}、小さいのは{}。",
        "true": "{}か？{}。",
        "settled": "答えは{}。",
    },
    "zh": {
        "larger": "较大的是 \\boxed{{{}}}。",
        "smaller": "较小的是 \\boxed{{{}}}。",
        "equal": "\\boxed{相等}。",
        "yes": "是",
        "no": "否",
        "link": "，",
        "sizes": "大的是{}，小的是{}。",
        "true": "{}吗？{}。",
        "settled": "答案是{}。",
    },
}


def plain_problem(kind: str, language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return a plain problem of two numbers in one of the training phrasings."""
    a, b = draw(kind, rng, held_out)
    block = "MUL" if kind == "mul32" else kind.upper()
    text = ask(block, language, rng, {"a": a, "b": b})
    if kind in ("add", "mul", "mul32"):
        a, b = as_written(text, a, b, language)
    return binary(kind, language, a, b, text)


def comparison(language: str, a: int, b: int, asked: str, text: str) -> Problem:
    """Ask which number is larger or smaller, or whether one of them is."""
    words = COMPARED[language]
    sign = "<" if a < b else ">" if a > b else "="
    expression, last = f"{a}{words['link']}{b}", ""
    if asked.startswith("yes"):
        claimed = ">" if asked.endswith("larger") else "<"
        box = words["yes" if claimed == sign else "no"]
        expression = f"{a}{claimed}{b}"
        last = words["true"].format(expression, box)
        tail = f"**\\boxed{{{box}}}**"
    elif a == b:
        tail, box = words["equal"], words["equal"].split("{")[1].split("}")[0]
    else:
        box = str(max(a, b) if asked == "larger" else min(a, b))
        last = words["sizes"].format(max(a, b), min(a, b)) + thoughts.WORDS[language]["gap"]
        last += words["settled"].format(box)
        tail = words[asked].format(box)
    answer = f"**{a} {sign} {b}**{words['link']}{tail}"
    # The claim is stated and settled in the thought; the answer only repeats it.
    made = plan(asked.split("_")[0], expression, language)
    steps = [thoughts.plain(thoughts.compare_text(a, b, language))]
    steps += [thoughts.plain(last)] if last else []
    return Problem("cmp", language, text, made, steps, answer, box, max(a, b), operands=[a, b])


def compare_problem(language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return a comparison in one of the training phrasings."""
    a, b = draw("cmp", rng, held_out)
    asked = rng.choice(COMPARISONS)
    text = ask("CMP_" + asked.upper(), language, rng, {"a": a, "b": b})
    return comparison(language, a, b, asked, text)


def sum_problem(language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return three to five numbers to add, or to add and subtract, in turn."""
    while True:
        count = rng.choices((3, 4, 5), (45, 50, 5))[0] if not held_out else 4
        weights = rng.choice([(60, 40), (10, 60, 30), (0, 30, 70)])
        numbers = [number(rng, weights) for _ in range(count)]
        mixed = not held_out and rng.random() < 0.3
        signs_ = [rng.choice("+-") if mixed else "+" for _ in numbers[1:]]
        totals = [sum(numbers[:1])]
        for sign, value in zip(signs_, numbers[1:], strict=True):
            totals.append(totals[-1] + (value if sign == "+" else -value))
        if min(totals) >= 0 and sound(numbers, signs_, held_out, "sum4"):
            break
    work = thoughts.chain(numbers[0], list(zip(signs_, numbers[1:], strict=True)), language)
    signed = list(zip(["", *signs_], numbers, strict=True))
    expression = "".join(f"{sign}{value}" for sign, value in signed)
    text = _sum_text(numbers, signs_, language, rng)
    spaced = " ".join(f"{sign} {value}".strip() for sign, value in signed)
    answer = f"**{spaced} = \\boxed{{{work.result}}}**"
    return Problem(
        "sum4",
        language,
        text,
        plan("sum", expression, language),
        work.steps,
        answer,
        str(work.result),
        work.result,
        operands=numbers,
    )


def _sum_text(numbers: list[int], signs_: list[str], language: str, rng: random.Random) -> str:
    style = number_style(rng)
    shown = [write_number(value, style, language) for value in numbers]
    if "-" not in signs_ and rng.random() < 0.5:
        comma = {"en": ", ", "ja": "、", "zh": rng.choice("、，")}[language]
        last = {"en": " and ", "ja": "、", "zh": "和"}[language] if rng.random() < 0.5 else comma
        listed = comma.join(shown[:-1]) + last + shown[-1]
        return ask("LIST", language, rng, {"l": listed})
    marks = signs(language, rng)
    space = " " if language == "en" or rng.random() < 0.3 else ""
    spoken = style == "words" or rng.random() < 0.35
    words = {"+": marks["plus" if spoken else "+"], "-": marks["minus" if spoken else "-"]}
    if language == "en" and words["+"] == "+" and rng.random() < 0.4:
        space = ""
    chain_text = shown[0] + "".join(
        f"{space}{words[sign]}{space}{value}" for sign, value in zip(signs_, shown[1:], strict=True)
    )
    return ask("CHAIN", language, rng, {"c": chain_text})


def equation_problem(language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return `ax + b = c` with a whole solution that is not negative."""
    while True:
        a, x = rng.randint(1, 12), number(rng, (55, 45))
        b = 0 if rng.random() < 0.12 else number(rng, (45, 50, 5))
        sign = rng.choice("++-")
        c = a * x + (b if sign == "+" else -b)
        if (a, b) == (1, 0) or not 0 <= c <= 999 or is_held_out("eq", a, b, c) != held_out:
            continue
        if held_out or not b or not is_held_out("sub" if sign == "+" else "add", c, b):
            break
    variable = rng.choice("xxxxxxyna")
    return _equation(a, b, c, sign, variable, language, rng)


def _equation(
    a: int, b: int, c: int, sign: str, x: str, language: str, rng: random.Random
) -> Problem:
    solution = (c - b if sign == "+" else c + b) // a
    steps = [
        *equation_steps(a, b, c, sign, x, language),
        thoughts.conclude(x, solution, language),
    ]
    text = ask("EQ", language, rng, {"e": _equation_text(a, b, c, sign, x, rng), "x": x})
    return Problem(
        "eq",
        language,
        text,
        equation_plan(a, b, c, sign, x, language),
        steps,
        f"**{x} = \\boxed{{{solution}}}**",
        str(solution),
        solution,
        operands=[a, b, c],
    )


def equation_plan(a: int, b: int, c: int, sign: str, x: str, language: str) -> tuple[str, str]:
    """Return the first line of a thought about `ax + b = c`."""
    head = x if a == 1 else f"{a}{x}"
    return plan("eq", f"{head}{sign}{b}={c}" if b else f"{head}={c}", language)


def equation_steps(a: int, b: int, c: int, sign: str, x: str, language: str) -> list[Step]:
    """Move `b` to the other side, then divide down to the remainder."""
    steps: list[Step] = []
    middle = c - b if sign == "+" else c + b
    if b:
        head, back = x if a == 1 else f"{a}{x}", "-" if sign == "+" else "+"
        steps.append(thoughts.plain(f"{head}={c}{back}{b}{PLANS[language]['end']}"))
        steps += thoughts.chain(c, [(back, b)], language).steps
    if a > 1 and middle >= 0:
        steps.append(thoughts.plain(f"{x}={middle}÷{a}{PLANS[language]['end']}"))
        steps += thoughts.divide(middle, a, language).steps[:-1]
    return steps


def _equation_text(a: int, b: int, c: int, sign: str, x: str, rng: random.Random) -> str:
    head = x if a == 1 else f"{a}{rng.choice(['', '', '', '', '*', '·', ' '])}{x}"
    space = rng.choice(["", " ", " "])
    left = f"{head}{space}{sign}{space}{b}" if b else head
    if b and sign == "+" and rng.random() < 0.15:
        left = f"{b}{space}+{space}{head}"
    if rng.random() < 0.08:
        return f"{c}{space}={space}{left}"
    return f"{left}{space}={space}{c}"


def make(kind: str, language: str, rng: random.Random, held_out: bool = False) -> Problem:
    """Return a problem of any kind whose question shows its language, if only by a polite word."""
    while True:
        problem = _make(kind, language, rng, held_out)
        if not speaks(problem.text, language) and rng.random() < 0.3:
            before = rng.random() < 0.5
            more = pick(PHRASES[language]["BEFORE" if before else "AFTER"], rng)
            problem.text = more + problem.text if before else problem.text + more
        if speaks(problem.text, language):
            return problem


def _make(kind: str, language: str, rng: random.Random, held_out: bool) -> Problem:
    if kind == "cmp":
        return compare_problem(language, rng, held_out)
    if kind.startswith("word_"):
        return word_problem(kind, language, rng, held_out)
    other = {"word2": two_step_problem, "sum4": sum_problem, "eq": equation_problem}
    if kind in other:
        return other[kind](language, rng, held_out)
    return plain_problem(kind, language, rng, held_out)
