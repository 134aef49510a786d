"""Cores and memory, and too little of them."""

import pytest

from r1local.diagnosis.resources import judged_cores, judged_memory, resources
from r1local.machine.hardware import Cores

GIB = 2**30


@pytest.mark.parametrize(
    ("quota", "state", "words"),
    [
        (None, "ok", "no cgroup limit"),
        (2.5, "ok", "cgroup limit 2.5"),
        (0.5, "warning", "a cgroup allows 0.5 of one"),
    ],
)
def test_cores(quota: float | None, state: str, words: str) -> None:
    (found,) = judged_cores(Cores(8, 16, 4, quota, 2))
    assert found.state == state
    assert "8 physical, 16 logical, 4 allowed · r1local uses 2" in found.text
    assert found.text.endswith(words)


@pytest.mark.parametrize(
    ("available", "limit", "state", "words"),
    [
        (9 * GIB, None, "ok", "9.0 GiB free of 16.0 GiB · no cgroup limit"),
        (3 * GIB, 4 * GIB, "ok", "3.0 GiB free of 16.0 GiB · cgroup limit 4.0 GiB"),
        (GIB, None, "warning", "1.0 GiB free of 16.0 GiB · no cgroup limit"),
    ],
)
def test_memory(available: int, limit: int | None, state: str, words: str) -> None:
    (found,) = judged_memory(16 * GIB, available, limit)
    assert (found.state, found.text) == (state, words)


@pytest.mark.parametrize(
    ("limit", "hint"), [(None, "close other programs"), (GIB, "raise the container's limit")]
)
def test_too_little_memory(limit: int | None, hint: str) -> None:
    (found,) = judged_memory(16 * GIB, GIB, limit)
    assert found.hint == f"{hint}: only the built-in model fits"


def test_this_machine() -> None:
    assert [each.area for each in resources()] == ["cores", "memory"]
