"""Checksums: where one is known, and that it is the SHA-256 of all bytes."""

import hashlib
from pathlib import Path

import pytest

from r1local.models.store.checksums import expected_sha256, sha256
from testing.homes import REPO_7B, Homes

DIGEST = "0123456789abcdef" * 4


def test_a_snapshots_link_has_the_name_of_its_blob(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    (link,) = (homes.cache / f"models--{REPO_7B.replace('/', '--')}").rglob("m-Q4_K_M.gguf")
    assert link.is_symlink()
    assert expected_sha256(link) == blob.name == hashlib.sha256(link.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (f"blobs/{DIGEST}", DIGEST),
        (f"blobs/sha256-{DIGEST}", DIGEST),
        (f"blobs/{DIGEST}.gguf", None),
        (f"blobs/{DIGEST[1:]}", None),
        (f"blobs/{DIGEST.upper()}", None),
        (f"models/{DIGEST}", None),
        ("models/m.gguf", None),
    ],
)
def test_only_the_name_of_a_blob_is_a_checksum(
    tmp_path: Path, place: str, expected: str | None
) -> None:
    assert expected_sha256(tmp_path / place) == expected


@pytest.mark.parametrize("size", [0, 1, 2**22, 2**22 + 1])
def test_every_byte_is_read_once(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    pieces: list[int] = []
    assert sha256(path, pieces.append) == hashlib.sha256(b"x" * size).hexdigest()
    assert sum(pieces) == size


def test_an_interruption_between_two_pieces_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2**23))

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sha256(path, interrupted)
