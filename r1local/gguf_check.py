"""Whether a GGUF file whose header could be read can be a model.

llama.cpp ends the whole process (`GGML_ASSERT`, division by zero) on some
headers that the container allows. Those are refused here, before llama.cpp
sees the file. What it refuses by itself, such as an unknown architecture or a
missing tensor, is left to it.
"""

from r1local.errors import MalformedGGUF, MissingTokenizer, TruncatedGGUF
from r1local.gguf_format import DOWNLOAD_AGAIN, MAX_LAYERS, GGUFArray, GGUFFile, Value, shown

# Bounds that llama.cpp asserts in `load_hparams` (llama-model.cpp); that of
# experts is LLAMA_MAX_EXPERTS of llama-hparams.h.
_RANGES = {
    "block_count": (1, MAX_LAYERS),
    "context_length": (1, 2**31 - 1),
    "embedding_length": (1, 2**31 - 1),
    "attention.key_length": (1, 2**31 - 1),
    "attention.value_length": (1, 2**31 - 1),
    "expert_count": (0, 1024),
}
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")

# Architectures whose graph asserts that keys, values and the rotated part of a
# head are equally long (src/models/*.cpp); gpt2 does not rotate.
_EQUAL_HEADS = ("llama", "qwen2", "qwen3")


def check_data(gguf: GGUFFile) -> None:
    """Makes sure that the file holds all of its tensors' data.

    Raises:
        TruncatedGGUF: it ends before they do.
    """
    ends = (tensor.offset + tensor.size for tensor in gguf.tensors)
    needed = gguf.data_offset + max(ends, default=0)
    if needed > gguf.file_size:
        raise TruncatedGGUF(
            f"{shown(gguf.path)} is cut short: {gguf.file_size:,} of {needed:,} bytes are there",
            DOWNLOAD_AGAIN,
        )


def check_model(gguf: GGUFFile) -> None:
    """Makes sure that the metadata describes a model that llama.cpp survives.

    Raises:
        MissingTokenizer: there are no tokens.
        MalformedGGUF: the metadata contradicts itself or is out of bounds.
    """
    if not gguf.architecture:
        raise _malformed(gguf, "does not say which architecture it is of")
    _check_tokenizer(gguf)
    _check_ranges(gguf)
    _check_heads(gguf)
    _check_experts(gguf)


def _check_tokenizer(gguf: GGUFFile) -> None:
    tokens = gguf.array("tokenizer.ggml.tokens")
    if gguf.text("tokenizer.ggml.model") in (None, "none", "no_vocab") or not tokens:
        raise _without_tokenizer(gguf)
    if not tokens.count:
        raise _without_tokenizer(gguf)
    if not tokens.holds_strings:
        raise _malformed(gguf, "has tokens that are not text")
    if len(set(tokens.byte_strings())) < tokens.count:
        raise _malformed(gguf, "lists the same token twice")
    for key in ("token_type", "scores"):
        column = gguf.metadata.get(f"tokenizer.ggml.{key}")
        if column is not None and not _has_length(column, tokens.count):
            raise _malformed(gguf, "does not describe each of its tokens")
    for key in ("bos_token_id", "eos_token_id"):
        token = gguf.integer(f"tokenizer.ggml.{key}")
        if token is not None and not 0 <= token < tokens.count:
            raise _malformed(gguf, "names a first or last token that it does not have")


def _check_ranges(gguf: GGUFFile) -> None:
    for key, (least, most) in _RANGES.items():
        value = gguf.hyperparameter(key)
        if value is not None and not least <= value <= most:
            raise _malformed(gguf, f"gives an impossible {key}")
    scaling = gguf.text(f"{gguf.architecture}.rope.scaling.type")
    if scaling is not None and scaling not in _ROPE_SCALINGS:
        raise _malformed(gguf, "gives an unknown kind of RoPE scaling")


def _check_heads(gguf: GGUFFile) -> None:
    heads = gguf.per_layer("attention.head_count")
    key_value_heads = gguf.per_layer("attention.head_count_kv")
    if gguf.architecture not in (*_EQUAL_HEADS, "gpt2", "deepseek2"):
        return
    if not all(heads):
        raise _malformed(gguf, "has a layer without attention heads")
    for count, kv_count in zip(heads, key_value_heads, strict=False):
        if not kv_count or count % kv_count:
            raise _malformed(gguf, "does not divide its heads among its key-value heads")


def _check_experts(gguf: GGUFFile) -> None:
    experts = gguf.hyperparameter("expert_count") or 0
    used = max(gguf.per_layer("expert_used_count"), default=0)
    if used > experts or (experts and not used):
        raise _malformed(gguf, "uses more experts than it has, or none of them")


def _has_length(value: Value, count: int) -> bool:
    return isinstance(value, GGUFArray) and value.count >= count


def _without_tokenizer(gguf: GGUFFile) -> MissingTokenizer:
    return MissingTokenizer(
        f"{shown(gguf.path)} has no tokenizer, so it can't read or write text",
        "Choose the GGUF file of a language model, not an adapter, a projector or bare weights",
    )


def _malformed(gguf: GGUFFile, what: str) -> MalformedGGUF:
    return MalformedGGUF(f"{shown(gguf.path)} {what}", DOWNLOAD_AGAIN)
