"""Replies with a draft model against replies without, of the same model in the same process."""

import statistics
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.drafts import Drafts
from r1local.engine.model import Model
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import Finished, Usage
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import reply_to, tokenised_prompt
from r1local.replies.settings import ReplySettings
from testing.models import smollm2, write_scripted_model
from tools.benchmarks.harness import STORY, Options, compare, never

#: Nothing in it occurs twice, so that only a model can draft it.
_PROSE = bytes(65 + (n * n * 7 + n // 3) % 57 for n in range(1_500)).decode()
_CONTEXT, _TOKENS = 2_048, 128
#: Widths of the scripted models, whose time they decide: one drafts in a sixteenth of the other's.
_LARGE, _SMALL = 2**18, 2**14


def compare_draft_models(options: Options) -> None:
    """Compare a scripted pair that agrees, one that doesn't, and SmolLM2 with itself.

    A model that drafts for itself is always right at temperature 0 and takes as long as the
    model: nothing can be gained, so this is what adapting costs.
    """
    with tempfile.TemporaryDirectory() as folder:
        large = write_scripted_model(Path(folder, "large.gguf"), _PROSE, feed_forward=_LARGE)
        small = write_scripted_model(Path(folder, "small.gguf"), _PROSE, feed_forward=_SMALL)
        wrong = write_scripted_model(
            Path(folder, "wrong.gguf"), "?" * len(_PROSE), feed_forward=_SMALL
        )
        _compare_one("scripted, a draft model that is right", large, small, options)
        _compare_one("scripted, a draft model that is wrong", large, wrong, options)
    _compare_one("SmolLM2 drafts for itself", smollm2(), smollm2(), options)


def _compare_one(title: str, path: Path, draft: Path, options: Options) -> None:
    """Compare the tokens per second of alternating replies; a load is new to its draft model."""
    sampler = SamplerSettings(temperature=0.0, seed=1)
    settings = ReplySettings(sampler, max_tokens=options.tokens or _TOKENS)
    context = _CONTEXT if path == smollm2() else None
    usages: list[tuple[Usage, Usage]] = []
    with ExitStack() as stack:

        def opened(file: Path) -> LoadedModel:
            wanted = LoadOptions(context=context, threads=options.threads, draft="none")
            return stack.enter_context(closing(load(file, wanted, never)))

        model, smaller = opened(path), opened(draft).model
        for _ in range(options.rounds):
            usages.append(_round(model, smaller, settings))
    ours, theirs = (statistics.median(each[n].tokens_per_s for each in usages) for n in (0, 1))
    first = usages[0][0]
    accepted = f"{first.accepted_tokens} of {first.draft_tokens}"
    ratios = sorted(drafted.tokens_per_s / plain.tokens_per_s for drafted, plain in usages)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    compare(f"{title} ({accepted} accepted; {spread})", ours, theirs, "tokens/s, no draft model")


def _round(model: LoadedModel, smaller: Model, settings: ReplySettings) -> tuple[Usage, Usage]:
    size = model.model.vocabulary.size
    makers: tuple[Callable[[], Drafts], ...] = (lambda: DraftsOfModel(smaller, size), Drafts)
    pair = []
    for make in makers:
        model.model.rewind(0)
        smaller.rewind(0)
        pair.append(_usage(replace(model, drafts=make()), settings))
    return pair[0], pair[1]


def _usage(loaded: LoadedModel, settings: ReplySettings) -> Usage:
    prompt = tokenised_prompt(loaded, (Message("user", STORY),), settings)
    *_events, last = reply_to(loaded, prompt, settings, Control())
    assert isinstance(last, Finished)
    return last.usage
