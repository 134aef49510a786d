"""The full-screen chat.

It runs on a pseudo-terminal of 120 by 40 whose output is read and dropped: what a terminal
does with it is outside the measurement.
"""

import json
import os
import random
import select
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testing.models import smollm2, write_scripted_model
from testing.pseudo_terminal import PseudoTerminal
from tools.benchmarks.chat_clock import EARLY, LATE, PACE
from tools.benchmarks.harness import (
    R1LOCAL,
    Options,
    compare,
    last_event,
    medians,
    run,
    seed_of_a_long_reply,
)

STORY = "Write a very long story about a lighthouse, with many chapters."
TOKENS, THREADS = 4_000, 2
#: Turns off the detection of loops, which would cut them short.
UNGUARDED = ("--loop-repeats", "0")
_PRESSES = 200
#: Keys that neither the models nor control sequences contain.
_KEY, _KILL_LINE = "~", "\x15"
_PRESSES_A_LINE = 50
_LETTERS = "abcdefghijklmnopqrstuvwxyz    "


class DroppingTerminal(PseudoTerminal):
    """A terminal that drops all output except what it is waiting for.

    Args:
        command: the command that runs on it.
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
        """Return the session's records, of one type if given; empty while there is no file."""
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
        """Read and drop output for some seconds."""
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


def compare_speed(options: Options) -> None:
    """Compare with `run` on SmolLM2-135M, with the same seed, prompt and threads for both."""
    wanted = options.tokens or TOKENS
    shared = ["-m", str(smollm2()), "--max-tokens", str(wanted), "--context", "5120"]
    shared += ["--threads", str(options.threads or THREADS)]
    shared += UNGUARDED
    printed = [*R1LOCAL, "run", STORY, "--format", "jsonl", *shared]
    seed = ["--seed", options.seed or seed_of_a_long_reply(printed)]
    chat = [*R1LOCAL, "chat", *shared, *seed]

    def chatting() -> float:
        with tempfile.TemporaryDirectory() as home, DroppingTerminal(chat, home) as terminal:
            terminal.ask(STORY)
            ended = terminal.until_ended()
        tokens = ended["thinking_tokens"] + ended["answer_tokens"]
        assert tokens == wanted
        return float(tokens / (ended["thinking_s"] + ended["answer_s"]))

    def running() -> float:
        finished = last_event(run([*printed, *seed]))
        assert finished["usage"]["thinking_tokens"] + finished["usage"]["answer_tokens"] == wanted
        return float(finished["timing"]["tokens_per_s"])

    speeds = [(chatting(), running()) for _ in range(options.rounds)]
    # Other work on the machine only ever slows a run down, so the fastest run says most.
    for name, of in (("median", statistics.median), ("fastest", max)):
        ours, theirs = (of(column) for column in zip(*speeds, strict=True))
        compare(f"{wanted:,} tokens, {name}", ours, theirs, "tokens/s, run --format jsonl")


def compare_drawing(options: Options) -> None:
    """Measure a thought of 16,000 tokens, at an even pace in the measured stretches."""
    with tempfile.TemporaryDirectory() as folder:
        model = _varied_model(Path(folder, "varied.gguf"), 16_000)
        drawn = medians(options.rounds, lambda: _drawn(model), warm_up=False)
    print(f"processor time of drawing, {PACE} tokens/s, from token {EARLY[0]:,} and {LATE[0]:,}:")
    for unit, (early, late) in {"token": drawn[:2], "frame": drawn[2:]}.items():
        print(f"a {unit}: {early * 1e6:,.0f} µs and {late * 1e6:,.0f} µs, ratio {late / early:.3f}")


def _drawn(model: Path) -> tuple[float, ...]:
    """Return processor seconds per token, early and late in one thought, and per frame."""
    with tempfile.TemporaryDirectory() as home:
        clock = Path(home, "clock")
        command = [sys.executable, "-m", "tools.benchmarks.chat_clock", str(clock)]
        command += ["chat", "-m", str(model), "--threads", "1", *UNGUARDED]
        with DroppingTerminal(command, home) as terminal:
            terminal.ask("hi")
            terminal.until_ended()
        frames = [json.loads(line) for line in clock.read_text(encoding="utf-8").splitlines()]
    stretches = [[frame for frame in frames if s <= frame[0] <= e] for s, e in (EARLY, LATE)]
    tokens = [stretch[-1][0] - stretch[0][0] for stretch in stretches]
    used = [stretch[-1][1] - stretch[0][1] for stretch in stretches]
    a_token = [seconds / count for seconds, count in zip(used, tokens, strict=True)]
    a_frame = [seconds / (len(frames) - 1) for seconds, frames in zip(used, stretches, strict=True)]
    return *a_token, *a_frame


def time_typing(options: Options) -> None:
    """Measure key presses at random moments, with a real model and one as fast as possible."""
    with tempfile.TemporaryDirectory() as folder:
        fast = _varied_model(Path(folder, "varied.gguf"), 60_000)
        for name, model, context in (
            ("SmolLM2-135M", smollm2(), 8_192),
            ("a model as fast as possible", fast, 90_000),
        ):
            threads = str(options.threads or THREADS)
            chat = [*R1LOCAL, "chat", "-m", str(model), "--threads", threads, *UNGUARDED]
            chat += ["--context", str(context), "--max-tokens", str(context)]
            _report_echo(name, _echoes([*chat, "--seed", options.seed or "1"]))


def _report_echo(name: str, seconds: Sequence[float]) -> None:
    percentiles = statistics.quantiles(seconds, n=20)
    print(f"echo, {name}, {len(seconds)} presses: median {percentiles[9] * 1e3:.1f} ms,", end="")
    print(f" 95th percentile {percentiles[18] * 1e3:.1f} ms, longest {max(seconds) * 1e3:.1f} ms")


def _echoes(chat: Sequence[str]) -> list[float]:
    """Return the seconds from each key press until the terminal has the letter."""
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
    """Write a model whose thought has `tokens` tokens, in lines so short that they soon scroll."""
    draw = random.Random(1)
    lines = ("".join(draw.choices(_LETTERS, k=draw.randrange(6, 19))) for _ in range(tokens // 6))
    thought = "\n".join(lines)[:tokens]
    # A quarter of the context is kept for the answer.
    return write_scripted_model(path, f"{thought}</think>\n\nSo.", context_length=tokens * 3 // 2)
