"""What the bytes of a stored file should be, and what they are."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

#: Bytes read at once: some hundredths of a second, after which an interruption counts.
_CHUNK = 4 * 2**20
#: Names of the blobs of Ollama, and of the files that Hugging Face keeps in LFS or Xet.
_BLOB = re.compile(r"(?:sha256-)?(?P<hex>[0-9a-f]{64})")


def expected_sha256(path: Path) -> str | None:
    """The SHA-256 that a file should have: the name of its blob; None where none is known."""
    blob = path.resolve()
    found = _BLOB.fullmatch(blob.name) if blob.parent.name == "blobs" else None
    return found["hex"] if found else None


def sha256(path: Path, read: Callable[[int], None]) -> str:
    """The SHA-256 of a file in hexadecimal; `read` is told the bytes of each piece.

    Raises:
        OSError: the file can't be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            read(len(chunk))
    return digest.hexdigest()
