"""Loops are found, wherever and however long; honest text that repeats itself is none."""

import itertools
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence

import pytest

from r1local.errors import InvalidSetting
from r1local.thinking.loops import Loop, LoopGuard, LoopSettings
from testing.honest_data import HONEST_DATA
from testing.honest_texts import HONEST_TEXTS
from testing.loop_corpus import Sample, doubts, pieces_of, texts_in_languages
from testing.looping_texts import LOOPS


def dropped(tokens: Iterable[int], settings: LoopSettings | None = None) -> tuple[int, int] | None:
    """Tokens taken until the first loop, and how many of them are to go; None without one."""
    guard = LoopGuard(settings or LoopSettings())
    for count, token in enumerate(tokens, start=1):
        loop = guard.feed(token, " " + "".join("abcdefghij"[int(digit)] for digit in str(token)))
        if loop and loop.drop:
            return count, loop.drop
    return None


def find(
    text: str, question: str = "", doubtful: Iterable[bool] | None = None, patience: int = 4_096
) -> Iterator[tuple[int, Loop]]:
    """What the guard says of a text, each with the tokens up to there."""
    guard = LoopGuard(LoopSettings(patience=patience), lambda: question)
    ids: dict[str, int] = {}
    doubted = itertools.repeat(False) if doubtful is None else doubtful
    for count, (piece, doubt) in enumerate(zip(pieces_of(text), doubted, strict=False), start=1):
        if loop := guard.feed(ids.setdefault(piece, len(ids)), piece, doubtful=doubt):
            yield count, loop
            if loop.drop:
                guard.reset()


def findings(text: str, question: str = "", patience: int = 4_096) -> list[tuple[int, Loop]]:
    """All that the guard says of a text."""
    return list(find(text, question, patience=patience))


def left_of(text: str, question: str = "") -> str | None:
    """What is left of a text when the first loop is taken away; None without one."""
    for count, loop in find(text, question):
        if loop.drop:
            return "".join(pieces_of(text)[: count - loop.drop])
    return None


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
    "values",
    [{"least_repeats": 1}, {"least_tokens": 3}, {"longest_period": 0}, {"patience": 100}],
)
def test_settings_have_ranges(values: dict[str, int]) -> None:
    with pytest.raises(InvalidSetting, match="loop-"):
        LoopSettings(**values)


def test_forgotten_tokens_count_no_more() -> None:
    guard = LoopGuard(LoopSettings())
    for _ in range(5):
        assert not any(guard.feed(5, "x") for _ in range(100))
        guard.reset()


@pytest.mark.parametrize("mark", ["\n", "!", "🎉 "])
def test_white_space_or_marks_alone_are_a_loop(mark: str) -> None:
    assert left_of("hm" + mark * 600) is not None


@pytest.mark.parametrize(
    "line",
    [
        "x = update(x)\n",
        "I think so, and then again not. ",
        "我想是的。",
        "- I think it is so.\n",
        "**Step:** look at it again.\n\n",
        '"Wait," he said, "let me think."\n',
    ],
)
def test_prose_and_code_outside_fences_are_found_soon(line: str) -> None:
    [(count, loop), *_] = findings(line * 200)
    assert loop.drop
    assert count <= max(120, 3 * len(pieces_of(line))) + 16


@pytest.mark.parametrize(
    "round_",
    [
        "```c\n" + "out[i++] = next(&reader);\n" * 60 + "```\n",
        "| a | b |\n",
        "  <tr><td>Name</td><td></td></tr>\n",
        '  {"name": "nobody", "done": false},\n',
        "- [ ] ________\n",
        '    "nobody",\n',
        "#" + " " * 14 + "#\n",
        "142857",
        "7 + 7, ",
    ],
)
def test_code_in_fences_and_data_are_left_alone_for_long(round_: str) -> None:
    text = round_ * (1_200 // len(pieces_of(round_)) + 1)
    assert left_of(text) is None
    assert left_of(round_ * (8_000 // len(pieces_of(round_)))) is not None


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("I will not talk in class. ", "Write “I will not talk in class.” fifty times."),
        ("hello ", "Repeat the word hello as often as you can"),
        ("授業中に話しません。", "「授業中に話しません。」を五十回書いて。"),
    ],
)
def test_what_the_question_asks_for_is_left_alone_for_long(line: str, question: str) -> None:
    assert left_of(line * 50) is not None or len(pieces_of(line)) * 50 < 120
    assert left_of(line * 100, question) is None
    assert left_of(line * 8_000, question) is not None


def test_a_round_of_the_questions_words_in_another_order_is_a_loop() -> None:
    question = "What is the sum of 27 apples and 58 apples?"
    assert left_of("So the sum is what the apples sum of. " * 100, question) is not None


# --- Nothing new ----------------------------------------------------------------


def counted(rounds: int) -> str:
    """Lines in which nothing but the counter is new."""
    return "".join(f"Wait, let me check whether step {n} is right.\n" for n in range(rounds))


def test_a_counter_alone_is_said_first_and_is_a_loop_much_later() -> None:
    (warned, warning), (count, loop), *_ = findings(counted(1_000))
    assert warning.drop == 0
    assert 1_024 <= warned < 1_024 + 256
    assert 4_096 <= count < 4_096 + 256
    assert 4_096 <= loop.drop <= count


def test_something_new_makes_up_for_what_was_not() -> None:
    drawn = random.Random(1)
    new = (
        " ".join("".join(drawn.choices("aeioustrnl", k=6)) for _ in range(200)) + "\n"
        for _ in itertools.count()
    )
    assert findings(counted(80) * 10)
    assert not findings("".join(counted(80) + next(new) for _ in range(10)))


def test_the_patience_decides() -> None:
    assert not findings(counted(1_000), patience=0)
    (warned, _), (count, loop), *_ = findings(counted(1_000), patience=512)
    assert (warned < 400, count < 800, loop.drop > 0) == (True, True, True)


@pytest.mark.parametrize("steps", [range(1, 700), range(699, 0, -1)])
def test_a_counter_with_an_end_in_sight_is_no_loop(steps: Sequence[int]) -> None:
    text = "".join(f"Bring {n} down, and {n} is carried.\n" for n in steps)
    assert not findings(text, "Do it 700 times.")
    if steps[0] == 1:
        assert findings(text, "Do it.")
        assert findings(text, "Do it 700,000 times.")


def test_a_counter_that_runs_past_its_end_is_a_loop_then() -> None:
    text = "".join(f"Bring {n} down, and {n} is carried.\n" for n in range(1, 1_500))
    [_, (count, loop)] = findings(text, "Do it 300 times.")[:2]
    left = "".join(pieces_of(text)[: count - loop.drop])
    assert "Bring 200 down" in left


def test_values_tell_data_from_a_counter() -> None:
    drawn = random.Random(1)
    data = "".join(f"Item {n} costs {drawn.randrange(10**6)}.\n" for n in range(1_000))
    assert not findings(data)


def test_what_the_model_might_have_written_otherwise_is_no_loop() -> None:
    drawn = random.Random(1)
    text = "".join(drawn.choice(("yes ", "no ", "yes\n")) for _ in range(9_000))
    assert findings(text)
    guesses = (drawn.random() < 0.3 for _ in itertools.count())
    assert not list(find(text, doubtful=guesses))


# --- The corpus -----------------------------------------------------------------


def found_in(sample: Sample, doubted: bool) -> Iterator[Loop]:
    doubtful = doubts(pieces_of(sample.text), sample.sure_of_numbers) if doubted else None
    return (loop for _, loop in find(sample.text, sample.question, doubtful))


@pytest.mark.slow
@pytest.mark.parametrize(("doubted", "most_warned"), [(False, 0.1), (True, 0.05)])
def test_of_honest_texts_less_than_one_in_a_hundred_is_a_loop(
    doubted: bool, most_warned: float
) -> None:
    samples = list(texts_in_languages({**HONEST_DATA, **HONEST_TEXTS}, 2))
    found = {sample.name: list(found_in(sample, doubted)) for sample in samples}
    loops = {name: sum(loop.drop > 0 for loop in said) for name, said in found.items()}
    assert len(samples) >= 200
    assert sum(map(bool, loops.values())) < 0.01 * len(samples), loops
    assert max(loops.values()) < 3, "the third loop ends a reply"
    assert sum(map(bool, found.values())) <= most_warned * len(samples), found


@pytest.mark.slow
@pytest.mark.parametrize("doubted", [False, True])
def test_of_loops_nine_in_ten_are_left_and_all_are_said(doubted: bool) -> None:
    samples = list(texts_in_languages(LOOPS, 1))
    left = 0
    for sample in samples:
        said = found_in(sample, doubted)
        first = next(said, None)
        assert first, sample.name
        left += bool(first.drop or any(loop.drop for loop in said))
    assert len(samples) >= 60
    assert left >= 0.9 * len(samples)


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

MORE_HONEST: dict[str, str] = {
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


@pytest.mark.parametrize("name", MORE_HONEST)
def test_honest_text_is_no_loop(name: str) -> None:
    assert left_of(MORE_HONEST[name]) is None


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
