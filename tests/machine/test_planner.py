"""Where a model runs, and with how much context."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.engine.library import log
from r1local.engine.limits import outputs_of
from r1local.gguf.file import read_gguf
from r1local.machine import calibration
from r1local.machine.memory import (
    Device,
    Machine,
    compute_bytes,
    cpu_bytes,
    cpu_read_per_token,
    facts_of,
    gpu_bytes,
    kv_cache_bytes,
    layers_on_gpus,
    memory_bytes,
    plain_batch,
    scores_bytes,
)
from r1local.machine.planner import PlanRequest, plan, retreat
from r1local.machine.speed import tokens_per_second
from r1local.machine.split import holds
from r1local.models.catalog import CatalogModel, load_catalog
from r1local.models.loading import LoadOptions, load
from testing.known_models import known
from testing.models import smollm2

MIB = 2**20
GIB = 2**30


MODELS = [model for model in load_catalog().shown() if model.sizes]


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_known_model_has_a_plan_for_every_size(entry: CatalogModel) -> None:
    for quantization in entry.sizes:
        facts = known(entry.name, quantization)
        plans = [plan(facts, Machine(memory=gib * GIB)) for gib in (1, 8, 32, 256, 2048)]
        windows = [made.context_window for made in plans]
        assert windows == sorted(windows)
        assert plans[-1].kind == "CPU"
        for made, gib in zip(plans, (1, 8, 32, 256, 2048), strict=True):
            needed = memory_bytes(facts, made.context_window)
            assert (made.kind == "no") == (needed > gib * GIB)


def on_cpu(name: str, gib: float, request: PlanRequest | None = None) -> int:
    """The context window of a known model with so much memory and no GPU."""
    return plan(known(name), Machine(int(gib * GIB)), request or PlanRequest()).context_window


def test_a_context_that_fits_is_left_alone() -> None:
    assert on_cpu("7b", 64, PlanRequest(5000)) == 5000
    assert on_cpu("7b", 64) == 32_768


def test_a_context_is_reduced_to_what_memory_holds() -> None:
    facts, memory = known("7b"), 5 * GIB
    context = plan(facts, Machine(memory)).context_window
    assert context % 256 == 0
    assert memory_bytes(facts, context) <= memory < memory_bytes(facts, context + 256)


def test_the_logits_of_replies_that_share_steps_are_counted() -> None:
    facts = known("7b")
    machine = Machine(memory_bytes(facts, 4096))
    assert plan(facts, machine, PlanRequest(4096)).kind == "CPU"
    assert plan(facts, machine, PlanRequest(4096, sequences=4)).kind == "CPU"  # no more rows
    assert plan(facts, machine, PlanRequest(4096, sequences=16)).kind == "no"
    more = replace(machine, memory=machine.memory + (63 - 16) * 4 * facts.vocabulary_size)
    assert plan(facts, more, PlanRequest(4096, sequences=16)).kind == "CPU"


def test_a_quantized_cache_holds_more() -> None:
    assert on_cpu("7b", 5, PlanRequest(kv_cache="q8_0")) > 1.8 * on_cpu("7b", 5)


def test_a_model_larger_than_memory_gets_the_smallest_context() -> None:
    assert on_cpu("7b", 1) == 512
    assert plan(replace(known("7b"), context_length=300), Machine(GIB)).context_window == 300


def test_a_model_that_fits_goes_to_the_gpu() -> None:
    made = plan(known("7b"), Machine(memory=16 * GIB, gpus=(24 * GIB,)))
    assert (made.kind, made.gpu_layers, made.context_window) == ("GPU", 29, 32_768)


def test_two_gpus_count_together() -> None:
    made = plan(known("32b"), Machine(memory=16 * GIB, gpus=(16 * GIB, 16 * GIB)))
    assert made.kind == "GPU"


def test_a_context_shrinks_before_layers_stay_behind() -> None:
    made = plan(known("32b"), Machine(memory=64 * GIB, gpus=(24 * GIB,)))
    assert made.kind == "GPU"
    assert 4096 <= made.context_window < 32_768


def test_layers_that_do_not_fit_stay_on_the_cpu() -> None:
    facts = known("70b")
    made = plan(facts, Machine(memory=64 * GIB, gpus=(24 * GIB,)))
    assert made.kind == "GPU+CPU"
    assert 20 < made.gpu_layers < 60
    assert f"{made.gpu_layers} of 81 layers" in made.reason


def test_shared_memory_counts_once() -> None:
    facts = known("32b")
    apart = plan(facts, Machine(memory=16 * GIB, gpus=(8 * GIB,)))
    shared = plan(facts, Machine(memory=16 * GIB, gpus=(8 * GIB,), shared=True))
    assert (apart.kind, shared.kind) == ("GPU+CPU", "no")


def test_a_context_asked_for_is_not_reduced_on_the_gpu() -> None:
    made = plan(
        known("32b"), Machine(memory=64 * GIB, gpus=(24 * GIB,)), request=PlanRequest(32_768)
    )
    assert (made.kind, made.context_window) == ("GPU+CPU", 32_768)
    made = plan(known("7b"), Machine(memory=8 * GIB), PlanRequest(131_072))
    assert (made.kind, made.context_window) == ("no", 131_072)


def test_what_fits_nowhere_says_how_much_it_needs() -> None:
    made = plan(known("671b"), Machine(memory=16 * GIB))
    assert made.kind == "no"
    assert "needs 37" in made.reason


GPUS = st.lists(st.integers(0, 96 * GIB), max_size=3).map(tuple)
MACHINES = st.builds(Machine, st.integers(0, 1024 * GIB), GPUS, st.booleans())
REQUESTS = st.builds(
    PlanRequest,
    st.none() | st.integers(256, 200_000),
    st.none() | st.integers(-1, 100),
    st.sampled_from(["f16", "q8_0", "q4_0"]),
    st.integers(1, 64),
)
SIZES = [(model.name, size) for model in MODELS for size in model.sizes]


@given(st.sampled_from(SIZES), MACHINES, REQUESTS)
def test_every_plan_keeps_to_the_memory_there_is(
    size: tuple[str, str], machine: Machine, request_: PlanRequest
) -> None:
    facts = replace(known(*size), outputs=outputs_of(request_.sequences))
    made = plan(facts, machine, request_)
    layers, kv_type = made.gpu_layers, request_.kv_cache
    on_gpu = gpu_bytes(facts, made.placement, made.kv_tokens, kv_type)
    beside = cpu_bytes(facts, made.placement, made.kv_tokens, kv_type)
    shared = on_gpu if machine.shared else 0
    fits = on_gpu <= sum(machine.gpus) and beside + shared <= machine.memory
    assert fits or made.kind == "no"
    if len(machine.gpus) < 2:  # several can have room together, but not for whole layers
        assert fits == (made.kind != "no")
    assert made.kind in {"GPU": made.all_on_gpu, "CPU": not layers} or made.kind in (
        "GPU+CPU",
        "no",
    )
    assert (made.context_window == request_.context) or request_.context is None
    assert made.kv_tokens >= made.context_window
    assert 0 <= layers <= made.layers


@given(st.sampled_from(SIZES), MACHINES)
def test_each_gpu_holds_its_part(size: tuple[str, str], machine: Machine) -> None:
    facts = known(*size)
    made = plan(facts, machine)
    if not made.gpu_layers:
        return
    layers = layers_on_gpus(facts, made.placement, made.kv_tokens)
    room = [max(0, free - compute_bytes(facts, made.kv_tokens)) for free in machine.gpus]
    counts = [int(share) for share in made.shares]
    assert sum(counts) == len(layers) == made.gpu_layers
    assert holds(layers, counts, room)


R1_SIZES = [(name, size) for name, size in SIZES if known(name, size).experts]


@given(st.sampled_from(R1_SIZES), MACHINES)
def test_experts_stay_with_the_cpu_where_it_then_reads_less(
    size: tuple[str, str], machine: Machine
) -> None:
    facts = known(*size)
    made, whole = plan(facts, machine), plan(facts, machine, PlanRequest(cpu_experts=0))
    if made.context_window == whole.context_window:
        read, with_whole = (cpu_read_per_token(facts, each.placement) for each in (made, whole))
        assert read <= with_whole
    assert made.kind != "no" or whole.kind == "no"


def test_a_mixture_keeps_its_attention_on_the_gpu() -> None:
    facts, machine = known("671b"), Machine(512 * GIB, (24 * GIB,))
    made = plan(facts, machine)
    assert (made.kind, made.gpu_layers, made.context_window) == ("GPU+CPU", 62, 32_768)
    assert 50 < made.cpu_experts < 62
    assert f"the experts of {made.cpu_experts} on the CPU" in made.reason
    assert plan(facts, machine, PlanRequest(cpu_experts=0)).gpu_layers < 10
    whole = plan(facts, Machine(512 * GIB, (80 * GIB,) * 6))
    assert (whole.kind, whole.cpu_experts) == ("GPU", 0)


def test_experts_are_left_to_the_cpu_on_request() -> None:
    facts, machine = known("671b"), Machine(512 * GIB, (96 * GIB,) * 6)
    assert plan(facts, machine, PlanRequest(cpu_experts=10)).cpu_experts == 10
    assert plan(facts, machine, PlanRequest(cpu_experts=2**31 - 1)).cpu_experts == 61
    dense = plan(known("7b"), machine, PlanRequest(cpu_experts=2**31 - 1))
    assert (dense.kind, dense.cpu_experts) == ("GPU", 0)


def test_the_speed_of_a_mixture_counts_what_the_cpu_reads() -> None:
    facts = known("671b")
    machine = Machine(512 * GIB, (24 * GIB,), memory_bandwidth=200e9, gpu_bandwidth=1e12)
    apart = plan(facts, machine)
    whole = plan(facts, machine, PlanRequest(cpu_experts=0))
    assert tokens_per_second(facts, apart, machine) > tokens_per_second(facts, whole, machine)


def test_a_second_try_takes_notably_less() -> None:
    facts, machine = known("7b"), Machine(64 * GIB, (24 * GIB,), devices=(Device("A", "a"),))
    failed = plan(facts, machine)
    less = retreat(facts, machine, PlanRequest(), failed)
    assert failed.all_on_gpu and less is not None
    before, after = (
        gpu_bytes(facts, each.placement, each.kv_tokens) if each.gpu_layers else 0
        for each in (failed, less)
    )
    assert after <= 0.75 * before
    tiny = Machine(64 * GIB, (2 * 10**9,), devices=(Device("A", "a"),))
    few = plan(facts, tiny, PlanRequest(gpu_layers=1))
    off = retreat(facts, replace(tiny, gpus=(10**8,)), PlanRequest(), few)
    assert off is not None
    assert (off.gpu_layers, off.devices) == (0, ())


def test_a_second_try_on_the_cpu_halves_the_context() -> None:
    facts, machine = known("7b"), Machine(64 * GIB)
    failed = plan(facts, machine, PlanRequest(8192))
    less = retreat(facts, machine, PlanRequest(8192), failed)
    assert less is not None and less.context_window == 4096
    assert retreat(facts, machine, PlanRequest(512), plan(facts, machine, PlanRequest(512))) is None


@given(st.sampled_from(SIZES), MACHINES)
def test_a_context_that_nobody_asked_for_is_the_largest_that_fits(
    size: tuple[str, str], machine: Machine
) -> None:
    facts = known(*size)
    made = plan(facts, machine)
    if made.kind == "no" or not any(n.kind == "context" for n in made.notices):
        return
    wider = PlanRequest(made.context_window + 256, made.gpu_layers)
    assert made.context_window % 256 == 0
    assert plan(facts, machine, wider).kind == "no"


@given(st.sampled_from(SIZES), MACHINES, st.integers(0, 64 * GIB))
def test_more_memory_never_makes_a_plan_worse(
    size: tuple[str, str], machine: Machine, more: int
) -> None:
    before = plan(known(*size), machine)
    after = plan(known(*size), replace(machine, memory=machine.memory + more))
    assert before.kind == "no" or after.kind != "no"
    assert after.context_window >= before.context_window


def test_memory_of_a_gpu_that_takes_no_layer_counts_for_nothing() -> None:
    facts = known("7b", "Q8_0")
    alone = plan(facts, Machine(int(8.2 * GIB)))
    beside = plan(facts, Machine(int(8.2 * GIB), gpus=(int(0.2 * GIB),)))
    assert (beside.kind, beside.gpu_layers) == ("CPU", 0)
    assert beside.context_window == alone.context_window < 16_640


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (PlanRequest(context=2048), "2,048 is out of range"),
        (PlanRequest(kv_cache="q8_0"), "kv-cache q8_0 can't hold this model's heads of 24 numbers"),
    ],
)
def test_what_a_model_does_not_allow_is_refused(request_: PlanRequest, words: str) -> None:
    facts = replace(known("7b"), positions=1024, head_lengths=(24, 24))
    refusal = plan(facts, Machine(64 * GIB), request_).refusal
    assert refusal is not None
    assert words in refusal.message


def test_a_context_that_memory_cannot_hold_beside_the_model_is_refused() -> None:
    made = plan(known("7b"), Machine(4 * GIB), PlanRequest(131_072))
    assert made.kind == "no"
    assert made.refusal is not None
    assert "131,072 tokens needs" in made.refusal.message
    assert plan(known("7b"), Machine(4 * GIB), PlanRequest(4096)).refusal is None


@pytest.mark.parametrize("context", [1024, 8192])
def test_plain_attention_takes_hardly_more_memory(context: int) -> None:
    facts = facts_of(read_gguf(smollm2()))
    batch = plain_batch(facts, context)
    assert 16 <= batch < 512
    lines = logged_load(LoadOptions(context=context))
    (used,) = re.findall(r"n_ubatch += ([0-9]+)\n", lines)
    assert int(used) == max(64, batch)
    (size,) = re.findall(r"compute buffer size += +([0-9.]+) MiB", lines)
    more = 0.045 * memory_bytes(facts, context) if int(used) > batch else 0
    assert float(size) * MIB < compute_bytes(facts, context) + more


def test_a_large_model_reads_its_prompt_in_larger_steps_where_memory_is_free() -> None:
    facts = replace(known("7b"), heads=28)
    needed, request = memory_bytes(facts, 32_768), PlanRequest(32_768)
    assert plan(facts, Machine(needed), request).micro_batch == plain_batch(facts, 32_768) == 16
    assert plan(facts, Machine(2 * needed), request).micro_batch == 64


@given(st.sampled_from(["1.5b", "7b", "8b", "32b"]), st.floats(1, 256), st.integers(512, 32_768))
def test_what_passes_from_one_attention_to_the_other_fits_beside_the_plan(
    name: str, gib: float, context: int
) -> None:
    facts, machine = replace(known(name), heads=32), Machine(int(gib * GIB))
    made = plan(facts, machine, PlanRequest(context))
    passing = kv_cache_bytes(facts, made.passing_tokens)
    assert made.passing_tokens % 256 == 0
    assert made.passing_tokens <= made.kv_tokens
    if made.passing_tokens:
        assert not made.flash_attention
        assert memory_bytes(facts, made.kv_tokens) + passing <= machine.memory
        # llama-bench's plain attention has the scores of 512 tokens, r1local's of fewer.
        assert passing <= scores_bytes(facts, 512, made.kv_tokens)


def test_little_memory_leaves_no_room_to_pass_on() -> None:
    facts = replace(known("7b"), heads=28)
    needed = memory_bytes(facts, 4096)
    assert plan(facts, Machine(needed), PlanRequest(4096)).passing_tokens == 0
    assert plan(facts, Machine(2 * needed), PlanRequest(4096)).passing_tokens == 4096


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "flash"),
    [
        (LoadOptions(context=1024), False),
        (LoadOptions(context=1024, sequences=8), False),
        (LoadOptions(context=1024, sequences=16), True),
        (LoadOptions(context=1024, kv_cache="q8_0"), True),
    ],
    ids=["one", "eight", "sixteen", "quantized"],
)
def test_flash_attention_is_left_out_where_it_is_slow(options: LoadOptions, flash: bool) -> None:
    assert bool(re.search("flash_attn += disabled", logged_load(options))) != flash


def logged_load(options: LoadOptions) -> str:
    """What llama.cpp says when SmolLM2 is loaded so, with what is planned before measuring."""
    calibration.keep(read_gguf(smollm2()), options.sequences, calibration.PLAIN)
    lines: list[str] = []
    log.show = lines.append
    try:
        load(smollm2(), options, lambda: False).model.close()
    finally:
        log.show = None
    return "".join(lines)
