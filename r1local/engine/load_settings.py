"""What is decided before a model is loaded."""

from dataclasses import dataclass

from r1local.config.loading_options import KVType
from r1local.engine.contexts import ContextSettings, FlashStart
from r1local.engine.limits import BATCH_TOKENS, whole_steps
from r1local.engine.offload import AUTOMATIC, Offload


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """Settings that are fixed when a model is loaded.

    Args:
        context_window: most tokens of one sequence.
        gpu_layers: layers to offload; -1 means all of them.
        threads: CPU threads to generate with.
        kv_cache: element type of the KV cache.
        sequences: number of sequences that can be evaluated together (`batch`).
        kv_tokens: tokens that the KV cache holds for all sequences together; a smaller
            number than `context_window` counts as that.
        flash_attention: use it where llama.cpp can; quantized KV caches need it.
        micro_batch: tokens that are computed at once.
        flash_start: use flash attention for the first tokens, although it isn't used later.
        prompt_threads: CPU threads to read prompts with; None means as many as for generation.
        weights: load the weights; without them everything but evaluation can be tried.
        repack: copy the weights into the order that is fastest for the CPU.
        offload: which part of the model goes where.
        mapped: map the file instead of reading it.
        lock: keep the weights in memory.
        context_bytes: what the context is known to take of the CPU's memory.
    """

    context_window: int
    gpu_layers: int
    threads: int
    kv_cache: KVType
    sequences: int = 1
    kv_tokens: int = 0
    flash_attention: bool = True
    micro_batch: int = BATCH_TOKENS
    flash_start: FlashStart | None = None
    prompt_threads: int | None = None
    weights: bool = True
    repack: bool = True
    offload: Offload = AUTOMATIC
    mapped: bool = True
    lock: bool = False
    context_bytes: int = 0

    @property
    def context(self) -> ContextSettings:
        """What concerns the context; its KV cache holds at least one context window."""
        return ContextSettings(
            tokens=whole_steps(max(self.context_window, self.kv_tokens)),
            sequences=self.sequences,
            kv_cache=self.kv_cache,
            micro_batch=self.micro_batch,
            threads=self.threads,
            prompt_threads=self.prompt_threads or self.threads,
            flash_attention=self.flash_attention,
            flash_start=self.flash_start,
            context_bytes=self.context_bytes,
        )
