"""Cores and memory, and what limits them."""

from collections.abc import Iterator
from dataclasses import asdict

from r1local.events.finding import Finding, ok, warning
from r1local.language import _
from r1local.machine import hardware
from r1local.machine.hardware import Cores
from r1local.machine.processor import processor_name
from r1local.units import memory_size

#: Free bytes below which no distilled model runs: the smallest takes 1.1 GB and a context.
_LITTLE_MEMORY = 1.5 * 2**30


def judged_cores(cores: Cores) -> Iterator[Finding]:
    """Yield what is to say of the cores."""
    text = _(
        "{processor_name} · {physical} physical, {logical} logical",
        processor_name=processor_name(),
        physical=cores.physical,
        logical=cores.logical,
    )
    text += _(
        ", {allowed} allowed · r1local uses {usable}", allowed=cores.allowed, usable=cores.usable
    )
    facts = asdict(cores) | {"name": processor_name()}
    if cores.quota is None:
        yield ok("cores", _("{text} · no cgroup limit", text=text), facts=facts)
    elif cores.quota >= 1:
        yield ok(
            "cores", _("{text} · cgroup limit {quota:g}", text=text, quota=cores.quota), facts=facts
        )
    else:
        text += _(" · a cgroup allows {quota:g} of one", quota=cores.quota)
        hint = _("give the container more time, as with docker run --cpus 4")
        yield warning("cores", text, hint, facts=facts)


def judged_memory(total: int, available: int, limit: int | None) -> Iterator[Finding]:
    """Yield what is to say of memory, in bytes."""
    bound = (
        _("cgroup limit {limit}", limit=memory_size(limit))
        if limit is not None
        else _("no cgroup limit")
    )
    text = _(
        "{available} free of {total} · {bound}",
        available=memory_size(available),
        total=memory_size(total),
        bound=bound,
    )
    facts = {"total": total, "available": available, "cgroup_limit": limit}
    if available >= _LITTLE_MEMORY:
        yield ok("memory", text, facts=facts)
    else:
        hint = _("close other programs") if limit is None else _("raise the container's limit")
        yield warning(
            "memory", text, _("{hint}: only the built-in model fits", hint=hint), facts=facts
        )


def resources() -> Iterator[Finding]:
    """Yield what is to say of this machine's cores and memory."""
    yield from judged_cores(hardware.cores())
    memory = hardware.available_memory()
    yield from judged_memory(hardware.total_memory(), memory, hardware.memory_limit())
