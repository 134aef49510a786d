"""The hub's door: what is asked, what is refused, and what an error says."""

import traceback
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import (
    AccessDenied,
    DownloadError,
    HubError,
    HubUnreachable,
    NotOnHub,
    UnsafeName,
)
from r1local.hub import client as adapter
from r1local.hub.client import Interrupted, LinkExpired, RemoteFile
from testing.loopback_hub import COMMIT, Hub, loopback_hub

TOKEN = "hf_secretsecretsecretsecret"
DATA = bytes(range(256)) * 512


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with loopback_hub() as served:
        use_endpoint(served.url, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        served.add("org/repo", "model-Q4_K_M.gguf", DATA)
        yield served


def use_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def located() -> RemoteFile:
    return adapter.locate("org/repo", "model-Q4_K_M.gguf", "main")


@pytest.mark.usefixtures("hub")
def test_files_come_with_size_and_checksum() -> None:
    found = adapter.repository("org/repo")
    assert found.commit == COMMIT
    [file] = found.files
    assert (file.name, file.size) == ("model-Q4_K_M.gguf", len(DATA))
    assert file.sha256 == located().sha256 == located().etag


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (401, "GatedRepo", AccessDenied),
            (403, "GatedRepo", AccessDenied),
            (403, None, AccessDenied),
            (401, None, AccessDenied),
            (401, "RepoNotFound", NotOnHub),
            (404, "RepoNotFound", NotOnHub),
            (404, "RevisionNotFound", NotOnHub),
            (429, None, HubUnreachable),
            (500, None, HubUnreachable),
            (503, None, HubUnreachable),
        ],
    )
    def test_each_answer_has_its_sentence(
        self, hub: Hub, status: int, code: str | None, expected: type[HubError]
    ) -> None:
        hub.faults.api_status, hub.faults.api_code = status, code
        with pytest.raises(expected) as caught:
            adapter.repository("org/repo")
        assert caught.value.hint
        with pytest.raises(expected):
            located()

    @pytest.mark.usefixtures("hub")
    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(NotOnHub, match=r"has no file other\.gguf"):
            adapter.locate("org/repo", "other.gguf", "main")

    @pytest.mark.usefixtures("hub")
    def test_a_missing_revision(self) -> None:
        with pytest.raises(NotOnHub, match="no such revision"):
            adapter.repository("org/repo", "v9")

    @pytest.mark.usefixtures("hub")
    def test_offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
            adapter.repository("org/repo")

    @pytest.mark.usefixtures("hub")
    def test_nobody_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_endpoint("http://127.0.0.1:1", monkeypatch)
        for ask in (lambda: adapter.repository("org/repo"), located):
            with pytest.raises(HubUnreachable) as caught:
                ask()
            assert "127.0.0.1" not in caught.value.message

    def test_no_secure_connection(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        use_endpoint(hub.url.replace("http:", "https:"), monkeypatch)
        with pytest.raises(HubUnreachable, match="certificate"):
            adapter.repository("org/repo")

    @pytest.mark.parametrize("status", [401, 403, 404, 500])
    def test_the_token_is_in_no_error_and_no_traceback(self, hub: Hub, status: int) -> None:
        hub.faults.api_status = status
        with pytest.raises(HubError) as caught:
            adapter.repository("org/repo")
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert any(TOKEN in str(headers) for _, _, headers in hub.requests)


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            "..",
            "../evil.gguf",
            "a/../../evil.gguf",
            "/etc/evil.gguf",
            "a//b.gguf",
            "./a.gguf",
            "..\\evil.gguf",
            "C:evil.gguf",
            "a\x1b[2Jb.gguf",
            "a\nb.gguf",
            "a\x9bb.gguf",
            "nul",
            "CON.gguf",
            "com1.tar.gguf",
            "a/lpt9/b.gguf",
            "a.gguf.",
            "a.gguf ",
            "a" * 600,
        ],
    )
    def test_hostile_ones_are_refused(self, hub: Hub, name: str) -> None:
        with pytest.raises(UnsafeName):
            adapter.locate("org/repo", name, "main")
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["a.gguf", "Q4_K_M/model-00001-of-00002.gguf", "ｎ..v.gguf"])
    def test_others_are_not(self, name: str) -> None:
        adapter.check_name(name)

    @given(st.text(alphabet="a./\\:~ \x00COM1", max_size=12))
    def test_what_is_accepted_stays_below_its_folder(self, name: str) -> None:
        try:
            adapter.check_name(name)
        except UnsafeName:
            return
        for flavour in (PurePosixPath, PureWindowsPath):
            path = flavour("base") / name
            assert path.parts[0] == "base"
            assert ".." not in path.parts

    @pytest.mark.parametrize("etag", ["../../evil", "a/b", "a.b", "x" * 200, "..\\evil"])
    def test_a_checksum_that_is_a_path_is_refused(self, hub: Hub, etag: str) -> None:
        hub.faults.linked_etag = etag
        with pytest.raises(UnsafeName):
            located()


class TestBytes:
    def test_the_token_goes_to_the_hub_and_to_no_other_host(self, hub: Hub) -> None:
        address = f"{hub.url}/org/repo/resolve/main/model-Q4_K_M.gguf"
        there = located()
        redirected = RemoteFile(
            there.repo_id, there.filename, COMMIT, there.etag, there.size, address
        )
        for remote in (there, redirected):
            with adapter.open_range(remote, 10, 20) as piece:
                assert b"".join(piece.chunks) == DATA[10:20]
                assert (piece.start, piece.ranged) == (10, True)
        asked = [headers for method, path, headers in hub.requests if "resolve" in path]
        assert all(TOKEN in str(headers) for headers in asked)
        assert len(hub.byte_requests()) == 2
        assert TOKEN not in str(hub.byte_requests())

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [("7", 7, 7), ("Tue, 01 Jan 2030 00:00:00 GMT", 1, 10**9), ("soon", None, None)],
    )
    def test_retry_after(
        self, hub: Hub, value: str, least: float | None, most: float | None
    ) -> None:
        remote = located()
        hub.faults.statuses, hub.faults.retry_after = [503], value
        with pytest.raises(Interrupted) as caught, adapter.open_range(remote, 0, 1):
            pass
        wait = caught.value.retry_after
        if least is None or most is None:
            assert wait is None
        else:
            assert wait is not None
            assert least <= wait <= most

    @pytest.mark.parametrize("status", [401, 403, 404, 410, 416])
    def test_an_address_that_serves_no_more(self, hub: Hub, status: int) -> None:
        remote = located()
        hub.faults.statuses = [status]
        with pytest.raises(LinkExpired), adapter.open_range(remote, 0, 1):
            pass

    def test_a_short_body_is_an_interruption(self, hub: Hub) -> None:
        remote = located()
        hub.faults.drop_after = 0
        with pytest.raises(Interrupted), adapter.open_range(remote, 0, 100) as piece:
            list(piece.chunks)


class TestCache:
    def put(self, remote: RemoteFile) -> Path:
        blob = adapter.blob_path(remote)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(DATA)
        return adapter.link_into_snapshot(remote, "main")

    def test_what_we_place_huggingface_hub_finds(self, hub: Hub) -> None:
        remote = located()
        assert adapter.cached_path(remote) is None
        path = self.put(remote)
        assert path.read_bytes() == DATA
        assert adapter.cached_path(remote) == path
        found = hf_hub_download("org/repo", remote.filename, local_files_only=True)
        assert Path(found) == path
        info = scan_cache_dir(constants.HF_HUB_CACHE)
        assert info.warnings == []
        [repo] = info.repos
        assert repo.size_on_disk == len(DATA)
        assert set(repo.refs) == {"main"}
        assert hub.byte_requests() == []

    @pytest.mark.usefixtures("hub")
    def test_what_huggingface_hub_fetched_we_find(self) -> None:
        path = hf_hub_download("org/repo", "model-Q4_K_M.gguf")
        assert adapter.cached_path(located()) == Path(path)

    @pytest.mark.usefixtures("hub")
    def test_placing_needs_no_second_lock(self) -> None:
        remote = located()
        with adapter.locked(remote, lambda: pytest.fail("nobody has it")):
            pass
        self.put(remote)

    @pytest.mark.usefixtures("hub")
    def test_a_cache_that_can_not_be_written_has_its_sentence(self, tmp_path: Path) -> None:
        remote = located()
        (tmp_path / "cache").write_text("a file where the folder should be")
        with (
            pytest.raises(DownloadError, match="the cache can't be written"),
            adapter.locked(remote, lambda: None),
        ):
            pass
