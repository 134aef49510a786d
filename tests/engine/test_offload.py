"""What of a model goes where: llama.cpp's own account of it."""

import re
from pathlib import Path

import pytest

from r1local.engine.devices import gpus, handle_of
from r1local.engine.library import log
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.offload import Offload
from r1local.errors import DeviceError
from testing.architectures import write_mixture
from testing.command import Run, Scripted
from testing.models import write_small_model


def never() -> bool:
    return False


def logged(path: Path, **settings: object) -> str:
    """What llama.cpp says while it loads a model and evaluates two tokens."""
    lines: list[str] = []
    log.show = lines.append
    try:
        with Model(path, LoadSettings(512, 0, 1, "f16", **settings), never) as model:  # type: ignore[arg-type]
            model.evaluate([0, 1], never)
    finally:
        log.show = None
    return "".join(lines)


def test_experts_can_be_left_to_the_cpu(tmp_path: Path) -> None:
    path = write_mixture(tmp_path / "m.gguf")
    # Once in a process, llama.cpp warns of overrides that match a tensor.
    assert "tensor overrides to CPU are used" in logged(path, offload=Offload(cpu_experts=2))


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({}, "mmap"),
        ({"mapped": False}, "none"),
        ({"lock": True}, "mmap+mlock"),
        ({"mapped": False, "lock": True}, "mlock"),
    ],
    ids=["mapped", "read", "locked", "read and locked"],
)
def test_how_weights_come_into_memory(
    settings: dict[str, bool], mode: str, scripted: Scripted
) -> None:
    said = re.search(r"load_mode = ([a-z+]+)", logged(scripted("x"), **settings))
    assert said and said[1] == mode


def test_no_device_is_a_choice(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf", {})
    assert "using device" not in logged(path, offload=Offload(devices=()))


def test_a_device_that_went_away_is_an_error(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf", {})
    with pytest.raises(DeviceError, match="no device CUDA99"):
        logged(path, offload=Offload(devices=("CUDA99",)))


@pytest.mark.parametrize("split_mode", ["layer", "row", "tensor", "none"])
def test_without_a_device_every_way_to_divide_is_the_same(tmp_path: Path, split_mode: str) -> None:
    path = write_small_model(tmp_path / "m.gguf", {})
    assert logged(path, offload=Offload(devices=(), split_mode=split_mode))  # type: ignore[arg-type]


def test_every_gpu_can_be_named() -> None:
    assert handle_of("CPU")
    assert all(handle_of(gpu.device) for gpu in gpus())


@pytest.mark.slow
def test_what_has_no_effect_here_is_said(scripted: Scripted, run: Run) -> None:
    done = run("hi", "-m", scripted("x</think>y"), "--device", "none", "--numa", "distribute")
    assert done.stdout == "y\n"
    assert "--numa distribute has no effect" in done.stderr or "node" not in done.stderr
