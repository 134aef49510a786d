"""Which attention, steps and threads are fastest for a model on this machine, by measuring.

The time of a token grows linearly with the depth of the context, so that two depths tell up to
where flash attention is worth it. What was decided is kept in the cache folder and not measured
again, since another decision may change the last bits of the scores, and so a seed's text.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from r1local.config.paths import cache_folder
from r1local.config.user_files import replace_text
from r1local.engine.library import load_llama
from r1local.engine.limits import BATCH_TOKENS, whole_steps
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.timing import Timing
from r1local.errors import R1LocalError
from r1local.gguf.format import GGUFFile
from r1local.machine import hardware
from r1local.machine.processor import processor_name

#: The depths that are compared, and the context that has room for them.
_SHALLOW, _DEEP = 32, 2_176
CALIBRATED_CONTEXT = 2_816
#: The prompt that is read for comparison, and the steps that are tried for longer ones.
_PROMPT = 64
_ALL_STEPS = (32, 64, 128, 256, 512)
#: Seconds for `_PROMPT` tokens from which on fewer steps are tried, since each takes as long.
_SLOW_PROMPT_S = 0.5
#: What a choice has to gain before it replaces the simpler one, plain attention or fewer threads.
_GAIN = 0.03
#: Where flash attention may be left, and what stands for never.
_DEPTHS = range(0, 2 * _DEEP, 32)
_NEVER = 2**17
#: An earlier decision is kept if the new one differs by less than this share, or so many tokens.
_SAME_SHARE, _SAME_TOKENS = 0.25, 64
#: Rounds of measuring, the seconds that each of its parts may repeat a step, and the steps.
_ROUNDS, _PART_S, _MOST_REPEATS = 3, 0.03, 4
#: Seconds after which no more rounds of a kind begin: when a model is first used, and otherwise.
_BUDGET_S, _THOROUGH_BUDGET_S = 0.3, 10.0
_MOST_BYTES = 100_000
_T = TypeVar("_T")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is fastest for a model on this machine.

    Args:
        flash_until: tokens in the KV cache up to which flash attention generates faster.
        flash_prompts: whether it reads prompts faster.
        flash_batch: tokens that it computes at once.
        plain_batch: tokens that plain attention computes at once, if memory allows.
        threads: CPU threads to generate with; None if they weren't measured.
        prompt_threads: CPU threads to read prompts with; None if they weren't measured.
    """

    flash_until: int
    flash_prompts: bool
    flash_batch: int
    plain_batch: int
    threads: int | None = None
    prompt_threads: int | None = None

    @property
    def always_flash(self) -> bool:
        """Whether flash attention is faster at every depth."""
        return self.flash_until >= _NEVER


def always_flash(decided: Calibration) -> Calibration:
    """Return the same with flash attention at every depth."""
    return replace(decided, flash_until=_NEVER)


#: What is used where nothing was measured.
PLAIN = Calibration(0, False, BATCH_TOKENS, BATCH_TOKENS)


def find(gguf: GGUFFile, sequences: int) -> Calibration | None:
    """Return what was decided for a model on this machine, for so many replies at once."""
    try:
        entries = _read(_path(gguf))
        return _calibration(entries[str(_bucket(sequences))])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def keep(gguf: GGUFFile, sequences: int, decided: Calibration) -> None:
    """Keep what was decided; nothing is kept where the cache folder can't be written."""
    with suppress(OSError):
        path = _path(gguf)
        try:
            entries = _read(path)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            entries = {}
        entries[str(_bucket(sequences))] = asdict(decided)
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, json.dumps({"version": _VERSION, "sequences": entries}))


def calibrate(
    model: Model,
    settings: LoadSettings,
    cancelled: Callable[[], bool],
    *,
    before: Calibration | None = None,
    thorough: bool = False,
) -> Calibration | None:
    """Measure which attention, steps and threads are fastest.

    Without `thorough` it takes about a second for a model of 100 MB, less for smaller ones, and
    computes with one thread, whose processor time hardly depends on what else runs.

    Args:
        model: a loaded model; what it has evaluated stays.
        settings: what it was loaded with.
        cancelled: called between measurements; True ends them.
        before: what was decided earlier; it is kept where the difference is slight.
        thorough: measure threads and more steps as well, in wall time: for an idle machine.

    Returns:
        What was decided; None when cancelled, or if llama.cpp fails.
    """
    try:
        with ExitStack() as stack:
            return _Comparison(model, settings, cancelled, stack, thorough).decide(before)
    except (R1LocalError, _Cancelled):
        return None


class _Cancelled(Exception):
    """The user wants no more."""


class _Comparison:
    """Two contexts of a model, with plain and with flash attention, measured in turn."""

    def __init__(
        self,
        model: Model,
        settings: LoadSettings,
        cancelled: Callable[[], bool],
        stack: ExitStack,
        thorough: bool,
    ) -> None:
        self._model = model
        self._sequences = _bucket(settings.sequences)
        self._settings = replace(
            settings,
            sequences=self._sequences,
            context_window=CALIBRATED_CONTEXT,
            kv_tokens=0,
            flash_start=None,
            threads=settings.threads if thorough else 1,
            prompt_threads=settings.prompt_threads if thorough else 1,
        )
        self._clock = time.perf_counter if thorough else _own_time
        self._cancelled = cancelled
        self._thorough = thorough
        self._budget_s = _THOROUGH_BUDGET_S if thorough else _BUDGET_S
        self._plain, self._flash = (
            stack.enter_context(self._timing(flash, min(_PROMPT, most)))
            for flash, most in ((False, settings.micro_batch), (True, BATCH_TOKENS))
        )

    def decide(self, before: Calibration | None) -> Calibration:
        if not self._plain.fill(_SHALLOW) or not self._flash.fill(_SHALLOW):
            return PLAIN  # a cache of another form can't pass from one attention to the other
        threads = self._use_best_threads() if self._thorough else (None, None)
        until = self._crossing()
        if before and abs(before.flash_until - until) <= max(_SAME_TOKENS, _SAME_SHARE * until):
            until = before.flash_until
        plain_batch, plain_s = self._fastest_step(self._plain, flash=False)
        if plain_batch == self._settings.micro_batch:
            plain_batch = BATCH_TOKENS  # as many as memory allows
        flash_batch, flash_s = self._fastest_step(self._flash, flash=True)
        reads_faster = flash_s < plain_s * (1 - _GAIN)
        return Calibration(until, reads_faster, flash_batch, plain_batch, *threads)

    def _timing(self, flash: bool, micro_batch: int) -> Timing:
        settings = replace(self._settings, flash_attention=flash, micro_batch=micro_batch)
        return Timing(self._model.beside(settings), self._sequences, self._clock)

    def _crossing(self) -> int:
        """Return the depth up to which flash attention generates faster."""
        best: dict[tuple[bool, int], float] = {}
        for depth in self._rounds((_SHALLOW, _DEEP)):
            for flash, timing in ((False, self._plain), (True, self._flash)):
                timing.fill(depth)
                seconds = _seconds_of_steps(timing)
                best[flash, depth] = min(seconds, best.get((flash, depth), seconds))
        with_plain, with_flash = (
            (best[kind, _SHALLOW], best[kind, _DEEP]) for kind in (False, True)
        )
        return last_flash_depth(with_plain, with_flash)

    def _fastest_step(self, timing: Timing, *, flash: bool) -> tuple[int, float]:
        """Return how many tokens of a prompt to compute at once, and the seconds a token."""
        most = BATCH_TOKENS if flash else self._settings.micro_batch
        if not self._thorough:
            seconds = self._seconds_of_prompt(timing, min(_PROMPT, most))
            return _PROMPT if flash else most, seconds
        slow = timing.seconds_of_prompt(_PROMPT) > _SLOW_PROMPT_S
        best: dict[int, float] = {}
        for step in sorted({min(step, most) for step in _ALL_STEPS[: 3 if slow else None]}):
            with self._timing(flash, step) as each:
                best[step] = self._seconds_of_prompt(each, step)
        return min(best.items(), key=lambda pair: pair[1])

    def _seconds_of_prompt(self, timing: Timing, step: int) -> float:
        """Return the seconds a token in which a prompt is read in steps of so many."""
        tokens = max(_PROMPT // step, 1) * step
        best = inf
        for _ in self._rounds([step]):
            timing.fill(_DEEP)
            best = min(best, timing.seconds_of_prompt(tokens) / tokens)
        return best

    def _use_best_threads(self) -> tuple[int, int]:
        """Return the threads to generate with and to read prompts with, used from now on."""
        counts = thread_counts(hardware.performance_cores())
        steps: dict[int, float] = {}
        prompts: dict[int, float] = {}
        for count in self._rounds(counts):
            self._plain.use_threads(count, count)
            self._plain.fill(_SHALLOW)
            seconds = _seconds_of_steps(self._plain)
            steps[count] = min(seconds, steps.get(count, seconds))
            seconds = self._plain.seconds_of_prompt(_PROMPT)
            prompts[count] = min(seconds, prompts.get(count, seconds))
        chosen = _fewest(steps), _fewest(prompts)
        for timing in (self._plain, self._flash):
            timing.use_threads(*chosen)
        self._settings = replace(self._settings, threads=chosen[0], prompt_threads=chosen[1])
        return chosen

    def _rounds(self, what: Sequence[_T]) -> Iterator[_T]:
        """Go over all that is compared, several times, as long as there is time."""
        deadline = time.monotonic() + self._budget_s
        for number in range(_ROUNDS):
            if number and time.monotonic() > deadline:
                return
            for each in what:
                if self._cancelled():
                    raise _Cancelled
                yield each


def _seconds_of_steps(timing: Timing) -> float:
    """Return the shortest time of a few steps, after one that doesn't count."""
    seconds = timing.seconds_of_step(1)
    return timing.seconds_of_step(max(1, min(_MOST_REPEATS, int(_PART_S / seconds))))


def _own_time() -> float:
    """Return the processor seconds of this thread, which other programs hardly change."""
    # Windows counts them in steps of 16 ms.
    return time.perf_counter() if sys.platform == "win32" else time.thread_time()


def last_flash_depth(plain: tuple[float, float], flash: tuple[float, float]) -> int:
    """Return the tokens up to which flash attention saves most time in total; 0 if it hardly does.

    Plain attention computes whole steps of 256 tokens, flash attention those that there are.

    Args:
        plain: the seconds of a token with plain attention, at 32 and at 2,176 tokens.
        flash: the same with flash attention.
    """

    def seconds(ends: tuple[float, float], first: int, last: int, depth: int) -> float:
        return ends[0] + (ends[1] - ends[0]) * (depth - first) / (last - first)

    steps = (whole_steps(_SHALLOW), whole_steps(_DEEP))
    saved = needed = most = 0.0
    until = 0
    for depth in _DEPTHS:
        with_plain = seconds(plain, *steps, whole_steps(depth + 1))
        saved += with_plain - seconds(flash, _SHALLOW, _DEEP, depth)
        needed += with_plain
        if saved > max(most, _GAIN * needed):
            most, until = saved, depth + _DEPTHS.step
    wins_at_last = until >= _DEPTHS.stop and flash[1] < plain[1] * (1 - _GAIN)
    return _NEVER if wins_at_last else until


def thread_counts(most: int) -> list[int]:
    """Return the numbers of threads worth trying: powers of two, and all cores."""
    powers = [2**n for n in range(most.bit_length())]
    return sorted({*powers, most})


def _fewest(seconds: dict[int, float]) -> int:
    """Return the fewest threads than which no more are notably faster."""
    best = min(seconds.values())
    return min(count for count, value in seconds.items() if value * (1 - _GAIN) <= best)


def _bucket(sequences: int) -> int:
    """Return the power of two that stands for so many replies at once."""
    return 1 << (sequences - 1).bit_length()


def _path(gguf: GGUFFile) -> Path:
    """Return the file of what was decided: named after model files, processor and llama.cpp.

    Raises:
        OSError: one of the model's files has gone.
    """
    files = [(str(part.resolve()), part.stat()) for part in gguf.parts]
    identity = [(path, status.st_size, status.st_mtime_ns) for path, status in files]
    cores = hardware.usable_cores()
    text = json.dumps([load_llama().llama_version().decode(), processor_name(), cores, identity])
    name = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return cache_folder() / "calibration" / f"{name}.json"


def _read(path: Path) -> dict[str, Any]:
    """Return the entries of a file by the number of replies at once.

    Raises:
        OSError, ValueError, TypeError, KeyError, RecursionError: it is missing or damaged.
    """
    with path.open("rb") as file:
        data = json.loads(file.read(_MOST_BYTES))
    if data["version"] != _VERSION:
        raise ValueError("of another version")
    return dict(data["sequences"])


def _calibration(entry: dict[str, Any]) -> Calibration:
    """Return what an entry says.

    Raises:
        ValueError, TypeError, KeyError: it has another shape.
    """
    threads = (entry["threads"], entry["prompt_threads"])
    return Calibration(
        _whole(entry["flash_until"], 0, _NEVER),
        entry["flash_prompts"] is True,
        _whole(entry["flash_batch"], 1, BATCH_TOKENS),
        _whole(entry["plain_batch"], 1, BATCH_TOKENS),
        *(None if count is None else _whole(count, 1, 512) for count in threads),
    )


def _whole(value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError("out of range")
    return value
