"""Checks that a GGUF file with a readable header can be a model.

Some headers that the format allows make llama.cpp end the whole process (`GGML_ASSERT`,
an uncaught C++ exception, a bad memory access). They are refused here, before llama.cpp
sees the file. What llama.cpp refuses by itself, such as an unknown architecture or a
missing tensor, is left to it. The assertions of other architectures' graphs are too many
to check here: see `engine.probe`.

The checks were found by loading some 7,000 altered headers in child processes and seeing
which processes died; comments name the part of llama.cpp (as of llama-cpp-python 0.3.36)
that each check protects.
"""

from collections.abc import Iterator

from r1local.errors import MalformedGGUF, MissingTokenizer, TruncatedGGUF
from r1local.gguf.format import DOWNLOAD_AGAIN, MAX_LAYERS, GGUFArray, GGUFFile, Value, shown
from r1local.language import _

_MAX_INT32 = 2**31 - 1

# What `load_hparams` asserts about single numbers (llama-model.cpp). The limit on experts is
# LLAMA_MAX_EXPERTS; the gating functions are those that build_moe_ffn knows.
_RANGES = {
    "block_count": (1, MAX_LAYERS),
    "context_length": (1, _MAX_INT32),
    "embedding_length": (1, _MAX_INT32),
    "attention.key_length": (1, _MAX_INT32),
    "attention.value_length": (1, _MAX_INT32),
    "expert_count": (0, 1024),
    "expert_gating_func": (0, 4),
}
_EPSILONS = ("attention.layer_norm_epsilon", "attention.layer_norm_rms_epsilon")
_ROPE_SCALINGS = ("none", "linear", "yarn", "longrope")

#: The architectures whose assumptions in `build_qkv` and src/models are checked here: those of
#: R1 and its distillations, and gpt2, which makes the smallest test models.
KNOWN_ARCHITECTURES = ("llama", "qwen2", "qwen3", "deepseek2", "gpt2")

# The alignment of CPU buffers (TENSOR_ALIGNMENT, ggml-impl.h); mapped files need it too.
_TENSOR_ALIGNMENT = 32

# Types that the CPU's matrix products can't take as weights.
_NOT_FOR_WEIGHTS = ("Q8_1", "Q8_K", "I8", "I16", "I32", "I64", "F64")


def data_end(gguf: GGUFFile) -> int:
    """Return the offset in bytes at which the last tensor's data ends."""
    ends = (tensor.offset + tensor.size for tensor in gguf.tensors)
    return gguf.data_offset + max(ends, default=0)


def check_data(gguf: GGUFFile) -> None:
    """Check that the file holds all of its tensors' data.

    Raises:
        TruncatedGGUF: the file ends before they do.
    """
    needed = data_end(gguf)
    if needed > gguf.file_size:
        raise TruncatedGGUF(
            _(
                "{path} is cut short: {file_size:,} of {needed:,} bytes are there",
                path=shown(gguf.path),
                file_size=gguf.file_size,
                needed=needed,
            ),
            _(DOWNLOAD_AGAIN),
        )


def check_model(gguf: GGUFFile) -> None:
    """Check that the metadata describes a model that llama.cpp survives.

    Args:
        gguf: a whole model, with the tensors of all its parts.

    Raises:
        MissingTokenizer: the file has no tokens.
        MalformedGGUF: the metadata contradicts itself or is out of bounds.
    """
    if not gguf.architecture:
        raise _malformed(gguf, _("does not name its architecture"))
    _check_tokenizer(gguf)
    for problem in _problems(gguf):
        raise _malformed(gguf, problem)


def _check_tokenizer(gguf: GGUFFile) -> None:
    model = gguf.text("tokenizer.ggml.model")
    tokens = gguf.array("tokenizer.ggml.tokens")
    if model in (None, "none", "no_vocab") or tokens is None or not tokens.count:
        raise MissingTokenizer(
            _("{path} has no tokenizer, so it can't read or write text", path=shown(gguf.path)),
            _(
                "choose the GGUF file of a language model, not an adapter, a projector or bare "
                "weights"
            ),
        )
    if not tokens.holds_strings:
        raise _malformed(gguf, _("has tokens that are not text"))
    # llama_vocab::impl::load asserts that every text is unique. It reads C strings, which
    # end at a zero byte, and gives names to empty ones.
    texts = tokens.byte_strings()
    if b"\0" in b"".join(texts):
        texts = [text.split(b"\0", 1)[0] for text in texts]
    distinct = set(texts)
    if len(distinct) < tokens.count - max(0, texts.count(b"") - 1):
        raise _malformed(gguf, _("lists the same token twice"))
    # SentencePiece falls back on byte tokens, and `byte_to_token` throws without them.
    if model == "llama" and not all(_has_byte(distinct, byte) for byte in range(256)):
        raise _malformed(gguf, _("lacks tokens for single bytes"))
    for key in ("token_type", "scores"):
        column = gguf.metadata.get(f"tokenizer.ggml.{key}")
        if column is not None and not _has_length(column, tokens.count):
            raise _malformed(gguf, _("does not describe each of its tokens"))
    for key in ("bos_token_id", "eos_token_id"):
        token = gguf.integer(f"tokenizer.ggml.{key}")
        if token is not None and not 0 <= token < tokens.count:
            raise _malformed(gguf, _("names a first or last token that it does not have"))


def _problems(gguf: GGUFFile) -> Iterator[str]:
    if not gguf.tensors:
        yield _("holds no weights")
    if gguf.alignment % _TENSOR_ALIGNMENT:
        yield _(
            "aligns its data to less than {tensor_alignment} bytes",
            tensor_alignment=_TENSOR_ALIGNMENT,
        )
    if gguf.metadata.get(f"{gguf.architecture}.attention.causal") is False:
        yield _("reads whole texts, as embedding models do, and can't write any")
    yield from _number_problems(gguf)
    yield from _expert_problems(gguf)
    if gguf.architecture in KNOWN_ARCHITECTURES:
        yield from _head_problems(gguf)
        yield from _tensor_problems(gguf)


def _number_problems(gguf: GGUFFile) -> Iterator[str]:
    for key, (least, most) in _RANGES.items():
        value = gguf.hyperparameter(key)
        if value is not None and not least <= value <= most:
            yield _("gives an impossible {key}", key=key)
    for key in _EPSILONS:
        epsilon = gguf.metadata.get(f"{gguf.architecture}.{key}")
        if isinstance(epsilon, float) and not epsilon >= 0:  # ggml-cpu/ops.cpp; NaN fails as well
            yield _("gives an impossible {key}", key=key)
    # `load_hparams` allows as many as there are layers, which would leave none to run.
    if (gguf.hyperparameter("nextn_predict_layers") or 0) >= (gguf.block_count or MAX_LAYERS):
        yield _("gives an impossible nextn_predict_layers")
    scaling = gguf.text(f"{gguf.architecture}.rope.scaling.type")
    if scaling is not None and scaling not in _ROPE_SCALINGS:
        yield _("gives an unknown kind of RoPE scaling")


def _expert_problems(gguf: GGUFFile) -> Iterator[str]:
    """Yield what contradicts the assertions of `load_hparams` about mixtures of experts."""
    experts = gguf.hyperparameter("expert_count") or 0
    used = gguf.per_layer("expert_used_count")
    groups = gguf.hyperparameter("expert_group_count") or 0
    groups_used = gguf.hyperparameter("expert_group_used_count") or 0
    if max(used, default=0) > experts or (experts and not any(used)):
        yield _("uses more experts than it has, or none of them")
    if gguf.architecture in KNOWN_ARCHITECTURES and len(set(used)) > 1:
        yield _("uses different numbers of experts in different layers")
    if groups and (groups >= experts or experts % groups):
        yield _("does not divide its experts among their groups")
    if groups > 1 and not 0 < groups_used < groups:
        yield _("uses more groups of experts than it has, or none of them")


def _head_problems(gguf: GGUFFile) -> Iterator[str]:
    """Yield what contradicts the graphs' assumptions about attention heads."""
    heads, key_value_heads = gguf.per_layer("attention.head_count"), gguf.key_value_heads
    if not heads or not all(heads) or not all(key_value_heads):
        yield _("has a layer without attention heads")
        return
    rotated = gguf.hyperparameter("rope.dimension_count")
    rotated = gguf.key_length if rotated is None else rotated
    if gguf.architecture == "deepseek2":
        yield from _latent_problems(gguf, heads, rotated)
        return
    if any(count % shared for count, shared in zip(heads, key_value_heads, strict=False)):
        yield _("does not divide its heads among its key-value heads")
    if not gguf.key_length == gguf.value_length == rotated:
        yield _("gives its heads keys, values and rotations of different lengths")
    rows = {tensor.name: tensor.rows for tensor in gguf.tensors}
    for layer, (count, shared) in enumerate(zip(heads, key_value_heads, strict=False)):
        for part, expected in (("attn_q", count), ("attn_k", shared), ("attn_v", shared)):
            size = expected * gguf.key_length
            if rows.get(f"blk.{layer}.{part}.weight", size) != size:
                yield _("does not have the attention heads that it states")


def _latent_problems(gguf: GGUFFile, heads: tuple[int, ...], rotated: int) -> Iterator[str]:
    """Yield what contradicts deepseek2.cpp's assertions about attention, compressed or not."""
    latent = gguf.hyperparameter("attention.kv_lora_rank") or 0
    compressed = gguf.uses_latent_attention
    key = gguf.hyperparameter("attention.key_length_mla") if compressed else gguf.key_length
    if key is not None and key <= rotated:
        yield _("applies RoPE to its whole keys")
    if compressed and gguf.key_length != latent + rotated:
        yield _("gives a key length that does not match its compressed keys")
    if gguf.key_value_heads != ((1,) * len(heads) if compressed else heads):
        yield _("does not have the attention heads that it states")


def _tensor_problems(gguf: GGUFFile) -> Iterator[str]:
    """Yield tensor types on which the CPU's operations abort or crash."""
    for tensor in gguf.tensors:
        if tensor.rows == 1 and tensor.type.name != "F32":
            yield _("stores a bias or a norm as {name}, not as F32", name=tensor.type.name)
        if tensor.type.name in _NOT_FOR_WEIGHTS:
            yield _("stores weights as {name}, which can't be multiplied", name=tensor.type.name)


def _has_byte(texts: set[bytes], byte: int) -> bool:
    return b"<0x%02X>" % byte in texts or bytes([byte]) in texts


def _has_length(value: Value, count: int) -> bool:
    return isinstance(value, GGUFArray) and value.count >= count


def _malformed(gguf: GGUFFile, what: str) -> MalformedGGUF:
    return MalformedGGUF(
        _("{path} {what}", path=shown(gguf.path), what=what),
        _(
            "{download_again}, or choose another quantization of the model",
            download_again=_(DOWNLOAD_AGAIN),
        ),
    )
