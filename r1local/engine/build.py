"""How llama.cpp was built, and the devices it finds: printed as JSON by a process of its own.

Loading llama.cpp starts the drivers of GPUs, which may crash; whoever only wants to know how
things are runs `python -m r1local.engine.build`.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from r1local.engine.amx import leave_out_broken_amx
from r1local.engine.devices import gpus
from r1local.engine.library import load_llama, versions
from r1local.errors import R1LocalError

#: The CPU's part of llama.cpp, under the names that the systems give it.
_LIBRARIES = ("libggml-cpu.so", "libggml-cpu.dylib", "ggml-cpu.dll")
#: What compilers leave in a shared library's section `.comment`.
_COMPILERS = re.compile(rb"(GCC): \([^)\0]*\) ([\d.]+)|(clang) version ([\d.]+)")
_FEATURE = re.compile(r"\b([A-Z]\w+) = 1\b")
#: Entries of llama.cpp's system information that are no instructions of the processor.
_NO_FEATURES = {"LLAMAFILE", "OPENMP", "REPACK", "ACCELERATE", "KLEIDIAI"}


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU that llama.cpp can use, by the backend that serves it; memory is in bytes."""

    name: str
    backend: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Build:
    """How llama.cpp was built.

    Args:
        package: the version of llama-cpp-python.
        version: llama.cpp's own version.
        backends: what it can compute with, such as CPU and CUDA.
        features: the CPU's instructions that were compiled in, by llama.cpp's names.
        options: other things that were compiled in, such as OPENMP.
        compilers: what compiled the CPU's part, if that is known.
        amx_left_out: whether it contains AMX code that the compiler broke, which isn't used.
        devices: the GPUs that it can use.
    """

    package: str
    version: str
    backends: tuple[str, ...]
    features: tuple[str, ...]
    options: tuple[str, ...]
    compilers: tuple[str, ...]
    amx_left_out: bool
    devices: tuple[Device, ...]


def build() -> Build:
    """Return how the installed llama.cpp was built.

    Raises:
        ModelLoadError: it can't be loaded.
    """
    llama = load_llama()
    known = versions()
    compiled = _FEATURE.findall(llama.llama_print_system_info().decode("utf-8", "replace"))
    return Build(
        package=known["llama-cpp-python"],
        version=known["llama.cpp"],
        backends=tuple(known["backends"].split(", ")),
        features=tuple(name for name in compiled if name not in _NO_FEATURES),
        options=tuple(name for name in compiled if name in _NO_FEATURES),
        compilers=compilers(Path(llama._base_path)),
        amx_left_out=leave_out_broken_amx(),
        devices=tuple(Device(gpu.name, gpu.backend, gpu.free, gpu.total) for gpu in gpus()),
    )


def compilers(folder: Path) -> tuple[str, ...]:
    """Return the compilers named in the library of llama.cpp's CPU code: `GCC 12.2.0`."""
    library = next((each for name in _LIBRARIES if (each := folder / name).exists()), None)
    named = _COMPILERS.findall(library.read_bytes()) if library else []
    texts = (" ".join(part.decode() for part in match if part) for match in named)
    return tuple(sorted(set(texts)))


def build_of(described: dict[str, object]) -> Build:
    """Return the build that a process has described in JSON."""
    lists = ("backends", "features", "options", "compilers")
    values = {key: tuple(v) if key in lists else v for key, v in described.items()}  # type: ignore[arg-type]
    devices = tuple(Device(**each) for each in described["devices"])  # type: ignore[attr-defined]
    return Build(**{**values, "devices": devices})  # type: ignore[arg-type]


def _printed() -> dict[str, object]:
    try:
        return asdict(build())
    except R1LocalError as error:
        return {"error": error.message, "hint": error.hint}


if __name__ == "__main__":
    print(json.dumps(_printed()))
