"""Two ways to ask nano: llama.cpp in this process, or the project's own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from r1local.engine.amx import leave_out_broken_amx
from tools.nano.chat import CLOSE_THOUGHT, EOS, render
from tools.nano.suites import Case

MOST_TOKENS = 1200  # per reply; the longest right ones take about 600


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply in parts; `finished` means that the model closed its thought and ended it itself."""

    thinking: str
    answer: str
    finished: bool


class Engine(Protocol):
    """Anything that answers cases."""

    def answer(self, cases: list[Case], temperature: float) -> list[Reply]:
        """Return the replies in the order of the cases."""
        ...


class Direct:
    """llama.cpp through its Python binding, one case after another."""

    def __init__(self, model: Path) -> None:
        from llama_cpp import Llama

        leave_out_broken_amx()
        self.llama = Llama(str(model), n_ctx=4096, n_threads=1, n_threads_batch=1, verbose=False)

    def _one(self, case: Case, temperature: float, seed: int) -> Reply:
        prompt = render(list(case.history), case.text) + case.started
        tokens = self.llama.tokenize(prompt.encode(), add_bos=False, special=True)
        self.llama.reset()
        self.llama._ctx.kv_cache_clear()  # no public call does this
        try:
            made = self.llama.create_completion(
                tokens,
                max_tokens=MOST_TOKENS,
                temperature=temperature,
                top_p=0.95,
                top_k=0,
                min_p=0.0,
                repeat_penalty=1.0,
                seed=seed,
                stop=[EOS],
            )["choices"][0]
        except RuntimeError:  # bytes that never become a character are not counted: context full
            return Reply("", "", finished=False)
        thinking, closed, answer = made["text"].partition(CLOSE_THOUGHT)
        return Reply(thinking, answer, bool(closed) and made["finish_reason"] == "stop")

    def answer(self, cases: list[Case], temperature: float) -> list[Reply]:
        """Ask each case with its own seed."""
        return [self._one(case, temperature, index + 1) for index, case in enumerate(cases)]


class CommandLine:
    """`r1local run`, two processes at a time; for single turns only."""

    def __init__(self, model: Path | None, processes: int = 2) -> None:
        self.model = ["--model", str(model)] if model else []
        self.processes = processes
        self.command = Path(sys.executable).with_name("r1local")

    def _one(self, case: Case, temperature: float, seed: int) -> Reply:
        if case.history or case.started:
            raise ValueError("the command line only asks single turns")
        command = [
            str(self.command),
            "run",
            *self.model,
            "--format",
            "json",
            "--threads",
            "1",
            "--temperature",
            str(temperature),
            "--top-p",
            "0.95",
            "--seed",
            str(seed),
            "--max-tokens",
            str(MOST_TOKENS),
            "--context",
            "4096",
            "--",
            case.text,
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        if not done.stdout:
            raise RuntimeError(done.stderr)
        said = json.loads(done.stdout)
        return Reply(said["thinking"] or "", said["answer"] or "", said["finish_reason"] == "stop")

    def answer(self, cases: list[Case], temperature: float) -> list[Reply]:
        """Ask the cases in a few processes side by side."""
        with ThreadPoolExecutor(self.processes) as pool:
            return list(
                pool.map(
                    lambda pair: self._one(pair[1], temperature, pair[0] + 1), enumerate(cases)
                )
            )
