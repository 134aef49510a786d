"""The figures of docs/benchmarks.md about sessions.

    python -m tools.benchmark_sessions resume     4,000 tokens restored, against evaluated again
    python -m tools.benchmark_sessions list       200 sessions of 100 kB
    python -m tools.benchmark_sessions search     100 MB of text, in English and in Japanese

Every figure is the median of alternating runs.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from r1local.conversation import Reply
from r1local.engine.model import LoadSettings, Model
from r1local.engine.state import restore_state, save_state
from r1local.events.reply import ThinkingDelta
from r1local.sessions.folder import saved_sessions
from r1local.sessions.search import search_texts
from r1local.sessions.session import Session
from testing.models import smollm2

_TOKENS = 4000
_SETTINGS = LoadSettings(context_window=5120, gpu_layers=0, threads=2, kv_cache="f16")
_ENGLISH = "So the next term is the sum of both, which I should check once more. "
_JAPANESE = "したがって次の項は両方の和であり、もう一度確かめるべきである。"


def never() -> bool:
    """Nobody cancels."""
    return False


def seconds(action: Callable[[], object]) -> float:
    """Wall clock of an action."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def compare_resume(rounds: int) -> None:
    """SmolLM2-135M in Q4_1 on two threads."""
    draw = random.Random(1)
    tokens = [draw.randrange(1000, 40_000) for _ in range(_TOKENS)]
    runs = []
    with tempfile.TemporaryDirectory() as folder, Model(smollm2(), _SETTINGS, never) as model:
        path = Path(folder, "state.kv")
        for _ in range(rounds):
            model.rewind(0)
            evaluating = seconds(lambda: model.evaluate(tokens, never))
            saving = seconds(lambda: save_state(model, path))
            model.rewind(0)
            restoring = seconds(lambda: restore_state(model, path))
            assert model.position == _TOKENS
            runs.append((evaluating, saving, restoring))
        size = path.stat().st_size / 10**6
    evaluating, saving, restoring = (
        statistics.median(column) for column in zip(*runs, strict=True)
    )
    print(
        f"{_TOKENS:,} tokens, {size:.0f} MB: evaluated in {evaluating:.2f} s, kept in"
        f" {saving:.3f} s, restored in {restoring:.3f} s, {restoring / evaluating:.4f}"
    )


def fill(folder: Path, count: int, size: int, sentence: str) -> None:
    """Write so many sessions with so many bytes of thought each, as a chat would."""
    for number in range(count):
        session = Session.create(f"session-{number}", folder=folder)
        session.question(f"What comes after {number}?")
        for piece in range(20):
            session.event(ThinkingDelta(sentence * (size // len(sentence.encode()) // 20), piece))
            session.set("seed", str(piece))  # which ends the record, as half a second does
        session.finished(Reply("", str(number + 1), "stop", False, "nano"))
        session.close()


def time_list(rounds: int) -> None:
    """In this process, and as the command."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, ".local/share/r1local/sessions")
        fill(folder, 200, 100_000, _ENGLISH)
        inside = statistics.median(seconds(lambda: saved_sessions(folder)) for _ in range(rounds))
        command = [sys.executable, "-m", "r1local", "sessions"]
        variables = {**os.environ, "HOME": home, "XDG_DATA_HOME": f"{home}/.local/share"}

        def listing() -> None:
            subprocess.run(command, env=variables, check=True, capture_output=True)

        whole = statistics.median(seconds(listing) for _ in range(rounds))
    print(f"200 sessions: {inside:.3f} s, and {whole:.3f} s as a command")


def time_search(rounds: int) -> None:
    """Words that nothing has, so that all is read."""
    for language, sentence in (("English", _ENGLISH), ("Japanese", _JAPANESE)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            fill(folder, 100, 1_000_000, sentence)
            size = sum(path.stat().st_size for path in folder.glob("*.jsonl")) / 10**6
            times = [seconds(partial(_find_nothing, folder)) for _ in range(rounds)]
        print(f"{size:.0f} MB of {language}: {statistics.median(times):.2f} s")


def _find_nothing(folder: Path) -> None:
    assert not list(search_texts(["absent", "words"], folder))


BENCHMARKS: dict[str, Callable[[int], None]] = {
    "resume": compare_resume,
    "list": time_list,
    "search": time_search,
}


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    BENCHMARKS[arguments.benchmark](arguments.rounds)


if __name__ == "__main__":
    main()
