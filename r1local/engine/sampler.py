"""How the next token is drawn."""

import math
from dataclasses import dataclass, replace
from secrets import randbelow
from typing import Any

from r1local.engine.library import load_llama
from r1local.errors import InvalidSetting
from r1local.settings import TEMPERATURE, TOP_P

#: llama.cpp takes 32-bit seeds and keeps the highest for "draw one" (LLAMA_DEFAULT_SEED).
SEED_LIMIT = 0xFFFFFFFF
_MOST_TOP_K = 2**31 - 1


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """Sampler settings; the defaults are DeepSeek's recommendation for R1.

    Nothing is recommended for top_k and min_p, so they are neutral. `seed` None
    means: draw one.

    Raises:
        InvalidSetting: a value out of its range.
    """

    temperature: float = TEMPERATURE
    top_p: float = TOP_P
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None

    def __post_init__(self) -> None:
        _check(
            0 <= self.temperature < math.inf,
            f"temperature {self.temperature:g}",
            "0 or more (0 = greedy)",
        )
        _check(0 < self.top_p <= 1, f"top-p {self.top_p:g}", "above 0 and at most 1")
        _check(0 <= self.top_k <= _MOST_TOP_K, f"top-k {self.top_k}", "0 (off) or more")
        _check(0 <= self.min_p <= 1, f"min-p {self.min_p:g}", "from 0 (off) to 1")
        seed = self.seed
        _check(
            seed is None or 0 <= seed < SEED_LIMIT, f"seed {seed}", f"from 0 to {SEED_LIMIT - 1}"
        )

    def with_seed(self) -> "SamplerSettings":
        """The same settings with a seed drawn where none was given."""
        return self if self.seed is not None else replace(self, seed=randbelow(SEED_LIMIT))


class Sampler:
    """llama.cpp's sampler chain for some settings. Close it, or use it in `with`.

    Temperature comes before top_p and min_p, as in Transformers and vLLM, whose
    settings DeepSeek recommends. (top_k keeps the same tokens either way, and
    leaves less to do for the rest.)
    """

    def __init__(self, settings: SamplerSettings) -> None:
        self._llama = llama = load_llama()
        self.handle: Any = llama.llama_sampler_chain_init(
            llama.llama_sampler_chain_default_params()
        )
        for stage in _stages(llama, settings):
            llama.llama_sampler_chain_add(self.handle, stage)

    def close(self) -> None:
        """Free the chain; more than once does no harm."""
        if self.handle:
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def __enter__(self) -> "Sampler":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def _stages(llama: Any, settings: SamplerSettings) -> list[Any]:
    if settings.temperature == 0:
        return [llama.llama_sampler_init_greedy()]
    stages = []
    if settings.top_k:
        stages.append(llama.llama_sampler_init_top_k(settings.top_k))
    if settings.temperature != 1:
        stages.append(llama.llama_sampler_init_temp(settings.temperature))
    if settings.top_p < 1:
        stages.append(llama.llama_sampler_init_top_p(settings.top_p, 1))
    if settings.min_p:
        stages.append(llama.llama_sampler_init_min_p(settings.min_p, 1))
    return [*stages, llama.llama_sampler_init_dist(settings.with_seed().seed)]


def _check(holds: bool, setting: str, range_: str) -> None:
    if not holds:
        raise InvalidSetting(f"{setting} is out of range", f"it must be {range_}")
