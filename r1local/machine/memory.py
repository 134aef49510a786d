"""How much of a model fits where: pure arithmetic on the model's properties, in bytes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

from r1local.config.loading_options import KVType
from r1local.engine.limits import BATCH_TOKENS, KV_CACHE_TYPES, outputs_of
from r1local.errors import DeviceError
from r1local.gguf.file import GGML_TYPES, GGUFFile

#: Tokens that llama.cpp multiplies in one block; what is left of a block takes longer.
BATCH_STEP = 16
_F32_BYTES = 4
_F16_BYTES = 2
#: Types of which llama.cpp makes copies in an order that is fast to multiply, if the CPU has AVX2
#: or Arm's dot products (`ggml_repack_get_optimal_repack_type` in ggml-cpu/repack.cpp).
PACKED_TYPES = frozenset({"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"})
# Rows as wide as the embedding that exist at the same time; see `compute_bytes`.
_LIVE_ROWS = 10
_MORE_COPIES = 3


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
    `experts` are the bytes of each layer's experts, empty without a mixture, and `experts_used`
    the share of them that one token uses. `outputs` are the tokens of a step for which there are
    logits: it grows with the replies that share steps, and is that of a single one at first.
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
    experts: tuple[int, ...] = ()
    experts_used: float = 1.0
    outputs: int = outputs_of(1)


class Device(NamedTuple):
    """What layers can be offloaded to: its name, such as `CUDA0`, and what it is."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory that a model may use: free bytes, and bytes per second at which it can be read.

    `cores` are those to compute with, 0 if unknown. `gpus` has the free memory of each GPU, and of
    each device of another machine; where it is `shared` with the CPU (Apple, integrated GPUs), it
    is part of `memory`. A bandwidth of None is unknown. `devices` says what they are, in the same
    order, and `missing` why others are left out.
    """

    memory: int
    gpus: tuple[int, ...] = ()
    shared: bool = False
    memory_bandwidth: float | None = None
    gpu_bandwidth: float | None = None
    cores: int = 0
    devices: tuple[Device, ...] = ()
    missing: tuple[DeviceError, ...] = ()

    def only(self, names: Sequence[str]) -> "Machine":
        """Return the machine with only those of its devices that have these names, in this order.

        Upper and lower case are the same, and names that no device has count for nothing.
        """
        there = {device.name.lower(): number for number, device in enumerate(self.devices)}
        wanted = dict.fromkeys(name.lower() for name in names)
        return self.keep([there[name] for name in wanted if name in there])

    def keep(self, numbers: Sequence[int]) -> "Machine":
        """Return the machine with only the devices with these numbers, in this order."""
        gpus = tuple(self.gpus[number] for number in numbers)
        devices = tuple(self.devices[number] for number in numbers) if self.devices else ()
        return replace(self, gpus=gpus, devices=devices)

    @property
    def all_memory(self) -> int:
        """The free bytes of the CPU and the GPUs together, with shared memory counted once."""
        return self.memory if self.shared else self.memory + sum(self.gpus)


_LAYER = re.compile(r"blk\.(\d+)\.")
#: The experts' matrices that can stay with the CPU (LLM_FFN_EXPS_REGEX, llama.cpp's common.h).
_EXPERTS = re.compile(r"\.ffn_(up|down|gate|gate_up)_(ch|)exps\.")


def facts_of(gguf: GGUFFile) -> MemoryFacts:
    """Return the facts in a file's header: its tensor table and hyperparameters."""
    heads = gguf.key_value_heads
    # Files that keep DeepSeek's attention compressed don't cache values, which are a view of
    # the keys (`has_v = !is_mla`, llama-kv-cache.cpp).
    value_length = 0 if gguf.uses_latent_attention else gguf.value_length
    layers = [0] * (gguf.block_count or 0 if gguf.tensors else 0)
    experts = [0] * len(layers)
    read = 0
    multiplied = {True: 0, False: 0}
    share = _experts_used(gguf)
    tied = all(tensor.name != "output.weight" for tensor in gguf.tensors)
    for tensor in gguf.tensors:
        layer = _LAYER.match(tensor.name)
        expert = bool(_EXPERTS.search(tensor.name))
        if layer and int(layer[1]) < len(layers):
            layers[int(layer[1])] += tensor.size
            experts[int(layer[1])] += tensor.size * expert
        if tensor.name != "token_embd.weight" or tied:
            used = share if expert else 1.0
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
        experts=tuple(experts) if any(experts) else (),
        experts_used=share,
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
    attention mask in f16; the logits come once for each token of a draft, in a buffer that grows
    with the first one: 9 MiB of a vocabulary of 152,000 for one reply, and up to 37 where several
    share steps. Measured with llama-cpp-python 0.3.36, of which the logits are 3 and 9 MiB:

    | model, context | MiB | estimated |
    |---|---:|---:|
    | SmolLM2-135M, 2,048 / 8,192 | 18.5 / 24.5 | 22.2 / 28.2 |
    | R1-Distill-Qwen-7B, 4,096 / 32,768 / 131,072 | 152 / 180 / 276 | 158 / 186 / 282 |
    """
    a_token = _row_bytes(facts) + _F16_BYTES * context_window
    logits = facts.outputs * _F32_BYTES * facts.vocabulary_size
    return BATCH_TOKENS * a_token + logits


def pipeline_bytes(facts: MemoryFacts, context_window: int) -> int:
    """Return the bytes by which each of several GPUs' work spaces is larger than `compute_bytes`.

    Where they take all layers, llama.cpp has them work on four batches at a time, and keeps four of
    what goes in: the attention mask and the embeddings (GGML_SCHED_MAX_COPIES). Measured with two
    devices, at 8,192 tokens of SmolLM2-135M: 48.9 MiB each instead of 20.4, estimated 55.6.
    """
    a_token = _F16_BYTES * context_window + _F32_BYTES * facts.embedding_length
    return _MORE_COPIES * BATCH_TOKENS * a_token


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
    return batch // BATCH_STEP * BATCH_STEP if facts.heads else 0


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


class Placement(NamedTuple):
    """What of a model is on GPUs: `gpu_layers` of its layers, the output layer included.

    The output layer comes first, and then the others from the last one down, as in llama.cpp. Of
    the first `cpu_experts` layers the experts stay with the CPU.
    """

    gpu_layers: int
    cpu_experts: int = 0


def layers_on_gpus(
    facts: MemoryFacts, place: Placement, context_window: int, kv_type: KVType = "f16"
) -> list[int]:
    """Return the bytes of each layer that is on a GPU, the output layer last, without buffers.

    With the output layer count the embeddings, which stay with the CPU if they are not the same
    matrix. A driver takes about as much for itself.
    """
    cached = _cached_per_token(facts, kv_type)
    layers = [
        size + context_window * per_token
        for size, per_token in zip(facts.layers, cached, strict=True)
    ]
    for number, size in enumerate(facts.experts[: place.cpu_experts]):
        layers[number] -= size
    layers.append(facts.weights - sum(facts.layers))
    return layers[max(0, len(layers) - place.gpu_layers) :]


def gpu_bytes(
    facts: MemoryFacts, place: Placement, context_window: int, kv_type: KVType = "f16"
) -> int:
    """Return the bytes on GPUs that a placement takes, if one GPU takes all of them."""
    if place.gpu_layers <= 0:
        return 0
    layers = layers_on_gpus(facts, place, context_window, kv_type)
    return sum(layers) + compute_bytes(facts, context_window)


def cpu_bytes(
    facts: MemoryFacts, place: Placement, context_window: int, kv_type: KVType = "f16"
) -> int:
    """Return the bytes outside the GPUs: the rest of the model, and work space for it."""
    everything = memory_bytes(facts, context_window, kv_type)
    offloaded = layers_on_gpus(facts, place, context_window, kv_type)
    if len(offloaded) > len(facts.layers) and not sum(facts.experts[: place.cpu_experts]):
        return 0
    return everything - sum(offloaded[:-1])  # a mapped file has the output layer here as well


def cpu_read_per_token(facts: MemoryFacts, place: Placement) -> int:
    """Return the bytes of weights that the CPU reads for a token."""
    if place.gpu_layers <= 0:
        return facts.read_per_token
    left = max(0, len(facts.layers) + 1 - place.gpu_layers)
    others = sum(facts.layers[:left]) - sum(facts.experts[:left])
    experts = sum(facts.experts[: max(left, place.cpu_experts)])
    return min(facts.read_per_token, others + int(facts.experts_used * experts))


def _cached_per_token(facts: MemoryFacts, kv_type: KVType) -> list[int]:
    """Return the bytes that each layer keeps of one token in the KV cache."""
    row_bytes = GGML_TYPES[KV_CACHE_TYPES[kv_type]].row_bytes
    pairs = zip(facts.keys, facts.values, strict=True)
    return [row_bytes(keys) + row_bytes(values) for keys, values in pairs]


def context_bytes(facts: MemoryFacts, context_window: int, kv_type: KVType = "f16") -> int:
    """Return the bytes that a context takes in addition to the model, which have to be free."""
    cache = kv_cache_bytes(facts, context_window, kv_type, kv_type)
    return cache + compute_bytes(facts, context_window)
