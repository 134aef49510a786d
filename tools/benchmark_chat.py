"""The figures of docs/benchmarks.md about the full-screen chat.

    python -m tools.benchmark_chat speed      4,000 tokens, against `run --format jsonl`
    python -m tools.benchmark_chat drawing    processor time a token, early and late in a thought
    python -m tools.benchmark_chat typing     from a key press to its echo, while a model streams

The chat runs on a pseudo-terminal of 120 by 40 whose output is read and dropped: what a
terminal does with it is the terminal's. Every comparison is the median of alternating runs.
"""

import argparse
import json
import os
import random
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from testing.models import smollm2, write_scripted_model
from testing.pseudo_terminal import PseudoTerminal
from tools.benchmark import R1LOCAL, report, run, seed_of_a_long_reply
from tools.chat_clock import EARLY, LATE, PACE

STORY = "Write a very long story about a lighthouse, with many chapters."
_PRESSES = 200
#: Neither the models write it nor does a control sequence hold it.
_KEY, _KILL_LINE = "~", "\x15"
_PRESSES_A_LINE = 50
_LETTERS = "abcdefghijklmnopqrstuvwxyz    "


class DroppingTerminal(PseudoTerminal):
    """A terminal which only looks for what it waits for.

    Args:
        command: what runs on it.
        home: the program's home directory.
    """

    def __init__(self, command: Sequence[str], home: str) -> None:
        self.last = b""
        super().__init__(
            command, columns=120, lines=40, HOME=home, XDG_DATA_HOME=f"{home}/.local/share"
        )
        self.wait_for(lambda: "❯".encode() in self.last)
        self._sessions = Path(home, ".local/share/r1local/sessions")

    def ask(self, question: str) -> None:
        """Send a question, and wait for the session's file."""
        self.type(f"{question}\r")
        self.wait_for(lambda: bool(self.records()))

    def records(self, kind: str = "") -> list[dict[str, Any]]:
        """The session's records, of one type if it is given; none while there is no file."""
        lines = [
            line for path in self._sessions.glob("*.jsonl") for line in path.open(encoding="utf-8")
        ]
        return [json.loads(line) for line in lines if f'"type": "{kind}' in line]

    def until_ended(self) -> dict[str, Any]:
        """Read until the reply has ended; return the session's record of it."""
        while not (ended := self.records("ended")):
            self.read_for(0.5)
        return ended[0]

    def read_for(self, seconds: float) -> None:
        """Read and drop for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            assert self._read(left)

    def _read(self, seconds: float = 0.1) -> bool:
        ready, _, _ = select.select([self._master], [], [], seconds)
        try:
            self.last = os.read(self._master, 65_536) if ready else b""
        except OSError:  # the program has ended
            return False
        return True


def compare_speed(arguments: argparse.Namespace) -> None:
    """SmolLM2-135M, the same seed, prompt and threads for both."""
    wanted = arguments.tokens
    shared = ["-m", str(smollm2()), "--max-tokens", str(wanted), "--context", "5120"]
    shared += ["--threads", str(arguments.threads)]
    printed = [*R1LOCAL, "run", STORY, "--format", "jsonl", *shared]
    seed = ["--seed", arguments.seed or seed_of_a_long_reply(printed)]
    chat = [*R1LOCAL, "chat", *shared, *seed]

    def chatting() -> float:
        with tempfile.TemporaryDirectory() as home, DroppingTerminal(chat, home) as terminal:
            terminal.ask(STORY)
            ended = terminal.until_ended()
        tokens = ended["thinking_tokens"] + ended["answer_tokens"]
        assert tokens == wanted
        return float(tokens / (ended["thinking_s"] + ended["answer_s"]))

    def running() -> float:
        finished = json.loads(run([*printed, *seed]).stdout.splitlines()[-1])
        assert finished["usage"]["thinking_tokens"] + finished["usage"]["answer_tokens"] == wanted
        return float(finished["timing"]["tokens_per_s"])

    speeds = [(chatting(), running()) for _ in range(arguments.rounds)]
    # Other work on the machine only ever slows a run down: the fastest tell most then.
    for name, of in (("median", statistics.median), ("fastest", max)):
        ours, theirs = (of(column) for column in zip(*speeds, strict=True))
        report(f"{wanted:,} tokens, {name}", ours, theirs, "tokens/s, run --format jsonl")


def compare_drawing(arguments: argparse.Namespace) -> None:
    """A thought of 16,000 tokens, at an even pace where it is measured."""
    with tempfile.TemporaryDirectory() as folder:
        model = _varied_model(Path(folder, "varied.gguf"), 16_000)
        rounds = [_drawn(model) for _ in range(arguments.rounds)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    print(f"processor time of drawing, {PACE} tokens/s, from token {EARLY[0]:,} and {LATE[0]:,}:")
    for unit, (early, late) in {"token": medians[:2], "frame": medians[2:]}.items():
        print(f"a {unit}: {early * 1e6:,.0f} µs and {late * 1e6:,.0f} µs, ratio {late / early:.3f}")


def _drawn(model: Path) -> tuple[float, ...]:
    """Processor seconds a token, early and late in one thought, and the same a frame."""
    with tempfile.TemporaryDirectory() as home:
        clock = Path(home, "clock")
        command = [sys.executable, "-m", "tools.chat_clock", str(clock), "chat", "-m", str(model)]
        with DroppingTerminal([*command, "--threads", "1"], home) as terminal:
            terminal.ask("hi")
            terminal.until_ended()
        frames = [json.loads(line) for line in clock.read_text(encoding="utf-8").splitlines()]
    stretches = [[frame for frame in frames if s <= frame[0] <= e] for s, e in (EARLY, LATE)]
    tokens = [stretch[-1][0] - stretch[0][0] for stretch in stretches]
    used = [stretch[-1][1] - stretch[0][1] for stretch in stretches]
    a_token = [seconds / count for seconds, count in zip(used, tokens, strict=True)]
    a_frame = [seconds / (len(frames) - 1) for seconds, frames in zip(used, stretches, strict=True)]
    return *a_token, *a_frame


def time_typing(arguments: argparse.Namespace) -> None:
    """Key presses at random moments: while a real model streams, and one as fast as can be."""
    with tempfile.TemporaryDirectory() as folder:
        fast = _varied_model(Path(folder, "varied.gguf"), 60_000)
        for name, model, context in (
            ("SmolLM2-135M", smollm2(), 8_192),
            ("a model as fast as can be", fast, 90_000),
        ):
            chat = [*R1LOCAL, "chat", "-m", str(model), "--threads", str(arguments.threads)]
            chat += ["--context", str(context), "--max-tokens", str(context)]
            _report_echo(name, _echoes([*chat, "--seed", arguments.seed or "1"]))


def _report_echo(name: str, seconds: Sequence[float]) -> None:
    percentiles = statistics.quantiles(seconds, n=20)
    print(f"echo, {name}, {len(seconds)} presses: median {percentiles[9] * 1e3:.1f} ms,", end="")
    print(f" 95th percentile {percentiles[18] * 1e3:.1f} ms, longest {max(seconds) * 1e3:.1f} ms")


def _echoes(chat: Sequence[str]) -> list[float]:
    """Seconds from each key press to the moment that the terminal has the letter."""
    draw = random.Random(1)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as home, DroppingTerminal(chat, home) as terminal:
        terminal.ask(STORY)
        while not terminal.records("thinking") and not terminal.records("answer"):
            terminal.read_for(0.2)
        for press in range(_PRESSES):
            if press % _PRESSES_A_LINE == 0:
                terminal.type(_KILL_LINE)
            terminal.read_for(draw.uniform(0.05, 0.15))
            pressed = time.perf_counter()
            terminal.type(_KEY)
            terminal.wait_for(lambda: _KEY.encode() in terminal.last)
            times.append(time.perf_counter() - pressed)
        assert not terminal.records("ended"), "the reply was too short"
    return times


def _varied_model(path: Path, tokens: int) -> Path:
    """A model whose thought has so many tokens, in lines so short that they soon scroll."""
    draw = random.Random(1)
    lines = ("".join(draw.choices(_LETTERS, k=draw.randrange(6, 19))) for _ in range(tokens // 6))
    thought = "\n".join(lines)[:tokens]
    # A quarter of the context is kept for the answer.
    return write_scripted_model(path, f"{thought}</think>\n\nSo.", context_length=tokens * 3 // 2)


BENCHMARKS: dict[str, Callable[[argparse.Namespace], None]] = {
    "speed": compare_speed,
    "drawing": compare_drawing,
    "typing": time_typing,
}


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=4_000, help="of `speed`")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", help="of a reply that is long enough; else one is looked for")
    arguments = parser.parse_args()
    os.environ["R1LOCAL_LOOP_REPEATS"] = "0"  # for both: loops would be cut short
    BENCHMARKS[arguments.benchmark](arguments)


if __name__ == "__main__":
    main()
