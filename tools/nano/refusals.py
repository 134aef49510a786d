"""What the model does not do, and how it says so: off-topic prompts and sums beyond its range."""

from __future__ import annotations

import random

from tools.nano.grammar import blocks, fill, pick
from tools.nano.problems import PLANS, speaks
from tools.nano.surface import PHRASES, made_up, name, noun
from tools.nano.tasks import equation_plan, equation_steps

SENTENCE = {
    "en": "I am a tiny demo model and only do small arithmetic.",
    "ja": "私は小さなデモ用モデルで、簡単な計算しかできません。",
    "zh": "我是一个很小的演示模型，只会做简单的算术。",
}
THOUGHTS = {
    "en": {
        "other": "This is not a small sum, so I say what I am.",
        "hard": "This is a kind of sum that I do not do.",
        "alone": "There is no earlier result to go on from.",
        "big": "These numbers are too big for me.",
        "none": "There is no whole answer that I could give.",
    },
    "ja": {
        "other": "これは簡単な計算ではないので、そう伝える。",
        "hard": "これは私にはできない種類の計算だ。",
        "alone": "前の結果がない。",
        "big": "この数は私には大きすぎる。",
        "none": "整数の答えが出せない。",
    },
    "zh": {
        "other": "这不是简单的算术，所以我如实说明。",
        "hard": "这种计算我不会做。",
        "alone": "没有前面的结果。",
        "big": "这些数对我来说太大了。",
        "none": "没有整数答案。",
    },
}


def _big(rng: random.Random) -> str:
    """Return a number of four to eight digits."""
    digits = rng.randint(3, 7)
    return str(rng.randrange(10**digits, 10 ** (digits + 1)))


def _values(language: str, rng: random.Random) -> dict[str, str]:
    """Return random fillers for the marks of the grammars above."""
    things = [noun(language, rng)[0] for _ in range(3)]
    words = [made_up(language, rng) for _ in range(3)]
    decimals = [f"{rng.randrange(100)}.{rng.randrange(1, 10 ** rng.randint(1, 2))}" for _ in "ab"]
    factors = rng.choice([(3, 3), (2, 4), (4, 1), (4, 2), (3, 4), (4, 3)])
    wide = [str(rng.randrange(10 ** (digits - 1), 10**digits)) for digits in factors]
    bigs = [_big(rng), _big(rng)]
    return {
        "n": things[0],
        "n2": things[1],
        "n3": things[2],
        "m": words[0],
        "m2": words[1],
        "m3": words[2],
        "p": name(language, rng),
        "p2": name(language, rng),
        "a": str(rng.randint(2, 999)),
        "b": str(rng.randint(2, 99)),
        "d": str(rng.randint(2, 12)),
        "d2": str(rng.randint(2, 12)),
        "y": str(rng.randint(1000, 2100)),
        "dec": decimals[0],
        "dec2": decimals[1],
        "op": rng.choice(["+", "-", "×", "*", "/", "+", "-", "÷"]),
        "big": bigs[0],
        "big2": bigs[1],
        "w": wide[0],
        "w2": wide[1],
        "x": rng.choice("×*x"),
    }


def _fill(template: str, language: str, rng: random.Random) -> str:
    return fill(template, _values(language, rng))


def _gibberish(rng: random.Random) -> str:
    """Return random characters, from the keyboard or from any script."""
    alphabets = [
        "asdfghjklqwertyuiop",
        "!@#$%^&*()_+-=[]{};:,.<>?/~",
        "abcdefghijklmnopqrstuvwxyz ",
        "あいうえおかきくけこ",
        "的一是不了人我在有他",
        "😀🎉🔥❤️👍",
        "αβγδεζ",
        "абвгдежз",
    ]
    alphabet = rng.choice(alphabets)
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(2, 16)))


def refusal(language: str, rng: random.Random) -> tuple[str, str, str]:
    """Return a prompt to refuse that shows its language: its text, the thought, and the answer."""
    while True:
        text, thought = _refused(language, rng)
        if speaks(text, language):
            return text, thought, SENTENCE[language]


def _refused(language: str, rng: random.Random) -> tuple[str, str]:
    chance = rng.random()
    kinds = blocks(f"{language}_refused")
    if chance < 0.62:
        text, why = _fill(pick(kinds["OFF_TOPIC"], rng), language, rng), "other"
    elif chance < 0.80:
        text, why = _fill(pick(kinds["HARD"], rng), language, rng), "hard"
    elif chance < 0.87:
        text, why = _fill(pick(kinds["BIG"], rng), language, rng), "big"
    elif chance < 0.90:
        text, why = _fill(pick(kinds["LEADING"], rng), language, rng), "alone"
    elif chance < 0.95 and language == "en":
        text, why = _fill(pick(kinds["FOREIGN"], rng), language, rng), "other"
    elif chance < 0.97 and language == "en":
        text, why = _gibberish(rng), "other"
    else:
        return _unsolvable(language, rng)
    return text, THOUGHTS[language][why]


def _unsolvable(language: str, rng: random.Random) -> tuple[str, str]:
    """Return an equation without a non-negative whole solution, which only working shows."""
    a, x, b = rng.randint(2, 9), rng.randint(0, 40), rng.randint(1, 60)
    c = a * x + b + rng.randint(1, a - 1) if rng.random() < 0.6 else rng.randrange(b)
    equation = rng.choice([f"{a}x + {b} = {c}", f"{a}x+{b}={c}"])
    text = fill(pick(PHRASES[language]["EQ"], rng), {"e": equation, "x": "x"})
    first = "".join(equation_plan(a, b, c, "+", "x", language)) + PLANS[language]["end"]
    steps = [step.line() for step in equation_steps(a, b, c, "+", "x", language)]
    return text, "\n".join([first, *steps, THOUGHTS[language]["none"]])
