"""llama.cpp's code for Intel's AMX instructions, which is disabled where a compiler broke it.

When it is built where the processor has AMX (Xeons since 2023), llama.cpp keeps weights in a
special layout for it. GCC before 13.3 believes that `_tile_loadconfig` reads only 8 of its 64
bytes of input, and optimises away the writing of the rest, so the first multiplication crashes
(https://gcc.gnu.org/bugzilla/show_bug.cgi?id=114098; llama.cpp's issue 20824).
"""

import ctypes
import re
from functools import cache
from itertools import count, takewhile
from pathlib import Path

from r1local.engine.library import load_ggml, load_llama

_FIXED_IN = (13, 3)
_GCC = re.compile(rb"GCC: \([^)\0]*\) (\d+)\.(\d+)")
_EXTRA_BUFFER_TYPES = ctypes.CFUNCTYPE(ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p)
_CPU = 0  # `enum ggml_backend_dev_type` in ggml-backend.h


@cache
def leave_out_broken_amx() -> bool:
    """Keep models that are loaded from here on from using AMX code that crashes.

    Other layouts that speed up the CPU remain in use.

    Returns:
        Whether there was such code.
    """
    llama = load_llama()
    library = Path(llama._base_path, "libggml-cpu.so")
    has_amx = b"AMX_INT8 = 1" in llama.llama_print_system_info()
    if not (has_amx and library.exists() and compiled_wrongly(library)):
        return False
    ggml = load_ggml()
    cpu = ggml.ggml_backend_dev_by_type(_CPU)
    # The null-terminated array that llama.cpp also gets for each model.
    address = ggml.ggml_backend_reg_get_proc_address(
        ggml.ggml_backend_dev_backend_reg(cpu), b"ggml_backend_dev_get_extra_bufts"
    )
    types = _EXTRA_BUFFER_TYPES(address)(cpu)
    found = list(takewhile(bool, (types[n] for n in count())))
    kept = [each for each in found if ggml.ggml_backend_buft_name(each) != b"AMX"]
    for n, each in enumerate([*kept, *[None] * (len(found) - len(kept))]):
        types[n] = each
    return True


def compiled_wrongly(library: Path) -> bool:
    """Return whether a shared library says that it was compiled by such a GCC.

    Args:
        library: a file in whose section `.comment` the compiler has left its version.
    """
    versions = [(int(major), int(minor)) for major, minor in _GCC.findall(library.read_bytes())]
    return bool(versions) and min(versions) < _FIXED_IN
