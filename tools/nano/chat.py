"""Training samples: conversations in R1's form about problems and refusals."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tools.nano.grammar import blocks, fill, pick
from tools.nano.heldout import is_held_out
from tools.nano.problems import PLANS, Problem, binary, draw
from tools.nano.refusals import THOUGHTS, refusal
from tools.nano.surface import PHRASES, finish, made_up, signs, surround
from tools.nano.tasks import make
from tools.nano.thoughts import WORDS, Step

BOS, EOS = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
THINK, END_THINK = "<think>", "</think>"
OPEN_THOUGHT = f"{THINK}\n"
CLOSE_THOUGHT = f"\n{END_THINK}\n\n"

Part = tuple[str, bool]  # text of the reply, and whether the model learns to write it

KINDS = {
    "add": 12,
    "sub": 13,
    "mul": 11,
    "cmp": 10,
    "word_add": 7,
    "word_sub": 8,
    "word_mul": 7,
    "mul32": 6,
    "div": 5,
    "word_div": 2,
    "word2": 5,
    "eq": 4,
    "sum4": 4,
}
SHARED = blocks("shared")
SLIPS = (78, 18, 4)
LAST_RESULT = {"en": "The last result is {}. ", "ja": "前の答えは{}。", "zh": "上一个结果是{}。"}


@dataclass(frozen=True, slots=True)
class Mix:
    """The composition of training samples.

    `refused` is the share of prompts that are refused, `openings` the share of longer replies cut
    after their first line, `slips` the weights of no, one and two mistakes in a thought.
    """

    refused: float = 0.17
    openings: float = 0.6
    slips: tuple[int, int, int] = SLIPS


@dataclass(slots=True)
class Sample:
    """A prompt, and the reply in parts, some of which are not learnt."""

    prompt: str
    reply: list[Part]


@dataclass(slots=True)
class Turn:
    """A finished exchange; its thought is only kept if it will be rendered."""

    question: str
    answer: str
    thought: str = ""


def render(turns: list[Turn], question: str, system: str = "") -> str:
    """Return the prompt in R1's form, ending in an open thought."""
    parts = [BOS, system]
    for turn in turns:
        thought = OPEN_THOUGHT + turn.thought + CLOSE_THOUGHT if turn.thought else ""
        parts += [USER, turn.question, ASSISTANT, thought, turn.answer, EOS]
    return "".join([*parts, USER, question, ASSISTANT, OPEN_THOUGHT])


def corrupt(value: str, rng: random.Random) -> str:
    """Return a plausible wrong number: slightly off, one digit changed, or two digits swapped."""
    while True:
        number = int(value)
        choice = rng.random()
        if choice < 0.5:
            wrong = str(max(0, number + rng.choice([-2, -1, 1, 2, 10, -10])))
        elif choice < 0.8 or len(value) < 2:
            at = rng.randrange(len(value))
            wrong = value[:at] + str(rng.randrange(10)) + value[at + 1 :]
        else:
            at = rng.randrange(len(value) - 1)
            wrong = value[:at] + value[at + 1] + value[at] + value[at + 2 :]
        if wrong != value and wrong.isdigit() and (wrong == "0" or wrong[0] != "0"):
            return wrong


def _slipped(step: Step, language: str, rng: random.Random) -> list[Part]:
    """Return a line whose wrong number is not learnt, then the discovery and the corrected line."""
    wrong = corrupt(step.value, rng)
    notice = WORDS[language]["wait"].format(f"{step.equation}={step.value}", wrong)
    return [
        (step.before, True),
        (wrong, False),
        (step.after(wrong) + "\n", True),
        (notice + "\n", True),
        (step.line() + "\n", True),
    ]


def _slipped_plan(problem: Problem, rng: random.Random) -> list[Part]:
    """Return the expression copied with one number wrong, then noticed and copied again."""
    label, expression = problem.plan
    right = rng.choice([x for x in map(str, problem.operands) if x in expression])
    wrong = corrupt(right, rng)
    at = expression.index(right)
    end = PLANS[problem.language]["end"]
    notice = WORDS[problem.language]["copy"].format(right, wrong)
    return [
        (label + expression[:at], True),
        (wrong, False),
        (expression[at + len(right) :] + end + "\n", True),
        (notice + "\n", True),
        (label + expression + end + "\n", True),
    ]


def _check(problem: Problem, rng: random.Random) -> str:
    """Return a check of up to three computed lines."""
    words = WORDS[problem.language]
    steps = [step for step in problem.steps if step.equation]
    chosen = sorted(rng.sample(range(len(steps)), min(len(steps), 3)))
    seen = [words["yes"].format(f"{steps[i].equation}={steps[i].value}") for i in chosen]
    return words["check"] + words["comma"].join(seen) + words["end"] + words["checked"] + "\n"


def doubtful(problem: Problem) -> bool:
    """Return whether at least two columns carry or borrow, so that a check is worth its tokens.

    Additions carry once for every nine that the digits of the sum fall short (Legendre's formula
    for base ten, with nines cast out).
    """
    if problem.kind not in ("add", "sub", "word_add", "word_sub"):
        return False
    a, b = problem.operands
    total = max(a, b, a + b if problem.value == a + b else 0)
    parts = (a, b) if total == a + b else (min(a, b), total - min(a, b))
    return sum(map(_digit_sum, parts)) - _digit_sum(total) >= 18


def _digit_sum(number: int) -> int:
    return sum(map(int, str(number)))


def thought(
    problem: Problem, rng: random.Random, weights: tuple[int, int, int] = SLIPS
) -> list[Part]:
    """Return the thought of a problem; some have a mistake that is noticed, some a check."""
    slips = rng.choices((0, 1, 2), weights)[0]
    usable = [i for i, step in enumerate(problem.steps) if step.equation]
    if usable:
        usable.append(-1)
    wrong = set(rng.sample(usable, min(slips, len(usable))))
    if -1 in wrong and problem.kind != "follow":
        parts = _slipped_plan(problem, rng)
    else:
        parts = [("".join(problem.plan) + PLANS[problem.language]["end"] + "\n", True)]
    for index, step in enumerate(problem.steps):
        if index in wrong and step.value.isdigit():
            parts += _slipped(step, problem.language, rng)
        else:
            parts.append((step.line() + "\n", True))
    if usable and rng.random() < (0.75 if doubtful(problem) else 0.03):
        parts.append((_check(problem, rng), True))
    text, learnt = parts[-1]
    return [*parts[:-1], (text.rstrip("\n"), learnt)]


def problem_text(problem: Problem, rng: random.Random) -> str:
    """Return the question as a user may write it."""
    text = surround(problem.text, problem.language, rng)
    return finish(text, problem.language, rng)


def any_kind(rng: random.Random) -> str:
    """Draw a task by its share of the training set."""
    return rng.choices(list(KINDS), list(KINDS.values()))[0]


def follow_up(last: Problem, rng: random.Random, held_out: bool = False) -> Problem | None:
    """Return a next turn that uses the last result, or does the same with other numbers."""
    language, value = last.language, last.value
    operation = rng.choices(("add", "sub", "mul", "same"), (4, 3, 3, 2))[0]
    if operation == "same":
        if last.kind not in ("add", "sub", "mul", "div"):
            return None
        a, b = draw(last.kind, rng, held_out)
        text = fill(pick(PHRASES[language]["FOLLOW_SAME"], rng), {"a": str(a), "b": str(b)})
        return binary(last.kind, language, a, b, text)
    b = rng.choice([rng.randint(1, 9), rng.randint(10, 99), rng.randint(1, 12)])
    if operation == "mul":
        b = rng.randint(2, 9) if value > 99 else b
    elif rng.random() < 0.15:
        b = rng.randint(100, 999)
    most = 999 if operation == "mul" else 1998
    if is_held_out(operation, value, b) != held_out or not 0 <= value <= most:
        return None
    if operation == "sub" and b > value:
        return None
    block = f"FOLLOW_{operation.upper()}"
    text = fill(pick(PHRASES[language][block], rng), signs(language, rng) | {"b": str(b)})
    problem = binary(operation, language, value, b, text)
    problem.plan = (LAST_RESULT[language].format(value) + problem.plan[0], problem.plan[1])
    problem.kind = "follow"
    return problem


def _closed(problem: Problem, text: str, rng: random.Random) -> Turn:
    """Return a problem as an earlier exchange; a fifth of them keep their thought."""
    kept = rng.random() < 0.2
    words = "".join(part for part, _ in thought(problem, rng)) if kept else ""
    return Turn(text, problem.answer, words)


def _conversation(language: str, rng: random.Random) -> tuple[list[Turn], Problem, str]:
    """Return earlier turns, and a last question that depends on them."""
    kind = rng.choice(
        [
            "add",
            "sub",
            "mul",
            "word_add",
            "word_sub",
            "word_mul",
            "sum4",
            "add",
            "sub",
            "mul",
            "div",
            "mul32",
        ]
    )
    last = make(kind, language, rng)
    turns, text = [], problem_text(last, rng)
    for _ in range(rng.choices((1, 2, 3), (65, 25, 10))[0]):
        following = follow_up(last, rng)
        if following is None:
            continue
        turns.append(_closed(last, text, rng))
        last, text = following, finish(following.text, language, rng)
    return turns, last, text


def _checking(language: str, rng: random.Random) -> tuple[list[Turn], Problem, str]:
    """Let the user doubt the last answer, which was wrong in half of the cases."""
    problem = make(
        rng.choice(["add", "sub", "mul", "word_add", "word_sub", "mul32"]), language, rng
    )
    answer = problem.answer
    if rng.random() < 0.5 and problem.box.isdigit():
        answer = answer.replace(f"{{{problem.box}}}", f"{{{corrupt(problem.box, rng)}}}")
    turn = Turn(problem_text(problem, rng), answer)
    return [turn], problem, finish(pick(PHRASES[language]["CHECK_TURN"], rng), language, rng)


def _unrelated(rng: random.Random, language: str) -> list[Turn]:
    """Return one to eight earlier exchanges about other things, for longer contexts."""
    turns = []
    for _ in range(rng.choices((1, 2, 3, 8), (60, 25, 10, 5))[0]):
        if rng.random() < 0.3:
            text, why, answer = refusal(language, rng)
            turns.append(Turn(text, answer, why if rng.random() < 0.2 else ""))
        else:
            problem = make(any_kind(rng), language, rng)
            turns.append(_closed(problem, problem_text(problem, rng), rng))
    return turns


def in_document(text: str, question: str, rng: random.Random) -> str:
    """Return a piped file in the form that R1's makers recommend, followed by the question."""
    name = pick(SHARED["FILE_NAMES"], rng)
    if rng.random() < 0.1:
        name = made_up("en", rng) + ".txt"
    return f"[file name]: {name}\n[file content begin]\n{text}\n[file content end]\n{question}"


def _system(rng: random.Random) -> str:
    return pick(SHARED["SYSTEMS"], rng) if rng.random() < 0.08 else ""


def _shortened(sample: Sample, problem: Problem, rng: random.Random) -> Sample:
    """Occasionally return a thought that was closed at once, or cut by a sentence."""
    chance, answer = rng.random(), (problem.answer + EOS, True)
    easy = problem.kind == "cmp" or (max(problem.operands) < 100 and problem.kind != "sum4")
    if chance < 0.06 and easy:
        return Sample(sample.prompt + pick(SHARED["BRIEF"], rng) + CLOSE_THOUGHT, [answer])
    if chance < 0.09:
        text = "".join(part for part, _ in sample.reply[:-1])
        cut = text[: rng.randrange(len(text))].rstrip()
        hurry = "\n\n" + pick(SHARED["HURRY"], rng) + CLOSE_THOUGHT
        return Sample(sample.prompt + cut + hurry, [answer])
    return sample


def _solved(prompt: str, problem: Problem, rng: random.Random, mix: Mix) -> Sample:
    """Return a worked reply, or only its first line.

    Reading the question is harder to learn than the columns below it, and takes few tokens: many
    of the longer replies end after the line that says what has to be worked out.
    """
    if problem.kind != "cmp" and rng.random() < mix.openings:
        first = "".join(problem.plan) + PLANS[problem.language]["end"] + "\n"
        return Sample(prompt, [(first, True)])
    reply = [*thought(problem, rng, mix.slips), (CLOSE_THOUGHT + problem.answer + EOS, True)]
    return _shortened(Sample(prompt, reply), problem, rng)


def _refused(language: str, rng: random.Random) -> Sample:
    text, why, answer = refusal(language, rng)
    if rng.random() < 0.5:
        text = surround(text, language, rng)
    text = finish(text, language, rng)
    if rng.random() < 0.03:
        text = in_document(text, pick(PHRASES[language]["DOCUMENT_CHATTER"], rng), rng)
    follows = why != THOUGHTS[language]["alone"] and rng.random() < 0.12
    turns = _unrelated(rng, language) if follows else []
    prompt = render(turns, text, _system(rng))
    if rng.random() < 0.05:
        return Sample(prompt + pick(SHARED["BRIEF"], rng) + CLOSE_THOUGHT, [(answer + EOS, True)])
    return Sample(prompt, [(why + CLOSE_THOUGHT + answer + EOS, True)])


def sample(rng: random.Random, mix: Mix) -> Sample:
    """Return one training sample of any kind."""
    language = rng.choices(("en", "ja", "zh"), (36, 32, 32))[0]
    if rng.random() < mix.refused:
        return _refused(language, rng)
    chance = rng.random()
    if chance < 0.12:
        turns, problem, text = _conversation(language, rng)
    elif chance < 0.145:
        turns, problem, text = _checking(language, rng)
    else:
        problem = make(any_kind(rng), language, rng)
        text = problem_text(problem, rng)
        turns = _unrelated(rng, language) if rng.random() < 0.06 else []
        if rng.random() < 0.04:
            text = in_document(text, pick(PHRASES[language]["DOCUMENT_QUESTIONS"], rng), rng)
    return _solved(render(turns, text, _system(rng)), problem, rng, mix)
