"""Replies with drafts against replies without, of the same model in the same process."""

import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import Finished, Usage
from r1local.models.catalog import load_catalog
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.models.selection import select
from r1local.replies.control import Control
from r1local.replies.generation import reply_to, tokenised_prompt
from r1local.replies.settings import ReplySettings
from testing.models import smollm2, write_scripted_model
from tools.benchmarks.harness import STORY, Options, compare, never

_CODE = Path(__file__).with_name("memory.py").read_text(encoding="utf-8")
_COPY = f"Rewrite this file with one change: rename `options` to `chosen`.\n\n{_CODE}"
_QUOTE = f"Summarise this file and quote its lines word for word.\n\n{_CODE}"
_SUM = "What is 17 + 25? Think, and check it twice."
_THOUGHT = "First I add the tens, 10 and 20, and then the units, 7 and 5. That makes 42. "
_SCRIPT = f"{_THOUGHT}Is it right? I will see.</think>\n\n{_THOUGHT}So the answer is 42."
_PROSE = bytes(33 + (n * n * 7 + n // 3) % 90 for n in range(1_500)).decode()
_CONTEXT, _TOKENS = 4_096, 192


def compare_drafts(options: Options) -> None:
    """Compare both, and llama-server with drafts of its own where it is at hand."""
    nano, tokens = select(None, load_catalog()).path, options.tokens or _TOKENS
    with tempfile.TemporaryDirectory() as folder:
        repeated = write_scripted_model(Path(folder, "repeated.gguf"), _SCRIPT)
        prose = write_scripted_model(Path(folder, "prose.gguf"), _PROSE)
        for title, path, question in (
            ("scripted, the answer repeats the thought", repeated, _SUM),
            ("scripted, nothing repeats", prose, _SUM),
            ("nano, a sum", nano, _SUM),
            ("nano, a story", nano, STORY),
            ("SmolLM2, one change to a file", smollm2(), _COPY),
            ("SmolLM2, a summary with quotes", smollm2(), _QUOTE),
            ("SmolLM2, a story", smollm2(), STORY),
        ):
            _compare_one(title, path, question, options, tokens)
    server = options.llama_bin / "llama-server"
    if server.exists():
        for title, question in (("one change to a file", _COPY), ("a story", STORY)):
            speeds = [
                _server_speed(server, question, tokens, options, more)
                for more in ((), ("--spec-type", "ngram-mod"))
            ]
            compare(f"llama-server, SmolLM2, {title}", speeds[1], speeds[0], "tokens/s, no drafts")


def _compare_one(title: str, path: Path, question: str, options: Options, tokens: int) -> None:
    """Compare the tokens per second of two loads of a model, in alternating rounds.

    Each round reads the prompt anew, and forgets what earlier replies drafted.
    """
    settings = ReplySettings(SamplerSettings(seed=int(options.seed or 1)), max_tokens=tokens)
    wanted = LoadOptions(context=_CONTEXT, threads=options.threads)
    if path not in (smollm2(), select(None, load_catalog()).path):
        wanted = replace(wanted, context=None)
    usages: list[tuple[Usage, Usage]] = []
    for _ in range(options.rounds):
        pair = []
        for draft in ("ngram", "none"):  # with a seed, `auto` has none where they round otherwise
            loaded = load(path, replace(wanted, draft=draft), never)
            with loaded.model:
                pair.append(_usage(loaded, question, settings))
        usages.append((pair[0], pair[1]))
    ours, theirs = (statistics.median(each[n].tokens_per_s for each in usages) for n in (0, 1))
    first = usages[0][0]
    accepted = f"{first.accepted_tokens} of {first.draft_tokens}"
    compare(f"{title} ({accepted} drafted accepted)", ours, theirs, "tokens/s, no drafts")


def _usage(loaded: LoadedModel, question: str, settings: ReplySettings) -> Usage:
    prompt = tokenised_prompt(loaded, (Message("user", question),), settings)
    events = list(reply_to(loaded, prompt, settings, Control()))
    last = events[-1]
    assert isinstance(last, Finished)
    return last.usage


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
