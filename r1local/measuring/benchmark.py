"""A benchmark of one model: what is measured, in which order, and what there is time for."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from r1local.conversation import Conversation
from r1local.engine.devices import gpus
from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.drafts import Drafts
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.errors import InvalidSetting, LoadingCancelled, PromptTooLong
from r1local.events.benchmark import BenchmarkEvent, Figure, FigureKind, LeftOut, Step
from r1local.gguf.file import read_gguf
from r1local.language import N_, _, _n
from r1local.machine import hardware
from r1local.measuring import page_cache
from r1local.measuring.speeds import (
    QUESTIONS,
    Measure,
    ReplyTimes,
    any_tokens,
    generation_speed,
    prompt_speed,
    reply_times,
    vote_speed,
)
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine

_Value = TypeVar("_Value")

#: The fewest runs of a figure, however long they take.
_FEWEST_RUNS = 2
#: Share of the time after which a figure gets no more runs, and no deeper context is begun.
_SHARE_OF_A_FIGURE, _SHARE_OF_DEPTHS = 0.08, 0.7
#: How many times longer than at the previous depth a token may take at the next one.
_SLOWER_WITH_DEPTH = 1.5
_WARM_UP_TOKENS = 8
_WITHOUT = N_("without drafts")


@dataclass(frozen=True, slots=True)
class Work:
    """How much to measure.

    Args:
        runs: the most runs of each figure; slow ones get fewer, but at least two.
        depths: tokens in the context before prompts and generation are measured.
        votes: numbers of replies at once.
        prompt_tokens: tokens of the prompt that is measured.
        generated_tokens: tokens generated one by one at each depth.
        reply_tokens: the most tokens of a whole reply.
        seconds: what would take longer altogether is left out.
    """

    runs: int = 5
    depths: tuple[int, ...] = (0, 1_024, 4_096, 16_384)
    votes: tuple[int, ...] = (1, 2, 4, 8, 16)
    prompt_tokens: int = 512
    generated_tokens: int = 32
    reply_tokens: int = 96
    seconds: float = 300


#: For a first impression.
QUICK = Work(
    runs=2,
    depths=(0, 1_024),
    votes=(1, 4),
    prompt_tokens=128,
    generated_tokens=16,
    reply_tokens=32,
    seconds=60,
)


class Benchmark:
    """The measurements of one model.

    Args:
        path: the model's file.
        options: how to load it; the number of sequences follows from the votes.
        work: how much to measure.
        control: cancels it; what was measured until then has been yielded.
    """

    def __init__(self, path: Path, options: LoadOptions, work: Work, control: Control) -> None:
        self._path = path
        self._options = options
        self._work = work
        self._control = control
        self._files = read_gguf(path).parts
        self._started = time.monotonic()
        self._per_token_s: dict[FigureKind, float] = {"prompt": 0.0, "generation": 0.0}
        #: What llama.cpp was loaded with for one reply, once it was.
        self.settings: LoadSettings | None = None
        #: Tokens of the prompt that is measured, and tokens generated, at each depth.
        self.tokens = (work.prompt_tokens, work.generated_tokens)

    def events(self) -> Generator[BenchmarkEvent, None, None]:
        """Measure, one thing after the other.

        Raises:
            R1LocalError: the model can't be loaded, or llama.cpp fails.
        """
        try:
            with closing(self._all()) as events:
                for event in events:
                    yield event
                    if self._control.cancelled():
                        return
        except LoadingCancelled:
            return

    def _all(self) -> Generator[BenchmarkEvent, None, None]:
        yield from self._loads()
        yield from self._one_reply()
        yield from self._all_votes()

    def _loads(self) -> Iterator[BenchmarkEvent]:
        yield Step(_("loading"))
        self._load_s()  # the first time, a file may be tried in another process
        yield Step(_("loading from the disk"))
        if why := page_cache.drop(self._files):
            yield LeftOut(_("loading from the disk"), why)
        else:
            yield from self._figure("load_cold", partial(self._load_s, cold=True))
        yield Step(_("loading from memory"))
        yield from self._figure("load_warm", self._load_s)

    def _load_s(self, cold: bool = False) -> float:
        """Return the seconds until a model has evaluated a token, which needs all its weights."""
        if cold:
            page_cache.drop(self._files)
        started = time.perf_counter()
        with closing(self._open(self._options)) as engine:
            model = engine.loaded.model
            model.evaluate([0], self._control.cancelled)
            model.wait()
            return time.perf_counter() - started

    def _open(self, options: LoadOptions) -> LocalEngine:
        return LocalEngine.open(self._path, options, self._control.cancelled)

    def _one_reply(self) -> Iterator[BenchmarkEvent]:
        """Measure everything that is about a single sequence."""
        free = sum(gpu.free for gpu in gpus())
        hardware.forget_peak_memory()
        with closing(self._open(self._options)) as engine:
            model = engine.loaded.model
            self.settings = model.settings
            yield from self._reply(engine)
            deepest = 0
            for event in self._depths(model):
                yield event
                deepest = event.at if isinstance(event, Figure) else deepest
            yield Figure("memory", (float(hardware.peak_memory()),), deepest)
            if (used := free - sum(gpu.free for gpu in gpus())) > 0:
                yield Figure("gpu_memory", (float(used),), deepest)

    def _reply(self, engine: LocalEngine) -> Iterator[BenchmarkEvent]:
        """Measure whole replies: of new text and of copied text, without drafts and with them."""
        for number, (what, question) in enumerate(QUESTIONS.items()):
            for drafts, opened in self._by_drafts(engine).items():
                words = _("a reply, {what}, {drafts}", what=_(what), drafts=_(drafts))
                yield Step(words)
                try:
                    times = self._runs(partial(self._times_of, opened, question))
                except PromptTooLong as error:
                    yield LeftOut(words, error.message)
                    continue
                if times and not number and drafts == _WITHOUT:
                    firsts = tuple(each.first_token_s for each in times)
                    yield Figure("first_token", firsts, times[0].prompt_tokens)
                if times:
                    speeds = tuple(each.tokens_per_s for each in times)
                    yield Figure("reply", speeds, variant=f"{what}, {drafts}")

    def _times_of(
        self, opened: Callable[[], LocalEngine], question: Conversation
    ) -> ReplyTimes | None:
        return reply_times(opened(), question, self._work.reply_tokens, self._control)

    def _votes_of(self, opened: Callable[[], LocalEngine], votes: int) -> float | None:
        return vote_speed(opened(), votes, self._work.reply_tokens, self._control)

    def _by_drafts(self, engine: LocalEngine) -> dict[str, Callable[[], LocalEngine]]:
        """Return what makes an engine of the same model, without drafts and with them.

        Its drafts are new each time, so that they don't know the same reply of an earlier run.
        """
        loaded = engine.loaded
        without = {_WITHOUT: lambda: LocalEngine(self._path, replace(loaded, drafts=None))}
        if loaded.drafts is None:
            return without
        both = without | {
            N_("with drafts"): lambda: LocalEngine(self._path, replace(loaded, drafts=Drafts()))
        }
        if isinstance(smaller := loaded.drafts, DraftsOfModel):
            both[N_("with a draft model")] = lambda: LocalEngine(
                self._path, replace(loaded, drafts=smaller.renewed())
            )
        return both

    def _depths(self, model: Model) -> Iterator[BenchmarkEvent]:
        window, depths = model.context_window, self._work.depths
        read = min(self._work.prompt_tokens, window // 2)
        self.tokens = (read, min(self._work.generated_tokens, read))
        tokens = any_tokens(model.vocabulary.size, min(window, max(depths) + read))
        model.evaluate(tokens[:_WARM_UP_TOKENS], self._control.cancelled)
        for depth in depths:
            words = _("depth {depth:,}", depth=depth)
            if why := self._why_not_at(depth, model):
                yield LeftOut(words, why)
                continue
            yield Step(words)
            model.rewind(min(depth, model.position))
            if depth and model.evaluate(tokens[:depth], self._control.cancelled) is None:
                return
            yield from self._at_depth(model, tokens, depth)

    def _at_depth(self, model: Model, tokens: Sequence[int], depth: int) -> Iterator[Figure]:
        """Measure with `depth` tokens in the context."""
        measures: tuple[tuple[FigureKind, Measure], ...] = (
            ("prompt", prompt_speed),
            ("generation", generation_speed),
        )
        for (kind, measure), count in zip(measures, self.tokens, strict=True):
            some = tokens[: depth + count]
            measured = partial(measure, model, some, depth, self._control.cancelled)
            for figure in self._figure(kind, measured, depth):
                self._per_token_s[kind] = 1 / figure.median
                yield figure

    def _why_not_at(self, depth: int, model: Model) -> str | None:
        """Return why nothing is measured at a depth, if that is so."""
        read, generated = self.tokens
        if depth + read >= model.context_window:
            return _("the context has {count:,} tokens", count=model.context_window)
        prompt = max(0, depth - model.position) + _FEWEST_RUNS * read
        needed = prompt * self._per_token_s["prompt"]
        needed += _FEWEST_RUNS * generated * self._per_token_s["generation"]
        return self._why_no_time(_SLOWER_WITH_DEPTH * needed, _SHARE_OF_DEPTHS)

    def _why_no_time(self, needed_s: float, share: float = 1.0) -> str | None:
        """Return why there is no time for what takes some seconds, if that is so."""
        passed = time.monotonic() - self._started
        if passed + needed_s <= share * self._work.seconds:
            return None
        minutes = int((passed + needed_s) / share / 60) + 1
        return _("it would take too long: --minutes {minutes} allows it", minutes=minutes)

    def _all_votes(self) -> Iterator[BenchmarkEvent]:
        for votes in self._work.votes:
            words = _n("a vote of one reply", "{count} replies at once", votes)
            tokens = _FEWEST_RUNS * votes * self._work.reply_tokens
            if why := self._why_no_time(tokens * self._per_token_s["generation"]):
                yield LeftOut(words, why)
                continue
            yield Step(words)
            try:
                engine = self._open(replace(self._options, sequences=votes))
            except InvalidSetting as error:  # no room for so many
                yield LeftOut(words, error.message)
                continue
            with closing(engine):
                for drafts, opened in self._by_drafts(engine).items():
                    if runs := self._runs(partial(self._votes_of, opened, votes)):
                        yield Figure("votes", runs, votes, drafts)

    def _figure(
        self, kind: FigureKind, measure: Callable[[], float | None], at: int = 0
    ) -> Iterator[Figure]:
        if runs := self._runs(measure):
            yield Figure(kind, runs, at)

    def _runs(self, measure: Callable[[], _Value | None]) -> tuple[_Value, ...]:
        """Return the values of several runs; none after one that was cancelled."""
        values: list[_Value] = []
        ends = time.monotonic() + _SHARE_OF_A_FIGURE * self._work.seconds
        while len(values) < self._work.runs:
            if len(values) >= _FEWEST_RUNS and time.monotonic() > ends:
                break
            if (value := measure()) is None:
                break
            values.append(value)
        return tuple(values)
