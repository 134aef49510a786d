"""A journal of the blocks that a partial file has: an append-only file next to it.

The first line names the download and the blocks that were there when the journal was started.
Every further line is either `b N`, for a block written since, or `s N`, which says that the first
N of these blocks are safely on the disk. If the process is killed, nothing it wrote is lost, since
the system still has it. After a power cut, recognised by a new boot id, only blocks on the disk
count. An incomplete last line is ignored.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from r1local.hub.regular_files import is_whole, regular

#: Bytes of a block: at most this much per connection is fetched again after a kill.
BLOCK = 4 * 2**20
#: Suffixes of a partial file and of its journal.
PART, JOURNAL = ".r1local-part", ".r1local-journal"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """The file that a partial file belongs to; if any of this changes, the download restarts.

    `size` is in bytes.
    """

    repo_id: str
    filename: str
    etag: str
    size: int

    @property
    def blocks(self) -> int:
        """Number of blocks in the file."""
        return -(-self.size // BLOCK)

    def bytes_of(self, blocks: Iterable[int]) -> int:
        """Return the number of bytes in some blocks; the file's last block may be shorter."""
        return sum(min(BLOCK, self.size - block * BLOCK) for block in blocks)


class Journal:
    """The journal of one partial file, safe to use from several threads.

    Args:
        path: the journal's own file.
        partial: the partial file.
        identity: what is being downloaded.
        boot: an identifier that changes whenever the machine starts.
    """

    def __init__(self, path: Path, partial: Path, identity: Identity, boot: str) -> None:
        self.identity = identity
        self._path = path
        self._lock = Lock()
        self._written = 0
        self.done = _blocks_there(path, partial, identity, boot)
        if self.done:  # the new journal relies on these blocks even after a power cut
            with open(partial, "rb+", opener=regular) as data:
                os.fsync(data.fileno())
        head = {
            "version": _VERSION,
            "boot": boot,
            "repo_id": identity.repo_id,
            "filename": identity.filename,
            "etag": identity.etag,
            "size": identity.size,
            "done": sorted(self.done),
        }
        fresh = path.with_suffix(".new")
        with open(fresh, "w", encoding="utf-8", opener=regular) as stream:
            stream.write(json.dumps(head) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, path)  # noqa: PTH105  (Path.replace returns a path nobody needs)
        # Unbuffered, so that closing the stream doesn't retry a write that failed.
        self._stream = open(path, "ab", buffering=0, opener=regular)  # noqa: SIM115

    def record(self, block: int) -> None:
        """Record that a block was written."""
        with self._lock:
            self.done.add(block)
            self._written += 1
            self._append(f"b {block}\n")

    def flush(self, file_descriptor: int) -> None:
        """Flush all blocks written so far to the disk, and record that."""
        with self._lock:
            written = self._written
        os.fsync(file_descriptor)
        with self._lock:
            self._append(f"s {written}\n")
            if not self._stream.closed:
                os.fsync(self._stream.fileno())

    def _append(self, line: str) -> None:
        if not self._stream.closed:
            self._stream.write(line.encode("ascii"))

    def close(self) -> None:
        """Stop recording, and keep the journal."""
        with self._lock:
            self._stream.close()

    def remove(self) -> None:
        """Remove the journal, when the file is complete or useless."""
        self.close()
        self._path.unlink(missing_ok=True)


def _blocks_there(path: Path, partial: Path, identity: Identity, boot: str) -> set[int]:
    """Return the blocks of a partial file that can be relied on."""
    head, lines = _read(path)
    same = head and (head.get("etag"), head.get("size")) == (identity.etag, identity.size)
    if not head or not same or not is_whole(partial, identity.size):
        return set()
    written = _numbers("b", lines)
    if head.get("boot") != boot:
        written = written[: max(_numbers("s", lines), default=0)]
    return _blocks(head, written, identity)


def _blocks(head: dict[str, Any], written: list[int], identity: Identity) -> set[int]:
    """Return the blocks there when a journal was started, and those written since."""
    noted = head.get("done")
    before = [block for block in noted if isinstance(block, int)] if isinstance(noted, list) else []
    return {block for block in (*before, *written) if 0 <= block < identity.blocks}


def _numbers(kind: str, lines: list[str]) -> list[int]:
    """Return the numbers in the lines of one kind, ignoring damaged lines."""
    found = (re.fullmatch(rf"{kind} ([0-9]{{1,12}})", line) for line in lines)
    return [int(match[1]) for match in found if match]


def _read(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """Return a journal's first line, or None if it can't be read, and the whole lines after it."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as stream:
            first, *lines = stream.read().split("\n")
        head = json.loads(first)
    except (OSError, ValueError, RecursionError):
        return None, []
    if not isinstance(head, dict) or head.get("version") != _VERSION:
        return None, []
    return head, lines[:-1]  # what follows the last line break was cut off, or is empty


def _identity(head: dict[str, Any]) -> Identity | None:
    """Return what a journal says is being downloaded, or None if it names no possible file."""
    from r1local.hub.answers import is_id, is_size  # most listings have no unfinished download

    repo_id, filename, etag = (head.get(key) for key in ("repo_id", "filename", "etag"))
    size = head.get("size")
    if isinstance(repo_id, str) and isinstance(filename, str) and is_id(etag) and is_size(size):
        return Identity(repo_id, filename, str(etag), size)
    return None


@dataclass(frozen=True, slots=True)
class Partial:
    """An unfinished download, of which `done` of `size` bytes are there."""

    repo_id: str
    filename: str
    size: int
    done: int
    path: Path


def partials(folder: Path) -> Iterator[Partial]:
    """Yield the unfinished downloads in a folder of blobs."""
    for path in sorted(folder.glob(f"*{JOURNAL}")):
        head, lines = _read(path)
        if head is None:
            continue
        identity = _identity(head)
        if identity is None:
            continue
        done = _blocks(head, _numbers("b", lines), identity)
        data = path.with_suffix(PART)
        there = identity.bytes_of(done) if is_whole(data, identity.size) else 0
        yield Partial(identity.repo_id, identity.filename, identity.size, there, data)
