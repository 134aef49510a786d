"""Where a model runs and with how much context, decided by one rule.

What `list`, `show` and `pull` announce is what loading does, because all of them ask here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

from r1local.config.options import MAX_TOKENS, KVType
from r1local.engine.limits import BATCH_TOKENS, CONTEXT_STEP, KV_CACHE_TYPES
from r1local.errors import InvalidSetting
from r1local.events.reply import Notice
from r1local.gguf.file import GGML_TYPES
from r1local.machine.memory import (
    Machine,
    MemoryFacts,
    context_bytes,
    cpu_bytes,
    gpu_bytes,
    kv_cache_bytes,
    memory_bytes,
    plain_batch,
    scores_bytes,
)
from r1local.units import memory_size

#: Where a model runs: entirely on GPUs, partly, on the CPU, or not in this machine's memory.
FitKind: TypeAlias = Literal["GPU", "GPU+CPU", "CPU", "no"]

SMALLEST_CONTEXT = 512
#: The context, in tokens, that takes precedence over more layers on a GPU.
USEFUL_CONTEXT = 4_096
#: Tokens of the KV cache for each reply after the first where several are decoded at once. R1's
#: replies to hard problems are sometimes longer, and then some of them wait.
_TOKENS_A_REPLY = 8_192
#: The most sequences in a KV cache for which plain attention is no slower on the CPU at any
#: length: for each sequence it computes the scores of the tokens of all sequences.
_PLAIN_SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What the user asked of loading; None means that the planner decides.

    Args:
        context: tokens of context to make room for.
        gpu_layers: layers to offload; -1 means all.
        kv_cache: element type of the KV cache.
        sequences: replies that can be decoded at once.
    """

    context: int | None = None
    gpu_layers: int | None = None
    kv_cache: KVType = "f16"
    sequences: int = 1


#: A request that leaves everything to the planner.
NO_REQUEST = PlanRequest()


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a model runs, with how much context, and why, in words.

    Args:
        kind: where it runs; "no" if more memory is needed than is free.
        gpu_layers: how many of the `layers` are on GPUs.
        layers: layers that can be offloaded, including the output layer.
        context_window: tokens that a prompt and its reply may have together.
        kv_tokens: tokens that the KV cache holds for all sequences together.
        micro_batch: tokens computed at once.
        flash_attention: whether llama.cpp's flash attention is used.
        passing_tokens: tokens for which memory has room twice, to pass from flash attention to
            plain attention; 0 where flash attention is used, or always was.
        useful: whether memory holds the model with a useful context.
        reason: why it runs there.
        notices: what the user should know when the model is loaded in this way.
        refusal: why loading it in this way is refused, if it is.
    """

    kind: FitKind
    gpu_layers: int
    layers: int
    context_window: int
    kv_tokens: int
    micro_batch: int
    flash_attention: bool
    passing_tokens: int
    useful: bool
    reason: str
    notices: tuple[Notice, ...] = ()
    refusal: InvalidSetting | None = None

    @property
    def all_on_gpu(self) -> bool:
        """Whether every layer is offloaded, including the output layer."""
        return self.gpu_layers == self.layers


def default_context(facts: MemoryFacts) -> int:
    """Return the longest recommended reply, limited to the model's trained context."""
    return min(MAX_TOKENS, facts.context_length or MAX_TOKENS)


def plan(facts: MemoryFacts, machine: Machine, request: PlanRequest = NO_REQUEST) -> Plan:
    """Decide where a model runs and with how much context.

    The whole model goes to the GPUs where that leaves a useful context, or else as many layers
    as they hold, or else the CPU. A context that nobody asked for is reduced, down to 4,096
    tokens, before layers are left out.
    """
    return _Planner(facts, machine, request).plan()


class _Planner:
    def __init__(self, facts: MemoryFacts, machine: Machine, request: PlanRequest) -> None:
        self._facts = facts
        self._machine = machine
        self._request = request
        self._wanted = request.context or default_context(facts)
        self._layers = len(facts.layers) + 1
        self._gpu = sum(machine.gpus)

    def plan(self) -> Plan:
        layers, window = self._place()
        kv_tokens = self._kv_tokens(layers, window)
        plain = 0 if layers else self._plain_batch(kv_tokens)
        kind = self._kind(layers, window)
        return Plan(
            kind=kind,
            gpu_layers=layers,
            layers=self._layers,
            context_window=window,
            kv_tokens=kv_tokens,
            micro_batch=plain or BATCH_TOKENS,
            flash_attention=not plain,
            passing_tokens=self._passing_tokens(kv_tokens) if plain else 0,
            useful=kind != "no" and window >= min(self._wanted, USEFUL_CONTEXT),
            reason=self._reason(kind, layers, window),
            notices=tuple(self._notices(kind, layers, window, kv_tokens)),
            refusal=self._refusal(layers),
        )

    def _place(self) -> tuple[int, int]:
        """Return the number of layers on GPUs, and the context window."""
        if not self._gpu:
            return 0, self._window(partial(self._fits, 0))
        if (asked := self._request.gpu_layers) is not None:
            layers = self._layers if asked < 0 else min(asked, self._layers)
            return layers, self._window(partial(self._fits, layers))
        least = self._request.context or min(self._wanted, USEFUL_CONTEXT)
        if self._fits(self._layers, least):
            return self._layers, self._window(partial(self._fits, self._layers))
        window = self._window(lambda tokens: self._fits(self._most_layers(tokens), tokens))
        return self._most_layers(window), window

    def _window(self, fits: Callable[[int], bool]) -> int:
        """Return the context asked for, or the largest one that fits, at least 512 tokens."""
        if self._request.context:
            return self._request.context
        return max(min(SMALLEST_CONTEXT, self._wanted), _largest(self._wanted, fits))

    def _fits(self, layers: int, tokens: int) -> bool:
        """Return whether memory holds the model with a KV cache of `tokens` tokens."""
        kv_type = self._request.kv_cache
        on_gpu = gpu_bytes(self._facts, layers, tokens, kv_type)
        on_cpu = cpu_bytes(self._facts, layers, tokens, kv_type)
        shared = on_gpu if self._machine.shared else 0
        return on_gpu <= self._gpu and on_cpu + shared <= self._machine.memory

    def _most_layers(self, tokens: int) -> int:
        """Return how many layers the GPUs hold, other than the whole model."""
        kv_type = self._request.kv_cache

        def held(layers: int) -> bool:
            return gpu_bytes(self._facts, layers, tokens, kv_type) <= self._gpu

        return _first_false(held, self._layers) - 1

    def _kv_tokens(self, layers: int, window: int) -> int:
        """Return the KV cache of several replies: one may fill its context, the others share."""
        others = self._request.sequences - 1
        wanted = window + others * min(window, _TOKENS_A_REPLY)
        return max(window, _largest(wanted, partial(self._fits, layers)))

    def _plain_batch(self, kv_tokens: int) -> int:
        """Return how many tokens to compute at once without flash attention on the CPU, or 0.

        0 means with flash attention, llama.cpp's own choice: there it costs more than half of the
        speed when the context fills (docs/benchmarks.md), but skips the tokens of other sequences.
        """
        request = self._request
        if request.sequences > _PLAIN_SEQUENCES or request.kv_cache != "f16":
            return 0
        return 0 if self._facts.latent_attention else plain_batch(self._facts, kv_tokens)

    def _passing_tokens(self, kv_tokens: int) -> int:
        """Return how many tokens can pass from one attention's context to the other's.

        Meanwhile there is a copy of their KV cache. It may take what is free beside the plan, and
        no more than the scores for which plain attention gets smaller batches than llama.cpp's own.
        """
        free = self._machine.memory - self._needed(kv_tokens)
        spared = scores_bytes(self._facts, BATCH_TOKENS, kv_tokens)
        a_token = kv_cache_bytes(self._facts, 1)
        tokens = max(0, min(free, spared)) // a_token if a_token else 0
        return min(kv_tokens, tokens) // CONTEXT_STEP * CONTEXT_STEP

    def _kind(self, layers: int, window: int) -> FitKind:
        if not self._fits(layers, window):
            return "no"
        if layers == self._layers:
            return "GPU"
        return "GPU+CPU" if layers else "CPU"

    def _free(self, layers: int) -> int:
        """Return the free bytes where the model would run."""
        if layers == self._layers:
            return self._gpu
        return self._machine.all_memory if layers else self._machine.memory

    def _needed(self, tokens: int) -> int:
        return memory_bytes(self._facts, tokens, self._request.kv_cache)

    def _reason(self, kind: FitKind, layers: int, window: int) -> str:
        free = f"{memory_size(self._free(layers))} free"
        if kind == "no":
            return f"needs {memory_size(self._needed(window))} ({free})"
        if kind == "GPU":
            return f"all on the GPU ({free})"
        if kind == "GPU+CPU":
            return self._partly(layers)
        return f"on the CPU ({free})"

    def _partly(self, layers: int) -> str:
        free = memory_size(self._gpu)
        return f"{layers} of {len(self._facts.layers)} layers on the GPU ({free} free)"

    def _notices(self, kind: FitKind, layers: int, window: int, kv_tokens: int) -> list[Notice]:
        offload = self._offload_notice(kind, layers)
        notices = [Notice("offload", offload)] if offload else []
        notices += [Notice("context", each) for each in self._context_notices(kind, layers, window)]
        sequences = self._request.sequences
        if kv_tokens < window + (sequences - 1) * min(window, _TOKENS_A_REPLY):
            room = f"memory has room for {kv_tokens:,} tokens of {sequences} replies at once"
            notices.append(Notice("context", f"{room}: if they get longer, some of them wait"))
        return notices

    def _offload_notice(self, kind: FitKind, layers: int) -> str | None:
        if not self._gpu:
            if self._request.gpu_layers:
                return "no GPU to offload to, or a llama.cpp built without it: see --version"
            return "the GPU has no free memory: running on the CPU" if self._machine.gpus else None
        if self._request.gpu_layers is not None or kind == "GPU":
            return None
        if not layers:
            return "the GPU has too little free memory: running on the CPU"
        return self._partly(layers)

    def _context_notices(self, kind: FitKind, layers: int, window: int) -> list[str]:
        free = memory_size(self._free(layers))
        if not self._request.context:
            if window == self._wanted:
                return []
            needed = memory_size(self._needed(self._wanted))
            reduced = f"the context is {window:,} tokens: {self._wanted:,} need {needed}"
            return [f"{reduced} with the model, and {free} are free"]
        notices = []
        if kind == "no":
            needed = f"{memory_size(self._needed(window))} are needed and {free} free"
            notices.append(f"{needed}: the model is read from the disk again for every token")
        trained = self._facts.context_length
        if trained and window > trained:
            notices.append(
                f"the model was trained on {trained:,} tokens of context:"
                " beyond that it may lose the thread"
            )
        return notices

    def _refusal(self, layers: int) -> InvalidSetting | None:
        """Return why loading what was asked for is refused."""
        facts, context, kv_cache = self._facts, self._request.context, self._request.kv_cache
        block = GGML_TYPES[KV_CACHE_TYPES[kv_cache]].block_size
        if any(length % block for length in facts.head_lengths):
            longest = max(facts.head_lengths)
            return InvalidSetting(
                f"kv-cache {kv_cache} can't hold this model's heads of {longest} numbers",
                f"it holds multiples of {block}: leave --kv-cache at f16",
            )
        if context and facts.positions and context > facts.positions:
            return InvalidSetting(
                f"context {context:,} is out of range",
                f"the model has {facts.positions:,} positions",
            )
        # The model's file can be read from the disk again and again; the memory beside it can't.
        free = self._free(layers)
        if context and (needed := context_bytes(facts, context, kv_cache)) > free:
            return InvalidSetting(
                f"a context of {context:,} tokens needs {memory_size(needed)},"
                f" and {memory_size(free)} are free",
                "give a smaller --context, or a smaller --kv-cache",
            )
        return None


def _largest(wanted: int, fits: Callable[[int], bool]) -> int:
    """Return the largest context that fits: `wanted`, or a multiple of 256, or 0 if none does.

    Args:
        fits: once it is False, it stays False for more tokens.
    """
    if fits(wanted):
        return wanted
    steps = _first_false(lambda step: fits(step * CONTEXT_STEP), wanted // CONTEXT_STEP + 1)
    return max(0, steps - 1) * CONTEXT_STEP


def _first_false(holds: Callable[[int], bool], end: int) -> int:
    """Return the smallest number for which `holds` is False, starting at 0 and ending at `end`."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if holds(middle) else (low, middle)
    return low
