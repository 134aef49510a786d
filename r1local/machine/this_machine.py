"""Surveying this machine for the planner."""

from r1local.config.preferences import value_of
from r1local.engine.devices import gpus
from r1local.engine.rpc import add_server
from r1local.errors import DeviceError
from r1local.machine import bandwidths, hardware
from r1local.machine.memory import Device, Machine


def survey_machine(measure_bandwidth: bool = False) -> Machine:
    """Return the free memory, and the devices of this machine and of those in the preferences.

    Another machine that can't be reached is left out.

    Args:
        measure_bandwidth: measure how fast memory is, which takes 0.1 s.
    """
    missing = _add_preferred()
    found = gpus()
    known = [bandwidths.gpu_bandwidth(gpu.name) for gpu in found]
    gpu_bandwidth = min((speed for speed in known if speed), default=None) if all(known) else None
    return Machine(
        memory=hardware.available_memory(),
        gpus=tuple(gpu.free for gpu in found),
        shared=any(gpu.shared for gpu in found),
        memory_bandwidth=hardware.memory_bandwidth() if measure_bandwidth else None,
        gpu_bandwidth=gpu_bandwidth,
        cores=hardware.usable_cores() if measure_bandwidth else 0,
        devices=tuple(Device(gpu.device, gpu.name) for gpu in found),
        missing=missing,
    )


def _add_preferred() -> tuple[DeviceError, ...]:
    """Add the servers in the preferences; return why some are missing."""
    missing = []
    for address in value_of("rpc") or ():
        try:
            add_server(address)
        except DeviceError as error:
            missing.append(error)
    return tuple(missing)
