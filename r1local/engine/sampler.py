"""How the next token is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, Self

from r1local.config.options import check, default_of
from r1local.config.replying_options import TEMPERATURE
from r1local.engine.library import load_llama
from r1local.engine.vocabulary import Vocabulary

#: llama.cpp takes 32-bit seeds; the highest one means "draw one" (LLAMA_DEFAULT_SEED).
SEED_LIMIT = 0xFFFFFFFF
#: Tokens below this share of the likeliest one's probability are removed first. In total they
#: are less than the rounding of llama.cpp's 32-bit sums, and it saves computing the exponential
#: for most of a vocabulary: with SmolLM2's 49,152 tokens a draw takes 0.08 ms instead of 0.37.
_NEGLIGIBLE = 1e-9

#: DRY ("don't repeat yourself") as defined by its author and llama.cpp, but stronger: a token
#: that would lengthen a repetition of n tokens is penalised by multiplier · base^(n - allowed).
#: https://github.com/oobabooga/text-generation-webui/pull/5637
_DRY_MULTIPLIER, _DRY_BASE, _DRY_ALLOWED, _DRY_TOKENS = 1.0, 1.75, 2, 2_048
_HOTTER_AFTER_A_LOOP = 0.3


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """Sampler settings; the defaults are DeepSeek's recommendation for R1.

    Nothing is recommended for top_k and min_p, so they are neutral. A `seed` of None
    means that one is drawn; `seed_drawn` that it was. `dry` makes repetitions less likely the
    longer they are.

    Raises:
        InvalidSetting: a value is out of its range.
    """

    temperature: float = default_of("temperature")
    top_p: float = default_of("top-p")
    top_k: int = default_of("top-k")
    min_p: float = default_of("min-p")
    seed: int | None = default_of("seed")
    dry: bool = False
    seed_drawn: bool = False

    def __post_init__(self) -> None:
        check("temperature", self.temperature)
        check("top-p", self.top_p)
        check("top-k", self.top_k)
        check("min-p", self.min_p)
        check("seed", self.seed)

    @property
    def repeatable(self) -> bool:
        """Whether the same reply is expected each time: a seed was given, or nothing is random."""
        return self.temperature == 0 or (self.seed is not None and not self.seed_drawn)

    def with_seed(self) -> "SamplerSettings":
        """Return the same settings, with a seed drawn if there was none."""
        if self.seed is not None:
            return self
        return replace(self, seed=SystemRandom().randrange(SEED_LIMIT), seed_drawn=True)

    def later(self, number: int) -> "SamplerSettings":
        """Return the settings of the `number`th reply after one with these settings and a seed."""
        return replace(self, seed=((self.seed or 0) + number) % SEED_LIMIT)

    def against_loops(self, number: int) -> "SamplerSettings":
        """Return settings that lead out of the reply's `number`th loop: hotter, and with DRY."""
        hotter = max(self.temperature, TEMPERATURE) + _HOTTER_AFTER_A_LOOP
        seed = None if self.seed is None else (self.seed + number) % SEED_LIMIT
        return replace(self, temperature=hotter, seed=seed, dry=True)


class Sampler:
    """llama.cpp's sampler chain for some settings; close it, or use it in `with`.

    Temperature comes before top_p and min_p, as in Transformers and vLLM, for which
    DeepSeek recommends its settings. (top_k keeps the same tokens either way, and
    leaves less work for the others.)

    Args:
        settings: see `SamplerSettings`.
        vocabulary: the model's vocabulary; only needed with `dry`.
        recent: the last tokens of the reply, which `dry` considers written.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        vocabulary: Vocabulary | None = None,
        recent: Sequence[int] = (),
    ) -> None:
        self._llama = llama = load_llama()
        self.handle: Any = llama.llama_sampler_chain_init(
            llama.llama_sampler_chain_default_params()
        )
        if settings.dry and vocabulary:
            # No sequence breakers, since the repetition to break may consist of lines.
            dry = (_DRY_MULTIPLIER, _DRY_BASE, _DRY_ALLOWED, _DRY_TOKENS)
            stage = llama.llama_sampler_init_dry(vocabulary.handle, *dry, None, 0)
            llama.llama_sampler_chain_add(self.handle, stage)
        for stage in _stages(llama, settings):
            llama.llama_sampler_chain_add(self.handle, stage)
        for token in recent[-_DRY_TOKENS:]:
            llama.llama_sampler_accept(self.handle, token)

    def draw(self, context: Any, row: int = -1) -> int:
        """Draw the next token from a row of logits of llama.cpp's context, the last by default."""
        token: int = self._llama.llama_sampler_sample(self.handle, context, row)
        return token

    def close(self) -> None:
        """Free the chain; calling it again does no harm."""
        if self.handle:
            self._llama.llama_sampler_free(self.handle)
            self.handle = None

    def __enter__(self) -> Self:
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
    if not settings.top_k:
        stages.append(llama.llama_sampler_init_min_p(_NEGLIGIBLE, 1))
    if settings.top_p < 1:
        stages.append(llama.llama_sampler_init_top_p(settings.top_p, 1))
    if settings.min_p:
        stages.append(llama.llama_sampler_init_min_p(settings.min_p, 1))
    return [*stages, llama.llama_sampler_init_dist(settings.with_seed().seed)]
