"""Data that repeats its form legitimately: tables, logs, markup, drawings, digits."""

import random
from collections.abc import Mapping

from testing.loop_corpus import WORDS, Language, Maker, Sample, as_lines


def employees(drawn: random.Random, language: Language) -> Sample:
    offices = ("Sales", "Research", "Support", "Finance")
    rows = [
        f"{n},{WORDS[language].name(drawn)},{drawn.choice(offices)},{drawn.randrange(300, 990)}00,"
        f"20{drawn.randrange(10, 25)}-{drawn.randrange(1, 13):02}-{drawn.randrange(1, 29):02}"
        for n in range(1, 80)
    ]
    return Sample("", "79 employees as CSV", as_lines(["id,name,office,salary,since", *rows]))


def inserts(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"INSERT INTO items (id, name, price) VALUES ({n}, '{drawn.choice(words.nouns)}"
        f" {drawn.choice(words.qualities)}', {drawn.randrange(100, 9999) / 100});"
        for n in range(1, 90)
    ]
    return Sample("", "Test data in SQL", as_lines(rows))


def numbered_inserts(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((60, 100))
    rows = [f"INSERT INTO users VALUES ({n}, 'user{n}', 'user{n}@a.org');" for n in range(count)]
    question = {"en": "{} users in SQL", "ja": "SQLで{}人", "zh": "{}个用户的SQL"}[language]
    return Sample("", question.format(count), as_lines(rows), True)


def html_rows(drawn: random.Random, language: Language) -> Sample:
    words = WORDS[language]
    rows = [
        f"<tr><td>{n}</td><td>{drawn.choice(words.nouns)}</td><td>{drawn.randrange(999)}</td></tr>"
        for n in range(1, 70)
    ]
    return Sample("", "An HTML table", as_lines(["<table>", *rows, "</table>"]))


def empty_rows(drawn: random.Random, language: Language) -> Sample:
    row = drawn.choice(("  <tr><td></td><td></td><td></td></tr>", "|   |   |   |   |   |"))
    question = {"en": "An empty form, 30 rows", "ja": "30行の空の表", "zh": "30行的空表"}[language]
    return Sample("", question, as_lines([row] * 30), True)


def diff(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for n in range(40):
        name = drawn.choice(["open", "close", "read", "write", "seek", "flush", "sync", "stat"])
        text += f"@@ -{n * 17},3 +{n * 17 + n},3 @@\n-    old_{name}(file, {n});\n"
        text += f"+    {name}(file, {drawn.randrange(99)});\n     return 0;\n"
    return Sample("", f"A patch ({language})", f"```diff\n{text}```\n")


def server_log(drawn: random.Random, language: Language) -> Sample:
    pages = ("/", "/login", "/items", "/about", "/api/v1/users", "/static/app.js")
    rows = [
        f'10.0.0.{drawn.randrange(255)} - - [12/May/2025:10:{n // 60:02}:{n % 60:02} +0000] "GET '
        f'{drawn.choice(pages)} HTTP/1.1" {drawn.choice((200, 304, 404))} {drawn.randrange(9999)}'
        for n in range(60)
    ]
    return Sample("", f"An access log ({language})", as_lines(rows))


def test_log(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"tests/test_{drawn.choice(['cli', 'hub', 'io', 'db'])}.py::test_case_{n} PASSED [{n}%]"
        for n in range(1, 101)
    ]
    return Sample("", f"pytest -v ({language})", as_lines(rows), True)


def listing(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"-rw-r--r-- 1 user user {drawn.randrange(99999):>6} May {drawn.randrange(1, 31):>2} "
        f"1{drawn.randrange(10)}:{drawn.randrange(60):02} image_{n:03}.png"
        for n in range(70)
    ]
    return Sample("", f"ls -l ({language})", as_lines(rows))


def equal_objects(drawn: random.Random, language: Language) -> Sample:
    count = drawn.choice((24, 40))
    key = {"en": "name", "ja": "名前", "zh": "名称"}[language]
    row = f'  {{"{key}": "", "value": null, "done": false}}'
    question = {"en": "{} empty objects", "ja": "空のオブジェクト{}個", "zh": "{}个空对象"}[
        language
    ]
    return Sample("", question.format(count), "[\n" + ",\n".join([row] * count) + "\n]", True)


def objects(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f'{{"id": {n}, "name": "{WORDS[language].name(drawn)}", "age": {drawn.randrange(18, 80)}}}'
        for n in range(1, 60)
    ]
    return Sample("", "JSON of people", "[\n" + ",\n".join(rows) + "\n]")


def ascii_art(drawn: random.Random, language: Language) -> Sample:
    if drawn.random() < 0.5:
        rows = ["#" * 60] + ["#" + " " * 58 + "#"] * 18 + ["#" * 60]
    else:
        rows = [" " * (20 - n) + "*" * (2 * n + 1) for n in range(20)] + [" " * 19 + "|||"] * 4
    question = {"en": "ASCII art", "ja": "アスキーアート", "zh": "字符画"}[language]
    return Sample("", question, as_lines(rows), True)


def chords(drawn: random.Random, language: Language) -> Sample:
    bars = drawn.choice(("| C  | G  | Am | F  |", "| Dm7 | G7 | Cmaj7 | A7 |"))
    heads = {"en": ("Verse", "Chorus"), "ja": ("Aメロ", "サビ"), "zh": ("主歌", "副歌")}[language]
    text = "".join(f"[{head}]\n" + f"{bars}\n" * 8 + "\n" for head in heads * 3)
    return Sample("", "A chord chart", text, True)


def counting(drawn: random.Random, language: Language) -> Sample:
    top = drawn.choice((500, 1_000, 2_000))
    question = {"en": "Count to {}.", "ja": "{}まで数えて。", "zh": "数到{}。"}[language]
    return Sample("", question.format(top), ", ".join(map(str, range(1, top + 1))), True)


def truth_table(drawn: random.Random, language: Language) -> Sample:
    rows = [
        f"| {' | '.join(f'{n:06b}')} | {drawn.choice('TF')} |"
        for n in range(drawn.choice((32, 64)))
    ]
    return Sample("", f"A truth table ({language})", as_lines(["|A|B|C|D|E|F|out|", *rows]))


def grid(drawn: random.Random, language: Language) -> Sample:
    rows = [" ".join(drawn.choice("01") for _ in range(30)) for _ in range(30)]
    return Sample("", f"A random grid of bits ({language})", as_lines(rows))


def digits(drawn: random.Random, language: Language) -> Sample:
    divisor = drawn.choice((7, 97, 983))
    value = str(10**900 // divisor)
    question = {"en": "900 decimals of 1/{}", "ja": "1/{}を900桁", "zh": "1/{}的900位小数"}[
        language
    ]
    return Sample("", question.format(divisor), f"0.{value.zfill(900)}", True)


def unrolled(drawn: random.Random, language: Language) -> Sample:
    fence = drawn.choice(("```c\n", ""))
    rows = [f"    sum += values[{n}] * weights[{n}];" for n in range(drawn.choice((64, 128)))]
    text = f"{fence}{as_lines(rows)}{'```' if fence else ''}"
    return Sample("", f"Unroll the loop ({language})", text, True)


def matrices(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for _ in range(8):
        rows = [" & ".join(str(drawn.randrange(-9, 10)) for _ in range(5)) for _ in range(5)]
        text += "\\begin{pmatrix}\n" + " \\\\\n".join(rows) + "\n\\end{pmatrix}\n\n"
    return Sample("", f"Row reduction ({language})", text)


def times_tables(drawn: random.Random, language: Language) -> Sample:
    text = ""
    for factor in range(2, drawn.choice((10, 13))):
        head = {"en": "Table of", "ja": "九九の段:", "zh": "乘法表："}[language]
        text += f"### {head} {factor}\n"
        text += "".join(f"{factor} × {n} = {factor * n}\n" for n in range(1, 13))
    return Sample("", "Times tables", text, True)


HONEST_DATA: Mapping[str, Maker] = {
    make.__name__: make
    for make in (
        *(employees, inserts, numbered_inserts, html_rows, empty_rows, diff),
        *(server_log, test_log, listing, equal_objects, objects, ascii_art),
        *(chords, counting, truth_table, grid, digits, unrolled),
        *(matrices, times_tables),
    )
}
