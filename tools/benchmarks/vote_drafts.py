"""Votes with drafts and without: nano's own, and given texts of SmolLM2.

SmolLM2-135M is too small to copy a file. So its replies are given: whatever is drawn, the text's
next token is taken. All other work is that of a vote. Each vote forgets what earlier ones have
learnt; with one thread, seconds are the processor's, in which other programs matter least.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from r1local.conversation import Message
from r1local.engine.drafts import Drafts
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import R1LocalError
from r1local.events.reply import Finished, Usage
from r1local.models.catalog import load_catalog
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.models.selection import select
from r1local.replies.control import Control
from r1local.replies.generation import TokenisedPrompt, tokenised_prompt
from r1local.replies.scheduler import Scheduler
from r1local.replies.settings import ReplySettings
from r1local.replies.shared_drafts import SharedDrafts
from testing.command import ROOT
from testing.models import smollm2
from tools.benchmarks.drafts import CODE, COPY
from tools.benchmarks.harness import STORY, Options, compare, never

_VOTES, _CONTEXT, _TOKENS = 8, 2_048, 256
_SUMS = "What is 37 * 48? Show your steps, and check them twice."
_PROSE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
_BEGIN = "Let me see. I am asked to change one name, and nothing else. "
_AGAIN = "First I add the tens, 10 and 20, and then the units, 7 and 5. That makes 42. "


class _Given(Scheduler):
    """Replies whose texts are given."""

    def __init__(self, loaded: LoadedModel, clock: Callable[[], float]) -> None:
        super().__init__(loaded)
        self._drafts = SharedDrafts(loaded, self._batch, clock)
        self.texts: dict[int, Sequence[int]] = {}
        draw = self._batch.sample

        def sample(sequence: int, sampler: Sampler, ahead: int = 0) -> int:
            token, request = draw(sequence, sampler, ahead), self._running[sequence]
            if not (text := self.texts[request.number]):
                return token
            return text[len(request.tokens) - len(request.prompt.tokens)]

        setattr(self._batch, "sample", sample)  # noqa: B010  (mypy: it is a method)


def compare_vote_drafts(options: Options) -> None:
    """Compare votes of nano, and given texts of SmolLM2."""
    copies = copies_of_a_file(_VOTES)
    thoughts = [f"{_BEGIN * number}{_AGAIN * 9}" for number in range(_VOTES)]
    prose = [_PROSE[1_000 * number :] for number in range(_VOTES)]
    _compare("nano", select(None, load_catalog()).path, _SUMS, [""] * _VOTES, options)
    for title, question, texts in (
        ("one change to a file", COPY, copies),
        ("thoughts that repeat themselves", _SUMS, thoughts),
        ("prose", STORY, prose),
    ):
        _compare(f"SmolLM2, {title}", smollm2(), question, texts, options)


def copies_of_a_file(votes: int) -> list[str]:
    """Return what voters write that change one thing in a file, some later than others."""
    return [f"{_BEGIN * number}{CODE.replace('options', 'chosen')}" for number in range(votes)]


def _compare(title: str, path: Path, question: str, texts: Sequence[str], options: Options) -> None:
    """Compare the tokens per second of a vote in alternating rounds."""
    threads = options.threads or 1
    load_options = LoadOptions(context=_CONTEXT, threads=threads, sequences=_VOTES)
    rounds = []
    with closing(load(path, load_options, never)) as loaded:
        tokenise = loaded.model.vocabulary.tokenise
        prompt = tokenised_prompt(loaded, (Message("user", question),), ReplySettings())
        tokens = [tokenise([each])[: options.tokens or _TOKENS] if each else () for each in texts]
        clock = time.process_time if threads == 1 else time.perf_counter
        for _ in range(options.rounds):
            plain, _usages = speed_of_vote(replace(loaded, drafts=None), prompt, tokens, clock)
            drafted, usages = speed_of_vote(replace(loaded, drafts=Drafts()), prompt, tokens, clock)
            rounds.append((drafted, plain))
    ours, theirs = (statistics.median(each[n] for each in rounds) for n in (0, 1))
    accepted, proposed = (
        sum(getattr(each, name) for each in usages) for name in ("accepted_tokens", "draft_tokens")
    )
    ratios = sorted(drafted / plain for drafted, plain in rounds)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    compare(
        f"{_VOTES} votes, {title} ({accepted} of {proposed} accepted; {spread})",
        ours,
        theirs,
        "tokens/s, no drafts",
    )


def speed_of_vote(
    loaded: LoadedModel,
    prompt: TokenisedPrompt,
    texts: Sequence[Sequence[int]],
    clock: Callable[[], float],
) -> tuple[float, list[Usage]]:
    """Return the tokens per second of a vote, and the replies' usage."""
    loaded.model.rewind(0)
    loaded.model.evaluate(prompt.tokens, never)
    usages = []
    with closing(_Given(loaded, clock)) as scheduler:
        for number, text in enumerate(texts):
            sampler = SamplerSettings(seed=number, seed_drawn=True)
            settings = ReplySettings(sampler, max_tokens=len(text) or _TOKENS)
            scheduler.texts[scheduler.add(prompt, settings, Control())] = text
        started = clock()
        while scheduler.busy:
            for _number, what in scheduler.step():
                if isinstance(what, R1LocalError):
                    raise what
                if isinstance(what, Finished):
                    usages.append(what.usage)
        seconds = clock() - started
    return sum(each.thinking_tokens + each.answer_tokens for each in usages) / seconds, usages
