"""How much of a model fits where: pure arithmetic on a file's header, in bytes."""

from r1local.gguf_file import GGML_TYPES, GGUFFile
from r1local.settings import KVType

#: Numbers in `enum ggml_type` of the KV cache's element types.
KV_CACHE_TYPES: dict[KVType, int] = {"f16": 1, "q8_0": 8, "q4_0": 2}
#: Tokens of the prompt evaluated at once, which llama.cpp reserves its work space for.
#: Cancelling takes effect between such batches, and within one where the CPU computes it.
BATCH_TOKENS = 512
_F32_BYTES = 4
_F16_BYTES = 2
# Rows of the embedding's width that are alive at once; see `compute_bytes`.
_LIVE_ROWS = 10

# llama.cpp rounds a context window up to a multiple of this.
CONTEXT_STEP = 256
SMALLEST_CONTEXT = 512


def kv_cache_bytes(
    model: GGUFFile, context_window: int, k_type: KVType = "f16", v_type: KVType = "f16"
) -> int:
    """Bytes of the KV cache for so many tokens, as llama_kv_cache allocates them.

    Each layer keeps one key and one value per key-value head. Files that keep
    DeepSeek's attention compressed cache no values: those are a view of the
    keys (`has_v = !is_mla`, llama-kv-cache.cpp).
    """
    keys, values = (GGML_TYPES[KV_CACHE_TYPES[kv_type]] for kv_type in (k_type, v_type))
    value_length = 0 if model.uses_latent_attention else model.value_length
    per_token = sum(
        keys.row_bytes(heads * model.key_length) + values.row_bytes(heads * value_length)
        for heads in model.key_value_heads
    )
    return context_window * per_token


def compute_bytes(model: GGUFFile, context_window: int) -> int:
    """An estimate, from above, of llama.cpp's compute buffer with flash attention.

    For each token of a batch: the rows alive in a layer, and a row of the
    attention mask in f16; and once, logits. Measured with llama-cpp-python 0.3.36:

    | model, context | MiB | estimated |
    |---|---:|---:|
    | SmolLM2-135M, 2,048 / 8,192 | 15.5 / 21.5 | 19.4 / 25.4 |
    | R1-Distill-Qwen-7B, 4,096 / 32,768 / 131,072 | 143 / 171 / 267 | 149 / 177 / 273 |
    """
    width = model.embedding_length or 0
    feed_forward = max(model.per_layer("feed_forward_length"), default=0)
    row = _F32_BYTES * (_LIVE_ROWS * width + 2 * feed_forward)
    mask = _F16_BYTES * context_window
    return BATCH_TOKENS * (row + mask) + _F32_BYTES * model.vocabulary_size


def memory_bytes(model: GGUFFile, context_window: int, kv_type: KVType = "f16") -> int:
    """Bytes that running the model takes: its files, KV cache and compute buffer.

    The files count in full although they are mapped, not copied: a page that
    does not stay in memory is read from the disk again for every token.
    """
    return model.model_size + context_bytes(model, context_window, kv_type)


def context_bytes(model: GGUFFile, context_window: int, kv_type: KVType = "f16") -> int:
    """Bytes that a context takes beside the model: memory that has to be free."""
    cache = kv_cache_bytes(model, context_window, kv_type, kv_type)
    return cache + compute_bytes(model, context_window)


def largest_context(
    model: GGUFFile, wanted: int, available_bytes: int, kv_type: KVType = "f16"
) -> int:
    """The context window, `wanted` tokens at most, for which memory suffices.

    A reduced window is a multiple of 256 tokens. Where not even 512 tokens
    fit, 512 are returned (or `wanted`, if that is less): such a model still
    runs, slowly, from the disk.
    """
    if memory_bytes(model, wanted, kv_type) <= available_bytes:
        return wanted
    fixed = memory_bytes(model, 0, kv_type)
    per_step = memory_bytes(model, CONTEXT_STEP, kv_type) - fixed
    steps = max(0, available_bytes - fixed) // per_step
    return min(wanted, max(SMALLEST_CONTEXT, steps * CONTEXT_STEP))
