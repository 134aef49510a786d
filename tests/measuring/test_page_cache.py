"""Files in the system's cache."""

import mmap
import os
from pathlib import Path

import pytest

from r1local.measuring import page_cache

SIZE = 4 * 2**20


def test_a_file_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    path.read_bytes()
    if why := page_cache.drop([path]):
        pytest.skip(f"not here: {why}")
    descriptor = os.open(path, os.O_RDONLY)
    try:
        assert not page_cache._in_memory(descriptor, SIZE // 2)
        path.read_bytes()
        assert page_cache._in_memory(descriptor, SIZE // 2)
    finally:
        os.close(descriptor)


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only Linux can tell")
def test_a_file_in_use_stays_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        sum(mapped[::4096])
        assert "of file stays in memory" in (page_cache.drop([path]) or "")


def test_what_is_not_possible_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page_cache.drop([tmp_path / "gone"]) == "No such file or directory"
    monkeypatch.delattr(os, "posix_fadvise", raising=False)
    assert page_cache.drop([tmp_path]) == "this system has no posix_fadvise"
