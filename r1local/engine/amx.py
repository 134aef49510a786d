"""Whether this llama.cpp can keep weights in the layout of Intel's AMX instructions.

Built where the processor has AMX (Xeons since 2023), llama.cpp uses it. GCC before 13.3 takes
only 8 of the 64 bytes that `_tile_loadconfig` reads for its input and leaves the writing of the
rest out, so that the first multiplication ends the program
(https://gcc.gnu.org/bugzilla/show_bug.cgi?id=114098; llama.cpp's issue 20824).
"""

import re
from functools import cache
from pathlib import Path

from r1local.engine.library import load_llama

_FIXED_IN = (13, 3)
_GCC = re.compile(rb"GCC: \([^)\0]*\) (\d+)\.(\d+)")


@cache
def amx_crashes() -> bool:
    """Whether the llama.cpp that is loaded has AMX code that its compiler broke."""
    llama = load_llama()
    library = Path(llama._base_path, "libggml-cpu.so")
    has_amx = b"AMX_INT8 = 1" in llama.llama_print_system_info()
    return has_amx and library.exists() and compiled_wrongly(library)


def compiled_wrongly(library: Path) -> bool:
    """Whether a shared library says it was compiled by such a GCC.

    Args:
        library: a file in whose section `.comment` the compiler has left its version.
    """
    versions = [(int(major), int(minor)) for major, minor in _GCC.findall(library.read_bytes())]
    return bool(versions) and min(versions) < _FIXED_IN
