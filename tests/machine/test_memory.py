"""How much of a model fits where."""

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from r1local.config.loading_options import KVType
from r1local.engine.library import log
from r1local.engine.limits import outputs_of
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.gguf.file import GGUFFile, file_type, read_gguf, read_header, read_summary
from r1local.machine.memory import (
    MemoryFacts,
    compute_bytes,
    context_bytes,
    facts_of,
    kv_cache_bytes,
    memory_bytes,
    plain_batch,
)
from testing.known_models import known
from testing.models import r1_header, smollm2

GB = 10**9
MIB = 2**20
GIB = 2**30


def model(architecture: str, size: int = 4 * GB, **numbers: int) -> MemoryFacts:
    """The facts of a header that states these numbers; underscores twice stand for dots."""
    metadata: dict[str, str | int] = {"general.architecture": architecture}
    for key, number in numbers.items():
        metadata[f"{architecture}.{key.replace('__', '.')}"] = number
    header = GGUFFile(
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
    return facts_of(header)


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
    ("facts", "per_token"),
    [
        (QWEN_7B, 57_344),
        (LLAMA_70B, 327_680),
        (QWEN3_8B, 147_456),
        (R1_UNPACKED, 4_997_120),
        (R1_COMPRESSED, 70_272),
    ],
    ids=["Qwen 7B", "Llama 70B", "Qwen3 8B", "R1 unpacked", "R1 compressed"],
)
def test_the_cache_of_known_models(facts: MemoryFacts, per_token: int) -> None:
    assert kv_cache_bytes(facts, 1) == per_token
    assert kv_cache_bytes(facts, 8192) == 8192 * per_token


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
    assert kv_cache_bytes(facts_of(read_header(r1_header())), 1) == 57_344


def test_the_cache_that_llama_cpp_allocates() -> None:
    """Its log for SmolLM2 at 8192 tokens: 180.00 MiB as f16, 95.62 MiB as q8_0."""
    facts = facts_of(read_header(smollm2()))
    assert kv_cache_bytes(facts, 8192) == 180 * MIB
    assert kv_cache_bytes(facts, 8192, "q8_0", "q8_0") == 95.625 * MIB


def test_the_compute_buffer_is_estimated_from_above() -> None:
    """llama.cpp's log: 21.5 MiB for SmolLM2 at 8192 tokens, 171 MiB for R1 7B at 32768."""
    assert 21.5 * MIB < compute_bytes(facts_of(read_header(smollm2())), 8192) < 30 * MIB
    assert 171 * MIB < compute_bytes(facts_of(read_header(r1_header())), 32768) < 200 * MIB


def test_a_header_that_states_nothing_needs_no_cache() -> None:
    assert kv_cache_bytes(model("other"), 4096) == 0


def test_all_parts_of_a_model_count() -> None:
    split = replace(QWEN_7B, weights=40 * GB)
    assert memory_bytes(split, 0) >= 40 * GB


@pytest.mark.parametrize(
    ("name", "per_token"),
    [
        ("1.5b", 28_672),
        ("7b", 57_344),
        ("8b", 131_072),
        ("14b", 196_608),
        ("32b", 262_144),
        ("70b", 327_680),
        ("qwen3-8b", 147_456),
        ("671b", 70_272),
    ],
)
def test_the_catalog_knows_the_caches(name: str, per_token: int) -> None:
    assert kv_cache_bytes(known(name), 1) == per_token


def test_the_catalog_agrees_with_a_real_header() -> None:
    read, stated = facts_of(read_header(r1_header())), known("7b")
    for context in (4096, 32768, 131_072):
        assert context_bytes(read, context) == context_bytes(stated, context)
    assert (read.context_length, len(read.layers)) == (stated.context_length, len(stated.layers))
    assert read.read_per_token == pytest.approx(stated.read_per_token, rel=0.01)
    assert sum(read.layers) == pytest.approx(sum(stated.layers), rel=0.03)


@pytest.mark.parametrize("sequences", [1, 64])
def test_the_plan_is_what_llama_cpp_allocates(sequences: int) -> None:
    """Weights, KV cache and buffers together, within 5 %, by llama.cpp's own log."""
    lines: list[str] = []
    log.show = lines.append
    try:
        settings = LoadSettings(8192, gpu_layers=0, threads=1, kv_cache="f16", sequences=sequences)
        Model(smollm2(), settings, lambda: False).close()
    finally:
        log.show = None
    sizes = re.findall(r"(?:model|KV|compute|output) buffer size += +([0-9.]+) MiB", "".join(lines))
    allocated = sum(map(float, sizes)) * MIB
    assert len(sizes) >= 3
    facts = replace(facts_of(read_gguf(smollm2())), outputs=outputs_of(sequences))
    assert memory_bytes(facts, 8192) == pytest.approx(allocated, rel=0.05)


def test_plain_attention_needs_room_for_a_few_tokens() -> None:
    facts = facts_of(read_header(r1_header()))
    assert plain_batch(facts, 4096) > plain_batch(facts, 32_768) >= 16
    assert plain_batch(facts, 131_072) == plain_batch(replace(facts, heads=0), 4096) == 0


def test_a_summary_has_what_memory_depends_on() -> None:
    header = read_summary(r1_header())
    assert header is not None
    assert "tokenizer.ggml.tokens" not in header.metadata
    facts = facts_of(header)
    assert (facts.keys, facts.values) == ((512,) * 28, (512,) * 28)
    assert (facts.embedding_length, facts.context_length) == (3584, 131_072)
    assert file_type(header) in ("Q4_K_M", None)
