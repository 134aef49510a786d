"""Loops that models fall into, each far longer than a reply should be."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from testing.loop_corpus import WORDS, Language, Maker, Sample, pieces_of, split

#: Approximate tokens of a loop: a quarter of what R1 may write.
LENGTH = 8_000
_QUESTION: Mapping[Language, str] = {
    "en": "Anna has 27 apples, Ben has 58. How many do they have together?",
    "ja": "花子はりんごを27個、太郎は58個持っています。全部でいくつですか？",
    "zh": "小明有27个苹果，小红有58个。一共有多少个？",
}


def _endless(rounds: Iterator[str], drawn: random.Random, language: Language) -> Sample:
    """Return some sentences of normal text, and then a loop."""
    words, text, length = WORDS[language], "", 0
    begun = "".join(words.sentence(drawn) for _ in range(drawn.randrange(5, 30)))
    for part in rounds:
        text, length = text + part, length + len(pieces_of(part))
        if length > LENGTH:
            break
    return Sample("", _QUESTION[language], begun + text, True)


def _counted(drawn: random.Random, language: Language, lines: Mapping[Language, str]) -> Sample:
    line, start = lines[language], drawn.randrange(1, 20)
    counter = itertools.count(start)
    return _endless((line.format(n=n, m=7 * n, k=n + 1) for n in counter), drawn, language)


def _some(language: Language, drawn: random.Random, count: int) -> list[str]:
    return [WORDS[language].sentence(drawn) for _ in range(count)]


def sentence(drawn: random.Random, language: Language) -> Sample:
    return _endless(itertools.repeat(_some(language, drawn, 1)[0]), drawn, language)


def paragraph(drawn: random.Random, language: Language) -> Sample:
    text = "".join(_some(language, drawn, drawn.randrange(4, 9))) + "\n\n"
    return _endless(itertools.repeat(text), drawn, language)


def page(drawn: random.Random, language: Language) -> Sample:
    """Return rounds longer than those that are searched for word for word."""
    text = "".join(_some(language, drawn, 80)) + "\n\n"
    return _endless(itertools.repeat(text), drawn, language)


def line_of_code(drawn: random.Random, language: Language) -> Sample:
    line = drawn.choice(("    node = next_of(node, tree)\n", "x = update(x, step)\n"))
    return _endless(itertools.repeat(line), drawn, language)


def fenced_code(drawn: random.Random, language: Language) -> Sample:
    line = drawn.choice(("    node = next_of(node, tree)\n", "x = update(x, step)\n"))
    return _endless(itertools.chain(["\n```python\n"], itertools.repeat(line)), drawn, language)


def objects_for_ever(drawn: random.Random, language: Language) -> Sample:
    return _endless(itertools.repeat('  {"name": "", "value": null},\n'), drawn, language)


def counted_lines(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "Wait, let me check again whether step {n} is right.\n",
        "ja": "待って、手順{n}が正しいかもう一度確かめよう。\n",
        "zh": "等等，让我再检查一遍第{n}步是否正确。\n",
    }
    return _counted(drawn, language, lines)


def counted_in_one_line(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "Attempt {n}: that gives {m}, which can't be right. ",
        "ja": "試み{n}：{m}になるが、正しくない。",
        "zh": "第{n}次尝试：得到{m}，不对。",
    }
    return _counted(drawn, language, lines)


def short_lines(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "Try x = {n}.\n",
        "ja": "x = {n} を試す。\n",
        "zh": "试 x = {n}。\n",
    }
    return _counted(drawn, language, lines)


def headings(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "### Step {n}\n\nThe answer is 85, since 27 and 58 make 85.\n\n**85**\n\n",
        "ja": "### 手順 {n}\n\n27と58を足すと85だから、答えは85です。\n\n**85**\n\n",
        "zh": "### 步骤 {n}\n\n27加58等于85，所以答案是85。\n\n**85**\n\n",
    }
    return _counted(drawn, language, lines)


def letters(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "Case {c}: suppose that the number is even. Then it can't be odd.\n\n",
        "ja": "場合{c}：その数が偶数だとする。すると奇数ではない。\n\n",
        "zh": "情形{c}：假设这个数是偶数。那么它不是奇数。\n\n",
    }[language]
    names = itertools.cycle("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return _endless((line.format(c=c) for c in names), drawn, language)


def nine_lines(drawn: random.Random, language: Language) -> Sample:
    lines = [text.strip() for text in _some(language, drawn, 9)]
    rounds = ("".join(f"{n}: {line}\n" for line in lines) for n in itertools.count(1))
    return _endless(rounds, drawn, language)


def paraphrases(drawn: random.Random, language: Language) -> Sample:
    parts: Sequence[str] = {
        "en": (
            "Wait, let me check that again.|Hold on, I should verify this.|Let me look once more.",
            "So 27 plus 58 makes 85.|Adding 27 and 58, I get 85.|27 + 58 is 85, I think.",
            "But maybe I made a mistake.|Hmm, is that really right?|I'm not sure about that.",
        ),
        "ja": (
            "待って、もう一度確かめよう。|ちょっと待って、検算しよう。|もう一回見てみよう。",
            "27足す58は85になる。|27と58を足すと85だ。|27 + 58 は85だと思う。",
            "でも間違えたかもしれない。|うーん、本当に正しいかな。|まだ確信が持てない。",
        ),
        "zh": (
            "等等，让我再检查一遍。|稍等，我应该验证一下。|再看一次吧。",
            "27加58等于85。|把27和58相加得到85。|我觉得27 + 58是85。",
            "但也许我弄错了。|嗯，真的对吗？|我不太确定。",
        ),
    }[language]
    stocks = [part.split("|") for part in parts]
    gap = WORDS[language].gap
    rounds = (gap.join(map(drawn.choice, stocks)) + "\n\n" for _ in itertools.count())
    return _endless(rounds, drawn, language)


def drift(drawn: random.Random, language: Language) -> Sample:
    """Return rounds in which every few rounds one word becomes another."""

    def rounds() -> Iterator[str]:
        words = WORDS[language]
        parts = [
            drawn.choice(words.nouns) + words.gap + drawn.choice(words.verbs) for _ in range(9)
        ]
        while True:
            yield from [words.gap.join(parts) + words.stop] * 2
            parts[drawn.randrange(9)] = (
                drawn.choice(words.nouns) + words.gap + drawn.choice(words.verbs)
            )

    return _endless(rounds(), drawn, language)


def two_minds(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "So the answer is {a}. But wait, it could be {b}, since the question says so.\n\n",
        "ja": "だから答えは{a}だ。でも待って、問題文によれば{b}かもしれない。\n\n",
        "zh": "所以答案是{a}。但是等等，按照题目也可能是{b}。\n\n",
    }
    line = lines[language]
    pairs = (drawn.sample((84, 85, 86, 95), 2) for _ in itertools.count())
    return _endless((line.format(a=a, b=b) for a, b in pairs), drawn, language)


def table_of_nothing(drawn: random.Random, language: Language) -> Sample:
    word = {"en": "not known", "ja": "不明", "zh": "未知"}[language]
    rows = (f"| {n} | {word} | {word} |\n" for n in itertools.count(1))
    return _endless(rows, drawn, language)


def ever_finer(drawn: random.Random, language: Language) -> Sample:
    lines: Mapping[Language, str] = {
        "en": "If x = 1.{n:04}, the left side is still a little too small.\n",
        "ja": "x = 1.{n:04} なら、左辺はまだ少し小さい。\n",
        "zh": "若 x = 1.{n:04}，左边仍然小一点。\n",
    }
    return _counted(drawn, language, lines)


def number_words(drawn: random.Random, language: Language) -> Sample:
    counters: Mapping[Language, Sequence[str]] = {
        "en": split("one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"),
        "ja": split("一|二|三|四|五|六|七|八|九|十|十一|十二"),
        "zh": split("一|二|三|四|五|六|七|八|九|十|十一|十二"),
    }
    line = {
        "en": "In step {c} I add the two numbers and look at the result again.\n",
        "ja": "第{c}段階では二つの数を足して結果をもう一度見る。\n",
        "zh": "第{c}步，我把两个数相加，再看一遍结果。\n",
    }[language]
    names = itertools.cycle(counters[language])
    return _endless((line.format(c=c) for c in names), drawn, language)


def one_item(drawn: random.Random, language: Language) -> Sample:
    """Return a list whose items are all the same."""
    item = drawn.choice(WORDS[language].nouns)
    return _endless((f"{n}. {item}\n" for n in itertools.count(1)), drawn, language)


def dates(drawn: random.Random, language: Language) -> Sample:
    line = {
        "en": "On {d} nothing happened, and the farmer went to bed early.\n",
        "ja": "{d}は何も起こらず、農夫は早く寝た。\n",
        "zh": "{d}什么也没发生，农夫早早睡了。\n",
    }[language]
    day = date(1900 + drawn.randrange(100), 1, 1)
    days = (day + timedelta(n) for n in itertools.count())
    return _endless((line.format(d=day.isoformat()) for day in days), drawn, language)


def question_again(drawn: random.Random, language: Language) -> Sample:
    """Return the question, and a sum that changes nothing, in alternation."""
    sums = ("27 + 58 = 85", "58 + 27 = 85", "20 + 50 + 7 + 8 = 85")
    rounds = (f"{_QUESTION[language]}\n{drawn.choice(sums)}\n\n" for _ in itertools.count())
    return _endless(rounds, drawn, language)


LOOPS: Mapping[str, Maker] = {
    make.__name__: make
    for make in (
        *(sentence, paragraph, page, line_of_code, fenced_code, objects_for_ever, counted_lines),
        *(counted_in_one_line, short_lines, headings, letters, nine_lines, paraphrases, drift),
        *(two_minds, table_of_nothing, ever_finer, number_words),
        *(one_item, dates, question_again),
    )
}
