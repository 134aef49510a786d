"""The SHA-256 that a stored file should have, and the one it has."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from r1local.config.paths import real_path

#: Bytes read at once, in some hundredths of a second, between checks for an interruption.
_CHUNK = 4 * 2**20
#: Names of the blobs of Ollama, and of the files that Hugging Face keeps in LFS or Xet.
_BLOB = re.compile(r"(?:sha256-)?(?P<hex>[0-9a-f]{64})")


def expected_sha256(path: Path) -> str | None:
    """Return the SHA-256 that a file should have, from its blob's name, or None if unknown."""
    blob = real_path(path)
    found = _BLOB.fullmatch(blob.name) if blob.parent.name == "blobs" else None
    return found["hex"] if found else None


def sha256(path: Path, read: Callable[[int], None]) -> str:
    """Return the SHA-256 of a file in hexadecimal.

    Args:
        path: the file.
        read: called with the number of bytes after each piece that was read.

    Raises:
        OSError: the file can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            read(len(chunk))
    return digest.hexdigest()
