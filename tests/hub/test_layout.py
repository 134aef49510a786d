"""The cache on the disk: shared with huggingface_hub, and never written through a link."""

import os
from pathlib import Path

import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir

from r1local.errors import DownloadError
from r1local.hub import layout
from r1local.hub.client import RemoteFile
from testing.loopback_hub import Hub
from testing.one_file_hub import DATA, located


def put(remote: RemoteFile) -> Path:
    blob = layout.blob_path(remote)
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(DATA)
    return layout.link_into_snapshot(remote, "main")


def test_what_we_place_huggingface_hub_finds(hub: Hub) -> None:
    remote = located()
    assert layout.cached_path(remote) is None
    path = put(remote)
    assert path.read_bytes() == DATA
    assert layout.cached_path(remote) == path
    found = hf_hub_download("org/repo", remote.filename, local_files_only=True)
    assert Path(found) == path
    info = scan_cache_dir(constants.HF_HUB_CACHE)
    assert info.warnings == []
    [repo] = info.repos
    assert repo.size_on_disk == len(DATA)
    assert set(repo.refs) == {"main"}
    assert hub.byte_requests() == []


@pytest.mark.usefixtures("hub")
def test_what_huggingface_hub_fetched_we_find() -> None:
    path = hf_hub_download("org/repo", "model-Q4_K_M.gguf")
    assert layout.cached_path(located()) == Path(path)


@pytest.mark.usefixtures("hub")
def test_placing_needs_no_second_lock() -> None:
    remote = located()
    with layout.locked(remote, lambda: pytest.fail("nobody has it")):
        pass
    put(remote)


@pytest.mark.parametrize("kind", ["short", "long", "folder", "pipe", "dangling"])
def test_the_right_name_is_not_enough(hub: Hub, kind: str) -> None:
    remote = located()
    path = layout.snapshot_path(remote)
    path.parent.mkdir(parents=True)
    match kind:
        case "short" | "long":
            path.write_bytes(DATA[:-1] if kind == "short" else DATA + b"x")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "dangling":
            path.symlink_to("../../blobs/gone")
    assert layout.cached_path(remote) is None
    if kind != "folder":
        assert put(remote).read_bytes() == DATA
    assert hub.byte_requests() == []


@pytest.mark.usefixtures("hub")
def test_placing_needs_no_network(hub: Hub) -> None:
    remote = located()
    asked = len(hub.requests)
    put(remote)
    assert len(hub.requests) == asked


@pytest.mark.usefixtures("hub")
def test_a_revision_is_not_written_through_a_link(tmp_path: Path) -> None:
    remote = located()
    precious = tmp_path / "precious"
    precious.write_text("kept")
    reference = layout.blob_path(remote).parents[1] / "refs" / "main"
    reference.parent.mkdir(parents=True)
    reference.symlink_to(precious)
    with pytest.raises(DownloadError, match="symbolic link"):
        put(remote)
    assert precious.read_text() == "kept"


@pytest.mark.usefixtures("hub")
def test_a_cache_that_can_not_be_written_has_its_sentence(tmp_path: Path) -> None:
    remote = located()
    (tmp_path / "cache").write_text("a file where the folder should be")
    with (
        pytest.raises(DownloadError, match="the cache can't be written"),
        layout.locked(remote, lambda: None),
    ):
        pass
