"""Texts that repeat themselves honestly: songs, tables, logs, enumerations, what was asked for."""

import random
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from testing.loop_corpus import WORDS, Language, Sample

Maker = Callable[[random.Random, Language], Sample]


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"


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
        "zh": ("墙上有{n}瓶啤酒，{n}瓶啤酒。\n拿下一瓶传一圈，墙上还有{m}瓶啤酒。\n", "写出整首啤酒歌。"),
    }[language]
    text = "\n".join(verse.format(n=n, m=n - 1) for n in range(top, 0, -1))
    return Sample("", question, text, True)


def employees(drawn: random.Random, language: Language) -> Sample:
    offices = ("Sales", "Research", "Support", "Finance")
    rows = [
        f"{n},{WORDS[language].name(drawn)},{drawn.choice(offices)},{drawn.randrange(300, 990)}00,"
        f"20{drawn.randrange(10, 25)}-{drawn.randrange(1, 13):02}-{drawn.randrange(1, 29):02}"
        for n in range(1, 80)
    ]
    return Sample("", "79 employees as CSV", _lines(["id,name,office,salary,since", *rows]))


def checks_of_n(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "For n = {n}: n² + n + 41 = {v}. {v} = {f}, so it is {w}.\n",
        "ja": "n = {n} のとき: n² + n + 41 = {v}。{v} = {f} だから{w}。\n",
        "zh": "当 n = {n} 时：n² + n + 41 = {v}。{v} = {f}，所以{w}。\n",
    }[language]
    prime = {"en": ("prime", "not prime"), "ja": ("素数", "素数でない"), "zh": ("是素数", "不是素数")}
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


def inserts(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"INSERT INTO items (id, name, price) VALUES ({n}, '{drawn.choice(words.nouns)}"
        f" {drawn.choice(words.qualities)}', {drawn.randrange(100, 9999) / 100});"
        for n in range(1, 90)
    ]
    return Sample("", "Test data in SQL", _lines(rows))


def numbered_inserts(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((60, 100))
    rows = [f"INSERT INTO users VALUES ({n}, 'user{n}', 'user{n}@a.org');" for n in range(count)]
    question = {"en": "{} users in SQL", "ja": "SQLで{}人", "zh": "{}个用户的SQL"}[language]
    return Sample("", question.format(count), _lines(rows), True)


def html_rows(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"  <tr><td>{n}</td><td>{drawn.choice(words.nouns)}</td><td>{drawn.randrange(999)}</td></tr>"
        for n in range(1, 70)
    ]
    return Sample("", "An HTML table", _lines(["<table>", *rows, "</table>"]))


def empty_rows(drawn: random.Random, language: Language) -> Sample:
    row = drawn.choice(("  <tr><td></td><td></td><td></td></tr>", "|   |   |   |   |   |"))
    question = {"en": "An empty form, 30 rows", "ja": "30行の空の表", "zh": "30行的空表"}[language]
    return Sample("", question, _lines([row] * 30), True)


def diff(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for n in range(40):
        name = drawn.choice("open close read write seek flush sync stat".split())
        text += f"@@ -{n * 17},3 +{n * 17 + n},3 @@\n-    old_{name}(file, {n});\n"
        text += f"+    {name}(file, {drawn.randrange(99)});\n     return 0;\n"
    return Sample("", f"A patch ({language})", f"```diff\n{text}```\n")


def server_log(drawn: random.Random, language: Language) -> Sample:
    pages = ("/", "/login", "/items", "/about", "/api/v1/users", "/static/app.js")
    rows = [
        f'10.0.0.{drawn.randrange(255)} - - [12/May/2025:10:{n // 60:02}:{n % 60:02} +0000] "GET '
        f'{drawn.choice(pages)} HTTP/1.1" {drawn.choice((200, 200, 304, 404))} {drawn.randrange(9999)}'
        for n in range(60)
    ]
    return Sample("", f"An access log ({language})", _lines(rows))


def test_log(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"tests/test_{drawn.choice('cli hub io db'.split())}.py::test_case_{n} PASSED [{n}%]"
        for n in range(1, 101)
    ]
    return Sample("", f"pytest -v ({language})", _lines(rows), True)


def listing(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"-rw-r--r-- 1 user user {drawn.randrange(99999):>6} May {drawn.randrange(1, 31):>2} "
        f"1{drawn.randrange(10)}:{drawn.randrange(60):02} image_{n:03}.png"
        for n in range(70)
    ]
    return Sample("", f"ls -l ({language})", _lines(rows))


def plan(drawn: random.Random, language: Language) -> Sample:
    day, tasks = {
        "en": ("Day {n}: {a}, then {b} for {m} minutes.", "Run|Swim|Rest|Stretch|Row|Walk".split("|")),
        "ja": ("{n}日目：{a}、それから{b}を{m}分。", "ランニング|水泳|休み|体操|ヨガ|散歩".split("|")),
        "zh": ("第{n}天：{a}，然后{b}{m}分钟。", "跑步|游泳|休息|拉伸|划船|散步".split("|")),
    }[language]
    rows = [
        day.format(n=n, a=drawn.choice(tasks), b=drawn.choice(tasks), m=5 * drawn.randrange(2, 12))
        for n in range(1, drawn.choice((30, 90)))
    ]
    return Sample("", "A training plan", _lines(rows))


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
    return Sample("", "An amortisation table", _lines(rows), True)


def cases(drawn: random.Random, language: Language) -> Sample:
    case = {
        "en": "**Case {n}: x ≡ {n} (mod {m}).** Then x² ≡ {s} (mod {m}), so x² - {n} ≡ {d}. {w}\n\n",
        "ja": "**場合{n}: x ≡ {n} (mod {m})。** x² ≡ {s} (mod {m}) なので x² - {n} ≡ {d}。{w}\n\n",
        "zh": "**情形{n}：x ≡ {n} (mod {m})。** 则 x² ≡ {s} (mod {m})，故 x² - {n} ≡ {d}。{w}\n\n",
    }[language]
    right = {"en": ("No.", "Yes!"), "ja": ("違う。", "正しい。"), "zh": ("不成立。", "成立。")}[language]
    modulus = drawn.choice((23, 41))
    text = ""
    for n in range(modulus):
        square = n * n % modulus
        rest = (square - n) % modulus
        text += case.format(n=n, m=modulus, s=square, d=rest, w=right[rest == 0])
    return Sample("", f"x² ≡ x (mod {modulus})", text, True)


def equal_objects(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((24, 40))
    key = {"en": "name", "ja": "名前", "zh": "名称"}[language]
    row = f'  {{"{key}": "", "value": null, "done": false}}'
    question = {"en": "{} empty objects", "ja": "空のオブジェクト{}個", "zh": "{}个空对象"}[language]
    return Sample("", question.format(count), "[\n" + ",\n".join([row] * count) + "\n]", True)


def objects(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f'  {{"id": {n}, "name": "{WORDS[language].name(drawn)}", "age": {drawn.randrange(18, 80)}}}'
        for n in range(1, 60)
    ]
    return Sample("", "JSON of people", "[\n" + ",\n".join(rows) + "\n]")


def ascii_art(drawn: random.Random, language: Language) -> Sample:
    if drawn.random() < 0.5:
        rows = ["#" * 60] + ["#" + " " * 58 + "#"] * 18 + ["#" * 60]
    else:
        rows = [" " * (20 - n) + "*" * (2 * n + 1) for n in range(20)] + [" " * 19 + "|||"] * 4
    question = {"en": "ASCII art", "ja": "アスキーアート", "zh": "字符画"}[language]
    return Sample("", question, _lines(rows), True)


def chords(drawn: random.Random, language: Language) -> Sample:
    bars = drawn.choice(("| C  | G  | Am | F  |", "| Dm7 | G7 | Cmaj7 | A7 |"))
    heads = {"en": ("Verse", "Chorus"), "ja": ("Aメロ", "サビ"), "zh": ("主歌", "副歌")}[language]
    text = "".join(f"[{head}]\n" + f"{bars}\n" * 8 + "\n" for head in heads * 3)
    return Sample("", "A chord chart", text, True)


def asked_lines(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((30, 50, 100))
    line, question = {
        "en": ("I will not talk in class.", "Write “I will not talk in class.” {} times."),
        "ja": ("授業中に話しません。", "「授業中に話しません。」を{}回書いて。"),
        "zh": ("我上课不再说话。", "把“我上课不再说话。”写{}遍。"),
    }[language]
    return Sample("", question.format(count), _lines([line] * count), True)


def asked_numbered_lines(drawn: random.Random, language: Language) -> Sample:
    sample = asked_lines(drawn, language)
    rows = [f"{n}. {line}" for n, line in enumerate(sample.text.splitlines(), 1)]
    return Sample("", sample.question, _lines(rows), True)


def counting(drawn: random.Random, language: Language) -> Sample:
    top = drawn.choice((500, 1_000, 2_000))
    question = {"en": "Count to {}.", "ja": "{}まで数えて。", "zh": "数到{}。"}[language]
    return Sample("", question.format(top), ", ".join(map(str, range(1, top + 1))), True)


def times_tables(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for factor in range(2, drawn.choice((10, 13))):
        head = {"en": "Table of", "ja": "九九の段:", "zh": "乘法表："}[language]
        text += f"### {head} {factor}\n"
        text += "".join(f"{factor} × {n} = {factor * n}\n" for n in range(1, 13))
    return Sample("", "Times tables", text, True)


def story(drawn: random.Random, language: Language) -> Sample:
    return Sample("", "A story", "".join(WORDS[language].sentence(drawn) for _ in range(150)))


def refrains(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    refrain = _lines([words.sentence(drawn).strip() for _ in range(2)])
    text = ""
    for _ in range(10):
        text += _lines([words.sentence(drawn).strip() for _ in range(4)]) + f"\n{refrain}\n"
    return Sample("", "A song", text)


def truth_table(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"| {' | '.join(f'{n:06b}')} | {drawn.choice('TF')} |" for n in range(drawn.choice((32, 64)))
    ]
    return Sample("", f"A truth table ({language})", _lines(["|A|B|C|D|E|F|out|", *rows]))


def grid(drawn: random.Random, language: Language) -> Sample:
    rows = [" ".join(drawn.choice("01") for _ in range(30)) for _ in range(30)]
    return Sample("", f"A random grid of bits ({language})", _lines(rows))


def digits(drawn: random.Random, language: Language) -> Sample:
    divisor = drawn.choice((7, 97, 983))
    value = str(10**900 // divisor)
    question = {"en": "900 decimals of 1/{}", "ja": "1/{}を900桁", "zh": "1/{}的900位小数"}[language]
    return Sample("", question.format(divisor), f"0.{value.zfill(900)}", True)


def unrolled(drawn: random.Random, language: Language) -> Sample:
    fence = drawn.choice(("```c\n", ""))
    rows = [f"    sum += values[{n}] * weights[{n}];" for n in range(drawn.choice((64, 128)))]
    text = f"{fence}{_lines(rows)}{'```' if fence else ''}"
    return Sample("", f"Unroll the loop ({language})", text, True)


def glossary(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"**{drawn.choice(words.nouns)}**: {words.sentence(drawn).strip()}"
        for _ in range(drawn.choice((40, 60)))
    ]
    return Sample("", "A glossary", _lines(rows))


def dialogue(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [f"{'AB'[n % 2]}: {words.sentence(drawn).strip()}" for n in range(80)]
    return Sample("", "A dialogue", _lines(rows))


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
    return Sample("", "The harmonic numbers", _lines(rows))


def calendar(drawn: random.Random, language: Language) -> Sample:
    days = {"en": "Mon Tue Wed Thu Fri Sat Sun", "ja": "月 火 水 木 金 土 日", "zh": "一 二 三 四 五 六 日"}
    names = days[language].split()
    length = drawn.choice((120, 365))
    rows = [f"- {names[n % 7]}, 2025-{n // 31 + 1:02}-{n % 31 + 1:02}: -" for n in range(length)]
    return Sample("", f"A calendar of {length} days", _lines(rows), True)


def searching(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Let me try {a}: {a}² = {s}, which is {w}.\n",
        "ja": "{a}を試す：{a}² = {s}、{w}。\n",
        "zh": "试试{a}：{a}² = {s}，{w}。\n",
    }[language]
    sides = {"en": ("too low", "too high"), "ja": ("小さい", "大きい"), "zh": ("太小", "太大")}[language]
    low, high, text = 0.0, 100.0, ""
    for _ in range(40):
        middle = (low + high) / 2
        above = middle * middle > 2_024
        text += line.format(a=f"{middle:.6f}", s=f"{middle * middle:.4f}", w=sides[above])
        low, high = (low, middle) if above else (middle, high)
    return Sample("", "The square root of 2,024", text)


def rechecked(drawn: random.Random, language: Language) -> Sample:
    """A thought that takes its result back and looks again, a few times, and is done."""
    wait = {"en": "Wait, let me check. ", "ja": "待って、確かめよう。", "zh": "等等，让我再检查一下。"}[language]
    words = WORDS[language]
    text = ""
    for _ in range(drawn.choice((8, 15))):
        text += wait + "".join(words.sentence(drawn) for _ in range(drawn.randrange(3, 8))) + "\n\n"
    return Sample("", "A riddle", text)


def matrices(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for _ in range(8):
        rows = [" & ".join(str(drawn.randrange(-9, 10)) for _ in range(5)) for _ in range(5)]
        text += "\\begin{pmatrix}\n" + " \\\\\n".join(rows) + "\n\\end{pmatrix}\n\n"
    return Sample("", f"Row reduction ({language})", text)


HONEST: Mapping[str, Maker] = {
    make.__name__: make
    for make in (
        *(bottles, employees, checks_of_n, plain_checks, remainders, inserts, numbered_inserts),
        *(html_rows, empty_rows, diff, server_log, test_log, listing, plan, amortisation, cases),
        *(equal_objects, objects, ascii_art, chords, asked_lines, asked_numbered_lines, counting),
        *(times_tables, story, refrains, truth_table, grid, digits, unrolled, glossary, dialogue),
        *(quiz, harmonic, calendar, searching, rechecked, matrices),
    )
}
