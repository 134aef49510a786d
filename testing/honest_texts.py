"""Texts that repeat themselves legitimately: songs, enumerations, plans, what was asked for."""

import random
from collections.abc import Mapping
from fractions import Fraction

from testing.loop_corpus import WORDS, Language, Maker, Sample, as_lines


def _factors(number: int) -> str:
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(str(divisor))
            number //= divisor
        divisor += 1
    return " × ".join(found)


def bottles(drawn: random.Random, language: Language) -> Sample:
    top = drawn.choice((50, 99))
    verse, question = {
        "en": (
            "{n} bottles of beer on the wall, {n} bottles of beer.\n"
            "Take one down and pass it around, {m} bottles of beer on the wall.\n",
            "Write the whole song about bottles of beer.",
        ),
        "ja": (
            "壁にビールが{n}本、ビールが{n}本。\n一本取って回したら、壁にビールが{m}本。\n",
            "ビールの歌を全部書いて。",
        ),
        "zh": (
            "墙上有{n}瓶啤酒，{n}瓶啤酒。\n拿下一瓶传一圈，墙上还有{m}瓶啤酒。\n",
            "写出整首啤酒歌。",
        ),
    }[language]
    text = "\n".join(verse.format(n=n, m=n - 1) for n in range(top, 0, -1))
    return Sample("", question, text, True)


def checks_of_n(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "For n = {n}: n² + n + 41 = {v}. {v} = {f}, so it is {w}.\n",
        "ja": "n = {n} のとき: n² + n + 41 = {v}。{v} = {f} だから{w}。\n",
        "zh": "当 n = {n} 时：n² + n + 41 = {v}。{v} = {f}，所以{w}。\n",
    }[language]
    prime = {
        "en": ("prime", "not prime"),
        "ja": ("素数", "素数でない"),
        "zh": ("是素数", "不是素数"),
    }
    text = ""
    for n in range(drawn.choice((40, 60))):
        value = n * n + n + 41
        factors = _factors(value)
        text += line.format(n=n, v=value, f=factors, w=prime[language]["×" in factors])
    return Sample("", "Is n² + n + 41 always prime?", text)


def plain_checks(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Let me check n = {n}: {n} × 7 = {m}, which is less than 700.\n",
        "ja": "n = {n} を確かめる: {n} × 7 = {m}、これは700より小さい。\n",
        "zh": "检查 n = {n}：{n} × 7 = {m}，小于700。\n",
    }[language]
    text = "".join(line.format(n=n, m=7 * n) for n in range(1, drawn.choice((60, 100))))
    return Sample("", "For which n is 7n < 700?", text, True)


def remainders(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "n = {n}: {n}² = {s}, and {s} mod 8 is {r}.\n",
        "ja": "n = {n}：{n}²は{s}で、8で割った余りは{r}。\n",
        "zh": "n = {n}：{n}²等于{s}，除以8余{r}。\n",
    }[language]
    text = "".join(line.format(n=n, s=n * n, r=n * n % 8) for n in range(drawn.choice((50, 120))))
    return Sample("", "Squares modulo 8", text, True)


def plan(drawn: random.Random, language: Language) -> Sample:
    day, tasks = {
        "en": (
            "Day {n}: {a}, then {b} for {m} minutes.",
            ["Run", "Swim", "Rest", "Stretch", "Row", "Walk"],
        ),
        "ja": (
            "{n}日目：{a}、それから{b}を{m}分。",
            ["ランニング", "水泳", "休み", "体操", "ヨガ", "散歩"],
        ),
        "zh": ("第{n}天：{a}，然后{b}{m}分钟。", ["跑步", "游泳", "休息", "拉伸", "划船", "散步"]),
    }[language]
    rows = [
        day.format(n=n, a=drawn.choice(tasks), b=drawn.choice(tasks), m=5 * drawn.randrange(2, 12))
        for n in range(1, drawn.choice((30, 90)))
    ]
    return Sample("", "A training plan", as_lines(rows))


def amortisation(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Month {n}: payment 955.65, interest {i:.2f}, principal {p:.2f}, balance {b:,.2f}",
        "ja": "{n}か月目：返済 955.65、利息 {i:.2f}、元金 {p:.2f}、残高 {b:,.2f}",
        "zh": "第{n}个月：还款 955.65，利息 {i:.2f}，本金 {p:.2f}，余额 {b:,.2f}",
    }[language]
    balance, rows = float(drawn.choice((18_000, 25_000))), []
    for n in range(1, 61):
        interest = balance * 0.004
        balance -= 955.65 - interest
        rows.append(line.format(n=n, i=interest, p=955.65 - interest, b=balance))
    return Sample("", "An amortisation table", as_lines(rows), True)


def cases(drawn: random.Random, language: Language) -> Sample:
    case = {
        "en": "**Case {n}: x ≡ {n} (mod {m}).** Then x² ≡ {s} (mod {m}), x² - {n} ≡ {d}. {w}\n\n",
        "ja": "**場合{n}: x ≡ {n} (mod {m})。** x² ≡ {s} (mod {m}) なので x² - {n} ≡ {d}。{w}\n\n",
        "zh": "**情形{n}：x ≡ {n} (mod {m})。** 则 x² ≡ {s} (mod {m})，故 x² - {n} ≡ {d}。{w}\n\n",
    }[language]
    right = {"en": ("No.", "Yes!"), "ja": ("違う。", "正しい。"), "zh": ("不成立。", "成立。")}[
        language
    ]
    modulus = drawn.choice((23, 41))
    text = ""
    for n in range(modulus):
        square = n * n % modulus
        rest = (square - n) % modulus
        text += case.format(n=n, m=modulus, s=square, d=rest, w=right[rest == 0])
    return Sample("", f"x² ≡ x (mod {modulus})", text, True)


def asked_lines(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((30, 50, 100))
    line, question = {
        "en": ("I will not talk in class.", "Write “I will not talk in class.” {} times."),
        "ja": ("授業中に話しません。", "「授業中に話しません。」を{}回書いて。"),
        "zh": ("我上课不再说话。", "把“我上课不再说话。”写{}遍。"),
    }[language]
    return Sample("", question.format(count), as_lines([line] * count), True)


def asked_numbered_lines(drawn: random.Random, language: Language) -> Sample:
    sample = asked_lines(drawn, language)
    rows = [f"{n}. {line}" for n, line in enumerate(sample.text.splitlines(), 1)]
    return Sample("", sample.question, as_lines(rows), True)


def story(drawn: random.Random, language: Language) -> Sample:
    return Sample("", "A story", "".join(WORDS[language].sentence(drawn) for _ in range(150)))


def refrains(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    refrain = as_lines([words.sentence(drawn).strip() for _ in range(2)])
    text = ""
    for _ in range(10):
        text += as_lines([words.sentence(drawn).strip() for _ in range(4)]) + f"\n{refrain}\n"
    return Sample("", "A song", text)


def glossary(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"**{drawn.choice(words.nouns)}**: {words.sentence(drawn).strip()}"
        for _ in range(drawn.choice((40, 60)))
    ]
    return Sample("", "A glossary", as_lines(rows))


def dialogue(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [f"{'AB'[n % 2]}: {words.sentence(drawn).strip()}" for n in range(80)]
    return Sample("", "A dialogue", as_lines(rows))


def quiz(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Question {n}: What is {a} + {b}?\nAnswer {n}: {a} + {b} = {c}.\n",
        "ja": "問{n}：{a} + {b} はいくつ？\n答え{n}：{a} + {b} = {c} です。\n",
        "zh": "第{n}题：{a} + {b} 等于多少？\n答案{n}：{a} + {b} = {c}。\n",
    }[language]
    text = ""
    for n in range(1, 51):
        a, b = drawn.randrange(99), drawn.randrange(99)
        text += line.format(n=n, a=a, b=b, c=a + b)
    return Sample("", "A quiz of sums", text)


def harmonic(drawn: random.Random, language: Language) -> Sample:
    step = {"en": "Step", "ja": "手順", "zh": "步骤"}[language]
    total, rows = Fraction(0), []
    for n in range(1, drawn.choice((20, 30))):
        total += Fraction(1, n)
        rows.append(f"{step} {n}: H({n}) = H({n - 1}) + 1/{n} = {total}")
    return Sample("", "The harmonic numbers", as_lines(rows))


def calendar(drawn: random.Random, language: Language) -> Sample:
    days = {
        "en": "Mon Tue Wed Thu Fri Sat Sun",
        "ja": "月 火 水 木 金 土 日",
        "zh": "一 二 三 四 五 六 日",
    }
    names = days[language].split()
    length = drawn.choice((120, 365))
    rows = [f"- {names[n % 7]}, 2025-{n // 31 + 1:02}-{n % 31 + 1:02}: -" for n in range(length)]
    return Sample("", f"A calendar of {length} days", as_lines(rows), True)


def searching(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Let me try {a}: {a}² = {s}, which is {w}.\n",
        "ja": "{a}を試す：{a}² = {s}、{w}。\n",
        "zh": "试试{a}：{a}² = {s}，{w}。\n",
    }[language]
    sides = {"en": ("too low", "too high"), "ja": ("小さい", "大きい"), "zh": ("太小", "太大")}[
        language
    ]
    low, high, text, wanted = 0.0, 100.0, "", drawn.randrange(1_000, 9_000)
    for _ in range(40):
        middle = (low + high) / 2
        above = middle * middle > wanted
        text += line.format(a=f"{middle:.6f}", s=f"{middle * middle:.4f}", w=sides[above])
        low, high = (low, middle) if above else (middle, high)
    return Sample("", f"The square root of {wanted}", text)


def rechecked(drawn: random.Random, language: Language) -> Sample:
    """Return a thought that doubts its result and checks it, a few times, and is done."""
    wait = {
        "en": "Wait, let me check. ",
        "ja": "待って、確かめよう。",
        "zh": "等等，让我再检查一下。",
    }[language]
    words = WORDS[language]
    text = ""
    for _ in range(drawn.choice((8, 15))):
        text += wait + "".join(words.sentence(drawn) for _ in range(drawn.randrange(3, 8))) + "\n\n"
    return Sample("", "A riddle", text)


HONEST_TEXTS: Mapping[str, Maker] = {
    make.__name__: make
    for make in (
        *(bottles, checks_of_n, plain_checks, remainders, plan, amortisation),
        *(cases, asked_lines, asked_numbered_lines, story, refrains, glossary),
        *(dialogue, quiz, harmonic, calendar, searching, rechecked),
    )
}
