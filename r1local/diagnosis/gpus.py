"""The GPUs of this machine, and whether this build of llama.cpp can use them."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from r1local.diagnosis.children import Died
from r1local.engine.build import Build, Device
from r1local.engine.installation import reinstall_command
from r1local.events.finding import Finding, broken, ok, warning
from r1local.language import N_, _
from r1local.machine.gpus import InstalledGPU, Maker, Silence
from r1local.units import memory_size

_AREA = "GPUs"


@dataclass(frozen=True, slots=True)
class _Support:
    """How llama.cpp supports a maker's GPUs.

    Args:
        backends: those that serve them, as llama.cpp calls them, the best one first.
        cmake_args: what compiles the best one in.
        needs: what that takes besides a compiler.
        variable: what hides GPUs from that backend.
    """

    backends: tuple[str, ...]
    cmake_args: str
    needs: str
    variable: str


#: From llama.cpp's docs/build.md.
_SUPPORT: Mapping[Maker, _Support] = {
    "NVIDIA": _Support(
        ("CUDA", "Vulkan"), "-DGGML_CUDA=on", N_("NVIDIA's CUDA toolkit"), "CUDA_VISIBLE_DEVICES"
    ),
    "AMD": _Support(
        ("ROCm", "HIP", "Vulkan"), "-DGGML_HIP=on", N_("AMD's ROCm"), "HIP_VISIBLE_DEVICES"
    ),
    "Apple": _Support(("MTL", "Metal"), "-DGGML_METAL=on", N_("Xcode's command line tools"), ""),
    "other": _Support(
        ("Vulkan", "SYCL"), "-DGGML_VULKAN=on", N_("the Vulkan SDK"), "GGML_VK_VISIBLE_DEVICES"
    ),
}
#: What may help where a maker's program fails.
_REMEDIES = {
    "nvidia-smi": N_("reinstall NVIDIA's driver, or restart: its module may not be loaded"),
    "rocm-smi": N_("reinstall AMD's driver, or restart: its module may not be loaded"),
    "vulkaninfo": N_("see what the Vulkan loader says: VK_LOADER_DEBUG=error vulkaninfo"),
}


def judged_gpus(
    build: Build | Died, gpus: Sequence[InstalledGPU], silent: Sequence[Silence]
) -> Iterator[Finding]:
    """Yield what is to say of each kind of GPU; of llama.cpp's own if no program knows any."""
    for each in silent:
        text, hint = f"{each.program} {each.why}", _(_REMEDIES[each.program])
        yield warning(_AREA, text, hint, facts={"program": each.program})
    if not gpus and not silent and (isinstance(build, Died) or not build.devices):
        yield ok(_AREA, _("none found: models run on the CPU"), {"count": 0})
    if isinstance(build, Died):  # whether it could use them is unknown
        for gpu, count in Counter(gpus).items():
            yield ok(_AREA, _words(gpu, count), asdict(gpu) | {"count": count})
        return
    devices = list(build.devices)
    used = [(gpu, _device_of(gpu, devices)) for gpu in gpus]
    for (gpu, device), count in Counter(used).items():
        yield _judged(gpu, device, count, build.backends)
    for left, count in Counter(devices).items():  # no program has told of them
        text = f"{_times(count)}{left.name} · {memory_size(left.total)}"
        text += _(" · used through {backend}", backend=left.backend)
        yield ok(_AREA, text, asdict(left) | {"count": count})


def _device_of(gpu: InstalledGPU, devices: list[Device]) -> Device | None:
    """Take the device that is a GPU out of llama.cpp's: of its name, or of its maker's backend."""
    backends = _SUPPORT[gpu.maker].backends
    own = [device for device in devices if _serves(device.backend, backends)]
    same = [device for device in own if device.name == gpu.name]
    found = next(iter(same or [d for d in own if d.backend != "Vulkan"] or own), None)
    if found:
        devices.remove(found)
    return found


def _serves(backend: str, backends: tuple[str, ...]) -> bool:
    return any(backend.startswith(each) for each in backends)


def _judged(
    gpu: InstalledGPU, device: Device | None, count: int, backends: tuple[str, ...]
) -> Finding:
    support = _SUPPORT[gpu.maker]
    words = _words(gpu, count)
    facts = asdict(gpu) | {"count": count, "backend": device.backend if device else None}
    if device:
        return ok(
            _AREA,
            _("{words} · used through {backend}", words=words, backend=device.backend),
            facts=facts,
        )
    if not any(_serves(backend, support.backends) for backend in backends):
        text = _("{words} · this build of llama.cpp can't use it", words=words)
        hint = _("build it with support, which needs {needs}", needs=_(support.needs))
        return warning(_AREA, text, hint, reinstall_command(support.cmake_args), facts=facts)
    if support.variable in os.environ:
        text = _("{words} · hidden by {variable}", words=words, variable=support.variable)
        hint = _("if that isn't meant so, unset the variable")
        return warning(_AREA, text, hint, f"unset {support.variable}", facts=facts)
    text = _("{words} · llama.cpp is built for it, but doesn't find it", words=words)
    command = 'r1local run -m nano --verbose "What is 1 + 1?"'
    return broken(
        _AREA, text, command, _("see what llama.cpp says; update the driver"), facts=facts
    )


def _words(gpu: InstalledGPU, count: int) -> str:
    return _(
        "{count}{name} · {gpu} · driver {driver}",
        count=_times(count),
        name=gpu.name,
        gpu=_memory(gpu),
        driver=gpu.driver or "unknown",
    )


def _times(count: int) -> str:
    return f"{count} × " if count > 1 else ""


def _memory(gpu: InstalledGPU) -> str:
    if gpu.memory is None:
        return _("memory unknown")
    free = _(" ({free} free)", free=memory_size(gpu.free)) if gpu.free is not None else ""
    return f"{memory_size(gpu.memory)}{free}"
