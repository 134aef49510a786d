"""How much of a model fits where."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from r1local.gguf_file import GGUFFile, read_header
from r1local.offload import compute_bytes, kv_cache_bytes, largest_context, memory_bytes
from r1local.settings import KVType
from tests.models import r1_header, smollm2

GB = 10**9
MIB = 2**20


def model(architecture: str, size: int = 4 * GB, **numbers: int) -> GGUFFile:
    """A header that states these numbers; underscores twice stand for dots."""
    metadata: dict[str, str | int] = {"general.architecture": architecture}
    for key, number in numbers.items():
        metadata[f"{architecture}.{key.replace('__', '.')}"] = number
    return GGUFFile(
        path=Path("m.gguf"),
        version=3,
        metadata=MappingProxyType(metadata),
        tensors=(),
        data_offset=0,
        alignment=32,
        file_size=size,
        parts=(Path("m.gguf"),),
        model_size=size,
    )


QWEN_7B = model(
    "qwen2",
    block_count=28,
    embedding_length=3584,
    attention__head_count=28,
    attention__head_count_kv=4,
)
LLAMA_70B = model(
    "llama",
    block_count=80,
    embedding_length=8192,
    attention__head_count=64,
    attention__head_count_kv=8,
)
QWEN3_8B = model(
    "qwen3",
    block_count=36,
    embedding_length=4096,
    attention__head_count=32,
    attention__head_count_kv=8,
    attention__key_length=128,
    attention__value_length=128,
)
# R1 itself as files before and after the split of attn_kv_b describe it.
R1_UNPACKED = model(
    "deepseek2",
    block_count=61,
    embedding_length=7168,
    attention__head_count=128,
    attention__head_count_kv=128,
    attention__key_length=192,
    attention__value_length=128,
)
R1_COMPRESSED = model(
    "deepseek2",
    block_count=61,
    embedding_length=7168,
    attention__head_count=128,
    attention__head_count_kv=1,
    attention__key_length=576,
    attention__value_length=512,
    attention__key_length_mla=192,
    attention__value_length_mla=128,
)


@pytest.mark.parametrize(
    ("gguf", "per_token"),
    [
        (QWEN_7B, 57_344),
        (LLAMA_70B, 327_680),
        (QWEN3_8B, 147_456),
        (R1_UNPACKED, 4_997_120),
        (R1_COMPRESSED, 70_272),
    ],
    ids=["Qwen 7B", "Llama 70B", "Qwen3 8B", "R1 unpacked", "R1 compressed"],
)
def test_the_cache_of_known_models(gguf: GGUFFile, per_token: int) -> None:
    assert kv_cache_bytes(gguf, 1) == per_token
    assert kv_cache_bytes(gguf, 8192) == 8192 * per_token


@pytest.mark.parametrize(
    ("keys", "values", "per_token"),
    [
        ("f16", "f16", 57_344),
        ("q8_0", "q8_0", 57_344 * 34 // 64),
        ("q4_0", "q4_0", 57_344 * 18 // 64),
        ("q8_0", "f16", 28_672 + 28_672 * 34 // 64),
        ("q8_0", "q4_0", 28_672 * 34 // 64 + 28_672 * 18 // 64),
    ],
)
def test_keys_and_values_may_be_quantized(keys: KVType, values: KVType, per_token: int) -> None:
    assert kv_cache_bytes(QWEN_7B, 1, keys, values) == per_token


def test_the_cache_of_a_real_header() -> None:
    assert kv_cache_bytes(read_header(r1_header()), 1) == 57_344


def test_the_cache_that_llama_cpp_allocates() -> None:
    """Its log for SmolLM2 at 8192 tokens: 180.00 MiB as f16, 95.62 MiB as q8_0."""
    gguf = read_header(smollm2())
    assert kv_cache_bytes(gguf, 8192) == 180 * MIB
    assert kv_cache_bytes(gguf, 8192, "q8_0", "q8_0") == 95.625 * MIB


def test_the_compute_buffer_is_estimated_from_above() -> None:
    """llama.cpp's log: 21.5 MiB for SmolLM2 at 8192 tokens, 171 MiB for R1 7B at 32768."""
    assert 21.5 * MIB < compute_bytes(read_header(smollm2()), 8192) < 30 * MIB
    assert 171 * MIB < compute_bytes(read_header(r1_header()), 32768) < 200 * MIB


def test_a_header_that_states_nothing_needs_no_cache() -> None:
    assert kv_cache_bytes(model("other"), 4096) == 0


def test_a_context_that_fits_is_left_alone() -> None:
    assert largest_context(QWEN_7B, 5000, 100 * GB) == 5000


def test_a_context_is_reduced_to_what_memory_holds() -> None:
    available = 5 * GB
    context = largest_context(QWEN_7B, 131_072, available)
    assert context % 256 == 0
    assert memory_bytes(QWEN_7B, context) <= available < memory_bytes(QWEN_7B, context + 256)


def test_a_quantized_cache_holds_more() -> None:
    full = largest_context(QWEN_7B, 131_072, 5 * GB)
    assert largest_context(QWEN_7B, 131_072, 5 * GB, "q8_0") > 1.8 * full


def test_a_model_larger_than_memory_gets_the_smallest_context() -> None:
    assert largest_context(QWEN_7B, 131_072, GB) == 512
    assert largest_context(QWEN_7B, 300, GB) == 300


def test_all_parts_of_a_model_count() -> None:
    split = replace(QWEN_7B, file_size=GB, model_size=40 * GB)
    assert memory_bytes(split, 0) >= 40 * GB
