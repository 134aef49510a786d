"""A model and its draft model share memory by one plan."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.machine.memory import Device, Machine, memory_bytes
from r1local.machine.planner import PlanRequest, plan
from testing.known_models import known

GIB = 2**30
LARGE, SMALL = known("r1-distill-qwen-7b"), known("r1-distill-qwen-1.5b")
BOTH = PlanRequest(draft=SMALL)


@pytest.mark.parametrize("devices", [(), (Device("A", "a"), Device("B", "b"))])
@given(memory=st.integers(1, 40), gpus=st.lists(st.integers(0, 30), min_size=2, max_size=2))
def test_what_both_take_is_there(devices: tuple[Device, ...], memory: int, gpus: list[int]) -> None:
    machine = Machine(memory * GIB, tuple(gpu * GIB for gpu in gpus), devices=devices)
    made = plan(LARGE, machine, BOTH)
    assert made.draft is not None
    assert made.draft.context_window <= max(made.context_window, 131_072)
    if made.kind == "no" or made.draft.kind == "no":
        return
    needed = memory_bytes(LARGE, made.context_window) + memory_bytes(SMALL, made.context_window)
    assert needed <= machine.all_memory


def test_a_machine_with_room_has_both_as_they_are_alone() -> None:
    machine = Machine(64 * GIB)
    made = plan(LARGE, machine, BOTH)
    assert replace(made, draft=None).context_window == plan(LARGE, machine).context_window
    assert made.draft
    assert made.draft.kind == "CPU"
    assert made.draft.context_window == made.context_window


def test_the_model_has_less_context_beside_a_draft_model() -> None:
    machine = Machine(int(6.8 * GIB))
    alone, beside = plan(LARGE, machine), plan(LARGE, machine, BOTH)
    assert beside.context_window < alone.context_window


def test_both_are_on_a_gpu_with_room() -> None:
    machine = Machine(64 * GIB, (24 * GIB,), devices=(Device("CUDA0", "a card"),))
    made = plan(LARGE, machine, BOTH)
    assert made.draft
    assert (made.kind, made.draft.kind) == ("GPU", "GPU")
    assert made.draft.devices == ("CUDA0",)


def test_a_draft_model_leaves_a_small_gpu_to_the_model() -> None:
    machine = Machine(64 * GIB, (4 * GIB,), devices=(Device("CUDA0", "a card"),))
    made = plan(LARGE, machine, BOTH)
    assert made.draft
    assert (made.kind, made.draft.kind) == ("GPU+CPU", "CPU")
    assert made.draft.devices == ()
    assert made.gpu_layers == plan(LARGE, machine).gpu_layers


def test_a_draft_model_takes_the_gpu_with_most_room() -> None:
    devices = (Device("A", "a card"), Device("B", "another"))
    machine = Machine(64 * GIB, (8 * GIB, 24 * GIB), devices=devices)
    made = plan(LARGE, machine, BOTH)
    assert made.draft
    assert made.draft.devices == ("B",)
