"""Surveying this machine for the planner."""

from r1local.engine.library import gpus
from r1local.machine import hardware
from r1local.machine.memory import Machine


def survey_machine(measure_bandwidth: bool = False) -> Machine:
    """Return the free memory; its bandwidth is only measured on request, as that takes 0.1 s."""
    found = gpus()
    known = [hardware.gpu_bandwidth(gpu.name) for gpu in found]
    shared = any(gpu.shared for gpu in found)
    gpu_bandwidth = min((speed for speed in known if speed), default=None) if all(known) else None
    return Machine(
        memory=hardware.available_memory(),
        gpus=tuple(gpu.free for gpu in found),
        shared=shared,
        memory_bandwidth=hardware.memory_bandwidth() if measure_bandwidth else None,
        gpu_bandwidth=gpu_bandwidth,
        cores=hardware.usable_cores() if measure_bandwidth else 0,
    )
