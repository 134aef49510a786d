"""The processor's name, and the instructions that it has."""

import re
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from r1local.machine.programs import run_program

_CPUINFO = Path("/proc/cpuinfo")
_PATIENCE_S = 5.0

#: llama.cpp's names of CPU features (`llama_print_system_info`) and the system's. On Linux these
#: are the flags in /proc/cpuinfo: arch/x86/include/asm/cpufeatures.h and
#: Documentation/arch/arm64/elf_hwcaps.rst.
_X86: Mapping[str, str] = {
    "SSE3": "pni",
    "SSSE3": "ssse3",
    "AVX": "avx",
    "AVX_VNNI": "avx_vnni",
    "AVX2": "avx2",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
}
_ARM: Mapping[str, str] = {
    "NEON": "asimd",
    "ARM_FMA": "asimd",
    "FP16_VA": "asimdhp",
    "DOTPROD": "asimddp",
    "MATMUL_INT8": "i8mm",
    "SVE": "sve",
    "SME": "sme",
}
#: On macOS they are `sysctl hw.optional` ("Determining instruction set characteristics" in
#: Apple's documentation).
_MACOS: Mapping[str, str] = {
    "AVX": "avx1_0",
    "AVX2": "avx2_0",
    "AVX512": "avx512f",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "NEON": "AdvSIMD",
    "ARM_FMA": "AdvSIMD",
    "FP16_VA": "arm.FEAT_FP16",
    "DOTPROD": "arm.FEAT_DotProd",
    "MATMUL_INT8": "arm.FEAT_I8MM",
    "SME": "arm.FEAT_SME",
}


def processor_name() -> str:
    """Return the processor's name as the system has it, or else its architecture."""
    named = re.search(r"^model name\s*: (.+)$", _cpuinfo(), re.MULTILINE)
    if named:
        return " ".join(named[1].split())
    import platform  # Linux and macOS name it themselves

    return _sysctl("machdep.cpu.brand_string").strip() or platform.processor() or platform.machine()


def processor_features() -> dict[str, bool]:
    """Return which of llama.cpp's CPU features the processor has, by llama.cpp's names.

    Those that this system tells nothing about are left out.
    """
    if listed := re.search(r"^(?:flags|Features)\s*: (.+)$", _cpuinfo(), re.MULTILINE):
        present = set(listed[1].split())
        ours = _X86 if listed[0].startswith("flags") else _ARM
        return {feature: flag in present for feature, flag in ours.items()}
    lines = [line.partition(": ") for line in _sysctl("hw.optional").splitlines()]
    values = {name.removeprefix("hw.optional."): value for name, _, value in lines}
    return {name: values[key] == "1" for name, key in _MACOS.items() if key in values}


@cache
def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(errors="replace")
    except OSError:
        return ""


def _sysctl(name: str) -> str:
    if sys.platform != "darwin":
        return ""
    arguments = ("sysctl", name) if name == "hw.optional" else ("sysctl", "-n", name)
    told = run_program(arguments, _PATIENCE_S)
    return told.output if told and told.code == 0 else ""
