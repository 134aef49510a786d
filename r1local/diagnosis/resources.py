"""Cores and memory, and what limits them."""

from collections.abc import Iterator
from dataclasses import asdict

from r1local.events.finding import Finding, ok, warning
from r1local.machine import hardware
from r1local.machine.hardware import Cores
from r1local.machine.processor import processor_name
from r1local.units import memory_size

#: Free bytes below which no distilled model runs: the smallest takes 1.1 GB and a context.
_LITTLE_MEMORY = 1.5 * 2**30


def judged_cores(cores: Cores) -> Iterator[Finding]:
    """Yield what is to say of the cores."""
    text = f"{processor_name()} · {cores.physical} physical, {cores.logical} logical"
    text += f", {cores.allowed} allowed · r1local uses {cores.usable}"
    facts = asdict(cores) | {"name": processor_name()}
    if cores.quota is None:
        yield ok("cores", f"{text} · no cgroup limit", facts=facts)
    elif cores.quota >= 1:
        yield ok("cores", f"{text} · cgroup limit {cores.quota:g}", facts=facts)
    else:
        text += f" · a cgroup allows {cores.quota:g} of one"
        hint = "give the container more time, as with docker run --cpus 4"
        yield warning("cores", text, hint, facts=facts)


def judged_memory(total: int, available: int, limit: int | None) -> Iterator[Finding]:
    """Yield what is to say of memory, in bytes."""
    bound = f"cgroup limit {memory_size(limit)}" if limit is not None else "no cgroup limit"
    text = f"{memory_size(available)} free of {memory_size(total)} · {bound}"
    facts = {"total": total, "available": available, "cgroup_limit": limit}
    if available >= _LITTLE_MEMORY:
        yield ok("memory", text, facts=facts)
    else:
        hint = "close other programs" if limit is None else "raise the container's limit"
        yield warning("memory", text, f"{hint}: only the built-in model fits", facts=facts)


def resources() -> Iterator[Finding]:
    """Yield what is to say of this machine's cores and memory."""
    yield from judged_cores(hardware.cores())
    memory = hardware.available_memory()
    yield from judged_memory(hardware.total_memory(), memory, hardware.memory_limit())
