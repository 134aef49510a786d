"""Several different requests at once: the scheduler against llama-server with as many slots.

Both load the same libraries and model, get the same tokens at the same times, and may use the same
number of threads. llama-server is asked over loopback, the scheduler in this process. With one
thread, time is the processor time of the process that computes, which other programs hardly change.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.amx import leave_out_broken_amx
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Finished, ThinkingDelta
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import TokenisedPrompt, tokenised_prompt
from r1local.replies.scheduler import Scheduler
from r1local.replies.settings import ReplySettings
from testing.models import smollm2
from tools.benchmarks.harness import (
    STORY,
    Options,
    libraries_environment,
    medians,
    never,
    print_head,
    print_row,
)

REQUESTS = (1, 4, 16)
CONTEXT, TOKENS = 2_048, 64
#: Lengths of the documents in front of the questions, in sentences of about 14 tokens.
SENTENCES = (0, 56, 8, 28)
#: Seconds between two requests.
INTERVAL = 0.2


class Clock:
    """The seconds since a process began to serve, as it would have seen them on its own.

    Args:
        process: whose processor time counts; None for wall time.
    """

    def __init__(self, process: int | None) -> None:
        # Linux makes the number of a process's clock from its own (CPUCLOCK_SCHED in the kernel).
        self._number = time.CLOCK_MONOTONIC if process is None else ~process << 3 | 2
        self._start = time.clock_gettime(self._number)
        self._by_processor = process is not None

    def now(self) -> float:
        """Return the time."""
        return time.clock_gettime(self._number) - self._start

    def wait(self, until: float, *, idle: bool) -> None:
        """Wait for a moment; if the process has nothing to do, `until` is at once."""
        if idle and self._by_processor:
            self._start -= max(0.0, until - self.now())
        else:
            time.sleep(0.001)


@dataclass(slots=True)
class Trace:
    """When a request came, when it got text, and how many tokens that was."""

    asked: float
    times: list[float] = field(default_factory=list)
    tokens: int = 0


def compare_requests(options: Options) -> None:
    """Compare throughput and waiting times for 1, 4 and 16 requests."""
    threads, tokens = options.threads or 2, options.tokens or TOKENS
    by_processor = threads == 1 and sys.platform == "linux"
    for count in REQUESTS:
        print_head(f"{count} requests", "scheduler", "llama-server", "ratio")

        def measure(count: int = count) -> tuple[float, ...]:
            loading = LoadOptions(context=CONTEXT, threads=threads, sequences=count)
            loaded = load(smollm2(), loading, never)
            with loaded.model:
                prompts = [_prompt(loaded, number) for number in range(count)]
                clock = Clock(os.getpid() if by_processor else None)
                ours = _figures(scheduled(loaded, prompts, tokens, clock))
            with _server(options.llama_bin, count, threads) as (url, process):
                clock = Clock(process if by_processor else None)
                theirs = _figures(served(url, prompts, tokens, clock))
            return (*ours, *theirs)

        values = medians(options.rounds, measure, warm_up=False)
        for name, ours, theirs in zip(FIGURES, values[:3], values[3:], strict=True):
            print_row(name, f"{ours:,.3f}", f"{theirs:,.3f}", f"{ours / theirs:.2f}")
        print()


FIGURES = ("tokens/s", "time to first token, 95th percentile, s", "gap, 95th percentile, s")


def _figures(traces: Sequence[Trace]) -> tuple[float, float, float]:
    """Return the tokens per second and the two waiting times."""
    seconds = max(trace.times[-1] for trace in traces) - min(trace.asked for trace in traces)
    gaps = [b - a for trace in traces for a, b in zip(trace.times, trace.times[1:], strict=False)]
    return (
        sum(trace.tokens for trace in traces) / seconds,
        _percentile([trace.times[0] - trace.asked for trace in traces]),
        _percentile(gaps),
    )


def _percentile(values: Sequence[float]) -> float:
    """Return the 95th percentile."""
    if len(values) == 1:
        return values[0]
    return statistics.quantiles(values, n=20, method="inclusive")[-1]


def _prompt(loaded: LoadedModel, number: int) -> TokenisedPrompt:
    """Return a prompt that begins with a document of its own, of one of four lengths."""
    document = "".join(
        f"Ship {number} passed lighthouse {sentence} in the night, and nobody saw it. "
        for sentence in range(SENTENCES[number % len(SENTENCES)])
    )
    conversation = (Message("user", f"{number}. {document}{STORY}"),)
    return tokenised_prompt(loaded, conversation, ReplySettings())


def scheduled(
    loaded: LoadedModel, prompts: Sequence[TokenisedPrompt], tokens: int, clock: Clock
) -> Sequence[Trace]:
    """Let a scheduler reply to requests as they come."""
    traces = [Trace(number * INTERVAL) for number in range(len(prompts))]
    with Scheduler(loaded) as scheduler:
        added = 0
        while added < len(prompts) or scheduler.busy:
            while added < len(prompts) and traces[added].asked <= clock.now():
                settings = ReplySettings(SamplerSettings(seed=added), max_tokens=tokens)
                scheduler.add(prompts[added], settings, Control())
                added += 1
            if not scheduler.busy:
                clock.wait(traces[added].asked, idle=True)
            for number, happening in scheduler.step():
                trace = traces[number - 1]
                if isinstance(happening, ThinkingDelta | AnswerDelta):
                    trace.times.append(clock.now())
                elif isinstance(happening, Finished):
                    usage = happening.usage
                    trace.tokens = usage.thinking_tokens + usage.answer_tokens
    return traces


def served(
    url: str, prompts: Sequence[TokenisedPrompt], tokens: int, clock: Clock
) -> Sequence[Trace]:
    """Let llama-server reply to the same requests, each with a connection of its own."""
    traces = [Trace(number * INTERVAL) for number in range(len(prompts))]

    def ask(number: int) -> None:
        trace = traces[number]
        body = {
            "prompt": list(prompts[number].tokens),
            "n_predict": tokens,
            "stream": True,
            "seed": number,
            "temperature": 0.6,
            "top_p": 0.95,
            "top_k": 0,
            "min_p": 0,
        }
        for event in _events(f"{url}/completion", body):
            if event.get("content"):
                trace.times.append(clock.now())
            if event.get("stop"):
                trace.tokens = event["tokens_predicted"]  # type: ignore[assignment]

    threads: list[threading.Thread] = []
    for number, trace in enumerate(traces):
        while clock.now() < trace.asked:
            clock.wait(trace.asked, idle=not any(thread.is_alive() for thread in threads))
        threads.append(threading.Thread(target=ask, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return traces


def _events(url: str, body: object) -> Iterator[dict[str, object]]:
    request = urllib.request.Request(url, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as lines:
        for line in lines:
            if line.startswith(b"data: {"):
                yield json.loads(line[len(b"data: ") :])


@contextmanager
def _server(folder: Path, slots: int, threads: int) -> Iterator[tuple[str, int]]:
    """Run llama-server on a free port of loopback; yield its address and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(folder / "llama-server"),
        *("-m", str(smollm2()), "--host", "127.0.0.1", "--port", str(port)),
        *("-np", str(slots), "-c", str(CONTEXT * slots)),
        *("-t", str(threads), "-tb", str(threads)),
        *(["--no-repack"] if leave_out_broken_amx() else []),
    ]
    environment = os.environ | libraries_environment()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(f"{url}/health", process)
            yield url, process.pid
        finally:
            process.kill()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise
            time.sleep(0.1)
    raise TimeoutError("llama-server doesn't answer")
