"""Given texts, evaluated token by token with drafts and without, by the same model.

SmolLM2-135M is too small to copy a file. So the texts are given: after each draw, the text's next
token is evaluated instead of the one drawn. The time is that of a reply with this text: with one
thread the processor's, in which other programs matter least.
"""

import json
import os
import socket
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from r1local.engine.drafts import Drafts
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.engine.speculation import Speculation
from r1local.models.catalog import load_catalog
from r1local.models.selection import select
from testing.command import ROOT
from testing.models import smollm2
from tools.benchmarks.harness import STORY, Options, compare, never

CODE = Path(__file__).with_name("memory.py").read_text(encoding="utf-8")[:1_200]
COPY = f"Rewrite this file with one change: rename `options` to `chosen`.\n\n{CODE}"
_QUOTE = f"Summarise this file and quote its lines word for word.\n\n{CODE}"
_QUOTES = "".join(
    f"Another part of what it does is here, line {number} as I count them:\n> {line}\n"
    for number, line in enumerate(CODE.splitlines())
    if len(line) > 40
)
_SUM = "What is 17 + 25? Think, and check it twice."
_THOUGHT = "First I add the tens, 10 and 20, and then the units, 7 and 5. That makes 42. "
_R1 = f"{_THOUGHT}Is it right? Let me see.</think>\n\n{_THOUGHT}So the answer is 42. "
_PROSE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")[1_000:4_000]
_CONTEXT, _TOKENS = 2_048, 192


def compare_drafts(options: Options) -> None:
    """Compare both, and llama-server with drafts of its own where it is at hand."""
    compare_texts(options)
    if (options.llama_bin / "llama-server").exists():
        compare_servers(options)


def compare_texts(options: Options) -> None:
    """Compare the speeds of given texts."""
    nano = select(None, load_catalog()).path
    for name, path in (("SmolLM2", smollm2()), ("nano", nano)):
        settings = LoadSettings(_CONTEXT, 0, options.threads or 1, "f16", flash_attention=True)
        with Model(path, settings, never) as model:
            for title, question, text in (
                ("one change to a file", COPY, CODE.replace("options", "chosen")),
                ("a summary with quotes", _QUOTE, _QUOTES),
                ("an answer that repeats its thought", _SUM, _R1),
                ("prose", STORY, _PROSE),
            ):
                _compare_text(f"{name}, {title}", model, question, text, options)


def compare_servers(options: Options) -> None:
    """Compare what llama-server gains by drafts when SmolLM2 writes by itself."""
    server, tokens = options.llama_bin / "llama-server", options.tokens or _TOKENS
    for title, question in (("one change to a file", COPY), ("a story", STORY)):
        speeds = [
            _server_speed(server, question, tokens, options, more)
            for more in ((), ("--spec-type", "ngram-mod"))
        ]
        compare(f"llama-server, SmolLM2, {title}", speeds[1], speeds[0], "tokens/s, no drafts")


def _compare_text(title: str, model: Model, question: str, text: str, options: Options) -> None:
    """Compare the tokens per second of a text in alternating rounds.

    Each round forgets what earlier ones have learnt.
    """
    clock = time.process_time if (options.threads or 1) == 1 else time.perf_counter
    prompt, reply = (model.vocabulary.tokenise([each]) for each in (question, text))
    reply = reply[: options.tokens or _TOKENS]
    rounds = []
    for _ in range(options.rounds):
        plain = plain_speed(model, prompt, reply, clock)
        drafted, speculation = drafted_speed(model, prompt, reply, clock)
        rounds.append((drafted, plain))
    ours, theirs = (statistics.median(each[n] for each in rounds) for n in (0, 1))
    accepted = f"{speculation.accepted} of {speculation.drafted}"
    ratios = sorted(drafted / plain for drafted, plain in rounds)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    compare(f"{title} ({accepted} accepted; {spread})", ours, theirs, "tokens/s, no drafts")


def plain_speed(
    model: Model, prompt: Sequence[int], reply: Sequence[int], clock: Callable[[], float]
) -> float:
    """Return the tokens per second of a given reply without drafts."""
    model.evaluate(prompt, never)
    return _speed(model, model, reply, clock)


def drafted_speed(
    model: Model, prompt: Sequence[int], reply: Sequence[int], clock: Callable[[], float]
) -> tuple[float, Speculation]:
    """Return the same with drafts, which know nothing but the prompt, and what they were."""
    model.evaluate(prompt, never)
    speculation = Speculation(model, Drafts().sources(prompt, never), clock=clock)
    return _speed(model, speculation, reply, clock), speculation


def _speed(
    model: Model,
    steps: Model | Speculation,
    reply: Sequence[int],
    clock: Callable[[], float],
) -> float:
    started = clock()
    with Sampler(SamplerSettings(seed=1)) as sampler:
        for token in reply:
            model.sample(sampler)
            steps.advance(token)
    return len(reply) / (clock() - started)


@contextmanager
def _served(command: Sequence[str], port: int) -> Iterator[None]:
    environment = os.environ | {"LD_LIBRARY_PATH": str(Path(command[0]).parent)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            for _ in range(100):
                time.sleep(0.2)
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
                    break
                except OSError:
                    continue
            yield
        finally:
            process.terminate()


def _server_speed(
    server: Path, question: str, tokens: int, options: Options, more: Sequence[str]
) -> float:
    """Return the tokens per second that llama-server reports for one reply."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(server), "-m", str(smollm2()), "--port", str(port), "-c", str(_CONTEXT)]
    command += ["-np", "1", "-t", str(options.threads or 2), *more]
    body = {
        "messages": [{"role": "user", "content": question}],
        "max_tokens": tokens,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 0,
        "min_p": 0,
        "seed": int(options.seed or 1),
    }
    with _served(command, port):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            speed: float = json.load(answer)["timings"]["predicted_per_second"]
    return speed
