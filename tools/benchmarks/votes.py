"""Votes: their speed, and what they achieve.

Speeds are medians of alternating runs. With one thread they are tokens per second of CPU time:
on an idle machine that equals wall time, and on a busy one it doesn't count what other programs
compute. With more threads (`--threads`) they are per second of wall time.
llama-batched-bench loads the same libraries as r1local, so it is the same build; it draws no
tokens and handles no text.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import sqrt
from pathlib import Path

from r1local.answers.canonical import canonical_form
from r1local.conversation import Message
from r1local.engine.amx import leave_out_broken_amx
from r1local.engine.sampler import SamplerSettings
from r1local.events.vote import VoteResult
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.models import smollm2
from tools.benchmarks.harness import (
    STORY,
    Options,
    checked,
    libraries_environment,
    medians,
    never,
    print_head,
    print_row,
    run,
)
from tools.nano.evaluate import SHIPPED
from tools.nano.suites import Case, suites

CONTEXT = 2_048
BATCHES = (1, 2, 4, 8, 16)
TOKENS = 128
PROBLEMS, TEMPERATURE = 200, 0.8
#: Numbers of votes, and the confidence that ends them early.
ELECTIONS: tuple[tuple[int, float | None], ...] = ((1, None), (8, None), (16, None), (16, 0.95))


def elect(model: LocalEngine, question: str, settings: VoteSettings) -> VoteResult:
    """Hold a vote in this process."""
    *_events, last = hold_vote(model, (Message("user", question),), settings, Control())
    assert isinstance(last, VoteResult)
    return last


def compare_throughput(options: Options) -> None:
    """Compare B replies at once, B one after the other, and the bench, in tokens per second."""
    tokens, threads = options.tokens or TOKENS, options.threads or 1
    print_head("replies", "at once", "one after the other", "llama-batched-bench", "ratio")
    for batch in BATCHES:

        def measure(batch: int = batch) -> tuple[float, ...]:
            at_once = speed(batch, batch, tokens, threads)
            single = speed(batch, 1, tokens, threads)
            bench = bench_speed(batch, tokens, threads, options.llama_bin)
            return at_once, single, bench, at_once / bench

        *speeds, ratio = medians(options.rounds, measure, warm_up=False)
        print_row(batch, *(f"{each:.1f}" for each in speeds), f"{ratio:.2f}")


def speed(votes: int, sequences: int, tokens: int, threads: int) -> float:
    """Return the speed of a vote on SmolLM2, whose replies all reach the token limit."""
    options = LoadOptions(context=CONTEXT, threads=threads, sequences=sequences)
    clock = time.process_time if threads == 1 else time.perf_counter

    def seconds(count: int) -> float:
        settings = ReplySettings(SamplerSettings(seed=1), max_tokens=count)
        model = LocalEngine.open(smollm2(), options, never)
        with closing(model):
            started = clock()
            elect(model, STORY, VoteSettings(votes, settings))
            return clock() - started

    return votes * tokens / (seconds(tokens + 1) - seconds(1))


def bench_speed(batch: int, tokens: int, threads: int, folder: Path) -> float:
    """Return the speed of llama-batched-bench with as many sequences and a shared prompt."""
    environment = os.environ | libraries_environment()

    def seconds(count: int) -> float:
        command = [
            str(folder / "llama-batched-bench"),
            *("-m", str(smollm2()), "-c", str(CONTEXT * batch), "-b", "512", "-ub", "512"),
            *("-npp", "38", "-ntg", str(count), "-npl", str(batch), "-pps", "-kvu"),
            *("-t", str(threads), "-tb", str(threads)),
            *(["--no-repack"] if leave_out_broken_amx() else []),
        ]
        result = checked(run(command, environment))
        return result.seconds if threads > 1 else result.processor_s

    # Both measurements include loading and the prompt.
    return batch * tokens / (seconds(tokens + 1) - seconds(1))


def count_right_answers(options: Options) -> None:
    """Count right answers of the embedded model to unseen problems, with 95 % intervals."""
    cases = random.Random(2026).sample(suites(1.0, 2026)["hard"](), PROBLEMS)
    most = max(votes for votes, _ in ELECTIONS)
    model = LocalEngine.open(SHIPPED, LoadOptions(threads=options.threads, sequences=most), never)
    right: list[list[bool]] = []
    print_head("votes", "right", "95 % interval", "replies", "tokens a problem", "s")
    with closing(model):
        for number, (votes, confidence) in enumerate(ELECTIONS):
            started = time.monotonic()
            elected = list(_elections(model, cases, votes, confidence, 10_000 * number))
            seconds = time.monotonic() - started
            right.append([_is_right(*pair) for pair in zip(cases, elected, strict=True)])
            least, greatest = wilson(sum(right[-1]), PROBLEMS)
            print_row(
                f"{votes}{f', confidence {confidence}' if confidence else ''}",
                f"{sum(right[-1])}/{PROBLEMS} ({sum(right[-1]) / PROBLEMS:.1%})",
                f"{least:.1%}-{greatest:.1%}",
                f"{_mean(elected, lambda one: one.finished):.1f}",
                f"{_mean(elected, lambda one: one.tokens):.0f}",
                f"{seconds:.0f}",
            )
    for (votes, confidence), answers in list(zip(ELECTIONS, right, strict=True))[1:]:
        won = sum(new and not old for old, new in zip(right[0], answers, strict=True))
        lost = sum(old and not new for old, new in zip(right[0], answers, strict=True))
        print(f"{votes} votes ({confidence}) against one: {won} problems won, {lost} lost")


def _elections(
    model: LocalEngine,
    cases: Sequence[Case],
    votes: int,
    confidence: float | None,
    first_seed: int,
) -> Iterator[VoteResult]:
    for number, case in enumerate(cases):
        seed = first_seed + number * 20
        reply = ReplySettings(SamplerSettings(temperature=TEMPERATURE, seed=seed), max_tokens=1_024)
        yield elect(model, case.text, VoteSettings(votes, reply, confidence))


def _is_right(case: Case, elected: VoteResult) -> bool:
    return elected.answer is not None and canonical_form(elected.answer) == canonical_form(case.box)


def _mean(elected: Sequence[VoteResult], number: Callable[[VoteResult], int]) -> float:
    return statistics.mean(map(number, elected))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval (1927) for a share, at 95 %."""
    z = 1.959964
    share, spread = successes / trials, z * z / trials
    middle = (share + spread / 2) / (1 + spread)
    half = z * sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    return middle - half, middle + half
