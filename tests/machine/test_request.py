"""What is asked for of devices: what is refused, and what has no effect."""

from typing import Any

import pytest

from r1local.machine.memory import Device, Machine
from r1local.machine.planner import plan
from r1local.machine.request import PlanRequest, chosen, refused_devices, without_effect
from testing.known_models import known

GIB = 2**30

TWO = Machine(
    64 * GIB,
    (24 * GIB, 16 * GIB),
    devices=(Device("CUDA0", "NVIDIA GeForce RTX 4090"), Device("CUDA1", "NVIDIA RTX A4000")),
)
NONE = Machine(64 * GIB)
ONE = TWO.only(["cuda0"])


@pytest.mark.parametrize(
    ("machine", "asked", "message", "hint"),
    [
        (TWO, {"devices": ("CUDA7",)}, "there is no device CUDA7", "CUDA1 (NVIDIA RTX A4000)"),
        (NONE, {"devices": ("CUDA0",)}, "there is no device CUDA0", "r1local --version"),
        (TWO, {"tensor_split": (1, 2, 3)}, "3 shares for 2 devices", "CUDA0"),
        (TWO, {"tensor_split": (0, 0)}, "gives no device anything", "above 0"),
        (TWO, {"main_gpu": 2, "split_mode": "none"}, "main-gpu 2 is out of range", "from 0 to 1"),
        (TWO, {"split_mode": "row", "devices": ("CUDA1",)}, "row uses all GPUs", "--device"),
    ],
)
def test_what_no_device_can_do_is_refused(
    machine: Machine, asked: dict[str, Any], message: str, hint: str
) -> None:
    refusal = refused_devices(machine, PlanRequest(**asked))
    assert refusal is not None
    assert message in refusal.message
    assert hint in refusal.hint
    assert plan(known("7b"), machine, PlanRequest(**asked)).refusal is not None


@pytest.mark.parametrize(
    ("machine", "asked", "words"),
    [
        (NONE, {"tensor_split": (1, 2)}, "--tensor-split has no effect"),
        (ONE, {"split_mode": "row"}, "there is only one"),
        (TWO, {"main_gpu": 1}, "--main-gpu has no effect without --split-mode none"),
        (TWO, {"cpu_experts": 3}, "has no experts"),
    ],
)
def test_what_has_no_effect_is_said(machine: Machine, asked: dict[str, Any], words: str) -> None:
    made = plan(known("7b"), machine, PlanRequest(**asked))
    assert any(words in notice.message for notice in made.notices)


def test_experts_without_a_gpu_are_with_the_cpu_anyway() -> None:
    (vain,) = without_effect(NONE, PlanRequest(cpu_experts=3), mixture=True)
    assert "nothing is offloaded" in vain


def test_devices_are_used_in_the_order_in_which_they_are_named() -> None:
    swapped = chosen(TWO, PlanRequest(devices=("cuda1", "CUDA0")))
    assert [device.name for device in swapped.devices] == ["CUDA1", "CUDA0"]
    assert swapped.gpus == (16 * GIB, 24 * GIB)
    assert plan(known("7b"), TWO, PlanRequest(devices=("cuda1",))).devices == ("CUDA1",)


def test_an_undivided_model_goes_to_one_device() -> None:
    made = plan(known("32b"), TWO, PlanRequest(split_mode="none", main_gpu=1))
    assert made.devices == ("CUDA1",)
    assert made.kind == "GPU+CPU"


def test_no_device_is_a_choice_too() -> None:
    made = plan(known("7b"), TWO, PlanRequest(devices=()))
    assert (made.kind, made.devices, made.notices) == ("CPU", (), ())
