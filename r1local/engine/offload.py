"""Where llama.cpp puts the parts of a model: its parameters for devices, splits and experts."""

import ctypes
import re
from dataclasses import dataclass
from typing import Any

from r1local.config.loading_options import Numa, SplitMode
from r1local.engine.devices import gpus, handle_of
from r1local.engine.library import load_ggml, load_llama, log
from r1local.errors import DeviceError
from r1local.language import _

#: `enum llama_split_mode` in llama.h.
_SPLIT_MODES: dict[SplitMode, int] = {"none": 0, "layer": 1, "row": 2, "tensor": 3}
#: `enum llama_load_mode` in llama.h, by whether the file is not mapped, and memory locked.
_LOAD_MODES = {(False, False): -1, (True, False): 0, (True, True): 2, (False, True): 3}
#: `enum ggml_numa_strategy` in ggml-cpu.h.
_NUMA_STRATEGIES: dict[Numa, int] = {"off": 0, "distribute": 1, "isolate": 2, "numactl": 3}
#: The experts' matrices (LLM_FFN_EXPS_REGEX in llama.cpp's common.h).
_EXPERTS = r"\.ffn_(up|down|gate|gate_up)_(ch|)exps"
_NOT_LOCKED = re.compile("mlock")


@dataclass(frozen=True, slots=True)
class Offload:
    """Which part of a model goes where; by default llama.cpp decides.

    Args:
        devices: names of the devices to offload to; None means all.
        shares: how much of the model each of them takes, in proportion.
        split_mode: how they divide it.
        cpu_experts: layers, from the first, whose experts stay with the CPU.
    """

    devices: tuple[str, ...] | None = None
    shares: tuple[float, ...] = ()
    split_mode: SplitMode = "layer"
    cpu_experts: int = 0


#: llama.cpp's own choice: all devices, by their free memory.
AUTOMATIC = Offload()


class _Override(ctypes.Structure):
    """`struct llama_model_tensor_buft_override` in llama.h: tensors of a name, and their buffer."""

    _fields_ = (("pattern", ctypes.c_char_p), ("buffer_type", ctypes.c_void_p))


def offload_fields(offload: Offload) -> tuple[dict[str, Any], list[Any]]:
    """Return the fields of `llama_model_params`, and what must live as long as they are used.

    Raises:
        DeviceError: there is no device with one of the names.
    """
    kept: list[Any] = []
    devices = gpus() if offload.devices is None else offload.devices
    # llama.cpp refuses to divide a model by its tensors where there is nothing to divide it among.
    split_mode = offload.split_mode if devices else "layer"
    fields: dict[str, Any] = {"split_mode": _SPLIT_MODES[split_mode]}
    if offload.devices is not None:
        handles = [_handle(name) for name in offload.devices]
        kept.append((ctypes.c_void_p * (len(handles) + 1))(*handles, None))
        fields["devices"] = ctypes.cast(kept[-1], ctypes.c_void_p)
    if offload.shares:
        # llama.cpp copies as many as it has room for devices.
        kept.append((ctypes.c_float * load_llama().llama_max_devices())(*offload.shares))
        fields["tensor_split"] = kept[-1]
    if offload.cpu_experts:
        buffer_type = load_ggml().ggml_backend_cpu_buffer_type()
        layers = "|".join(map(str, range(offload.cpu_experts)))
        pattern = rf"blk\.({layers}){_EXPERTS}".encode()
        kept.append((_Override * 2)(_Override(pattern, buffer_type)))
        fields["tensor_buft_overrides"] = ctypes.cast(kept[-1], ctypes.c_void_p)
    return fields, kept


def load_mode(*, lock: bool, mapped: bool) -> int:
    """Return how llama.cpp brings the weights into memory."""
    return _LOAD_MODES[not mapped, lock]


def lock_problem() -> str | None:
    """Return, after a model was loaded, why its memory is not locked if the system refused."""
    if not log.mentions(_NOT_LOCKED):
        return None
    return _(
        "the system doesn't let the model's memory be locked (ulimit -l): --mlock has no effect"
    )


def spread_over_nodes(numa: Numa) -> str | None:
    """Spread threads and memory over the machine's memory nodes; return why that has no effect."""
    if numa == "off":
        return None
    load_llama().llama_numa_init(_NUMA_STRATEGIES[numa])
    if _is_numa():
        return None
    return _(
        "this machine has one memory node, as far as llama.cpp sees: --numa {numa} has no effect",
        numa=numa,
    )


def _is_numa() -> bool:
    library = load_ggml()
    backend = library.ggml_backend_reg_by_name(b"CPU")
    address = library.ggml_backend_reg_get_proc_address(backend, b"ggml_backend_cpu_is_numa")
    return bool(address and ctypes.CFUNCTYPE(ctypes.c_bool)(address)())


def _handle(name: str) -> int:
    handle = handle_of(name)
    if handle is None:
        raise DeviceError(
            _("there is no device {name} any more", name=name), _("leave --device out")
        )
    return handle
