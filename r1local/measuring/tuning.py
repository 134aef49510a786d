"""The search for the fastest settings of one model on this machine, one option at a time."""

import statistics
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from r1local.config.options import option_named
from r1local.engine.devices import gpus
from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.errors import InvalidSetting, LoadingCancelled, ModelLoadError
from r1local.events.benchmark import LeftOut, Step, Trial, TuningEvent
from r1local.gguf.file import read_gguf
from r1local.language import _
from r1local.machine import hardware
from r1local.machine.calibration import Calibration, always_flash
from r1local.machine.memory import facts_of
from r1local.machine.planner import plan
from r1local.machine.this_machine import survey_machine
from r1local.measuring.speeds import (
    QUESTIONS,
    any_tokens,
    generation_speed,
    prompt_speed,
    reply_times,
)
from r1local.models.loading import LoadOptions, load, recalibrate, settings_of
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine

_Value = TypeVar("_Value")

#: A typical reply, by which values are compared: tokens of its prompt, and tokens generated.
_PROMPT, _REPLY = 512, 1_024
#: Times as many tokens are generated where drafts are tried, which need some text to begin with.
_DRAFTED = 4
#: How much faster a value has to be to be chosen. Smaller KV caches cost some quality, and
#: a value that isn't faster in every round is not chosen.
_LEAST_GAIN, _LEAST_GAINS = 0.03, MappingProxyType({"kv-cache": 0.10})


@dataclass(frozen=True, slots=True)
class TuningWork:
    """How much to measure for each value: tokens, rounds over all values, seconds altogether."""

    prompt_tokens: int = 256
    generated_tokens: int = 24
    rounds: int = 3
    seconds: float = 600


QUICK = TuningWork(prompt_tokens=64, generated_tokens=12, rounds=2, seconds=120)


@dataclass(frozen=True, slots=True)
class _Speeds:
    """Tokens per second of prompts and of generation."""

    prompt: float
    generation: float

    @property
    def seconds(self) -> float:
        """The seconds that a typical reply takes."""
        return _PROMPT / self.prompt + _REPLY / self.generation


class Tuning:
    """A search, option by option; each keeps the best value of the options before it.

    Args:
        path: the model's file.
        options: the settings to begin with.
        fixed: names of options that the user chose, which are left alone.
        work: how much to measure.
        control: cancels it.
    """

    def __init__(
        self,
        path: Path,
        options: LoadOptions,
        fixed: Collection[str],
        work: TuningWork,
        control: Control,
    ) -> None:
        self._path = path
        self._options = options
        self._fixed = fixed
        self._work = work
        self._control = control
        self._deadline = time.monotonic() + work.seconds
        #: The best values found, by the names of options.
        self.best: dict[str, Any] = {}

    def events(self) -> Generator[TuningEvent, None, None]:
        """Try the values of each option.

        Raises:
            R1LocalError: the model can't be loaded as it is, or llama.cpp fails.
        """
        try:
            yield from self._calibrate()
            settings = self._settings()
            for name, candidates in _CANDIDATES.items():
                values = candidates(self._options, settings)
                if name in self._fixed or len(values) < 2:
                    continue
                if time.monotonic() > self._deadline:
                    yield LeftOut(name, _("it would take too long: --minutes allows it"))
                    continue
                yield from self._try_all(name, values)
                if self._control.cancelled():
                    return
        except LoadingCancelled:
            return

    def _calibrate(self) -> Iterator[TuningEvent]:
        """Measure anew which attention and batch are fastest, and show what they are worth.

        They are kept with the model's calibration, which every later load uses.
        """
        yield Step(_("attention, batch and threads"))
        if (decided := recalibrate(self._path, self._options, self._control.cancelled)) is None:
            return
        gguf = read_gguf(self._path)
        made = plan(facts_of(gguf), survey_machine(), self._options.request)

        def opened(chosen: Calibration) -> Model:
            settings = settings_of(gguf, self._options, made, chosen)
            return Model(self._path, settings, self._control.cancelled)

        for what, values in (("attention", _attentions(decided)), ("batch", _batches(decided))):
            rounds: dict[str, list[_Speeds]] = {words: [] for words in values}
            for number in range(self._work.rounds if len(values) > 1 else 0):
                for words, chosen in values.items():
                    yield Step(
                        _(
                            "{name} {value}, round {number}",
                            name=what,
                            value=words,
                            number=number + 1,
                        )
                    )
                    with opened(chosen) as model:
                        measured = self._speeds_of(model)
                    if measured is None:
                        return
                    rounds[words].append(measured)
            if len(values) > 1:
                yield from _trials(what, rounds, best=next(reversed(rounds)))

    def _settings(self) -> LoadSettings:
        with load(self._path, self._options, self._control.cancelled).model as model:
            return model.settings

    def _try_all(self, name: str, values: Sequence[Any]) -> Iterator[TuningEvent]:
        """Try the values of an option in turn, the one in force first, and keep the best."""
        speeds: dict[Any, list[_Speeds]] = {value: [] for value in values}
        for number in range(self._work.rounds):
            if number and time.monotonic() > self._deadline:
                break
            for value in tuple(speeds):
                yield Step(
                    _(
                        "{name} {value}, round {number}",
                        name=name,
                        value=option_named(name).show(value),
                        number=number + 1,
                    )
                )
                try:
                    measure = self._replies if name == "draft" else self._speeds
                    measured = measure(_with(self._options, name, value))
                except (InvalidSetting, ModelLoadError) as error:
                    del speeds[value]
                    yield LeftOut(f"{name} {option_named(name).show(value)}", error.message)
                    continue
                if measured is None:
                    return
                speeds[value].append(measured)
        if values[0] in speeds:
            yield from self._choose(name, values[0], speeds)

    def _choose(
        self, name: str, before: Any, speeds: Mapping[Any, Sequence[_Speeds]]
    ) -> Iterator[Trial]:
        """Choose the best value, compared round by round."""
        gains = _gains(speeds[before], speeds)
        medians = {value: statistics.median(each) for value, each in gains.items()}
        best = max(medians, key=medians.__getitem__)
        if medians[best] < _LEAST_GAINS.get(name, _LEAST_GAIN) or min(gains[best]) <= 0:
            best = before
        self.best[name] = best
        self._options = _with(self._options, name, best)
        yield from _trials(name, speeds, best, option_named(name).show)

    def _speeds(self, options: LoadOptions) -> _Speeds | None:
        """Load the model with some options and measure it once; None if that was cancelled."""
        with load(self._path, options, self._control.cancelled).model as model:
            return self._speeds_of(model)

    def _speeds_of(self, model: Model) -> _Speeds | None:
        work, cancelled = self._work, self._control.cancelled
        room = model.context_window // 2
        read = min(work.prompt_tokens, room)
        tokens = any_tokens(model.vocabulary.size, read + min(work.generated_tokens, room - 1))
        model.evaluate(tokens[:1], cancelled)  # the first use of a context takes longer
        prompt = prompt_speed(model, tokens[:read], 0, cancelled)
        generation = generation_speed(model, tokens, read, cancelled)
        if prompt is None or generation is None:
            return None
        return _Speeds(prompt, generation)

    def _replies(self, options: LoadOptions) -> _Speeds | None:
        """Measure whole replies, which drafts make a difference to, as `_speeds`."""
        seconds = 0.0
        tokens = _DRAFTED * self._work.generated_tokens
        with closing(LocalEngine.open(self._path, options, self._control.cancelled)) as engine:
            for question in QUESTIONS.values():
                times = reply_times(engine, question, tokens, self._control)
                if times is None:
                    return None
                first = times.prompt_tokens / times.first_token_s
                seconds += 1 / times.tokens_per_s
        return _Speeds(first, len(QUESTIONS) / seconds)


def _gains(
    before: Sequence[_Speeds], speeds: Mapping[_Value, Sequence[_Speeds]]
) -> dict[_Value, list[float]]:
    """Return how much faster each round is: the noise of a busy machine changes slowly."""
    return {
        value: [b.seconds / each.seconds - 1 for b, each in zip(before, rounds, strict=True)]
        for value, rounds in speeds.items()
    }


def _trials(
    name: str,
    speeds: Mapping[_Value, Sequence[_Speeds]],
    best: _Value,
    show: Callable[[_Value], str] = str,
) -> Iterator[Trial]:
    """Yield what was measured of each value, compared with the first."""
    gains = _gains(next(iter(speeds.values())), speeds)
    for value, rounds in speeds.items():
        each, gain = _median(rounds), statistics.median(gains[value])
        yield Trial(name, show(value), each.prompt, each.generation, gain, best=value == best)


def _attentions(decided: Calibration) -> dict[str, Calibration]:
    """Return the attentions to compare by their names, the chosen one last."""
    plain = replace(decided, flash_until=0, flash_prompts=False)
    flash = always_flash(decided)
    chosen = _("flash up to {flash_until:,} tokens", flash_until=decided.flash_until)
    if decided.always_flash:
        return {"plain": plain, "flash": decided}
    if decided == plain:
        return {"flash": flash, "plain": plain}
    return {"plain": plain, "flash": flash, chosen: decided}


def _batches(decided: Calibration) -> dict[str, Calibration]:
    """Return the numbers of tokens to compute at once, by their names, the chosen one last."""
    usual = replace(decided, flash_batch=BATCH_TOKENS, plain_batch=BATCH_TOKENS)
    chosen = decided.flash_batch if decided.flash_prompts else decided.plain_batch
    return {f"{BATCH_TOKENS}": usual, f"{chosen}": decided}


def _with(options: LoadOptions, name: str, value: Any) -> LoadOptions:
    option = option_named(name)
    return replace(options, **{option.field or option.key: value})


def _median(speeds: Sequence[_Speeds]) -> _Speeds:
    return _Speeds(
        statistics.median(each.prompt for each in speeds),
        statistics.median(each.generation for each in speeds),
    )


def _gpu_layers(options: LoadOptions, settings: LoadSettings) -> list[int | None]:
    """Return the numbers of layers on GPUs to try: what is in force, all, and none."""
    if not gpus():
        return []
    half = settings.gpu_layers // 2 if settings.gpu_layers > 1 else None
    return _distinct(options.gpu_layers, -1, 0, *filter(None, [half]))


def _threads(_options: LoadOptions, settings: LoadSettings) -> list[int]:
    """Return the numbers of threads to try: what is in force, then parts of the cores."""
    cores = hardware.usable_cores()
    return _distinct(settings.threads, 1, cores // 2 or 1, cores * 3 // 4 or 1, cores)


def _prompt_threads(_options: LoadOptions, settings: LoadSettings) -> list[int]:
    """Return the numbers of threads to try for prompts: what is in force, one, and all cores."""
    cores = hardware.usable_cores()
    return _distinct(settings.prompt_threads or settings.threads, 1, cores)


def _kv_caches(options: LoadOptions, _settings: LoadSettings) -> list[Any]:
    return _distinct(options.kv_cache, "f16", "q8_0", "q4_0")


def _drafts(options: LoadOptions, _settings: LoadSettings) -> list[str]:
    return _distinct(options.draft, "auto", "none")


def _distinct(*values: Any) -> list[Any]:
    return list(dict.fromkeys(values))


#: The options to try, in this order, and what gives their values, the one in force first.
_CANDIDATES: Mapping[str, Callable[[LoadOptions, LoadSettings], list[Any]]] = MappingProxyType(
    {
        "gpu-layers": _gpu_layers,
        "threads": _threads,
        "prompt-threads": _prompt_threads,
        "kv-cache": _kv_caches,
        "draft": _drafts,
    }
)
