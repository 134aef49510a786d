"""The transfer: whole, cut, resumed, damaged, and what the journal remembers of it."""

import os
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import constants

from r1local.errors import ChecksumMismatch, DownloadError, HubUnreachable
from r1local.events.download import DownloadNotice, Progress
from r1local.hub import client as adapter
from r1local.hub import limits, transfer
from r1local.hub.client import RemoteFile
from r1local.hub.journal import BLOCK, JOURNAL, PART, Identity, Journal, partials
from r1local.hub.layout import locked
from r1local.hub.transfer import Cancelled, fetch
from testing.loopback_hub import COMMIT, Hub, loopback_hub
from testing.waiting import PATIENCE_S

MIB = 2**20
DATA = random.Random(7).randbytes(40 * MIB + 12_345)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setattr(transfer, "_FIRST_PAUSE_S", 0.01)
    with loopback_hub() as served:
        yield served


def published(hub: Hub, data: bytes = DATA) -> RemoteFile:
    digest = hub.add("org/repo", "model.bin", data)
    url = f"{hub.bytes_url}/bytes/org/repo/model.bin"
    return RemoteFile("org/repo", "model.bin", COMMIT, digest, len(data), url)


class Download:
    """One call of `fetch` into a folder, its notices, and how far it came."""

    def __init__(self, folder: Path, stop_at: int | None = None) -> None:
        self.folder = folder
        self.notices: list[str] = []
        self.progress: list[Progress] = []
        self._stop_at = stop_at

    def __call__(self, remote: RemoteFile, connections: int = 4) -> bytes:
        target = self.folder / remote.etag
        fetch(remote, target, connections, self._report, self._cancelled)
        return target.read_bytes()

    def _report(self, event: Progress | DownloadNotice) -> None:
        if isinstance(event, DownloadNotice):
            self.notices.append(event.message)
        else:
            self.progress.append(event)

    def _cancelled(self) -> bool:
        done = self.progress[-1].done if self.progress else 0
        return self._stop_at is not None and done >= self._stop_at


def cut_off(hub: Hub, remote: RemoteFile, folder: Path, at: int = 16 * MIB) -> int:
    """Leave a partial file; returns the bytes its journal has."""
    hub.faults.bytes_per_s = 20e6
    with pytest.raises(Cancelled):
        Download(folder, stop_at=at)(remote)
    hub.faults.bytes_per_s = None
    [partial] = partials(folder)
    return partial.done


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 9 * BLOCK + 7])
def test_a_file_arrives_whole(hub: Hub, tmp_path: Path, size: int) -> None:
    download = Download(tmp_path)
    assert download(published(hub, DATA[:size])) == DATA[:size]
    assert [path.name for path in tmp_path.iterdir()] == [published(hub, DATA[:size]).etag]
    assert download.progress[-1] == Progress(size, size)
    assert download.notices == []


def test_no_byte_is_fetched_twice(hub: Hub, tmp_path: Path) -> None:
    Download(tmp_path)(published(hub))
    assert hub.bytes_sent == len(DATA)
    assert len(hub.byte_requests()) > 1


def test_progress_never_goes_back(hub: Hub, tmp_path: Path) -> None:
    download = Download(tmp_path)
    hub.faults.drop_after, hub.faults.drops = 3 * MIB, 5
    download(published(hub))
    done = [event.done for event in download.progress]
    assert done == sorted(done)
    assert max(done) == len(DATA)


def test_dropped_connections_go_on_from_the_byte_reached(hub: Hub, tmp_path: Path) -> None:
    hub.faults.drop_after, hub.faults.drops = MIB, 12
    assert Download(tmp_path)(published(hub)) == DATA
    assert hub.bytes_sent == len(DATA)


def test_drops_with_progress_between_them_are_never_too_many(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ATTEMPTS", 3)
    hub.faults.drop_after = MIB
    assert Download(tmp_path)(published(hub)) == DATA


@pytest.mark.slow
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_servers_in_trouble_are_asked_again(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.faults.statuses = [status] * 5
    assert Download(tmp_path)(published(hub)) == DATA


@pytest.mark.slow
def test_retry_after_is_honoured(hub: Hub, tmp_path: Path) -> None:
    hub.faults.statuses, hub.faults.retry_after = [429], "1"
    begun = time.monotonic()
    assert Download(tmp_path)(published(hub), connections=1) == DATA
    assert time.monotonic() - begun >= 1


def test_failures_without_progress_end_it_and_keep_what_came(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_ATTEMPTS", 3)
    remote = published(hub)
    there = cut_off(hub, remote, tmp_path)
    hub.faults.statuses = [500] * 100
    with pytest.raises(DownloadError, match="the server answered 500"):
        Download(tmp_path)(remote)
    assert [partial.done for partial in partials(tmp_path)] == [there]


def test_bodies_shorter_than_announced(hub: Hub, tmp_path: Path) -> None:
    hub.faults.content_length_off = 5
    assert Download(tmp_path)(published(hub)) == DATA


class TestDrips:
    """Connections that hang by a thread: each is given up for another one."""

    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "PACE_S", 0.3)
        monkeypatch.setattr(adapter, "HEADERS_S", 0.3)
        monkeypatch.setattr(transfer, "_ATTEMPTS", 3)

    def test_others_take_over(self, hub: Hub, tmp_path: Path) -> None:
        hub.faults.slow_bodies, hub.faults.slow_after = 4, MIB
        assert Download(tmp_path)(published(hub)) == DATA

    @pytest.mark.slow
    @pytest.mark.parametrize("fault", [{"slow_bodies": 10**6}, {"slow_heads": {"bytes"}}], ids=str)
    def test_where_there_is_no_other_it_ends_and_keeps_what_came(
        self, hub: Hub, tmp_path: Path, fault: dict[str, object]
    ) -> None:
        remote = published(hub)
        there = cut_off(hub, remote, tmp_path)
        for name, value in fault.items():
            setattr(hub.faults, name, value)
        with pytest.raises(DownloadError, match=r"less than 1 kB|too long"):
            Download(tmp_path)(remote)
        assert [partial.done for partial in partials(tmp_path)] == [there]

    def test_a_byte_for_each_connection_is_no_progress(self, hub: Hub, tmp_path: Path) -> None:
        hub.faults.short_answers = 1
        with pytest.raises(DownloadError, match="closed early"):
            Download(tmp_path)(published(hub))
        assert len(hub.byte_requests()) <= 4 * 3

    def test_it_can_be_stopped_at_once(self, hub: Hub, tmp_path: Path) -> None:
        hub.faults.slow_bodies = 10**6
        begun = time.monotonic()
        with pytest.raises(Cancelled):
            Download(tmp_path, stop_at=0)(published(hub))
        assert time.monotonic() - begun < PATIENCE_S


def test_another_part_than_asked_for_is_not_taken(hub: Hub, tmp_path: Path) -> None:
    hub.faults.wrong_ranges = 4
    download = Download(tmp_path)
    assert download(published(hub)) == DATA
    assert download.notices == []


def test_a_flipped_bit_is_noticed_and_the_file_fetched_again(hub: Hub, tmp_path: Path) -> None:
    hub.faults.flips = 1
    download = Download(tmp_path)
    assert download(published(hub)) == DATA
    assert len(download.notices) == 1
    assert "damaged" in download.notices[0]


def test_bits_that_keep_flipping_end_it_without_a_file(hub: Hub, tmp_path: Path) -> None:
    hub.faults.flips = 10**6
    with pytest.raises(ChecksumMismatch):
        Download(tmp_path)(published(hub))
    assert list(tmp_path.iterdir()) == []


class TestServerWithoutRanges:
    def test_the_file_comes_as_a_whole(self, hub: Hub, tmp_path: Path) -> None:
        hub.faults.no_ranges = True
        assert Download(tmp_path)(published(hub)) == DATA

    def test_it_begins_again_after_a_drop(self, hub: Hub, tmp_path: Path) -> None:
        hub.faults.no_ranges = True
        hub.faults.drop_after, hub.faults.drops = 9 * MIB, 6
        assert Download(tmp_path)(published(hub)) == DATA

    def test_what_is_there_already_is_not_written_again(self, hub: Hub, tmp_path: Path) -> None:
        remote = published(hub)
        cut_off(hub, remote, tmp_path)
        hub.faults.no_ranges, hub.faults.flips = True, 4  # the first byte, which is there
        download = Download(tmp_path)
        assert download(remote) == DATA
        assert download.notices == []


def test_a_file_that_changes_meanwhile_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    hub.faults.drop_after, hub.faults.drops = 2 * MIB, 8
    hub.faults.etag_changes_after = 4
    download = Download(tmp_path)
    assert download(published(hub)) == DATA
    assert download.notices == ["model.bin has changed on the hub: starting again"]


@pytest.mark.parametrize("status", [403, 404, 416])
def test_an_expired_address_is_asked_for_again(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    remote = published(hub)
    answers: list[Callable[[], RemoteFile]] = [_unreachable] + [lambda: remote] * 10
    monkeypatch.setattr(adapter, "locate", lambda *_: answers.pop(0)())
    hub.faults.statuses = [status] * 4
    assert Download(tmp_path)(replace(remote)) == DATA
    assert len(answers) < 11


def _unreachable() -> RemoteFile:
    raise HubUnreachable("no network", "wait")


class TestResuming:
    def test_only_what_is_missing_is_fetched(self, hub: Hub, tmp_path: Path) -> None:
        there = cut_off(hub, published(hub), tmp_path)
        assert there > 0
        with loopback_hub() as another:  # the first may yet hear of a thread that is to stop
            assert Download(tmp_path)(published(another)) == DATA
            asked = [headers["Range"] for headers in another.byte_requests()]
        ends = [re.findall(r"\d+", value) for value in asked]
        assert sum(int(last) + 1 - int(first) for first, last in ends) == len(DATA) - there

    def test_another_version_on_the_hub_begins_anew(self, hub: Hub, tmp_path: Path) -> None:
        cut_off(hub, published(hub), tmp_path)
        download = Download(tmp_path)
        assert download(published(hub, DATA[::-1])) == DATA[::-1]
        assert download.notices == ["model.bin has changed on the hub since: starting again"]
        assert len(list(tmp_path.iterdir())) == 1

    def test_another_version_that_is_being_downloaded_is_left_alone(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        remote = published(hub)
        cut_off(hub, remote, tmp_path)
        download = Download(tmp_path)
        with locked(remote, lambda: None):
            assert download(published(hub, DATA[::-1])) == DATA[::-1]
        assert not download.notices
        (partial,) = partials(tmp_path)
        assert partial.done > 0

    @pytest.mark.parametrize("ending", [PART, JOURNAL])
    def test_half_of_a_partial_is_worth_nothing(
        self, hub: Hub, tmp_path: Path, ending: str
    ) -> None:
        remote = published(hub)
        cut_off(hub, remote, tmp_path)
        (tmp_path / (remote.etag + ending)).unlink()
        assert Download(tmp_path)(remote) == DATA

    def test_a_damaged_partial_is_noticed(self, hub: Hub, tmp_path: Path) -> None:
        remote = published(hub)
        cut_off(hub, remote, tmp_path)
        with (tmp_path / (remote.etag + PART)).open("r+b") as stream:
            stream.write(b"damaged!")
        download = Download(tmp_path)
        assert download(remote) == DATA
        assert len(download.notices) == 1

    @pytest.mark.parametrize("ending", [PART, JOURNAL])
    def test_nothing_is_written_through_a_link(self, hub: Hub, tmp_path: Path, ending: str) -> None:
        remote = published(hub)
        precious = tmp_path / "precious"
        precious.write_bytes(DATA[:100])
        (tmp_path / (remote.etag + ending)).symlink_to(precious)
        try:
            assert Download(tmp_path)(remote) == DATA
        except DownloadError as error:
            assert f"{ending} can't be written: it is a symbolic link" in error.message
        assert precious.read_bytes() == DATA[:100]

    def test_a_folder_of_its_name_is_told_before_anything_is_fetched(
        self, hub: Hub, tmp_path: Path
    ) -> None:
        remote = published(hub)
        (tmp_path / remote.etag).mkdir()
        with pytest.raises(DownloadError, match=f"{remote.etag} can't be written: it is a folder"):
            Download(tmp_path)(remote)
        assert hub.byte_requests() == []

    @pytest.mark.parametrize("ending", [PART, JOURNAL])
    def test_a_pipe_is_not_waited_for(self, hub: Hub, tmp_path: Path, ending: str) -> None:
        remote = published(hub)
        os.mkfifo(tmp_path / (remote.etag + ending))
        with suppress(DownloadError):
            assert Download(tmp_path)(remote) == DATA

    def test_partials_are_listed(self, hub: Hub, tmp_path: Path) -> None:
        there = cut_off(hub, published(hub), tmp_path)
        (tmp_path / f"other{JOURNAL}").write_bytes(b"\xff\x00 no journal")
        [partial] = partials(tmp_path)
        assert (partial.repo_id, partial.filename) == ("org/repo", "model.bin")
        assert (partial.size, partial.done) == (len(DATA), there)


class TestJournal:
    IDENTITY = Identity("org/repo", "model.bin", "e7a9", 10 * BLOCK)

    def begun(self, folder: Path, boot: str = "boot 1") -> Journal:
        partial = folder / f"e7a9{PART}"
        record = Journal(folder / f"e7a9{JOURNAL}", partial, self.IDENTITY, boot)
        with partial.open("ab") as stream:
            stream.truncate(self.IDENTITY.size)
        return record

    def trusted(self, folder: Path, boot: str = "boot 1") -> set[int]:
        record = self.begun(folder, boot)
        record.close()
        return record.done

    @pytest.mark.slow
    def test_it_survives_being_cut_at_any_byte(self, tmp_path: Path) -> None:
        order = [3, 1, 4, 5, 9, 2, 6]
        record = self.begun(tmp_path)
        head = (tmp_path / f"e7a9{JOURNAL}").stat().st_size
        for block in order:
            record.record(block)
        record.close()
        whole = (tmp_path / f"e7a9{JOURNAL}").read_bytes()
        for length in range(len(whole) + 1):
            (tmp_path / f"e7a9{JOURNAL}").write_bytes(whole[:length])
            complete = whole[head:length].count(b"\n")
            assert self.trusted(tmp_path) == set(order[:complete])

    def test_a_record_joined_to_a_torn_one_counts_for_none(self, tmp_path: Path) -> None:
        self.begun(tmp_path).close()
        with (tmp_path / f"e7a9{JOURNAL}").open("a") as stream:
            stream.write("b 1b 2\nb 3\nb ²\nb 999\n")
        assert self.trusted(tmp_path) == {3}

    def test_after_a_power_cut_only_what_reached_the_disk_counts(self, tmp_path: Path) -> None:
        record = self.begun(tmp_path)
        record.record(7)
        record.record(2)
        with (tmp_path / f"e7a9{PART}").open("rb+") as stream:
            record.flush(stream.fileno())
        record.record(5)
        record.close()
        kept = (tmp_path / f"e7a9{JOURNAL}").read_bytes()
        assert self.trusted(tmp_path, "boot 1") == {7, 2, 5}
        (tmp_path / f"e7a9{JOURNAL}").write_bytes(kept)
        assert self.trusted(tmp_path, "boot 2") == {7, 2}

    def test_what_an_earlier_run_wrote_is_on_the_disk_before_it_is_relied_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = self.begun(tmp_path)
        first.record(1)
        first.close()
        synced: list[int] = []
        monkeypatch.setattr(os, "fsync", synced.append)
        self.begun(tmp_path).close()
        assert len(synced) == 2  # the bytes, then the journal that counts on them
