"""Answers that come byte by byte, which no socket's time-out ends."""

import time
from collections.abc import Iterator
from threading import Event

import pytest

from r1local.errors import HubUnreachable
from r1local.hub import client as adapter
from r1local.hub import limits
from r1local.hub.client import Interrupted
from testing.loopback_hub import Hub
from testing.one_file_hub import DATA, located
from testing.waiting import PATIENCE_S, eventually


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(adapter, "ANSWER_S", 0.5)
    monkeypatch.setattr(adapter, "HEADERS_S", 0.5)
    monkeypatch.setattr(limits, "PACE_S", 0.5)
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 29, "by these limits and not by those of users"


def test_a_description(hub: Hub) -> None:
    hub.faults.slow_api = True
    with pytest.raises(HubUnreachable, match=f"{hub.url} takes too long"):
        adapter.repository("org/repo")


@pytest.mark.parametrize("kind", ["api", "metadata"])
def test_headers(hub: Hub, kind: str) -> None:
    hub.faults.slow_heads = {kind}
    with pytest.raises(HubUnreachable, match=f"{hub.url} takes too long"):
        adapter.repository("org/repo")
        located()


def test_headers_before_bytes(hub: Hub) -> None:
    remote = located()
    hub.faults.slow_heads = {"bytes"}
    with pytest.raises(Interrupted, match="too long"), adapter.open_range(remote, 0, 100):
        pass


def test_bytes(hub: Hub) -> None:
    remote = located()
    hub.faults.slow_bodies = 1
    with (
        pytest.raises(Interrupted, match="less than 1 kB"),
        adapter.open_range(remote, 0, 1000) as piece,
    ):
        list(piece.chunks)


@pytest.mark.slow
def test_a_file_read_by_ranges(hub: Hub) -> None:
    stream = adapter.RemoteStream(located())
    assert stream.read(10) == DATA[:10]
    hub.faults.slow_bodies = 1
    assert stream.read(1000) == DATA[10:1010]
    hub.faults.slow_bodies = 9
    with pytest.raises(HubUnreachable, match="less than 1 kB"):
        stream.read(1000)


def test_ranges_of_two_bytes(hub: Hub) -> None:
    hub.faults.short_answers = 2
    with pytest.raises(HubUnreachable, match="closed early"):
        adapter.RemoteStream(located()).read(1000)


def test_a_late_answer_is_closed() -> None:
    closed: list[str] = []
    going = Event()

    def work() -> str:
        going.wait(PATIENCE_S)
        return "late"

    with pytest.raises(limits.TimeLimitExceeded):
        limits.call_within(work, 0.05, late=closed.append)
    going.set()
    eventually(lambda: bool(closed))
    assert closed == ["late"]
