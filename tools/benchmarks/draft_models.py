"""What a model writes by itself, evaluated token by token with a draft model and without.

The time is the processor's, in which other programs matter least.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.engine.speculation import Speculation
from testing.models import smollm2, write_scripted_model
from tools.benchmarks.harness import STORY, Options, compare, never

#: Nothing in it occurs twice, so that only a model can draft it.
_PROSE = bytes(65 + (n * n * 7 + n // 3) % 57 for n in range(1_500)).decode()
_CONTEXT, _TOKENS = 2_048, 256
#: Widths of the scripted models, whose time they decide: one drafts in a sixteenth of the other's.
_LARGE, _SMALL = 2**18, 2**14


def compare_draft_models(options: Options) -> None:
    """Compare a scripted pair that agrees, one that doesn't, and SmolLM2 with itself.

    A model that drafts for itself is right and takes as long as the model: nothing can be gained,
    so this is what adapting costs.
    """
    with tempfile.TemporaryDirectory() as folder:
        large, small, wrong = (Path(folder, f"{name}.gguf") for name in ("large", "small", "wrong"))
        start = len(STORY) + 1  # the tokens of the prompt
        write_scripted_model(large, _PROSE, prompt=start, feed_forward=_LARGE)
        write_scripted_model(small, _PROSE, prompt=start, feed_forward=_SMALL)
        write_scripted_model(wrong, "?" * len(_PROSE), prompt=start, feed_forward=_SMALL)
        _compare_one("scripted, the draft model is right", large, small, options)
        _compare_one("scripted, the draft model is wrong", large, wrong, options)
    _compare_one("SmolLM2 drafts for itself", smollm2(), smollm2(), options)


def _compare_one(title: str, path: Path, draft: Path, options: Options) -> None:
    """Compare the tokens per second of a reply in alternating rounds, each with new experience."""
    settings = LoadSettings(_CONTEXT, 0, options.threads or 1, "f16", flash_attention=True)
    rounds = []
    with Model(path, settings, never) as model, Model(draft, settings, never) as smaller:
        prompt = model.vocabulary.tokenise([STORY])
        model.evaluate(prompt, never)
        reply = _greedy(model, options.tokens or _TOKENS)
        for _ in range(options.rounds):
            model.evaluate(prompt, never)
            plain = _speed(model, model, reply)
            model.evaluate(prompt, never)
            _texts, drafts = DraftsOfModel(smaller, model.vocabulary.size).sources(prompt, never)
            speculation = Speculation(model, [drafts], clock=time.process_time)
            rounds.append((_speed(model, speculation, reply), plain))
    ours, theirs = (statistics.median(each[n] for each in rounds) for n in (0, 1))
    accepted = f"{speculation.accepted} of {speculation.drafted}"
    ratios = sorted(drafted / plain for drafted, plain in rounds)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    compare(f"{title} ({accepted} accepted; {spread})", ours, theirs, "tokens/s, no draft model")


def _greedy(model: Model, count: int) -> list[int]:
    """Return what a model writes behind its prompt, its likeliest tokens."""
    reply: list[int] = []
    with Sampler(SamplerSettings(temperature=0.0)) as sampler:
        while len(reply) < count:
            reply.append(model.sample(sampler))
            model.advance(reply[-1])
    return reply


def _speed(model: Model, steps: Model | Speculation, reply: Sequence[int]) -> float:
    started = time.process_time()
    with Sampler(SamplerSettings(temperature=0.0)) as sampler:
        for token in reply:
            model.sample(sampler)
            steps.advance(token)
    return len(reply) / (time.process_time() - started)
