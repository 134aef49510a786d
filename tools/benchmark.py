"""The figures of docs/benchmarks.md: r1local side by side with what it is measured against.

    python -m tools.benchmark help                            needs `llm` on the PATH
    python -m tools.benchmark overhead
    python -m tools.benchmark smollm2 --llama-bin DIR         DIR has llama-completion
    python -m tools.benchmark oneshot --llama-bin DIR         … and llama-cli
    python -m tools.benchmark memory --llama-bin DIR
    python -m tools.benchmark threads
    python -m tools.benchmark attention

Every figure is the median of alternating runs, and every comparison a ratio.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path

from r1local.engine.model import LoadSettings, Model
from r1local.gguf.file import read_gguf
from r1local.machine.memory import facts_of, plain_batch
from r1local.models.catalog import load_catalog
from r1local.models.selection import select
from testing.models import smollm2, write_scripted_model

R1LOCAL = (sys.executable, "-m", "r1local")
TEXT_TOKENS = 14_000
STORY = "Write a long story about a lighthouse."


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: its output, seconds of wall clock, peak memory in MiB."""

    stdout: str
    stderr: str
    seconds: float
    peak_mib: float


def run(command: Sequence[str]) -> Run:
    """Run a command to its end with its output in files."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = (stream.read().decode("utf-8", "replace") for stream in (out, err))
        return Run(stdout, stderr, seconds, usage.ru_maxrss / 1024)


def alternate(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Medians of measures taken in turn, after one round that isn't counted."""
    values = [[measure() for measure in measures] for _ in range(rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*values, strict=True)]


def report(title: str, ours: float, theirs: float, unit: str) -> None:
    """One line: both figures and their ratio."""
    print(f"{title}: {ours:,.3f} against {theirs:,.3f} {unit}, ratio {ours / theirs:.3f}")


def compare_help(arguments: argparse.Namespace) -> None:
    """Wall time of `--help`."""
    # The installed command: `python -m` costs some time of its own.
    r1local = str(Path(sys.executable).with_name("r1local"))
    for command in ([r1local, "--help"], [r1local, "run", "--help"]):
        ours, theirs = alternate(
            arguments.rounds, partial(seconds_of, command), partial(seconds_of, ["llm", "--help"])
        )
        report(" ".join(["r1local", *command[1:]]), ours, theirs, "s, llm --help")


def compare_overhead(arguments: argparse.Namespace) -> None:
    """A text of 14,000 tokens to a JSONL file, against the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "text.gguf")
        # No white space, which waits for the next character: each token is a line.
        # The numbers keep it from being a loop, and an answer may be so long.
        words = "".join(f"The-lighthouse-of-rock-{n}." for n in range(TEXT_TOKENS // 20))
        words = f"x</think>{words}"[: TEXT_TOKENS - 1 + len("</think>") - 1]
        write_scripted_model(model, words, context_length=16_384)
        # One thread: two would wait for each other most of the time on so small a model.
        shared = ["--threads", "1", "--context", "16384"]
        ours = [*R1LOCAL, "run", "hi", "-m", str(model), "--format", "jsonl", *shared]
        bare = [sys.executable, "-m", "tools.bare_loop", str(model)]
        bare += ["--tokens", str(TEXT_TOKENS - 1), *shared]
        # The bare loop's prompt has as many tokens as r1local's: five.
        bare += ["--prompt", "<｜User｜><｜Assistant｜><think>\n"]
        _compare_overhead(arguments.rounds, ours, bare)


def _compare_overhead(rounds: int, ours: list[str], bare: list[str]) -> None:
    values: list[tuple[float, ...]] = []
    for _ in range(rounds + 1):
        whole = _finished(run(ours).stdout)["timing"]["tokens_per_s"]
        first, last = _thousands(ours)
        loop = json.loads(run(bare).stdout)
        values.append(
            (
                whole,
                loop["tokens_per_s"],
                first / loop["first_thousand_per_s"],
                last / loop["last_thousand_per_s"],
            )
        )
    whole, bare_whole, first, last = map(statistics.median, zip(*values[1:], strict=True))
    report("14,000 tokens to JSONL", whole, bare_whole, "tokens/s, bare loop")
    print(f"against the bare loop's: first thousand {first:.3f}, last thousand {last:.3f}")


def _thousands(command: list[str]) -> tuple[float, float]:
    """Tokens per second of the first and of the last thousand lines of a file.

    The file's size is watched: a reader at the end of a pipe would be woken by every
    line, on the cores that are measured.
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
    ends = list(accumulate(map(len, lines[:-1])))  # the last line is the end, not a token

    def at(line: int) -> float:
        return next(when for when, size in sizes if size >= ends[line])

    return 1000 / (at(1000) - at(0)), 1000 / (at(-1) - at(-1001))


def compare_smollm2(arguments: argparse.Namespace) -> None:
    """SmolLM2-135M, 2,048 tokens, two threads."""
    model, tokens = str(smollm2()), "2048"
    ours = [*R1LOCAL, "run", STORY, "-m", model, "--format", "jsonl", "--max-tokens", tokens]
    ours += ["--context", "4096", "--threads", "2"]
    shared = ["--threads", "2", "--seed", seed_of_a_long_reply(ours)]
    ours += shared[2:]
    bare = [sys.executable, "-m", "tools.bare_loop", model, "--tokens", tokens]
    bare += ["--context", "4096", "--prompt", STORY, *shared]
    peer = [str(arguments.llama_bin / "llama-completion"), "-m", model, "-p", STORY, "-st"]
    peer += ["-n", tokens, "-c", "4096", "--ignore-eos", "--temp", "0.6", "--top-p", "0.95"]
    peer += ["--top-k", "0", "--min-p", "0", *shared, "--no-warmup", "--perf"]
    speeds = alternate(
        arguments.rounds,
        lambda: float(_finished(run(ours).stdout)["timing"]["tokens_per_s"]),
        partial(bare_speed, bare),
        lambda: _generation_speed(run(peer)),
    )
    report("SmolLM2-135M", speeds[0], speeds[1], "tokens/s, bare loop")
    report("SmolLM2-135M", speeds[0], speeds[2], "tokens/s, llama-completion")


def seed_of_a_long_reply(command: list[str]) -> str:
    """A seed with which the model doesn't end its reply before the token limit."""
    return next(
        seed
        for seed in map(str, range(1, 100))
        if json.loads(run([*command, "--seed", seed]).stdout.splitlines()[-1])["finish_reason"]
        == "length"
    )


def compare_oneshot(arguments: argparse.Namespace) -> None:
    """Start to end of one prompt and one token, the file in the page cache."""
    model = str(smollm2())
    ours = [str(Path(sys.executable).with_name("r1local")), "run", "Hi", "-m", model]
    ours += ["--max-tokens", "1"]
    shared = ["-m", model, "-p", "Hi", "-n", "1", "-st"]
    seconds = alternate(
        arguments.rounds,
        partial(seconds_of, ours),
        partial(seconds_of, [str(arguments.llama_bin / "llama-cli"), *shared]),
        partial(seconds_of, [str(arguments.llama_bin / "llama-completion"), *shared]),
    )
    report("one token", seconds[0], seconds[1], "s, llama-cli -st")
    report("one token", seconds[0], seconds[2], "s, llama-completion")


def compare_memory(arguments: argparse.Namespace) -> None:
    """Peak resident memory of 64 tokens at the same context."""
    model = str(smollm2())
    for context in ("4096", "8192"):
        shared = ["-m", model, "--threads", "2"]
        ours = [*R1LOCAL, "run", STORY, *shared, "--max-tokens", "64", "--context", context]
        peer = [str(arguments.llama_bin / "llama-completion"), "-p", STORY, "-st", *shared]
        mine, theirs = alternate(
            arguments.rounds,
            partial(peak_mib, ours),
            partial(peak_mib, [*peer, "-n", "64", "-c", context]),
        )
        report(f"context {context}", mine, theirs, "MiB, llama-completion")


def compare_threads(arguments: argparse.Namespace) -> None:
    """One thread and two, on a model of 3 MB and on one of 98 MB."""
    for model in (select(None, load_catalog()).path, smollm2()):
        bare = [sys.executable, "-m", "tools.bare_loop", str(model), "--tokens", "512"]
        bare += ["--prompt", STORY]
        one, two = alternate(
            arguments.rounds,
            partial(bare_speed, [*bare, "--threads", "1"]),
            partial(bare_speed, [*bare, "--threads", "2"]),
        )
        report(f"{model.name}, two threads", two, one, "tokens/s, one thread")


def compare_attention(arguments: argparse.Namespace) -> None:
    """Plain attention and flash attention on the CPU, at a growing depth of the context."""
    window, depths, tokens = 8_192, (16, 1_024, 4_096), 16
    batch = plain_batch(facts_of(read_gguf(smollm2())), window)
    flash = LoadSettings(window, gpu_layers=0, threads=2, kv_cache="f16")
    plain = replace(flash, flash_attention=False, micro_batch=batch)

    def seconds(settings: LoadSettings) -> tuple[list[float], list[float]]:
        prompts, replies = [], []
        with Model(smollm2(), settings, lambda: False) as model:
            for depth in depths:
                started = time.perf_counter()
                model.evaluate([n % 3_000 + 100 for n in range(depth)], lambda: False)
                prompts.append(time.perf_counter() - started)
                started = time.perf_counter()
                for token in range(100, 100 + tokens):
                    model.advance(token)
                replies.append(time.perf_counter() - started)
        return prompts, replies

    rounds = [(seconds(plain), seconds(flash)) for _ in range(arguments.rounds)]
    for n, depth in enumerate(depths):
        for part, what in enumerate(("prompt up to there", "reply")):
            count = tokens if part else depth - (depths[n - 1] if n else 0)
            ours, theirs = (
                count / statistics.median(each[mode][part][n] for each in rounds) for mode in (0, 1)
            )
            report(f"depth {depth:,}, {what}", ours, theirs, "tokens/s, flash attention")


def bare_speed(command: Sequence[str]) -> float:
    """Tokens per second of the bare loop."""
    speeds: dict[str, float] = json.loads(run(command).stdout)
    return speeds["tokens_per_s"]


def seconds_of(command: Sequence[str]) -> float:
    """Wall clock of a whole process."""
    return run(command).seconds


def peak_mib(command: Sequence[str]) -> float:
    """Peak resident memory of a whole process."""
    return run(command).peak_mib


def _finished(jsonl: str) -> dict[str, dict[str, float]]:
    last: dict[str, dict[str, float]] = json.loads(jsonl.splitlines()[-1])
    return last


def _generation_speed(result: Run) -> float:
    """Tokens per second of generation, sampling included, by llama.cpp's own report.

    Its `eval time` leaves sampling out; its total has everything but loading in it.
    """
    milliseconds = {
        name.strip(): float(time_ms)
        for name, time_ms in re.findall(r"([a-z ]+) time = +([\d.]+) ms", result.stderr)
    }
    (tokens,) = re.findall(r" eval time = +[\d.]+ ms / +(\d+) runs", result.stderr)
    return 1000 * int(tokens) / (milliseconds["total"] - milliseconds["prompt eval"])


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "help": compare_help,
    "overhead": compare_overhead,
    "smollm2": compare_smollm2,
    "oneshot": compare_oneshot,
    "memory": compare_memory,
    "threads": compare_threads,
    "attention": compare_attention,
}


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama-bin", type=Path, help="where llama.cpp's programs are")
    arguments = parser.parse_args()
    BENCHMARKS[arguments.benchmark](arguments)


if __name__ == "__main__":
    main()
