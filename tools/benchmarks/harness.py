"""The common parts of benchmarks: alternating runs, medians, ratios, tables."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

R1LOCAL = (sys.executable, "-m", "r1local")
#: The installed command, since `python -m` costs some time of its own.
INSTALLED = str(Path(sys.executable).with_name("r1local"))
STORY = "Write a long story about a lighthouse."


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a benchmark.

    Args:
        rounds: the number of runs that count.
        llama_bin: the folder of llama.cpp's programs.
        threads: CPU threads; None means the benchmark's own number.
        tokens: tokens of each reply; None means the benchmark's own number.
        seed: a seed with which the reply is long enough; None means to look for one.
        model: a GGUF file to measure instead of the benchmark's own.
    """

    rounds: int
    llama_bin: Path
    threads: int | None = None
    tokens: int | None = None
    seed: str | None = None
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: output, wall and processor seconds, peak MiB, exit code."""

    stdout: str
    stderr: str
    seconds: float
    processor_s: float
    peak_mib: float
    code: int


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, with its output in files."""
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


def libraries_environment() -> dict[str, str]:
    """Return the environment variable that makes llama.cpp's programs load r1local's libraries."""
    package = find_spec("llama_cpp")
    assert package
    assert package.origin
    return {"LD_LIBRARY_PATH": str(Path(package.origin).parent / "lib")}


def checked(result: Run) -> Run:
    """Return a run, having checked that it succeeded.

    Raises:
        RuntimeError: it failed; the message has the end of its stderr.
    """
    if result.code:
        raise RuntimeError(f"exit code {result.code}: {result.stderr[-2000:]}")
    return result


def last_event(result: Run) -> dict[str, Any]:
    """Return the last line of a reply printed with `--format jsonl`."""
    last: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return last


def seed_of_a_long_reply(command: list[str]) -> str:
    """Return a seed with which the model doesn't end its reply before the token limit."""
    return next(
        seed
        for seed in map(str, range(1, 100))
        if last_event(run([*command, "--seed", seed]))["finish_reason"] == "length"
    )


def seconds_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> float:
    """Return the wall time of a whole process, which has to succeed."""
    return checked(run(command, environment)).seconds


def seconds_of_call(action: Callable[[], object]) -> float:
    """Return the wall time of a call in this process."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def medians(
    rounds: int, measure: Callable[[], Sequence[float]], *, warm_up: bool = True
) -> list[float]:
    """Return the medians of several figures that each round measures together.

    Args:
        rounds: the number of rounds that count.
        measure: measures one round.
        warm_up: begin with one more round that doesn't count.
    """
    values = [measure() for _ in range(rounds + warm_up)][warm_up:]
    return [statistics.median(column) for column in zip(*values, strict=True)]


def alternate(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Return the medians of measures taken in turn, after one round that doesn't count."""
    return medians(rounds, lambda: [measure() for measure in measures])


def compare(title: str, ours: float, theirs: float, unit: str) -> None:
    """Print both figures and their ratio on one line."""
    print(
        f"{title}: {ours:,.3f} against {theirs:,.3f} {unit}, ratio {ours / theirs:.3f}", flush=True
    )


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def print_head(*cells: str) -> None:
    """Print the head of a Markdown table, with all columns except the first aligned right."""
    print_row(*cells)
    print_row("---", *["---:"] * (len(cells) - 1))


def never() -> bool:
    """Return False, for replies that nobody cancels."""
    return False
