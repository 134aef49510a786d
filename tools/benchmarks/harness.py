"""What all benchmarks are made with: alternating runs, medians, ratios, tables."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

R1LOCAL = (sys.executable, "-m", "r1local")
#: The installed command: `python -m` costs some time of its own.
INSTALLED = str(Path(sys.executable).with_name("r1local"))
STORY = "Write a long story about a lighthouse."


@dataclass(frozen=True, slots=True)
class Options:
    """What a benchmark is run with.

    Args:
        rounds: runs that count.
        llama_bin: the folder of llama.cpp's programs.
        threads: CPU threads; None is the benchmark's own number.
        tokens: of each reply; None is the benchmark's own number.
        seed: of a reply that is long enough; None looks for one.
    """

    rounds: int
    llama_bin: Path
    threads: int | None = None
    tokens: int | None = None
    seed: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: output, seconds by the clock and of processors, peak MiB, exit code."""

    stdout: str
    stderr: str
    seconds: float
    processor_s: float
    peak_mib: float
    code: int


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end with its output in files."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment
        )
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        stdout, stderr = (stream.read().decode("utf-8", "replace") for stream in (out, err))
    processor_s = usage.ru_utime + usage.ru_stime
    return Run(stdout, stderr, seconds, processor_s, usage.ru_maxrss / 1024, process.returncode)


def checked(result: Run) -> Run:
    """A run that succeeded.

    Raises:
        RuntimeError: it failed; with the end of what it wrote to stderr.
    """
    if result.code:
        raise RuntimeError(f"exit code {result.code}: {result.stderr[-2000:]}")
    return result


def last_event(result: Run) -> dict[str, Any]:
    """The last line of a reply that was printed as `--format jsonl`."""
    last: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return last


def seed_of_a_long_reply(command: list[str]) -> str:
    """A seed with which the model doesn't end its reply before the token limit."""
    return next(
        seed
        for seed in map(str, range(1, 100))
        if last_event(run([*command, "--seed", seed]))["finish_reason"] == "length"
    )


def seconds_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Wall clock of a whole process that succeeds."""
    return checked(run(command, environment)).seconds


def seconds_of_call(action: Callable[[], object]) -> float:
    """Wall clock of a call in this process."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def medians(
    rounds: int, measure: Callable[[], Sequence[float]], *, warm_up: bool = True
) -> list[float]:
    """Medians of several figures that one round measures together.

    Args:
        rounds: rounds that count.
        measure: one round.
        warm_up: one more round comes first, which doesn't count.
    """
    values = [measure() for _ in range(rounds + warm_up)][warm_up:]
    return [statistics.median(column) for column in zip(*values, strict=True)]


def alternate(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Medians of measures taken in turn, after one round that isn't counted."""
    return medians(rounds, lambda: [measure() for measure in measures])


def compare(title: str, ours: float, theirs: float, unit: str) -> None:
    """Print one line: both figures and their ratio."""
    print(
        f"{title}: {ours:,.3f} against {theirs:,.3f} {unit}, ratio {ours / theirs:.3f}", flush=True
    )


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def print_head(*cells: str) -> None:
    """Print the head of a Markdown table: words left, and all columns but the first right."""
    print_row(*cells)
    print_row("---", *["---:"] * (len(cells) - 1))


def never() -> bool:
    """Nobody cancels."""
    return False
