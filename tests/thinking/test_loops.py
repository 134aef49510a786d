"""Loops are found, wherever and however long; honest text that repeats itself is none."""

import itertools
import math
import random
import time
from collections.abc import Iterable, Iterator

import pytest

from r1local.errors import InvalidSetting
from r1local.thinking.loops import LoopGuard, LoopSettings


def dropped(tokens: Iterable[int], settings: LoopSettings | None = None) -> tuple[int, int] | None:
    """Tokens taken until the first alarm, and how many of them are to go; None without one."""
    guard = LoopGuard(settings or LoopSettings())
    for count, token in enumerate(tokens, start=1):
        if found := guard.feed(token, " x"):
            return count, found
    return None


def alarm_in(text: str) -> str | None:
    """What is left of a text at the first alarm. Its tokens are words, spaces in front."""
    guard = LoopGuard(LoopSettings())
    words = _words(text)
    ids: dict[str, int] = {}
    for count, word in enumerate(words, start=1):
        if found := guard.feed(ids.setdefault(word, len(ids)), word):
            return "".join(words[: count - found])
    return None


def _words(text: str) -> list[str]:
    """Pieces as tokenizers make them: words, digits and marks each for themselves."""
    pieces: list[str] = []
    for character in text:
        last = pieces[-1] if pieces else ""
        goes_on = character.isascii() and character.isalpha() and last[-1:].isalpha()
        if goes_on or (last == " " and not character.isspace()):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


# --- Exact cycles ---------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 2, 3, 15, 16, 17, 40, 63, 127, 200, 511, 512])
def test_cycles_of_any_period_are_found_soon_and_cut_behind_the_first_round(period: int) -> None:
    drawn = random.Random(period)
    before = [drawn.randrange(1000, 150_000) for _ in range(777)]
    cycle = [drawn.randrange(1000, 150_000) for _ in range(period)]
    found = dropped(itertools.chain(before, itertools.islice(itertools.cycle(cycle), 3000)))
    assert found is not None
    count, drop = found
    least = max(3 * period, 120)
    assert 777 + least <= count < 777 + least + 16
    assert count - drop == 777 + period


def test_a_cycle_that_repeats_inside_itself_is_found() -> None:
    cycle = [7] * 30 + [8] + [7] * 20 + [9]
    found = dropped(itertools.islice(itertools.cycle(cycle), 1000))
    assert found is not None
    assert found[0] <= 3 * len(cycle) + 16


@pytest.mark.parametrize("period", [40, 513, 600])
def test_two_rounds_or_a_longer_period_are_no_loop(period: int) -> None:
    drawn = random.Random(1)
    cycle = [drawn.randrange(150_000) for _ in range(period)]
    rounds = 2 if period == 40 else 5
    assert dropped(cycle * rounds + [1] * 5) is None


def test_fewer_tokens_are_no_loop() -> None:
    assert dropped([5] * 112 + [6] * 16) is None


def test_settings_decide() -> None:
    assert dropped([5] * 500, LoopSettings(least_repeats=0)) is None
    assert dropped([5] * 40, LoopSettings(least_tokens=20)) is not None
    assert dropped([5, 6, 7] * 200, LoopSettings(longest_period=2)) is None


@pytest.mark.parametrize(
    "values", [{"least_repeats": 1}, {"least_tokens": 3}, {"longest_period": 0}]
)
def test_settings_have_ranges(values: dict[str, int]) -> None:
    with pytest.raises(InvalidSetting, match="loop-"):
        LoopSettings(**values)


def test_forgotten_tokens_count_no_more() -> None:
    guard = LoopGuard(LoopSettings())
    for _ in range(5):
        assert not any(guard.feed(5, "x") for _ in range(100))
        guard.reset()


# --- Near-cycles of lines -------------------------------------------------------


def test_lines_with_a_counter_are_found() -> None:
    lines = "".join(
        f"Wait, let me check again whether {n} is the right answer.\n" for n in range(90)
    )
    left = alarm_in(f"I shall see.\n{lines}")
    assert left is not None
    assert left.count("\n") == 2


def test_lines_with_a_counter_that_take_turns_are_found() -> None:
    rounds = "".join(
        f"Attempt {n}: suppose that the number of apples is {n * 7}.\n\n"
        f"Then there are {n * 7 + 3} pieces of fruit, which can't be right.\n\n"
        for n in range(60)
    )
    assert alarm_in(rounds) is not None


def test_chinese_lines_with_a_counter_are_found() -> None:
    assert alarm_in("".join(f"等等，让我再检查一遍第{n}步是否正确。\n" for n in range(60)))


def test_a_loop_inside_code_is_found_later() -> None:
    assert alarm_in("```c\n" + "  out[i++] = next_byte(&reader);\n" * 60) is not None


# --- What is no loop ------------------------------------------------------------


def pi_digits(count: int) -> str:
    """Digits of pi by Gibbons' spigot."""
    q, r, t, k, n, m = 1, 0, 1, 1, 3, 3
    digits: list[str] = []
    while len(digits) < count:
        if 4 * q + r - t < n * t:
            digits.append(str(n))
            q, r, n = q * 10, 10 * (r - n * t), (10 * (3 * q + r)) // t - 10 * n
        else:
            q, r, t, k, n, m = (
                q * k,
                (2 * q + r) * m,
                t * m,
                k + 1,
                (q * (7 * k + 2) + r * m) // (t * m),
                m + 2,
            )
    return "".join(digits)


VERSES = (
    "The wind went down along the shore and took the boats away,",
    "The lamps were lit in every house before the end of day,",
    "A letter came from far abroad with nothing left to say,",
    "The children counted all the ships that never found the bay,",
)
REFRAIN = (
    "Oh, row me home, row me home, over the water wide,\n"
    "Row me home, row me home, home on the evening tide.\n"
)
FRUIT = ("apple", "pear", "plum", "cherry", "lemon", "melon", "grape", "fig", "date", "quince")

HONEST: dict[str, str] = {
    "digits of pi": f"3.{pi_digits(2_000)[1:]}",
    "table of numbers": "| n | n² | n³ |\n|---|---|---|\n"
    + "".join(f"| {n} | {n**2} | {n**3} |\n" for n in range(1, 150)),
    "table of words": "| city | country | people |\n|:--|:--|--:|\n"
    + "".join(f"| City number {n} of the list | Some country | {n * 1000} |\n" for n in range(80)),
    "multiplication table": "".join(f"7 × {n} = {7 * n}\n" for n in range(1, 101)),
    "numbered list": "".join(f"{n}. {FRUIT[n % 10].capitalize()} is one.\n" for n in range(1, 31)),
    "list of primes": "\n".join(
        f"- {n} is prime" for n in range(2, 400) if all(n % d for d in range(2, math.isqrt(n) + 1))
    ),
    "code with repeated lines": "```c\n"
    + "  out[i++] = next_byte(&reader);\n" * 9
    + "  flush(out);\n"
    + "  out[i++] = next_byte(&reader);\n" * 9
    + "```\n",
    "code with numbered lines": "```sql\n"
    + "".join(f"INSERT INTO people VALUES ({n}, 'person{n}', {20 + n});\n" for n in range(120))
    + "```\n",
    "unrolled loop": "".join(f"sum += values[{n}] * weights[{n}];\n" for n in range(40)),
    "nested brackets": "[" * 60 + "]" * 60,
    "lyrics with a refrain": "".join(f"{verse}\n{REFRAIN}\n" for verse in VERSES * 3),
    "worked sum with step counters": "".join(
        f"Step {n}: add {n * 3} to the total, which makes {n * (n + 1) * 3 // 2}.\n"
        for n in range(1, 21)
    ),
    "long division": "".join(
        f"Bring down the {d}: {10 * r + d} ÷ 7 is {(10 * r + d) // 7}, remainder {r}.\n"
        for d, r in zip(range(10), itertools.cycle((3, 2, 6, 4, 5, 1)), strict=False)
    ),
    "csv": "".join(f"2024-01-{n % 28 + 1:02},{n * 17 % 101},{n * 31 % 97}\n" for n in range(300)),
    "ruler": "-" * 80 + "\n" + "=" * 80 + "\n",
    "haiku": "古池や蛙飛び込む水の音\n" * 2,
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_text_is_no_loop(name: str) -> None:
    assert alarm_in(HONEST[name]) is None


# --- Cost -----------------------------------------------------------------------


def test_a_token_costs_little_and_always_the_same() -> None:
    def honest() -> Iterator[tuple[int, str]]:
        drawn = random.Random(3)
        while True:
            token = drawn.randrange(50_000)
            yield token, "\n" if token % 40 == 0 else f" w{token}"

    def seconds(tokens: list[tuple[int, str]]) -> float:
        started = time.process_time()
        for token in tokens:
            guard.feed(*token)
        return time.process_time() - started

    guard = LoopGuard(LoopSettings())
    tokens = list(itertools.islice(honest(), 60_000))
    first, *_, last = (seconds(tokens[n : n + 10_000]) for n in range(0, 60_000, 10_000))
    assert last < 3 * first
    assert last / 10_000 < 20e-6
