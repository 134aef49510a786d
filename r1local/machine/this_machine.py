"""This machine, as the planner wants to know it."""

from r1local.engine.library import gpus
from r1local.machine import hardware
from r1local.machine.memory import Machine


def survey_machine(measure_bandwidth: bool = False) -> Machine:
    """The memory that is free now; its bandwidth takes 0.1 s to measure, so only when asked."""
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
    )
