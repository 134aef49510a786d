"""The resources of this machine that this process may use."""

import ctypes
import os
import re
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from r1local.engine.limits import GRAPH_BYTES

_CGROUP = Path("/sys/fs/cgroup")
_OWN_CGROUP = Path("/proc/self/cgroup")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CPUS = Path("/sys/devices/system/cpu")
_CLEAR_REFS, _OWN_STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
#: The logical CPUs that are performance cores, on Intel's hybrid processors.
_PERFORMANCE_CPUS = Path("/sys/devices/cpu_core/cpus")
#: The share of the fastest core's capacity that a core of Arm's hybrid processors has at least,
#: to count as a performance core: efficiency cores have a quarter to two fifths.
_PERFORMANCE_SHARE = 0.5
#: Bytes of a thread's stack if its size is not limited (glibc's ARCH_STACK_DEFAULT_SIZE).
_STACK = 8 * 2**20


def usable_cores() -> int:
    """Return the number of physical cores that this process may use, at least 1.

    Generation is bound by memory, and a second thread on a core (SMT) only
    competes for it. Affinity (taskset, SLURM) and cgroup quotas (containers)
    are respected where the system has them.
    """
    return _within_quotas(_cores_of(_allowed_cpus()))


def performance_cores() -> int:
    """Return how many of the usable cores are fast, on a processor with two kinds, at least 1.

    llama.cpp's threads wait for the slowest at every operation, so an efficiency core holds the
    others up. All usable cores where the system doesn't tell.
    """
    if sys.platform == "darwin":
        return min(usable_cores(), _fast_cores_of_macos() or usable_cores())
    allowed = _allowed_cpus()
    fast = allowed & (_fast_cpus_of_intel() or _fast_cpus_of_arm(allowed))
    return _within_quotas(_cores_of(fast or allowed))


def _within_quotas(cores: int) -> int:
    quotas = (_cgroup_cpus(group) for group in _own_cgroups())
    return max(1, min([cores, *(int(quota) for quota in quotas if quota is not None)]))


def _fast_cpus_of_intel() -> set[int]:
    """Return the performance cores' logical CPUs, given as "0-11,16"; empty if it isn't known."""
    cpus: set[int] = set()
    with suppress(OSError, ValueError):
        for part in _PERFORMANCE_CPUS.read_text().strip().split(","):
            first, _, last = part.partition("-")
            cpus |= set(range(int(first), int(last or first) + 1))
    return cpus


def _fast_cpus_of_arm(allowed: set[int]) -> set[int]:
    """Return the CPUs with most capacity (Linux: Documentation/scheduler/sched-capacity.rst)."""
    capacities: dict[int, int] = {}
    with suppress(OSError, ValueError):
        for cpu in allowed:
            capacities[cpu] = int((_CPUS / f"cpu{cpu}/cpu_capacity").read_text())
    least = _PERFORMANCE_SHARE * max(capacities.values(), default=0)
    return {cpu for cpu in allowed if capacities.get(cpu, 0) >= least}


def _fast_cores_of_macos() -> int:
    """Return the number of performance cores (`man 3 sysctlbyname`), 0 if it isn't known."""
    count, size = ctypes.c_int32(), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int32))
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        arguments = (ctypes.byref(count), ctypes.byref(size), None, ctypes.c_size_t(0))
        library.sysctlbyname(b"hw.perflevel0.physicalcpu", *arguments)
    return max(0, count.value)


def available_memory() -> int:
    """Return the bytes this process can use without swapping, within its and cgroups' limits."""
    available: int = psutil.virtual_memory().available
    limits = [*map(_cgroup_free_memory, _own_cgroups()), *_own_free_memory()]
    return min([available, *(limit for limit in limits if limit is not None)])


def resident_memory() -> int:
    """Return the bytes of memory that this process has, a mapped file's included."""
    resident: int = psutil.Process().memory_info().rss
    return resident


def total_memory() -> int:
    """Return the bytes of memory that this machine has."""
    total: int = psutil.virtual_memory().total
    return total


@dataclass(frozen=True, slots=True)
class Cores:
    """Physical cores and logical CPUs of this machine, and what this process may use of them.

    `allowed` are logical CPUs by affinity, `quota` is how many CPUs' time cgroups grant; None
    means that they don't limit it. `usable` is the number of cores that threads are made for.
    """

    physical: int
    logical: int
    allowed: int
    quota: float | None
    usable: int


def cores() -> Cores:
    """Return the cores of this machine and the limits on them."""
    logical = os.cpu_count() or 1
    quotas = [quota for group in _own_cgroups() if (quota := _cgroup_cpus(group)) is not None]
    return Cores(
        physical=psutil.cpu_count(logical=False) or logical,
        logical=logical,
        allowed=len(_allowed_cpus()),
        quota=min(quotas, default=None),
        usable=usable_cores(),
    )


def memory_limit() -> int | None:
    """Return the bytes of memory that cgroups allow this process, or None without a limit."""
    limits = [_cgroup_memory_limit(group) for group in _own_cgroups()]
    return min((limit for limit in limits if limit is not None), default=None)


def boot_id() -> str:
    """Return what identifies this boot of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def forget_peak_memory() -> bool:
    """Start counting this process's peak memory anew; return whether the system can (Linux)."""
    try:
        _CLEAR_REFS.write_text("5")  # resets the peak (Linux: Documentation/filesystems/proc.rst)
    except OSError:
        return False
    return True


def peak_memory() -> int:
    """Return the most bytes of memory that this process had, mapped files included."""
    with suppress(OSError):
        match = re.search(r"VmHWM:\s*(\d+) kB", _OWN_STATUS.read_text())
        if match:
            return int(match[1]) * 1024
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


#: Bytes copied to measure memory, many times more than caches hold; and how many times.
_COPIED, _COPIES = 64 * 2**20, 3
#: How many times the memory used for measuring has to be free.
_MEASURED_SHARE = 4


def memory_bandwidth() -> float | None:
    """Return the bytes per second that the usable cores read and write together, as measured.

    Measuring copies `_COPIED` bytes twice, shared by at most eight cores, which are enough to
    reach the memory's limit, and takes about 0.1 s. None if that much memory can't be spared.
    """
    if available_memory() < _MEASURED_SHARE * 2 * _COPIED:
        return None
    try:
        return _measured_bandwidth()
    except (MemoryError, RuntimeError):  # RuntimeError: no room for a thread's stack
        return None


def _measured_bandwidth() -> float:
    from concurrent.futures import ThreadPoolExecutor  # costs 5 ms, which a reply can do without

    cores = min(8, usable_cores())
    size = _COPIED // cores
    areas = [
        (ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)) for _ in range(cores)
    ]

    def copy(area: tuple[Any, Any]) -> None:
        ctypes.memmove(*area, size)  # releases the interpreter lock

    best = 0.0
    with ThreadPoolExecutor(cores) as pool:
        for _ in range(_COPIES):
            started = time.perf_counter()
            list(pool.map(copy, areas))
            best = max(best, 2 * size * cores / (time.perf_counter() - started))
    return best


def _allowed_cpus() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    if sys.platform == "win32":
        return set(psutil.Process().cpu_affinity())
    return set(range(os.cpu_count() or 1))


def _cores_of(cpus: set[int]) -> int:
    """Return how many physical cores some logical CPUs belong to."""
    if sys.platform == "linux":
        siblings = {_siblings(cpu) for cpu in cpus}
        return len(siblings)
    physical = psutil.cpu_count(logical=False) or len(cpus)
    return min(physical, len(cpus))


def _siblings(cpu: int) -> str:
    """Return the logical CPUs that share a core with `cpu`, in the kernel's notation."""
    try:
        return (_CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _own_free_memory() -> list[int]:
    """Return the bytes left below this process's limits (`ulimit`) beside stacks and graphs.

    llama.cpp and OpenMP end the process if no memory is left for a thread or a graph. The limit of
    data doesn't count mapped files, but is compared with all that a plan needs, which is safe.
    """
    if sys.platform != "linux":  # elsewhere they are not enforced, or don't exist
        return []
    import resource

    used = psutil.Process().memory_info()
    limits = ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, used.data))
    bounds = [(resource.getrlimit(limit)[0], taken) for limit, taken in limits]
    stack = resource.getrlimit(resource.RLIMIT_STACK)[0]
    stacks = usable_cores() * (_STACK if stack == resource.RLIM_INFINITY else stack)
    kept = stacks + GRAPH_BYTES
    return [max(0, b - taken - kept) for b, taken in bounds if b != resource.RLIM_INFINITY]


def _own_cgroups() -> list[Path]:
    """Return this process's cgroup and its ancestors, or only the root if no more is visible."""
    try:
        lines = _OWN_CGROUP.read_text().splitlines()
    except OSError:
        return [_CGROUP]
    # Version 2 has one line, "0::/path"; version 1 is read at its root, the container's own.
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    own = _CGROUP / path
    return [own, *(group for group in own.parents if group.is_relative_to(_CGROUP))]


def _cgroup_cpus(root: Path) -> float | None:
    """Return how many CPUs the cgroup's quota amounts to, or None without a quota.

    Version 2 has it as "quota period" in cpu.max, version 1 in two files
    (Linux: Documentation/admin-guide/cgroup-v2.rst, scheduler/sched-bwc.rst).
    """
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (root / "cpu/cpu.cfs_quota_us").read_text()
            period = (root / "cpu/cpu.cfs_period_us").read_text()
        except OSError:
            return None
    try:
        cpus = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return cpus if cpus > 0 else None


def _cgroup_free_memory(root: Path) -> int | None:
    """Return the bytes left below the cgroup's memory limit, or None without a limit.

    The limit counts page cache as used although it can be reclaimed, and a mapped model
    file is page cache; so inactive file pages don't count, as in `kubelet`.
    """
    version_2 = ("memory.max", "memory.current", "memory.stat", "inactive_file")
    version_1 = (
        "memory/memory.limit_in_bytes",
        "memory/memory.usage_in_bytes",
        "memory/memory.stat",
        "total_inactive_file",
    )
    for limit_file, used_file, stat_file, reclaimable_key in (version_2, version_1):
        try:
            limit = int((root / limit_file).read_text())
            used = int((root / used_file).read_text())
            stat = dict(line.split() for line in (root / stat_file).read_text().splitlines())
        except (OSError, ValueError):  # no such file, or the limit is "max"
            continue
        return max(0, limit - used + int(stat.get(reclaimable_key, 0)))
    return None


def _cgroup_memory_limit(root: Path) -> int | None:
    """Return the cgroup's memory limit in bytes, or None without one.

    Version 1 writes a number close to 2**63 where there is none.
    """
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            limit = int((root / name).read_text())
        except (OSError, ValueError):  # no such file, or the limit is "max"
            continue
        return limit if limit < total_memory() else None
    return None
