"""GPUs as their makers' programs describe them, and programs that don't answer."""

import json
import platform
import sys
from pathlib import Path

import pytest

from r1local.machine import gpus
from r1local.machine.gpus import InstalledGPU, Silence, installed_gpus
from testing.programs import FakePrograms, fake_programs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

MIB = 2**20
RTX = InstalledGPU("NVIDIA GeForce RTX 4090", "NVIDIA", 24_564 * MIB, 23_000 * MIB, "570.86.15")
RTX_LINE = "NVIDIA GeForce RTX 4090, 24564, 23000, 570.86.15\n"
#: As rocm-smi of ROCm 6 prints it; other versions write `Card Series`.
ROCM = {
    "card0": {
        "Card Series": "AMD Radeon RX 7900 XTX",
        "Card Model": "0x744c",
        "VRAM Total Memory (B)": "25753026560",
        "VRAM Total Used Memory (B)": "1753026560",
    },
    "system": {"Driver version": "6.8.5"},
}
#: The parts of vulkaninfo's output that matter, as version 1.3 prints them.
VULKAN = """\
Device Groups:
	Properties:
		physicalDevices: count = 2
			{name} (ID: 0)
GPU0:
VkPhysicalDeviceProperties:
	deviceType        = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
	deviceName        = {name}
VkPhysicalDeviceDriverProperties:
	driverName         = Intel open-source Mesa driver
	driverInfo         = Mesa 24.0.9
memoryHeaps: count = 2
	memoryHeaps[0]:
		size   = 33529856000 (0x7ce800000) (31.23 GiB)
		budget = 30000000000 (0x6fc23ac00) (27.94 GiB)
		flags:
			None
	memoryHeaps[1]:
		size   = 16819159040 (0x3ea800000) (15.66 GiB)
		flags: count = 1
			MEMORY_HEAP_DEVICE_LOCAL_BIT
GPU1:
	deviceType        = PHYSICAL_DEVICE_TYPE_CPU
	deviceName        = llvmpipe (LLVM 17.0.6, 256 bits)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    monkeypatch.setattr(gpus, "_PCI_DEVICES", tmp_path / "pci")
    return fake_programs(tmp_path / "bin", monkeypatch)


@pytest.mark.usefixtures("programs")
def test_no_programs_tell_of_no_gpus() -> None:
    assert installed_gpus() == ([], [])


def test_nvidia(programs: FakePrograms) -> None:
    programs.says("nvidia-smi", f"{RTX_LINE}\nNVIDIA GB10, [N/A], [N/A], 580.95\n")
    chip = InstalledGPU("NVIDIA GB10", "NVIDIA", None, None, "580.95")
    assert installed_gpus() == ([RTX, chip], [])


def test_amd(programs: FakePrograms) -> None:
    programs.says("rocm-smi", json.dumps(ROCM))
    found = InstalledGPU("AMD Radeon RX 7900 XTX", "AMD", 25753026560, 24 * 10**9, "6.8.5")
    assert installed_gpus() == ([found], [])


def test_vulkan_tells_of_what_nobody_else_knows(programs: FakePrograms) -> None:
    programs.says("vulkaninfo", VULKAN.format(name="Intel(R) Arc(tm) A770 Graphics (DG2)"))
    (found,), silent = installed_gpus()
    assert silent == []
    assert found == InstalledGPU(
        "Intel(R) Arc(tm) A770 Graphics (DG2)",
        "other",
        16819159040,
        None,
        "Intel open-source Mesa driver Mesa 24.0.9",
    )


def test_a_gpu_is_told_of_once(programs: FakePrograms) -> None:
    programs.says("nvidia-smi", RTX_LINE)
    programs.says("vulkaninfo", VULKAN.format(name=RTX.name))
    assert installed_gpus() == ([RTX], [])


def test_apple(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.says("sysctl", "Apple M4 Pro\n")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    monkeypatch.setattr(platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    (found,), _silent = installed_gpus()
    assert (found.name, found.maker, found.driver) == ("Apple M4 Pro", "Apple", "macOS 15.1")
    assert found.memory and found.free and found.memory >= found.free


@pytest.mark.parametrize("program", ["nvidia-smi", "rocm-smi", "vulkaninfo"])
@pytest.mark.parametrize("output", ["oh\n", "[]", '{"card0": 1}', "a,b,c\n", "GPU0:\nnothing\n"])
def test_nonsense_is_not_believed(program: str, output: str, programs: FakePrograms) -> None:
    programs.says(program, output)
    found, silent = installed_gpus()
    assert found == []
    assert silent in ([], [Silence(program, "prints something that can't be read")])


def test_a_program_that_fails(programs: FakePrograms) -> None:
    programs.says("nvidia-smi", "\nNVIDIA-SMI has failed: no driver\n", code=9)
    programs.add("rocm-smi", "exit 2")
    assert installed_gpus()[1] == [
        Silence("nvidia-smi", "fails: NVIDIA-SMI has failed: no driver"),
        Silence("rocm-smi", "ends with exit code 2"),
    ]
    programs.add("rocm-smi", "kill -SEGV $$")
    assert installed_gpus()[1][1] == Silence("rocm-smi", "crashes (SIGSEGV)")


def test_a_program_that_hangs(programs: FakePrograms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_PATIENCE_S", 0.2)
    programs.add("nvidia-smi", "/bin/sleep 60")
    assert installed_gpus() == ([], [Silence("nvidia-smi", "doesn't answer within 0 s")])


@pytest.mark.usefixtures("programs")
def test_a_program_that_can_not_be_started(tmp_path: Path) -> None:
    broken = tmp_path / "bin/nvidia-smi"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert installed_gpus()[1] == [Silence("nvidia-smi", "can't be started")]


def test_names_and_counts_are_bounded(programs: FakePrograms) -> None:
    programs.says("nvidia-smi", f"{'N' * 1000}, 1, 1, 5\n" * 1000)
    found, _silent = installed_gpus()
    assert len(found) == 64
    assert len(found[0].name) == 80


def plug_in(slot: Path, **files: str) -> None:
    slot.mkdir(parents=True)
    for name, text in files.items():
        (slot / name.rstrip("_")).write_text(f"{text}\n")


def test_gpus_that_no_program_knows(programs: FakePrograms, tmp_path: Path) -> None:
    pci = tmp_path / "pci"
    plug_in(pci / "0000:01:00.0", vendor="0x10de", device="0x2684", class_="0x030000")
    plug_in(pci / "0000:01:00.1", vendor="0x10de", device="0x22ba", class_="0x040300")  # sound
    plug_in(pci / "0000:02:00.0", vendor="0x1a03", device="0x2000", class_="0x030000")  # console
    amd = pci / "0000:03:00.0"
    plug_in(amd, vendor="0x1002", device="0x744c", class_="0x030000", mem_info_vram_total="123456")
    (tmp_path / "amdgpu").mkdir()
    (amd / "driver").symlink_to(tmp_path / "amdgpu")
    found, _silent = installed_gpus()
    assert found == [
        InstalledGPU("NVIDIA GPU (PCI device 0x2684)", "NVIDIA", None, None, ""),
        InstalledGPU("AMD GPU (PCI device 0x744c)", "AMD", 123456, None, "amdgpu"),
    ]
    programs.says("nvidia-smi", RTX_LINE)
    found, _silent = installed_gpus()
    assert found[0] == RTX
    assert [gpu.maker for gpu in found] == ["NVIDIA", "AMD"]
