"""Headers that the container allows and that would end the process inside llama.cpp."""

from pathlib import Path

import pytest

from r1local.errors import MalformedGGUF
from r1local.gguf.file import read_gguf
from testing.gguf_writer import F16, MetadataValue, TensorData, array_bytes, write_gguf
from testing.models import small_metadata, small_tensors, vocabulary, write_small_model

LETHAL: dict[str, dict[str, MetadataValue]] = {
    "no layers": {"gpt2.block_count": 0},
    "too many layers": {"gpt2.block_count": 513},
    "more predicted layers than layers": {"gpt2.nextn_predict_layers": 2},
    "negative epsilon": {"gpt2.attention.layer_norm_epsilon": -1.0},
    "epsilon not a number": {"gpt2.attention.layer_norm_epsilon": float("nan")},
    "keys and values of different lengths": {"gpt2.attention.key_length": 3},
    "no key length": {"gpt2.attention.key_length": 0},
    "heads without key-value heads": {"gpt2.attention.head_count_kv": 0},
    "unknown rope scaling": {"gpt2.rope.scaling.type": "bogus"},
    "experts, but none used": {"gpt2.expert_count": 4},
    "more experts used than there are": {"gpt2.expert_used_count": 1},
    "too many experts": {"gpt2.expert_count": 1025},
    "groups without experts": {"gpt2.expert_group_count": 2},
    "experts that do not divide into groups": {
        "gpt2.expert_count": 4,
        "gpt2.expert_used_count": 1,
        "gpt2.expert_group_count": 3,
    },
    "no group used": {
        "gpt2.expert_count": 4,
        "gpt2.expert_used_count": 1,
        "gpt2.expert_group_count": 2,
    },
    "unknown gating": {"gpt2.expert_gating_func": 5},
    "alignment below the CPU's": {"general.alignment": 8},
    "sentencepiece without bytes": {"tokenizer.ggml.model": "llama"},
    "the same token twice": {"tokenizer.ggml.tokens": [*"abc"] * 88},
    "the same token twice, up to a zero byte": {
        "tokenizer.ggml.tokens": [*vocabulary().texts[:-1], "a\0b"]
    },
    "heads counted by booleans": {"gpt2.attention.head_count_kv": array_bytes(7, 1, b"\0")},
}


@pytest.mark.parametrize("situation", LETHAL)
def test_a_header_that_kills_llama_cpp(tmp_path: Path, situation: str) -> None:
    with pytest.raises(MalformedGGUF):
        read_gguf(write_small_model(tmp_path / "m.gguf", LETHAL[situation]))


@pytest.mark.parametrize(
    ("shape", "ggml_type"), [((64,), F16), ((64, 2), 9), ((64, 2), 28)], ids=["bias", "Q8_1", "F64"]
)
def test_a_tensor_type_that_kills_llama_cpp(
    tmp_path: Path, shape: tuple[int, ...], ggml_type: int
) -> None:
    tensors = [*small_tensors(), TensorData("t", shape, ggml_type, bytes(1024))]
    with pytest.raises(MalformedGGUF):
        read_gguf(write_gguf(tmp_path / "m.gguf", small_metadata(), tensors))


def test_empty_tokens_may_repeat(tmp_path: Path) -> None:
    texts = [*vocabulary().texts[:-2], "", ""]
    assert read_gguf(write_small_model(tmp_path / "m.gguf", {"tokenizer.ggml.tokens": texts}))
