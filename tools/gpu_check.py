"""Speed of a model that is wholly offloaded, beside llama.cpp's own programs, and with drafts.

    python -m tools.gpu_check MODEL --llama-bin DIR [--rounds N] [--tokens N]

`tools/gpu_check.sh` builds what it needs. Each round measures r1local and the other in turn; the
medians are printed, and the median of the ratios.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from r1local.conversation import Message
from r1local.engine.drafts import Drafts
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.gguf.file import read_gguf
from r1local.machine.memory import facts_of
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.generation import tokenised_prompt
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.voting.settings import VoteSettings
from tools.benchmarks.drafts import COPY, drafted_speed, plain_speed
from tools.benchmarks.harness import STORY, checked, never, print_head, print_row, run
from tools.benchmarks.vote_drafts import copies_of_a_file, speed_of_vote
from tools.benchmarks.votes import elect

#: What is measured: two speeds in tokens a second, r1local's or that with drafts first.
Pair: TypeAlias = tuple[Callable[[], float], Callable[[], float]]
Rows: TypeAlias = Mapping[str, Pair]

_VOTES = 16
#: Tokens of the prompt.
_PROMPT = 512


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--llama-bin", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=128)
    arguments = parser.parse_args()
    check(arguments.model, arguments.llama_bin, arguments.rounds, arguments.tokens)


def check(model: Path, folder: Path, rounds: int, tokens: int) -> None:
    """Print the table."""
    context = min(4096, facts_of(read_gguf(model)).context_length or 4096)
    prompt = min(_PROMPT, context - 2 * tokens)
    with load(model, LoadOptions(context=context, gpu_layers=-1), never).model as alone:
        print(f"loaded with a context of {context:,} tokens")
        _prompt_speed(alone, prompt)  # what a GPU does at first is not to be measured
        rows = {
            f"a prompt of {prompt} tokens": (
                lambda: _prompt_speed(alone, prompt),
                lambda: _bench(folder, model, prompt, 0),
            ),
            f"{tokens} tokens": (
                lambda: _speed(alone, tokens),
                lambda: _bench(folder, model, 0, tokens),
            ),
        }
        _print(rows, rounds)
        texts = [alone.vocabulary.tokenise([each]) for each in (COPY, *copies_of_a_file(1))]
        copied = f"a copy of {len(texts[1])} tokens"
        _print({copied: _copying(alone, *texts)}, rounds, ("with drafts", "without"))
    options = LoadOptions(context=context, gpu_layers=-1, sequences=_VOTES)
    with closing(LocalEngine.open(model, options, never)) as many:
        speeds = (
            lambda: _votes(many, tokens),
            lambda: _batched(folder, model, tokens, context),
        )
        _print({f"{_VOTES} votes of {tokens} tokens": speeds}, rounds)
        copies = {f"{_VOTES} votes that copy": _votes_that_copy(many.loaded)}
        _print(copies, rounds, ("with drafts", "without"))


def _print(rows: Rows, rounds: int, compared: tuple[str, str] = ("r1local", "llama.cpp")) -> None:
    """Measure in turn, and print the medians and the median of the ratios."""
    print_head("tokens a second", *compared, "ratio")
    for name, (own, other) in rows.items():
        pairs = [(own(), other()) for _ in range(rounds)]
        medians = [f"{statistics.median(each):.1f}" for each in zip(*pairs, strict=True)]
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        print_row(name, *medians, f"{ratio:.2f}")


def _prompt_speed(model: Model, count: int) -> float:
    started = time.perf_counter()
    model.rewind(0)
    model.evaluate([number % 200 for number in range(count)], never)
    return count / (time.perf_counter() - started)


def _speed(model: Model, count: int) -> float:
    """Return the speed of generation at the beginning of a context, drawing included."""
    model.rewind(0)
    model.evaluate([1], never)
    with Sampler(SamplerSettings(seed=1)) as sampler:
        started = time.perf_counter()
        for _ in range(count):
            model.advance(model.sample(sampler))
        return count / (time.perf_counter() - started)


def _votes(loaded: LocalEngine, tokens: int) -> float:
    """Return the speed of all voters together; loading and the prompt don't count."""

    def seconds(count: int) -> float:
        settings = ReplySettings(SamplerSettings(seed=1), max_tokens=count)
        started = time.perf_counter()
        elect(loaded, STORY, VoteSettings(_VOTES, settings))
        return time.perf_counter() - started

    return _VOTES * tokens / (seconds(tokens + 1) - seconds(1))


def _copying(model: Model, prompt: Sequence[int], reply: Sequence[int]) -> Pair:
    """Return what measures a given reply with drafts, and without."""
    return (
        lambda: drafted_speed(model, prompt, reply, time.perf_counter)[0],
        lambda: plain_speed(model, prompt, reply, time.perf_counter),
    )


def _votes_that_copy(loaded: LoadedModel) -> Pair:
    """Return what measures a vote whose texts are given with drafts, and without."""
    conversation = (Message("user", COPY),)
    prompt = tokenised_prompt(loaded, conversation, ReplySettings())
    texts = [loaded.model.vocabulary.tokenise([each]) for each in copies_of_a_file(_VOTES)]

    def speed(drafts: Drafts | None) -> float:
        return speed_of_vote(replace(loaded, drafts=drafts), prompt, texts, time.perf_counter)[0]

    return lambda: speed(Drafts()), lambda: speed(None)


def _bench(folder: Path, model: Path, prompt: int, tokens: int) -> float:
    """Return the speed of llama-bench, the better of its two kinds of attention."""
    command = [str(folder / "llama-bench"), "-m", str(model), "-ngl", "999", "-fa", "0,1"]
    command += ["-p", str(prompt), "-n", str(tokens), "-r", "1", "-o", "json"]
    return max(float(test["avg_ts"]) for test in json.loads(checked(run(command)).stdout))


def _batched(folder: Path, model: Path, tokens: int, context: int) -> float:
    """Return the speed of llama-batched-bench with as many sequences and a shared prompt."""
    command = [str(folder / "llama-batched-bench"), "-m", str(model), "-ngl", "999"]
    command += ["-c", str(context + _VOTES * tokens), "-npp", "38", "-ntg", str(tokens)]
    command += ["-npl", str(_VOTES), "-pps", "-kvu", "--output-format", "jsonl"]
    lines = checked(run(command)).stdout.splitlines()
    results = [json.loads(line) for line in lines if line.startswith("{")]
    return float(results[-1]["speed_tg"])


if __name__ == "__main__":
    main()
