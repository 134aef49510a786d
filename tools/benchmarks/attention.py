"""Attention and threads on the CPU: what r1local chooses against both of llama-bench's settings.

The contexts are filled with zeros, as in a calibration, so that depths cost no computing. With one
thread the time is the processor's, otherwise that of the clock, for an idle machine.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.timing import Timing
from r1local.gguf.file import read_gguf
from r1local.machine import calibration
from r1local.machine.memory import facts_of
from r1local.machine.planner import plan
from r1local.machine.this_machine import survey_machine
from r1local.models.catalog import load_catalog
from r1local.models.loading import LoadOptions, load, settings_of
from r1local.models.selection import select
from testing.models import smollm2
from tools.benchmarks.harness import (
    STORY,
    Options,
    alternate,
    compare,
    never,
    print_head,
    print_row,
)
from tools.benchmarks.speed import bare_speed

WINDOW, DEPTHS = 8_192, (64, 320, 640, 1_152, 2_176, 4_224, 7_552)
#: The most tokens of a prompt at each depth, and the seconds that a measurement may repeat a step.
_PROMPT, _PART_S, _MOST_STEPS = 512, 0.1, 24


def compare_attention(options: Options) -> None:
    """Compare the attention and steps chosen with llama-bench's, at growing depths."""
    for path in [options.model] if options.model else [_nano(), smollm2()]:
        settings = _settings(path, options.threads or 1)
        print(f"\n{path.name}: {settings.flash_start}, {settings.micro_batch} tokens at once")
        head = [f"{what}, {which}" for what in ("reply", "prompt") for which in _WHICH]
        print_head("depth", *head)
        window = min(WINDOW, settings.context_window)
        with Model(path, replace(settings, context_window=512, flash_start=None), never) as model:
            for depth in (each for each in DEPTHS if each + _PROMPT <= window):
                print_row(f"{depth:,}", *_row(model, settings, depth, options.rounds))


#: What is compared: the two of llama-bench, r1local's choice, and its ratio to the better one.
_WHICH = ("-fa 0", "-fa 1", "r1local", "ratio")


def _row(model: Model, settings: LoadSettings, depth: int, rounds: int) -> Iterator[str]:
    """Yield the tokens per second of replies and of prompts, and the ratios."""
    clock = time.process_time if settings.threads == 1 else time.perf_counter
    sequences = settings.sequences
    for prompt in (False, True):
        choices = [(False, BATCH_TOKENS), (True, BATCH_TOKENS), _choice(settings, depth, prompt)]
        speeds = [0.0, 0.0, 0.0]
        for number in [*range(len(choices))] * rounds:
            flash, step = choices[number]
            one = replace(settings, context_window=depth + 2 * _PROMPT, kv_tokens=0)
            one = replace(one, flash_attention=flash, micro_batch=step, flash_start=None)
            with ExitStack() as stack:
                timing = stack.enter_context(Timing(model.beside(one), sequences, clock))
                timing.fill(depth)
                speed = _prompt_speed(timing) if prompt else sequences * _reply_speed(timing)
                speeds[number] = max(speed, speeds[number])
        yield from (f"{each:.1f}" for each in speeds)
        yield f"{speeds[2] / max(speeds[:2]):.2f}"


def _choice(settings: LoadSettings, depth: int, prompt: bool) -> tuple[bool, int]:
    """Return the attention and the step that r1local has at a depth."""
    start = settings.flash_start
    if start and depth < (start.prompts if prompt else start.until):
        return True, start.micro_batch
    return settings.flash_attention, settings.micro_batch


def _reply_speed(timing: Timing) -> float:
    seconds = timing.seconds_of_step(1)
    return 1 / timing.seconds_of_step(max(1, min(_MOST_STEPS, int(_PART_S / seconds))))


def _prompt_speed(timing: Timing) -> float:
    tokens = _PROMPT if timing.seconds_of_prompt(1) < _PART_S else _PROMPT // 4
    return tokens / timing.seconds_of_prompt(tokens)


def _settings(path: Path, threads: int) -> LoadSettings:
    """Return the settings with which r1local loads a model, calibrated now if it isn't yet."""
    options = LoadOptions(threads=threads)
    load(path, options, never).model.close()
    gguf = read_gguf(path)
    made = plan(facts_of(gguf), survey_machine(), options.request)
    return settings_of(gguf, options, made, calibration.find(gguf, options.sequences))


def compare_threads(options: Options) -> None:
    """Compare one thread with two, on a model of 3 MB and on one of 98 MB."""
    for model in (_nano(), smollm2()):
        bare = [sys.executable, "-m", "tools.benchmarks.bare_loop", str(model), "--tokens", "512"]
        bare += ["--prompt", STORY]
        one, two = alternate(
            options.rounds,
            partial(bare_speed, [*bare, "--threads", "1"]),
            partial(bare_speed, [*bare, "--threads", "2"]),
        )
        compare(f"{model.name}, two threads", two, one, "tokens/s, one thread")


def _nano() -> Path:
    return select(None, load_catalog()).path
