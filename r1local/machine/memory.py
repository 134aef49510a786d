"""How much of a model fits where: pure arithmetic on the model's properties, in bytes."""

import re
from dataclasses import dataclass
from math import prod

from r1local.config.options import KVType
from r1local.engine.limits import BATCH_TOKENS, KV_CACHE_TYPES
from r1local.gguf.file import GGML_TYPES, GGUFFile

#: With fewer tokens at once, a prompt is evaluated notably slower (docs/benchmarks.md).
_SMALLEST_BATCH = 16
_F32_BYTES = 4
_F16_BYTES = 2
#: Types of which llama.cpp makes copies in an order that is fast to multiply, if the CPU has AVX2
#: or Arm's dot products (`ggml_repack_get_optimal_repack_type` in ggml-cpu/repack.cpp).
PACKED_TYPES = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
# Rows as wide as the embedding that exist at the same time; see `compute_bytes`.
_LIVE_ROWS = 10


@dataclass(frozen=True, slots=True)
class MemoryFacts:
    """What a model's memory and speed depend on, in bytes and in counts of numbers.

    `keys` and `values` are the numbers cached for a token in each layer. `layers` are the bytes
    of each layer's tensors, which a GPU can hold one by one. `read_per_token` are the bytes of
    weights read for one token, and `packed_weights` and `plain_weights` are the numbers
    multiplied for it: of types that llama.cpp packs anew for CPUs, and of others. `heads` is the
    number of query heads, 0 if unknown. `context_length` is the number of tokens on which the
    model was trained, `positions` the number of positions that it has learnt individually, 0 if
    they are computed. `head_lengths` are the numbers in one head's key and value.
    `latent_attention` means that keys are stored compressed, with the values inside them (MLA).
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
    positions: int = 0
    head_lengths: tuple[int, ...] = ()
    latent_attention: bool = False
    packed_weights: int = 0
    plain_weights: int = 0


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory that a model may use: free bytes, and bytes per second at which it can be read.

    `cores` are those to compute with, 0 if unknown. `gpus` has the free memory of each GPU; where
    it is `shared` with the CPU (Apple, integrated GPUs), it is part of `memory`. A bandwidth of
    None is unknown.
    """

    memory: int
    gpus: tuple[int, ...] = ()
    shared: bool = False
    memory_bandwidth: float | None = None
    gpu_bandwidth: float | None = None
    cores: int = 0

    @property
    def all_memory(self) -> int:
        """The free bytes of the CPU and the GPUs together, with shared memory counted once."""
        return self.memory if self.shared else self.memory + sum(self.gpus)


_LAYER = re.compile(r"blk\.(\d+)\.")
_EXPERTS = re.compile(r"_exps\.")


def facts_of(gguf: GGUFFile) -> MemoryFacts:
    """Return the facts in a file's header: its tensor table and hyperparameters."""
    heads = gguf.key_value_heads
    # Files that keep DeepSeek's attention compressed don't cache values, which are a view of
    # the keys (`has_v = !is_mla`, llama-kv-cache.cpp).
    value_length = 0 if gguf.uses_latent_attention else gguf.value_length
    layers = [0] * (gguf.block_count or 0 if gguf.tensors else 0)
    read = 0
    multiplied = {True: 0, False: 0}
    share = _experts_used(gguf)
    tied = all(tensor.name != "output.weight" for tensor in gguf.tensors)
    for tensor in gguf.tensors:
        layer = _LAYER.match(tensor.name)
        if layer and int(layer[1]) < len(layers):
            layers[int(layer[1])] += tensor.size
        if tensor.name != "token_embd.weight" or tied:
            used = share if _EXPERTS.search(tensor.name) else 1.0
            read += int(tensor.size * used)
            multiplied[tensor.type.name in PACKED_TYPES] += int(prod(tensor.shape) * used)
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
        positions=gguf.position_count or 0,
        head_lengths=(gguf.key_length, gguf.value_length),
        latent_attention=gguf.uses_latent_attention,
        packed_weights=multiplied[True],
        plain_weights=multiplied[False],
    )


def _experts_used(gguf: GGUFFile) -> float:
    """Return the share of a mixture's experts that one token uses; 1 without a mixture."""
    count = gguf.hyperparameter("expert_count")
    used = gguf.hyperparameter("expert_used_count")
    return used / count if count and used else 1.0


def kv_cache_bytes(
    facts: MemoryFacts, context_window: int, k_type: KVType = "f16", v_type: KVType = "f16"
) -> int:
    """Return the bytes of a KV cache of `context_window` tokens, as llama.cpp allocates it."""
    keys, values = (GGML_TYPES[KV_CACHE_TYPES[kv_type]] for kv_type in (k_type, v_type))
    per_token = sum(map(keys.row_bytes, facts.keys)) + sum(map(values.row_bytes, facts.values))
    return context_window * per_token


def compute_bytes(facts: MemoryFacts, context_window: int) -> int:
    """Estimate llama.cpp's compute buffer with flash attention from above, in bytes.

    For each token of a batch there are the rows in use within a layer and a row of the
    attention mask in f16; the logits come once. Measured with llama-cpp-python 0.3.36:

    | model, context | MiB | estimated |
    |---|---:|---:|
    | SmolLM2-135M, 2,048 / 8,192 | 15.5 / 21.5 | 19.4 / 25.4 |
    | R1-Distill-Qwen-7B, 4,096 / 32,768 / 131,072 | 143 / 171 / 267 | 149 / 177 / 273 |
    """
    a_token = _row_bytes(facts) + _F16_BYTES * context_window
    return BATCH_TOKENS * a_token + _F32_BYTES * facts.vocabulary_size


def plain_batch(facts: MemoryFacts, context_window: int) -> int:
    """Return the batch for which plain attention takes as much memory as flash attention.

    Without flash attention, each token needs the scores of every head for the whole cache, in f32
    and again in f16 for multiplying with the values. That leaves room for fewer tokens at once;
    0 if they are so few that prompts would be slow, or if the number of heads isn't known.
    """
    row = _row_bytes(facts)
    scores = scores_bytes(facts, 1, context_window)
    with_flash = row + _F16_BYTES * context_window
    batch = BATCH_TOKENS * with_flash // (row + scores + _F32_BYTES * context_window)
    # llama.cpp multiplies rows of tokens in blocks; what is left of a block takes longer.
    return batch // _SMALLEST_BATCH * _SMALLEST_BATCH if facts.heads else 0


def scores_bytes(facts: MemoryFacts, tokens: int, context_window: int) -> int:
    """Return the bytes of plain attention's scores for so many tokens at once: f32, and f16."""
    return (_F32_BYTES + _F16_BYTES) * facts.heads * context_window * tokens


def _row_bytes(facts: MemoryFacts) -> int:
    """Return the bytes of the rows of numbers that one token needs within a layer."""
    return _F32_BYTES * (_LIVE_ROWS * facts.embedding_length + 2 * facts.feed_forward_length)


def memory_bytes(facts: MemoryFacts, context_window: int, kv_type: KVType = "f16") -> int:
    """Return the bytes that running the model takes: its files, KV cache and compute buffer.

    The files count in full although they are mapped, not copied: a page that
    does not stay in memory is read from the disk again for every token.
    """
    return facts.weights + context_bytes(facts, context_window, kv_type)


def gpu_bytes(
    facts: MemoryFacts, gpu_layers: int, context_window: int, kv_type: KVType = "f16"
) -> int:
    """Return the bytes on GPUs that take `gpu_layers` layers, the last ones first as in llama.cpp.

    One more than the number of layers is the whole model, including the output layer.
    """
    if gpu_layers <= 0:
        return 0
    if gpu_layers > len(facts.layers):
        return memory_bytes(facts, context_window, kv_type)
    cached = _cached_per_token(facts, kv_type)[-gpu_layers:]
    offloaded = sum(facts.layers[-gpu_layers:]) + context_window * sum(cached)
    return offloaded + compute_bytes(facts, context_window)


def cpu_bytes(
    facts: MemoryFacts, gpu_layers: int, context_window: int, kv_type: KVType = "f16"
) -> int:
    """Return the bytes outside the GPUs if they take `gpu_layers` layers: the rest of the model."""
    if gpu_layers <= 0:
        return memory_bytes(facts, context_window, kv_type)
    left = len(facts.layers) - gpu_layers
    if left < 0:
        return 0
    weights = facts.weights - sum(facts.layers[left:])
    cached = context_window * sum(_cached_per_token(facts, kv_type)[:left])
    return weights + cached + compute_bytes(facts, context_window)


def _cached_per_token(facts: MemoryFacts, kv_type: KVType) -> list[int]:
    """Return the bytes that each layer keeps of one token in the KV cache."""
    row_bytes = GGML_TYPES[KV_CACHE_TYPES[kv_type]].row_bytes
    pairs = zip(facts.keys, facts.values, strict=True)
    return [row_bytes(keys) + row_bytes(values) for keys, values in pairs]


def context_bytes(facts: MemoryFacts, context_window: int, kv_type: KVType = "f16") -> int:
    """Return the bytes that a context takes in addition to the model, which have to be free."""
    cache = kv_cache_bytes(facts, context_window, kv_type, kv_type)
    return cache + compute_bytes(facts, context_window)
