"""Cores and memory as cgroups, affinity and SMT leave them."""

import os
import sys
from pathlib import Path

import pytest

from r1local.machine import hardware


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.0),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
    ids=["v2", "v2_unlimited", "v1", "v1_unlimited", "no_cgroup"],
)
def test_cgroup_cpus(files: dict[str, str], cpus: float | None, tmp_path: Path) -> None:
    assert hardware._cgroup_cpus(write(tmp_path, files)) == cpus


@pytest.mark.parametrize(
    ("files", "free"),
    [
        (
            {"memory.max": "1000", "memory.current": "700", "memory.stat": "inactive_file 200\n"},
            500,
        ),
        ({"memory.max": "max", "memory.current": "700", "memory.stat": ""}, None),
        (
            {
                "memory/memory.limit_in_bytes": "1000",
                "memory/memory.usage_in_bytes": "900",
                "memory/memory.stat": "cache 5\ntotal_inactive_file 100\n",
            },
            200,
        ),
        ({}, None),
    ],
    ids=["v2", "v2_unlimited", "v1", "no_cgroup"],
)
def test_cgroup_memory(files: dict[str, str], free: int | None, tmp_path: Path) -> None:
    assert hardware._cgroup_free_memory(write(tmp_path, files)) == free


@pytest.mark.parametrize("group", ["", "user.slice/", "user.slice/shell.scope/"])
def test_quotas_of_the_own_cgroup_and_those_above_limit_the_cores(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = write(tmp_path, {"own": "0::/user.slice/shell.scope\n"}) / "own"
    monkeypatch.setattr(hardware, "_OWN_CGROUP", own)
    limits = {f"{group}cpu.max": "50000 100000", f"{group}memory.max": "1000000"}
    files = limits | {f"{group}memory.current": "0", f"{group}memory.stat": ""}
    monkeypatch.setattr(hardware, "_CGROUP", write(tmp_path / "cgroup", files))
    assert hardware.usable_cores() == 1
    assert hardware.available_memory() == 1000000


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /sys")
def test_siblings_count_as_one_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    siblings = {f"cpu{n}/topology/thread_siblings_list": f"{n % 4},{n % 4 + 4}\n" for n in range(8)}
    monkeypatch.setattr(hardware, "_CPUS", write(tmp_path, siblings))
    assert hardware._cores_of(set(range(8))) == 4
    assert hardware._cores_of({0, 4}) == 1


HYPERTHREADS = {
    f"cpu{cpu}/topology/thread_siblings_list": text
    for cpu, text in enumerate(("0-1", "0-1", "2-3", "2-3"))
}


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /sys")
@pytest.mark.parametrize(
    ("files", "fast"),
    [
        ({"cpu_core/cpus": "0-3,6\n"} | HYPERTHREADS, 3),
        ({f"cpu{n}/cpu_capacity": str(1024 if n < 2 else 430) for n in range(8)}, 2),
        ({f"cpu{n}/cpu_capacity": "1024" for n in range(8)}, 8),
        ({"cpu_core/cpus": "nonsense\n"}, 8),
        ({"cpu_core/cpus": "64-65\n"}, 8),
        ({}, 8),
    ],
    ids=["Intel", "Arm", "one kind", "unreadable", "none of them allowed", "unknown"],
)
def test_efficiency_cores_and_hyperthreads_do_not_count(
    files: dict[str, str], fast: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_CPUS", write(tmp_path, files))
    monkeypatch.setattr(hardware, "_PERFORMANCE_CPUS", tmp_path / "cpu_core/cpus")
    monkeypatch.setattr(hardware, "_allowed_cpus", lambda: set(range(8)))
    monkeypatch.setattr(hardware, "_own_cgroups", list)
    assert hardware.performance_cores() == fast


@pytest.mark.skipif(sys.platform != "darwin", reason="asks macOS")
def test_macos_tells_its_performance_cores() -> None:
    assert 0 <= hardware._fast_cores_of_macos() <= hardware.usable_cores()


@pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's here")
def test_affinity_limits_the_cores() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert hardware.usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_memory_is_available() -> None:
    assert hardware.available_memory() > 2**20


def test_memory_is_measured() -> None:
    # From a busy virtual machine to a server with many channels.
    assert 5e8 < (hardware.memory_bandwidth() or 0) < 5e12


def test_memory_is_not_measured_where_little_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "available_memory", lambda: 2**28)
    assert hardware.memory_bandwidth() is None


@pytest.mark.skipif(sys.platform != "linux", reason="limits that Linux keeps")
@pytest.mark.parametrize("limit", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_own_limits_bound_the_memory(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    bounds = {getattr(resource, limit): 2**33}
    endless = resource.RLIM_INFINITY
    monkeypatch.setattr(resource, "getrlimit", lambda name: (bounds.get(name, endless), endless))
    (free,) = hardware._own_free_memory()
    assert 0 < free < 2**33


def test_cores_and_their_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_OWN_CGROUP", tmp_path / "none")
    monkeypatch.setattr(hardware, "_CGROUP", write(tmp_path, {"cpu.max": "150000 100000\n"}))
    cores = hardware.cores()
    assert (cores.quota, cores.usable) == (1.5, 1)
    assert 1 <= cores.physical <= cores.logical
    assert 1 <= cores.allowed <= cores.logical


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory.max": "1000000"}, 1_000_000),
        ({"memory.max": "max"}, None),
        ({"memory/memory.limit_in_bytes": "2000000"}, 2_000_000),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ({}, None),
    ],
    ids=["v2", "v2_unlimited", "v1", "v1_unlimited", "no_cgroup"],
)
def test_the_limit_of_memory(
    files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_OWN_CGROUP", tmp_path / "none")
    monkeypatch.setattr(hardware, "_CGROUP", write(tmp_path, files))
    assert hardware.memory_limit() == limit
