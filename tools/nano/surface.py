"""The surface of a question: spelling of numbers, signs, names, nouns, case and punctuation."""

from __future__ import annotations

import random

from tools.nano.grammar import blocks, fill, pick, words

LANGUAGES = ("en", "ja", "zh")
PHRASES = {language: blocks(language) for language in LANGUAGES}

SIGNS = {
    "+": ["+"] * 8 + ["＋"],
    "-": ["-"] * 7 + ["−", "－", "–"],
    "*": ["×"] * 4 + ["*"] * 3 + ["x"] * 3 + ["·", "X", "＊"],
    "/": ["÷"] * 5 + ["/"] * 4 + [":", "／"],
}
_HAN = "零一二三四五六七八九"


def english_number(number: int) -> str:
    """Return a number below 1,000 in English words."""
    units, tens = words("en", "UNITS"), words("en", "TENS")
    if number < 20:
        return units[number]
    if number < 100:
        return tens[number // 10] + ("-" + units[number % 10] if number % 10 else "")
    rest = " " + english_number(number % 100) if number % 100 else ""
    return f"{units[number // 100]} hundred{rest}"


def han_number(number: int, chinese: bool) -> str:
    """Return a number below 1,000 in Han numerals, as Japanese or Chinese writes them."""
    hundreds, tens, ones = number // 100, number // 10 % 10, number % 10
    text = ""
    if hundreds:
        text = (_HAN[hundreds] if chinese or hundreds > 1 else "") + "百"
    if tens:
        bare = tens == 1 and not (chinese and hundreds)
        text += ("" if bare else _HAN[tens]) + "十"
    elif chinese and hundreds and ones:
        text += "零"
    return text + (_HAN[ones] if ones else "") or "零"


def number_style(rng: random.Random) -> str:
    """Return how this question writes its numbers: mostly in digits."""
    return rng.choices(("digits", "full", "words"), (96, 2, 2))[0]


def write_number(number: int, style: str, language: str) -> str:
    """Return a number in the chosen style; only numbers below 100 are written in words."""
    if style == "full":
        return "".join(chr(ord(digit) + 0xFEE0) for digit in str(number))
    if style == "words" and 0 <= number < 100:
        if language == "en":
            return english_number(number)
        return han_number(number, chinese=language == "zh")
    return str(number)


def made_up(language: str, rng: random.Random) -> str:
    """Return a word that does not exist, from random syllables."""
    syllables = words(language, "SYLLABLES")
    word = "".join(rng.choice(syllables) for _ in range(rng.randint(2, 4)))
    if language == "en":
        word += rng.choice(["s", "s", "ts", "ns", "x", "nks", "ps", "ls"])
    return word


def noun(language: str, rng: random.Random) -> tuple[str, str]:
    """Return a thing and its counter (empty in English); one in three things is made up."""
    if rng.random() < 0.33:
        return made_up(language, rng), {"en": "", "ja": "個", "zh": "个"}[language]
    word, _, counter = rng.choice(words(language, "NOUNS")).partition(":")
    return word, counter


def name(language: str, rng: random.Random) -> str:
    """Return a first name; one in four is made up."""
    if rng.random() < 0.25:
        word = made_up(language, rng)
        return word.rstrip("sx").capitalize() if language == "en" else word
    return rng.choice(words(language, "NAMES"))


def cast(language: str, rng: random.Random) -> dict[str, str]:
    """Return the names, pronouns, thing and counter of a word problem."""
    first, second = name(language, rng), name(language, rng)
    thing, counter = noun(language, rng)
    subject, target = rng.choice([(first, first), ("he", "him"), ("she", "her"), ("they", "them")])
    return {"p": first, "q": second, "n": thing, "k": counter, "s": subject, "s2": target}


def signs(language: str, rng: random.Random) -> dict[str, str]:
    """Return operator words and signs for the marks of the grammars."""
    phrases = PHRASES[language]
    chosen = {
        mark: rng.choice(phrases[mark.upper()].split("|"))
        for mark in ("plus", "minus", "times", "over")
    }
    return chosen | {mark: rng.choice(options) for mark, options in SIGNS.items()}


def typo(text: str, rng: random.Random) -> str:
    """Swap, drop or double one letter of one longer word."""
    written = text.split(" ")
    long = [index for index, word in enumerate(written) if len(word) > 4 and word.isalpha()]
    if not long:
        return text
    index = rng.choice(long)
    word, at = written[index], rng.randint(1, len(written[index]) - 2)
    written[index] = rng.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        ]
    )
    return " ".join(written)


SMALL_WORDS = ("the", "a", "is", "do", "does", "me")


def loosen(text: str, rng: random.Random) -> str:
    """Insert a word that means nothing, or leave out one that means little."""
    written = text.split(" ")
    if rng.random() < 0.5:
        written.insert(rng.randrange(len(written) + 1), rng.choice(words("en", "FILLERS")))
    else:
        small = [index for index, word in enumerate(written) if word in SMALL_WORDS]
        if small:
            written.pop(rng.choice(small))
    return " ".join(written)


def _english_case(text: str, rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.12:
        return text.lower()
    if chance < 0.15:
        return text.upper() if "\\" not in text else text
    if chance < 0.25:
        return text
    pieces = []
    upper = True
    for character in text:
        pieces.append(character.upper() if upper and character.isalpha() else character)
        upper = (upper and not character.isalnum()) or character in ".?!\n"
    return "".join(pieces)


_HALF = str.maketrans("？，。：！", "?,.:!")


def surround(text: str, language: str, rng: random.Random) -> str:
    """Occasionally add words of politeness or chat before and after the question."""
    phrases = PHRASES[language]
    if rng.random() < 0.06:
        setting = {"n": noun(language, rng)[0], "p": name(language, rng), "q": name(language, rng)}
        text = fill(pick(phrases["CONTEXT"], rng), setting) + text
    if rng.random() < 0.18:
        text = pick(phrases["BEFORE"], rng) + text
    if rng.random() < 0.18:
        text = text + pick(phrases["AFTER"], rng)
    return text


def finish(text: str, language: str, rng: random.Random) -> str:
    """Apply case, typing errors, punctuation and stray spaces."""
    if language == "en":
        if rng.random() < 0.04:
            text = loosen(text, rng)
        if rng.random() < 0.03:
            text = typo(text, rng)
        text = _english_case(text, rng)
    elif rng.random() < 0.25:
        text = text.translate(_HALF)
    if rng.random() < 0.12:
        text = text.rstrip("?.!。？！")
    if rng.random() < 0.04:
        text = rng.choice([" ", "\n", "  "]) + text
    if rng.random() < 0.04:
        text += rng.choice([" ", "\n", "  ", "\n\n"])
    return text
