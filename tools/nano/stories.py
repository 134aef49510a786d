"""Word problems: stories of one step and of two.

Thought and answer name the numbers, not the things: a model of this size does not learn to
copy a word it has never seen, and would write another one instead.
"""

from __future__ import annotations

import random

from tools.nano import thoughts
from tools.nano.problems import (
    REMAINDER,
    SIGN,
    WORK,
    Problem,
    as_written,
    ask,
    draw,
    number,
    plan,
    sound,
)
from tools.nano.surface import cast
from tools.nano.thoughts import Work


def word_binary(
    kind: str, language: str, a: int, b: int, people: dict[str, str], text: str
) -> Problem:
    """Return a one-step word problem; `kind` is its task, such as `word_add`."""
    operation = kind.removeprefix("word_")
    if operation in ("add", "mul"):
        a, b = as_written(text, a, b, language)
    work = WORK[operation](a, b, language)
    box = str(work.result)
    if work.remainder:
        box = REMAINDER[language].format(work.result, work.remainder)
    made = plan(operation, f"{a}{SIGN[operation]}{b}", language)
    answer = f"**{a} {SIGN[operation]} {b} = \\boxed{{{box}}}**"
    return Problem(
        kind, language, text, made, work.steps, answer, box, work.result, people["n"], [a, b]
    )


def _story(parts: list[str], language: str) -> str:
    return (" " if language == "en" else "").join(parts)


def _word_pair(operation: str, rng: random.Random, held_out: bool) -> tuple[int, int]:
    """Return operands of a word problem: nothing negative, nothing empty, not too many boxes."""
    while True:
        a, b = draw(operation, rng, held_out)
        if operation == "mul" and rng.random() < 0.5 and a * b > 400:
            continue
        if a > 0 and b > 0 and not (operation == "sub" and a < b):
            return a, b


_QUESTIONS = {"add": ("QUESTION", "QUESTION_SUM"), "sub": ("QUESTION", "QUESTION_LEFT")}


def word_problem(kind: str, language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return a one-step story: start, event and question, or one of the whole stories."""
    operation = kind.removeprefix("word_")
    people = cast(language, rng)
    a, b = _word_pair(operation, rng, held_out)
    if operation != "div" and rng.random() < 0.1:
        unit, _, text = ask(
            f"UNIT_{operation.upper()}", language, rng, people | {"a": a, "b": b}
        ).partition("|")
        measured = {"n": unit, "k": ""} if language == "en" else {"n": "", "k": unit}
        return word_binary(kind, language, a, b, measured, text)
    whole = operation in ("mul", "div") or rng.random() < 0.4
    if whole:
        block = f"WORD_{operation.upper()}" + ("_WHOLE" if operation in _QUESTIONS else "")
        text = ask(block, language, rng, people | {"a": a, "b": b})
    else:
        event = "GAIN" if operation == "add" else "LOSS"
        blocks = ["START", event, rng.choice(_QUESTIONS[operation])]
        text = _story([ask(x, language, rng, people | {"a": a, "b": b}) for x in blocks], language)
    return word_binary(kind, language, a, b, people, text)


def _two_events(rng: random.Random, times: bool) -> tuple[list[int], list[str]]:
    """Return the numbers and signs of two events, or of boxes with something added or taken."""
    while True:
        if times:
            numbers = [rng.randint(2, 30), rng.randint(2, 30), number(rng, (50, 50))]
            signs_ = ["×", rng.choice("+-")]
            total = numbers[0] * numbers[1]
        else:
            numbers = [
                number(rng, (10, 55, 35)),
                number(rng, (30, 50, 20)),
                number(rng, (30, 50, 20)),
            ]
            signs_ = [rng.choice("+-"), rng.choice("+-")]
            total = numbers[0] + (numbers[1] if signs_[0] == "+" else -numbers[1])
        last = total + (numbers[2] if signs_[1] == "+" else -numbers[2])
        if min(numbers) > 0 and total >= 0 and last >= 0:
            return numbers, signs_


def _two_step_work(numbers: list[int], signs_: list[str], language: str) -> Work:
    if signs_[0] != "×":
        return thoughts.chain(numbers[0], list(zip(signs_, numbers[1:], strict=True)), language)
    product = thoughts.multiply(numbers[0], numbers[1], language)
    rest = thoughts.chain(product.result, [(signs_[1], numbers[2])], language)
    return Work(product.steps + rest.steps, rest.result)


def two_step_problem(language: str, rng: random.Random, held_out: bool) -> Problem:
    """Return a story with two events."""
    people = cast(language, rng)
    while True:
        numbers, signs_ = _two_events(rng, times=rng.random() < 0.4)
        if sound(numbers, signs_, held_out, "word2"):
            break
    events = ["GAIN" if sign == "+" else "LOSS" for sign in signs_[-1 if "×" in signs_ else 0 :]]
    blocks = ["MUL_START" if signs_[0] == "×" else "START", *events]
    blocks.append(rng.choice(["QUESTION", "QUESTION_LEFT" if signs_[1] == "-" else "QUESTION_SUM"]))
    given: list[dict[str, object]]
    given = (
        [{"a": numbers[0], "b": numbers[1]}]
        if signs_[0] == "×"
        else [{"a": numbers[0]}, {"b": numbers[1]}]
    )
    given += [{"b": numbers[2]}, {}]
    parts = [
        ask(block, language, rng, people | values)
        for block, values in zip(blocks, given, strict=True)
    ]
    work = _two_step_work(numbers, signs_, language)
    expression = f"{numbers[0]}{signs_[0]}{numbers[1]}{signs_[1]}{numbers[2]}"
    spaced = f"{numbers[0]} {signs_[0]} {numbers[1]} {signs_[1]} {numbers[2]}"
    return Problem(
        "word2",
        language,
        _story(parts, language),
        plan("two", expression, language),
        work.steps,
        f"**{spaced} = \\boxed{{{work.result}}}**",
        str(work.result),
        work.result,
        people["n"],
        numbers,
    )
