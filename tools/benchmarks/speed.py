"""Tokens per second, compared with the bare loop, llama.cpp's programs, and other settings."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

from testing.models import smollm2, write_scripted_model
from tools.benchmarks.harness import (
    R1LOCAL,
    STORY,
    Options,
    Run,
    alternate,
    checked,
    compare,
    last_event,
    medians,
    run,
    seed_of_a_long_reply,
)

TEXT_TOKENS = 14_000


def compare_overhead(options: Options) -> None:
    """Compare a text of 14,000 tokens written to a JSONL file with the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "text.gguf")
        # No white space, which waits for the next character: each token becomes a line.
        # The numbers keep it from being a loop, and an answer may be that long.
        words = "".join(f"The-lighthouse-of-rock-{n}." for n in range(TEXT_TOKENS // 20))
        words = f"x</think>{words}"[: TEXT_TOKENS - 1 + len("</think>") - 1]
        write_scripted_model(model, words, context_length=16_384)
        # One thread: with so small a model, two would mostly wait for each other.
        shared = ["--threads", "1", "--context", "16384"]
        ours = [*R1LOCAL, "run", "hi", "-m", str(model), "--format", "jsonl", *shared]
        bare = [sys.executable, "-m", "tools.benchmarks.bare_loop", str(model)]
        bare += ["--tokens", str(TEXT_TOKENS - 1), *shared]
        # The bare loop's prompt has as many tokens as r1local's: five.
        bare += ["--prompt", "<｜User｜><｜Assistant｜><think>\n"]
        _compare_overhead(options.rounds, ours, bare)


def _compare_overhead(rounds: int, ours: list[str], bare: list[str]) -> None:
    def measure() -> tuple[float, ...]:
        whole = last_event(run(ours))["timing"]["tokens_per_s"]
        first, last = _thousands(ours)
        loop = json.loads(checked(run(bare)).stdout)
        return (
            whole,
            loop["tokens_per_s"],
            first / loop["first_thousand_per_s"],
            last / loop["last_thousand_per_s"],
        )

    whole, bare_whole, first, last = medians(rounds, measure)
    compare("14,000 tokens to JSONL", whole, bare_whole, "tokens/s, bare loop")
    print(f"against the bare loop's: first thousand {first:.3f}, last thousand {last:.3f}")


def _thousands(command: list[str]) -> tuple[float, float]:
    """Return the tokens per second of the first and last thousand lines of a file.

    The file's size is watched: a reader at the end of a pipe would be woken by every
    line, on the cores that are being measured.
    """
    with tempfile.NamedTemporaryFile() as out:
        sizes: list[tuple[float, int]] = []
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL
        ) as process:
            while process.poll() is None:
                sizes.append((time.perf_counter(), Path(out.name).stat().st_size))
                time.sleep(0.001)
        lines = Path(out.name).read_bytes().splitlines(keepends=True)
    ends = list(accumulate(map(len, lines[:-1])))  # the last one is `finished`, not a token

    def at(line: int) -> float:
        return next(when for when, size in sizes if size >= ends[line])

    return 1000 / (at(1000) - at(0)), 1000 / (at(-1) - at(-1001))


def compare_smollm2(options: Options) -> None:
    """Measure SmolLM2-135M with 2,048 tokens and two threads."""
    model, tokens = str(smollm2()), "2048"
    ours = [*R1LOCAL, "run", STORY, "-m", model, "--format", "jsonl", "--max-tokens", tokens]
    ours += ["--context", "4096", "--threads", "2"]
    shared = ["--threads", "2", "--seed", options.seed or seed_of_a_long_reply(ours)]
    ours += shared[2:]
    bare = [sys.executable, "-m", "tools.benchmarks.bare_loop", model, "--tokens", tokens]
    bare += ["--context", "4096", "--prompt", STORY, *shared]
    peer = [str(options.llama_bin / "llama-completion"), "-m", model, "-p", STORY, "-st"]
    peer += ["-n", tokens, "-c", "4096", "--ignore-eos", "--temp", "0.6", "--top-p", "0.95"]
    peer += ["--top-k", "0", "--min-p", "0", *shared, "--no-warmup", "--perf"]
    speeds = alternate(
        options.rounds,
        lambda: float(last_event(run(ours))["timing"]["tokens_per_s"]),
        partial(bare_speed, bare),
        lambda: _generation_speed(checked(run(peer))),
    )
    compare("SmolLM2-135M", speeds[0], speeds[1], "tokens/s, bare loop")
    compare("SmolLM2-135M", speeds[0], speeds[2], "tokens/s, llama-completion")


def bare_speed(command: Sequence[str]) -> float:
    """Return the tokens per second of the bare loop."""
    speeds: dict[str, float] = json.loads(checked(run(command)).stdout)
    return speeds["tokens_per_s"]


def _generation_speed(result: Run) -> float:
    """Return the tokens per second of generation including sampling, by llama.cpp's own report.

    Its `eval time` leaves out sampling; its total includes everything except loading.
    """
    milliseconds = {
        name.strip(): float(time_ms)
        for name, time_ms in re.findall(r"([a-z ]+) time = +([\d.]+) ms", result.stderr)
    }
    (tokens,) = re.findall(r" eval time = +[\d.]+ ms / +(\d+) runs", result.stderr)
    return 1000 * int(tokens) / (milliseconds["total"] - milliseconds["prompt eval"])
