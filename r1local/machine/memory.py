"""How much of a model fits where: pure arithmetic on what is known of it, in bytes."""

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.config.options import MAX_TOKENS, KVType
from r1local.engine.limits import BATCH_TOKENS, CONTEXT_STEP, KV_CACHE_TYPES
from r1local.gguf.file import GGML_TYPES, GGUFFile

#: Where a model runs: all on GPUs, partly, on the CPU, or not in this machine's memory.
FitKind: TypeAlias = Literal["GPU", "GPU+CPU", "CPU", "no"]

#: Of fewer tokens at once a prompt is evaluated notably slower (docs/benchmarks.md).
_SMALLEST_BATCH = 16
_F32_BYTES = 4
_F16_BYTES = 2
# Rows of the embedding's width that are alive at once; see `compute_bytes`.
_LIVE_ROWS = 10

SMALLEST_CONTEXT = 512
#: Tokens of context worth having before more layers are put on a GPU.
USEFUL_CONTEXT = 4_096
#: Share of the memory bandwidth that generation reaches: published runs lie between 53 % (M1 Max)
#: and 85 %, files of fewer bits a weight at the lower end.
_BANDWIDTH_SHARE = (0.5, 0.85)


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """What a model's memory and speed depend on: bytes, and counts of numbers.

    `keys` and `values` are the numbers cached for a token in each layer; `layers` are the bytes
    of each layer's tensors, which a GPU can take one by one; `read_per_token` the bytes of
    weights read for one token; `heads` those that ask, 0 where that isn't known.
    """

    weights: int
    layers: tuple[int, ...]
    keys: tuple[int, ...]
    values: tuple[int, ...]
    embedding_length: int
    feed_forward_length: int
    vocabulary_size: int
    context_length: int
    read_per_token: int
    heads: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory that a model may use, in bytes free, and bytes per second it can be read with.

    `gpus` has the free memory of each; where it is `shared` with the CPU (Apple, integrated
    GPUs), it is a part of `memory`. A bandwidth of None is unknown.
    """

    memory: int
    gpus: tuple[int, ...] = ()
    shared: bool = False
    memory_bandwidth: float | None = None
    gpu_bandwidth: float | None = None

    @property
    def all_memory(self) -> int:
        """Free bytes of the CPU and the GPUs together, shared memory counted once."""
        return self.memory if self.shared else self.memory + sum(self.gpus)


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a model runs, with how much context, and why, in words."""

    kind: FitKind
    gpu_layers: int
    context_window: int
    reason: str


_LAYER = re.compile(r"blk\.(\d+)\.")
_EXPERTS = re.compile(r"_exps\.")


def facts_of(gguf: GGUFFile) -> MemoryFacts:
    """The facts in a file's header: its tensor table and hyperparameters."""
    heads = gguf.key_value_heads
    # Files that keep DeepSeek's attention compressed cache no values: those are a view of the
    # keys (`has_v = !is_mla`, llama-kv-cache.cpp).
    value_length = 0 if gguf.uses_latent_attention else gguf.value_length
    layers = [0] * (gguf.block_count or 0 if gguf.tensors else 0)
    read = 0
    share = _experts_used(gguf)
    tied = all(tensor.name != "output.weight" for tensor in gguf.tensors)
    for tensor in gguf.tensors:
        layer = _LAYER.match(tensor.name)
        if layer and int(layer[1]) < len(layers):
            layers[int(layer[1])] += tensor.size
        if tensor.name != "token_embd.weight" or tied:
            read += int(tensor.size * share) if _EXPERTS.search(tensor.name) else tensor.size
    return MemoryFacts(
        weights=gguf.model_size,
        layers=tuple(layers),
        keys=tuple(count * gguf.key_length for count in heads),
        values=tuple(count * value_length for count in heads),
        embedding_length=gguf.embedding_length or 0,
        feed_forward_length=max(gguf.per_layer("feed_forward_length"), default=0),
        vocabulary_size=gguf.vocabulary_size,
        context_length=min(filter(None, (gguf.context_length, gguf.position_count)), default=0),
        read_per_token=read or gguf.model_size,
        heads=max(gguf.per_layer("attention.head_count"), default=0),
    )


def _experts_used(gguf: GGUFFile) -> float:
    """Share of a mixture's experts that one token uses; 1 without a mixture."""
    count = gguf.hyperparameter("expert_count")
    used = gguf.hyperparameter("expert_used_count")
    return used / count if count and used else 1.0


def kv_cache_bytes(
    facts: MemoryFacts, context_window: int, k_type: KVType = "f16", v_type: KVType = "f16"
) -> int:
    """Bytes of the KV cache for so many tokens, as llama_kv_cache allocates them."""
    keys, values = (GGML_TYPES[KV_CACHE_TYPES[kv_type]] for kv_type in (k_type, v_type))
    per_token = sum(map(keys.row_bytes, facts.keys)) + sum(map(values.row_bytes, facts.values))
    return context_window * per_token


def compute_bytes(facts: MemoryFacts, context_window: int) -> int:
    """An estimate, from above, of llama.cpp's compute buffer with flash attention.

    For each token of a batch: the rows alive in a layer, and a row of the
    attention mask in f16; and once, logits. Measured with llama-cpp-python 0.3.36:

    | model, context | MiB | estimated |
    |---|---:|---:|
    | SmolLM2-135M, 2,048 / 8,192 | 15.5 / 21.5 | 19.4 / 25.4 |
    | R1-Distill-Qwen-7B, 4,096 / 32,768 / 131,072 | 143 / 171 / 267 | 149 / 177 / 273 |
    """
    a_token = _row_bytes(facts) + _F16_BYTES * context_window
    return BATCH_TOKENS * a_token + _F32_BYTES * facts.vocabulary_size


def plain_batch(facts: MemoryFacts, context_window: int) -> int:
    """Tokens evaluated at once for which plain attention takes as much memory as flash attention.

    Without flash attention each token has the scores of every head for the whole cache: in f32,
    and once more in f16 where they meet the values. That leaves room for fewer tokens at once;
    0 if for so few that prompts would be slow, or where the heads aren't known.
    """
    row = _row_bytes(facts)
    scores = (_F32_BYTES + _F16_BYTES) * facts.heads * context_window
    with_flash = row + _F16_BYTES * context_window
    batch = BATCH_TOKENS * with_flash // (row + scores + _F32_BYTES * context_window)
    return batch if facts.heads and batch >= _SMALLEST_BATCH else 0


def _row_bytes(facts: MemoryFacts) -> int:
    """Of the rows that one token has in a layer."""
    return _F32_BYTES * (_LIVE_ROWS * facts.embedding_length + 2 * facts.feed_forward_length)


def memory_bytes(facts: MemoryFacts, context_window: int, kv_type: KVType = "f16") -> int:
    """Bytes that running the model takes: its files, KV cache and compute buffer.

    The files count in full although they are mapped, not copied: a page that
    does not stay in memory is read from the disk again for every token.
    """
    return facts.weights + context_bytes(facts, context_window, kv_type)


def context_bytes(facts: MemoryFacts, context_window: int, kv_type: KVType = "f16") -> int:
    """Bytes that a context takes beside the model: memory that has to be free."""
    cache = kv_cache_bytes(facts, context_window, kv_type, kv_type)
    return cache + compute_bytes(facts, context_window)


def largest_context(
    facts: MemoryFacts, wanted: int, available_bytes: int, kv_type: KVType = "f16"
) -> int:
    """The context window, `wanted` tokens at most, for which memory suffices.

    A reduced window is a multiple of 256 tokens. Where not even 512 tokens
    fit, 512 are returned (or `wanted`, if that is less): such a model still
    runs, slowly, from the disk.
    """
    if memory_bytes(facts, wanted, kv_type) <= available_bytes:
        return wanted
    fixed = memory_bytes(facts, 0, kv_type)
    per_step = memory_bytes(facts, CONTEXT_STEP, kv_type) - fixed
    steps = max(0, available_bytes - fixed) // per_step
    return min(wanted, max(SMALLEST_CONTEXT, steps * CONTEXT_STEP))


def default_context(facts: MemoryFacts) -> int:
    """The longest reply recommended, as far as the model was trained."""
    return min(MAX_TOKENS, facts.context_length or MAX_TOKENS)


def plan(
    facts: MemoryFacts, machine: Machine, context: int | None = None, kv_type: KVType = "f16"
) -> Plan:
    """Where to run a model with a context of so many tokens; None means: as many as is sensible.

    All of it on the GPUs where that leaves a useful context; else as many layers as they hold;
    else the CPU. A sensible context is reduced before layers are left out, down to 4,096 tokens.
    """
    wanted = context or default_context(facts)
    least = min(wanted, USEFUL_CONTEXT) if context is None else wanted
    gpu = sum(machine.gpus)
    if gpu and memory_bytes(facts, least, kv_type) <= gpu:
        window = context or largest_context(facts, wanted, gpu, kv_type)
        return Plan("GPU", len(facts.layers) + 1, window, f"all on the GPU ({_free(gpu)})")
    everywhere = machine.all_memory
    window = context or largest_context(facts, wanted, everywhere, kv_type)
    layers = _layers_on_gpu(facts, window, gpu, kv_type) if gpu else 0
    if memory_bytes(facts, window, kv_type) > everywhere:
        needed = memory_bytes(facts, window, kv_type)
        return Plan("no", layers, window, f"needs {amount(needed)} ({_free(everywhere)})")
    if layers:
        told = f"{layers} of {len(facts.layers)} layers on the GPU ({_free(gpu)})"
        return Plan("GPU+CPU", layers, window, told)
    return Plan("CPU", 0, window, f"on the CPU ({_free(machine.memory)})")


def _free(size: int) -> str:
    return f"{amount(size)} free"


def _layers_on_gpu(facts: MemoryFacts, context: int, gpu: int, kv_type: KVType) -> int:
    """How many layers, the last ones first as llama.cpp takes them, a GPU holds with their KV."""
    cache_type = GGML_TYPES[KV_CACHE_TYPES[kv_type]]
    left = gpu - compute_bytes(facts, context)
    rows = zip(facts.layers, facts.keys, facts.values, strict=False)
    for count, (weights, keys, values) in enumerate(reversed(list(rows))):
        left -= weights + context * (cache_type.row_bytes(keys) + cache_type.row_bytes(values))
        if left < 0:
            return count
    return len(facts.layers)


def tokens_per_second(facts: MemoryFacts, plan: Plan, machine: Machine) -> tuple[float, float]:
    """A range of the speed of generation at an empty context; (0, 0) where it is unknown.

    One token reads all its weights once, so the memory's bandwidth is the ceiling; 50 to 85 % of
    it is reached in practice.
    """
    on_gpu = min(1.0, plan.gpu_layers / (len(facts.layers) + 1))
    seconds = 0.0
    for share, bandwidth in (
        (on_gpu, machine.gpu_bandwidth),
        (1 - on_gpu, machine.memory_bandwidth),
    ):
        if share and not bandwidth:
            return 0.0, 0.0
        seconds += share * facts.read_per_token / (bandwidth or 1.0)
    if plan.kind == "no" or not seconds:
        return 0.0, 0.0
    least, most = _BANDWIDTH_SHARE
    return least / seconds, most / seconds


def amount(size: int) -> str:
    """A size in memory for reading: MiB below one GiB."""
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
