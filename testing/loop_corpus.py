"""What the texts of the loop tests have in common: words of three languages, tokens, doubts."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ja", "zh"]
LANGUAGES: Sequence[Language] = ("en", "ja", "zh")


@dataclass(frozen=True, slots=True)
class Sample:
    """A text that a model may write.

    Args:
        name: what it is, for whoever reads a failure.
        question: what the user asked.
        text: the reply, or its thought.
        sure_of_numbers: whether the numbers follow from previous ones, so a model is sure of them.
    """

    name: str
    question: str
    text: str
    sure_of_numbers: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """Some words of a language, and what joins them."""

    gap: str
    stop: str
    first_names: Sequence[str]
    last_names: Sequence[str]
    nouns: Sequence[str]
    verbs: Sequence[str]
    qualities: Sequence[str]
    places: Sequence[str]

    def sentence(self, drawn: random.Random) -> str:
        """Return a sentence of the form: who does what, of which kind, and where."""
        words = (
            drawn.choice(self.first_names),
            drawn.choice(self.verbs),
            drawn.choice(self.qualities),
            drawn.choice(self.nouns),
            drawn.choice(self.places),
        )
        return self.gap.join(words) + self.stop

    def name(self, drawn: random.Random) -> str:
        """Return a person's name."""
        return f"{drawn.choice(self.first_names)} {drawn.choice(self.last_names)}"


def split(words: str) -> Sequence[str]:
    """Split words that are written with bars between them."""
    return words.split("|")


WORDS: Mapping[Language, Words] = {
    "en": Words(
        " ",
        ". ",
        split("Anna|Ben|Clara|David|Emma|Felix|Grace|Henry|Iris|Jack|Kate|Liam|Mona|Noah|Olga"),
        split("Smith|Lopez|Kumar|Weber|Rossi|Novak|Silva|Okafor|Tanaka|Haddad|Moore|Dubois"),
        split("house|river|letter|engine|garden|question|window|theory|song|market|bridge"),
        split("finds|builds|paints|explains|forgets|follows|carries|measures|opens|repairs"),
        split("an old|the quiet|a broken|the golden|a heavy|the second|a strange|the last"),
        split("in the north|by the sea|at night|near the school|after lunch|on the hill"),
    ),
    "ja": Words(
        "",
        "。",
        split("花子は|太郎は|健は|美咲は|翔太は|葵は|蓮は|結衣は|直樹は|恵は|陽菜は|拓也は"),
        split("佐藤|鈴木|高橋|田中|伊藤|渡辺|山本|中村|小林|加藤"),
        split("家を|川を|手紙を|機械を|庭を|問題を|窓を|理論を|歌を|市場を|橋を|灯りを"),
        split("見つけて|直して|描いて|説明して|忘れて|追って|運んで|測って|開けて|作って"),
        split("古い|静かな|壊れた|金色の|重い|二番目の|不思議な|最後の"),
        split("北で眺めた|海辺で考えた|夜に休んだ|学校の近くで話した|昼食の後で笑った"),
    ),
    "zh": Words(
        "",
        "。",
        split("小明|小红|李雷|王芳|张伟|刘洋|陈静|杨光|赵敏|周杰|吴刚|徐丽"),
        split("先生|女士|老师|医生|同学|经理|教授|工程师"),
        split("房子|河流|信件|机器|花园|问题|窗户|理论|歌曲|市场|桥梁|灯"),
        split("发现了|建造了|画了|解释了|忘记了|跟随着|搬走了|测量了|打开了|修理了"),
        split("古老的|安静的|破碎的|金色的|沉重的|第二座|奇怪的|最后的"),
        split("就在北方|在海边|在夜里|在学校附近|在午饭之后|在山上"),
    ),
}


def as_lines(lines: Sequence[str]) -> str:
    """Return lines of text, each with its end."""
    return "\n".join(lines) + "\n"


Maker = Callable[[random.Random, Language], Sample]


def texts_in_languages(kinds: Mapping[str, Maker], seeds: int) -> Iterator[Sample]:
    """Yield every kind of text in every language, once for each seed."""
    for kind, make in kinds.items():
        for language in LANGUAGES:
            for seed in range(seeds):
                sample = make(random.Random(f"{kind} {language} {seed}"), language)
                name = f"{kind} {language} {seed}"
                yield Sample(name, sample.question, sample.text, sample.sure_of_numbers)


_PIECE = re.compile(r" ?[^\W\d_]{1,7}|\d{1,3}| {2,16}|\n| ?[^\w\s]{1,3}|.", re.DOTALL)
_WIDE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]{1,2}")


def pieces_of(text: str) -> list[str]:
    """Split a text like tokenizers do: words or parts of them, up to three digits, marks."""
    pieces: list[str] = []
    for piece in _PIECE.findall(text):
        pieces += _WIDE.findall(piece) if _WIDE.match(piece) else [piece]
    return pieces


def doubts(pieces: Sequence[str], sure_of_numbers: bool) -> Iterator[bool]:
    """Yield whether a model might as well have written something else in place of each piece.

    Models copy: they expect what followed the last few pieces before, and are nearly sure of
    it. They are unsure about anything else, and very unsure half of the time.
    """
    drawn = random.Random(1)
    followed: dict[tuple[str, ...], str] = {}
    shape = ["0" if piece.isdigit() else piece for piece in pieces]
    for place, piece in enumerate(pieces):
        keys = [tuple(shape[max(0, place - count) : place]) for count in (4, 12)]
        copied = any(followed.get(key) == shape[place] for key in keys)
        followed |= dict.fromkeys(keys, shape[place])
        known = copied and (sure_of_numbers or not piece.isdigit())
        probability = drawn.uniform(0.97, 1) if known else drawn.choice((0.3, 0.8))
        yield drawn.random() > probability
