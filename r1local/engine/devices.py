"""The devices that llama.cpp can offload to: GPUs, and those of other machines."""

import ctypes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from r1local.engine.library import load_ggml

#: `enum ggml_backend_dev_type` in ggml-backend.h: GPU and integrated GPU.
_GPU, _INTEGRATED_GPU = 1, 2
#: The backend of other machines' devices.
_RPC = "RPC"


@dataclass(frozen=True, slots=True)
class GPU:
    """A GPU that llama.cpp can offload to; its memory is in bytes.

    `shared` means that the CPU uses the same memory, as with integrated and Apple GPUs. For
    Metal, `total` is what macOS recommends as a process's limit (`recommendedMaxWorkingSetSize`).
    `device` is what llama.cpp calls it, such as `CUDA0`, and `backend` what serves it.
    """

    name: str
    free: int
    total: int
    shared: bool
    device: str
    backend: str


class _Properties(ctypes.Structure):
    """`struct ggml_backend_dev_props` in ggml-backend.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("capabilities", ctypes.c_bool * 5),
    )


def gpus() -> tuple[GPU, ...]:
    """Return the GPUs that this build of llama.cpp supports and finds, as it offloads to them."""
    return tuple(map(_described, _handles()))


def handle_of(name: str) -> int | None:
    """Return llama.cpp's handle of a device, or None if there is no such device."""
    library = load_ggml()
    return next((d for d in _all() if library.ggml_backend_dev_name(d).decode() == name), None)


def _described(device: int) -> GPU:
    library = load_ggml()
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    library.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
    name = library.ggml_backend_dev_description(device).decode("utf-8", "replace")
    shared = _is_integrated(device) or name.startswith("Apple")
    own_name = library.ggml_backend_dev_name(device).decode("utf-8", "replace")
    return GPU(name, free.value, total.value, shared, own_name, _backend(device))


def _handles() -> list[int]:
    """Return devices as llama.cpp chooses them (`llama_prepare_model_devices`).

    Other machines' come first, so that little has to be sent back and forth. A GPU that two
    backends see counts once, and an integrated one only if there is no other.
    """
    library = load_ggml()
    found = [d for d in _all() if library.ggml_backend_dev_type(d) in (_GPU, _INTEGRATED_GPU)]
    remote = [device for device in found if _backend(device) == _RPC]
    own = [device for device in found if _backend(device) != _RPC]
    discrete = list(_once(device for device in own if not _is_integrated(device)))
    integrated = [device for device in own if _is_integrated(device)]
    same = [device for device in integrated if _backend(device) == _backend(integrated[0])]
    return remote + (discrete or same)


def _all() -> list[int]:
    library = load_ggml()
    return [library.ggml_backend_dev_get(n) for n in range(library.ggml_backend_dev_count())]


def _once(devices: Iterable[int]) -> Iterator[int]:
    """Yield the devices whose place in the machine no earlier one has."""
    seen: set[bytes] = set()
    for device in devices:
        properties = _Properties()
        load_ggml().ggml_backend_dev_get_props(device, ctypes.byref(properties))
        if properties.device_id not in seen:
            yield device
        if properties.device_id:
            seen.add(properties.device_id)


def _is_integrated(device: int) -> bool:
    kind: int = load_ggml().ggml_backend_dev_type(device)
    return kind == _INTEGRATED_GPU


def _backend(device: int) -> str:
    library = load_ggml()
    name: bytes = library.ggml_backend_reg_name(library.ggml_backend_dev_backend_reg(device))
    return name.decode()
