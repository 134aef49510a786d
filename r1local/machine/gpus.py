"""The GPUs of this machine by the word of their makers' programs, whatever llama.cpp can use."""

import csv
import json
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from r1local.language import _
from r1local.machine import hardware
from r1local.machine.programs import Outcome, first_line, how_ended, run_program

#: Who made a GPU, as far as that decides how to use it.
Maker: TypeAlias = Literal["NVIDIA", "AMD", "Apple", "other"]

#: Seconds for a program to answer: nvidia-smi takes several where the driver has to be loaded.
_PATIENCE_S = 10.0
#: The most GPUs and characters of a name that are believed.
_MOST_GPUS, _LONGEST_NAME = 64, 80
_MIB = 2**20
_PCI_DEVICES = Path("/sys/bus/pci/devices")
#: PCI's numbers of makers, and of the class of display controllers (pci.ids).
_PCI_MAKERS: Mapping[str, Maker] = {"0x10de": "NVIDIA", "0x1002": "AMD"}
_DISPLAY = "0x03"


@dataclass(frozen=True, slots=True)
class InstalledGPU:
    """A GPU as a program describes it; its name is untrusted, and memory is in bytes."""

    name: str
    maker: Maker
    memory: int | None
    free: int | None
    driver: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A program that is here but has nothing to say: which one, and why, in its own words."""

    program: str
    why: str


def installed_gpus() -> tuple[list[InstalledGPU], list[Silence]]:
    """Return the GPUs of this machine, and the programs that failed to say which there are.

    A GPU that both its maker's program and Vulkan know is returned once. Where no program knows
    any of NVIDIA's or AMD's, Linux's own list of devices counts, without their names.
    """
    gpus, silent = list(_apple()), list[Silence]()
    for command, read in _PROGRAMS:
        if shutil.which(command[0]) is None:
            continue
        try:
            found = read(_output(command))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            silent.append(Silence(command[0], _("prints something that can't be read")))
        except _Failed as failure:
            silent.append(Silence(command[0], str(failure)))
        else:
            gpus += [gpu for gpu in found[:_MOST_GPUS] if gpu.maker not in _makers(gpus)]
    return gpus + [gpu for gpu in _pci() if gpu.maker not in _makers(gpus)], silent


class _Failed(Exception):
    """A program doesn't answer, or reports a failure."""


def _output(command: tuple[str, ...]) -> str:
    outcome = run_program(command, _PATIENCE_S)
    if outcome is None:
        raise _Failed(_("can't be started"))
    if outcome.code is None:
        raise _Failed(_("doesn't answer within {patience_s:.0f} s", patience_s=_PATIENCE_S))
    if outcome.code != 0:
        raise _Failed(_complaint(outcome))
    return outcome.output


def _complaint(outcome: Outcome) -> str:
    said = first_line(outcome.errors) or first_line(outcome.output)
    return _("fails: {said}", said=said) if said else how_ended(outcome.code or 0)


def _makers(gpus: list[InstalledGPU]) -> set[Maker]:
    """Return whose own programs have spoken, so that Vulkan needn't repeat their GPUs."""
    return {gpu.maker for gpu in gpus} - {"other"}


def _nvidia(output: str) -> list[InstalledGPU]:
    """Read lines such as `NVIDIA H200, 143771, 143156, 570.86.15`, in MiB."""
    rows = csv.reader(output.splitlines(), skipinitialspace=True)
    return [_nvidia_gpu(*row) for row in rows if row]


def _nvidia_gpu(name: str, memory: str, free: str, driver: str) -> InstalledGPU:
    return InstalledGPU(_short(name), "NVIDIA", _mebibytes(memory), _mebibytes(free), driver)


def _mebibytes(text: str) -> int | None:
    """Return bytes; None for `[N/A]`, which chips say that share the CPU's memory."""
    return int(text) * _MIB if re.fullmatch(r"\d{1,9}", text) else None


def _rocm(output: str) -> list[InstalledGPU]:
    """Read rocm-smi's JSON, whose keys change their case between versions."""
    cards: dict[str, Any] = json.loads(output)
    driver = str(_lower(cards.pop("system", {})).get("driver version", ""))
    return [_rocm_gpu(_lower(card), driver) for card in cards.values()]


def _rocm_gpu(card: Mapping[str, Any], driver: str) -> InstalledGPU:
    name = _short(str(card.get("card series") or card.get("card model") or "AMD GPU"))
    total = int(card["vram total memory (b)"])
    used = int(card.get("vram total used memory (b)", 0))
    return InstalledGPU(name, "AMD", total, max(0, total - used), driver)


def _lower(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in entries.items()}


_SECTION = re.compile(r"^GPU\d+:$", re.MULTILINE)
_FIELD = re.compile(r"^\s*(device(?:Type|Name)|driver(?:Name|Info|Version))\s*= (.*)$", re.M)
_HEAP = re.compile(r"memoryHeaps\[\d+\]:\s+size\s*= (\d+)[^\[]*?flags:[^\[]*?HEAP_DEVICE_LOCAL")
#: PCI numbers are not in all versions' summaries, but names begin with the maker's.
_VULKAN_MAKERS: Mapping[str, Maker] = {"NVIDIA": "NVIDIA", "AMD": "AMD", "Apple": "Apple"}


def _vulkan(output: str) -> list[InstalledGPU]:
    return list(_vulkan_gpus(output))


def _vulkan_gpus(output: str) -> Iterator[InstalledGPU]:
    """Read the sections `GPU0:` and so on, but not those of drivers that compute on the CPU."""
    for section in _SECTION.split(output)[1:]:
        fields = dict(_FIELD.findall(section))
        if not fields["deviceType"].endswith("_GPU"):
            continue
        name = _short(fields["deviceName"])
        heaps = [int(size) for size in _HEAP.findall(section)]
        driver = " ".join(fields[key] for key in ("driverName", "driverInfo") if key in fields)
        maker = _VULKAN_MAKERS.get(name.partition(" ")[0], "other")
        yield InstalledGPU(name, maker, max(heaps, default=None), None, _short(driver))


def _short(name: str) -> str:
    return name.strip()[:_LONGEST_NAME]


_PROGRAMS = (
    (
        (
            "nvidia-smi",
            "--query-gpu=name,memory.total,memory.free,driver_version",
            "--format=csv,noheader,nounits",
        ),
        _nvidia,
    ),
    (
        (
            "rocm-smi",
            "--showproductname",
            "--showmeminfo",
            "vram",
            "--showdriverversion",
            "--json",
        ),
        _rocm,
    ),
    (("vulkaninfo",), _vulkan),
)


def _pci() -> Iterator[InstalledGPU]:
    """Yield the GPUs in Linux's list of PCI devices (Documentation/ABI/testing/sysfs-bus-pci).

    Only of makers whose every display controller can compute; others may be a server's console.
    """
    for device in sorted(_PCI_DEVICES.glob("*")):
        maker = _PCI_MAKERS.get(_sysfs(device / "vendor"))
        if maker and _sysfs(device / "class").startswith(_DISPLAY):
            name = _(
                "{maker} GPU (PCI device {sysfs})", maker=maker, sysfs=_sysfs(device / "device")
            )
            memory = _sysfs(device / "mem_info_vram_total")  # of the driver amdgpu
            driver = device / "driver"
            told = driver.resolve().name if driver.exists() else ""
            yield InstalledGPU(name, maker, int(memory) if memory.isdecimal() else None, None, told)


def _sysfs(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _apple() -> Iterator[InstalledGPU]:
    """Yield the GPU of Apple's chips, which shares all memory and comes with macOS's driver."""
    if (platform.system(), platform.machine()) == ("Darwin", "arm64"):
        told = run_program(("sysctl", "-n", "machdep.cpu.brand_string"), _PATIENCE_S)
        name = first_line(told.output, _LONGEST_NAME) if told else ""
        yield InstalledGPU(
            name or "Apple silicon",
            "Apple",
            hardware.total_memory(),
            hardware.available_memory(),
            f"macOS {platform.mac_ver()[0]}",
        )
