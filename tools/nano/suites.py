"""The tests of nano: what is asked, and what a right reply contains."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tools.nano import heldout_phrasing
from tools.nano.chat import Turn, corrupt, follow_up, problem_text
from tools.nano.grammar import blocks, fill, pick
from tools.nano.problems import Problem, binary, draw
from tools.nano.stories import word_binary
from tools.nano.surface import LANGUAGES, cast, made_up, name, noun
from tools.nano.tasks import EASY, HARD, comparison, make


@dataclass(slots=True)
class Case:
    """One question with the earlier turns, and what the answer must contain."""

    suite: str
    task: str
    language: str
    text: str
    box: str = ""  # if empty, a refusal is right
    history: tuple[Turn, ...] = ()
    started: str = ""  # the beginning of a thought put into the model's mouth


def _case(suite: str, problem: Problem, text: str, task: str = "") -> Case:
    return Case(suite, task or problem.kind, problem.language, text, problem.box)


def known_phrasings(
    suite: str, kinds: tuple[str, ...], count: int, rng: random.Random
) -> Iterator[Case]:
    """Yield `count` cases per kind with unseen operands, in phrasings known from training."""
    for language in LANGUAGES:
        for kind in kinds:
            for _ in range(count):
                problem = make(kind, language, rng, held_out=True)
                yield _case(suite, problem, problem_text(problem, rng))


def follow_ups(suite: str, count: int, rng: random.Random) -> Iterator[Case]:
    """Yield second turns that follow a right first answer."""
    for language in LANGUAGES:
        made = 0
        while made < count:
            kind = rng.choice(("add", "sub", "mul", "word_add"))
            first = make(kind, language, rng, held_out=True)
            second = follow_up(first, rng, held_out=True)
            if second is None:
                continue
            made += 1
            turn = Turn(problem_text(first, rng), first.answer)
            case = _case(suite, second, second.text, "follow")
            case.history = (turn,)
            yield case


def _unseen(language: str, task: str, template: str, rng: random.Random) -> Case:
    """Return a held-out phrasing with held-out operands."""
    people = cast(language, rng)
    operation = task.removeprefix("word_")
    a, b = draw(operation, rng, held_out=True)
    while (operation == "sub" and a < b) or (operation == "cmp" and a == b) or min(a, b) < 1:
        a, b = draw(operation, rng, held_out=True)
    text = fill(template, people | {"a": str(a), "b": str(b)})
    if operation == "cmp":
        problem = comparison(language, a, b, "larger", text)
    elif task.startswith("word_"):
        problem = word_binary(task, language, a, b, people, text)
    else:
        problem = binary(task, language, a, b, text)
    return _case("unseen", problem, text)


def unseen_phrasings(count: int, rng: random.Random) -> Iterator[Case]:
    """Yield every held-out phrasing `count` times."""
    for language, phrasings in heldout_phrasing.HELD_OUT.items():
        for task, template in phrasings:
            for _ in range(count):
                yield _unseen(language, task, template, rng)


def off_topic(count: int, rng: random.Random) -> Iterator[Case]:
    """Yield off-topic prompts that training never saw."""
    for language in LANGUAGES:
        for _ in range(count):
            values = {
                "n": noun(language, rng)[0],
                "p": name(language, rng),
                "d": str(rng.randint(2, 12)),
            }
            text = fill(pick(blocks(f"{language}_heldout")["OFF_TOPIC"], rng), values)
            yield Case("off-topic", "refuse", language, text)


def unknown_nouns(count: int, rng: random.Random) -> Iterator[Case]:
    """Yield word problems about things whose names were made up for the question."""
    for language in LANGUAGES:
        for _ in range(count):
            while True:
                problem = make(
                    rng.choice(("word_add", "word_sub", "word_mul")), language, rng, held_out=True
                )
                if problem.thing in problem.text:
                    break
            word = made_up(language, rng)
            text = problem.text.replace(problem.thing, word)
            yield Case("nouns", "word", language, text, problem.box)


def planted(count: int, rng: random.Random) -> Iterator[Case]:
    """Yield thoughts that begin with a wrong number in one line, to be noticed without a hint."""
    for language in LANGUAGES:
        for _ in range(count):
            problem = make(rng.choice(("add", "sub", "mul")), language, rng, held_out=True)
            lines = ["".join(problem.plan) + {"en": "."}.get(language, "。")]
            usable = [i for i, step in enumerate(problem.steps) if step.equation]
            chosen = rng.choice(usable)
            lines += [step.line() for step in problem.steps[:chosen]]
            lines.append(problem.steps[chosen].line(corrupt_value(problem, chosen, rng)))
            case = _case("planted", problem, problem.text)
            case.started = "\n".join(lines) + "\n"
            yield case


def corrupt_value(problem: Problem, index: int, rng: random.Random) -> str:
    """Return a wrong number for one step; the sign of a negative result is kept."""
    value = problem.steps[index].value
    sign = "-" if value.startswith("-") else ""
    return sign + corrupt(value.removeprefix("-"), rng)


def suites(scale: float, seed: int) -> dict[str, Callable[[], list[Case]]]:
    """Return all suites by name; `scale` 1 gives more than 300 easy problems per language."""

    def of(count: int) -> int:
        return max(1, round(count * scale))

    def fresh(offset: int) -> random.Random:
        return random.Random(seed + offset)

    return {
        "easy": lambda: [
            *known_phrasings("easy", EASY, of(45), fresh(1)),
            *follow_ups("easy", of(40), fresh(2)),
        ],
        "hard": lambda: list(known_phrasings("hard", HARD, of(25), fresh(3))),
        "unseen": lambda: list(unseen_phrasings(of(8), fresh(4))),
        "off-topic": lambda: list(off_topic(of(120), fresh(5))),
        "nouns": lambda: list(unknown_nouns(of(60), fresh(6))),
        "planted": lambda: list(planted(of(60), fresh(7))),
    }
