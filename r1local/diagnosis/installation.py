"""Which versions there are, and whether llama.cpp was built well for this processor."""

import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version

from r1local import __version__
from r1local.diagnosis.children import Died, result_of
from r1local.engine import build as build_module
from r1local.engine.build import Build, build_of
from r1local.engine.installation import reinstall_command
from r1local.events.finding import Finding, broken, ok, warning
from r1local.language import _
from r1local.machine.processor import processor_features

_AREA = "llama.cpp"
#: Seconds to load llama.cpp, which starts the drivers of all GPUs.
_LOAD_S = 60.0
_AMX_COMPILERS = "CC=gcc-14 CXX=g++-14"


def described_build() -> Build | Died:
    """Return how llama.cpp was built, as a process of its own says."""
    told = result_of(build_module.__name__, seconds=_LOAD_S)
    if isinstance(told, Died):
        return Died(f"it {told.why}")
    if "error" in told:
        return Died(told["hint"].partition("; look for")[0])
    return build_of(told)


def versions_found() -> Iterator[Finding]:
    """Yield the versions of what an error may be due to."""
    versions = {
        "r1local": __version__,
        "Python": platform.python_version(),
        "huggingface_hub": version("huggingface-hub"),
    }
    system = platform.platform()
    words = " · ".join(f"{name} {number}" for name, number in versions.items())
    facts = versions | {"system": system, "executable": sys.executable}
    yield ok("versions", f"{words} · {system}", facts=facts)


def judged_build(
    build: Build | Died, processor: Mapping[str, bool] | None = None
) -> Iterator[Finding]:
    """Yield how llama.cpp was built, and a line for each thing that could be better.

    Args:
        processor: which CPU features the processor has; by default those of this machine's.
    """
    if isinstance(build, Died):
        text = _("llama.cpp can't be loaded: {why}", why=build.why)
        yield broken(_AREA, text, reinstall_command(), _("build it again on this machine"))
        return
    has = processor_features() if processor is None else processor
    features = ", ".join(build.features) or _("no CPU features")
    complete = has and all(has[each] == (each in build.features) for each in has)
    parts = [
        _("{version} (llama-cpp-python {package})", version=build.version, package=build.package),
        _("for {backends}", backends=", ".join(build.backends)),
        ", ".join(build.compilers) or _("compiler unknown"),
        _("all that this processor has: {features}", features=features) if complete else features,
    ]
    yield ok(_AREA, " · ".join(parts), asdict(build) | {"processor_features": dict(has)})
    yield from _compared(build, has)
    if build.amx_left_out:
        text = _("AMX is left out: the compiler, GCC before 13.3, breaks llama.cpp's code for it")
        command = reinstall_command(compilers=_AMX_COMPILERS)
        yield warning(_AREA, text, _("build it with GCC 13.3 or later, or clang"), command)


def _compared(build: Build, has: Mapping[str, bool]) -> Iterator[Finding]:
    """Compare the CPU features that were compiled in with those that the processor has."""
    excess = sorted(each for each in build.features if has.get(each) is False)
    missing = sorted(each for each in has if has[each] and each not in build.features)
    command = reinstall_command("-DGGML_NATIVE=on")
    if excess:
        text = _("built for {excess}, which this processor lacks", excess=", ".join(excess))
        yield broken(_AREA, text, command, _("build it on this machine"), {"excess": excess})
    if missing:
        text = _("built without {missing}, which this processor has", missing=", ".join(missing))
        hint = _("built on this machine with a current compiler, it is faster")
        yield warning(_AREA, text, hint, command, {"missing": missing})
