"""Whether GPUs can be used by this build: each case has its line."""

import pytest

from r1local.diagnosis.children import Died
from r1local.diagnosis.gpus import judged_gpus
from r1local.engine.build import Build, Device
from r1local.events.finding import Finding
from r1local.machine.gpus import InstalledGPU, Maker, Silence

GIB = 2**30
H200 = InstalledGPU("NVIDIA H200", "NVIDIA", 140 * GIB, 139 * GIB, "570.86.15")
RX = InstalledGPU("AMD Radeon RX 7900 XTX", "AMD", 24 * GIB, None, "6.8.5")
ARC = InstalledGPU("Intel(R) Arc(tm) A770", "other", 16 * GIB, None, "Mesa 24.0.9")
M4 = InstalledGPU("Apple M4", "Apple", 16 * GIB, 9 * GIB, "macOS 15.1")


def build(*devices: Device, backends: tuple[str, ...] = ("CPU",)) -> Build:
    return Build("0.3.36", "0.5.0", backends, (), (), (), False, devices)


def device(gpu: InstalledGPU, backend: str) -> Device:
    return Device(gpu.name, backend, 1, 2)


def found(build: Build | Died, *gpus: InstalledGPU) -> list[Finding]:
    return list(judged_gpus(build, gpus, []))


def test_no_gpu() -> None:
    (line,) = found(build())
    assert (line.state, line.text) == ("ok", "none found: models run on the CPU")


@pytest.mark.parametrize(
    ("gpu", "backend"),
    [(H200, "CUDA"), (H200, "Vulkan"), (RX, "ROCm"), (RX, "Vulkan"), (M4, "MTL"), (ARC, "SYCL")],
)
def test_a_gpu_in_use(gpu: InstalledGPU, backend: str) -> None:
    (line,) = found(build(device(gpu, backend), backends=(backend, "CPU")), gpu)
    assert line.state == "ok"
    assert line.text.startswith(gpu.name)
    assert f"driver {gpu.driver}" in line.text
    assert line.text.endswith(f"used through {backend}")
    assert line.facts["backend"] == backend


@pytest.mark.parametrize(
    ("gpu", "flag"),
    [
        (H200, "-DGGML_CUDA=on"),
        (RX, "-DGGML_HIP=on"),
        (ARC, "-DGGML_VULKAN=on"),
        (M4, "-DGGML_METAL=on"),
    ],
)
def test_a_gpu_that_the_build_can_not_use(gpu: InstalledGPU, flag: str) -> None:
    (line,) = found(build(), gpu)
    assert line.state == "warning"
    assert line.text.endswith("this build of llama.cpp can't use it")
    assert f'CMAKE_ARGS="{flag}"' in line.command
    assert "llama-cpp-python" in line.command


def test_equal_gpus_share_a_line() -> None:
    (line,) = found(build(), *[H200] * 8)
    assert line.text.startswith("8 × NVIDIA H200 · 140.0 GiB (139.0 GiB free) · ")


def test_a_hidden_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    made = build(device(H200, "CUDA"), backends=("CUDA", "CPU"))
    used, hidden = found(made, H200, H200)
    assert (used.state, hidden.state) == ("ok", "warning")
    assert hidden.command == "unset CUDA_VISIBLE_DEVICES"


def test_a_gpu_that_llama_cpp_does_not_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (line,) = found(build(backends=("CUDA", "CPU")), H200)
    assert line.state == "broken"
    assert line.command.startswith("r1local run -m nano --verbose")


def test_names_that_differ_are_matched_by_backend() -> None:
    other = Device("AMD Radeon RX 7900 XTX (gfx1100)", "ROCm", 1, 2)
    intel = Device("Intel(R) Arc(tm) A770", "Vulkan", 1, 2)
    lines = found(build(intel, other, backends=("ROCm", "Vulkan", "CPU")), RX, ARC)
    assert [line.facts["backend"] for line in lines] == ["ROCm", "Vulkan"]


def test_what_no_program_tells_of() -> None:
    (line,) = found(build(Device("Some GPU", "Vulkan", GIB, 2 * GIB)))
    assert (line.state, line.text) == ("ok", "Some GPU · 2.0 GiB · used through Vulkan")


def test_without_llama_cpp_gpus_are_only_told() -> None:
    (line,) = found(Died("it crashes"), H200)
    assert line.state == "ok"
    assert "used" not in line.text


def test_unknown_memory_and_driver() -> None:
    gpu = InstalledGPU("GB10", "NVIDIA", None, None, "")
    (line,) = found(Died("it crashes"), gpu)
    assert line.text == "GB10 · memory unknown · driver unknown"


@pytest.mark.parametrize("program", ["nvidia-smi", "rocm-smi", "vulkaninfo"])
def test_a_program_that_says_nothing(program: str) -> None:
    (silent,) = judged_gpus(build(), [], [Silence(program, "doesn't answer within 10 s")])
    assert (silent.state, silent.text) == ("warning", f"{program} doesn't answer within 10 s")
    assert silent.hint


def test_every_maker_is_supported() -> None:
    makers: tuple[Maker, ...] = ("NVIDIA", "AMD", "Apple", "other")
    for maker in makers:
        assert found(build(), InstalledGPU("x", maker, 1, 1, ""))[0].command
