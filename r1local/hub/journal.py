"""Which blocks of a partial file are there: an append-only file beside it.

The first line says what is being downloaded and which blocks were there when the journal was
begun; every further line is `b N`, a block that was written since, or `s N`: the first N of
those are on the disk for sure. A process that is killed loses nothing it wrote, since the
system keeps it. After a power cut, which shows in another boot, only blocks on the disk count. A
line that was cut off is not read.
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

#: Bytes of a block: what a killed download may have to fetch again, for each connection.
BLOCK = 4 * 2**20
#: Endings of the part of a file that has come, and of its journal.
PART, JOURNAL = ".r1local-part", ".r1local-journal"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Identity:
    """What a partial file is a part of; another one of these begins anew. `size` is in bytes."""

    repo_id: str
    filename: str
    etag: str
    size: int

    @property
    def blocks(self) -> int:
        """How many blocks the file has."""
        return -(-self.size // BLOCK)

    def bytes_of(self, blocks: Iterable[int]) -> int:
        """How many bytes some blocks are; the last one of the file is shorter than the others."""
        return sum(min(BLOCK, self.size - block * BLOCK) for block in blocks)


class Journal:
    """The record of one partial file, safe to use from several threads.

    Args:
        path: the journal's file; the partial file's bytes are in `partial`.
        boot: what tells this start of the machine from others.
    """

    def __init__(self, path: Path, partial: Path, identity: Identity, boot: str) -> None:
        self.identity = identity
        self._path = path
        self._lock = Lock()
        self._written = 0
        self.done = _blocks_there(path, partial, identity, boot)
        if self.done:  # they will be relied on after any number of power cuts
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
        # Unbuffered: what the disk refuses once is not tried again when the stream is closed.
        self._stream = open(path, "ab", buffering=0, opener=regular)  # noqa: SIM115

    def record(self, block: int) -> None:
        """Note that a block was written."""
        with self._lock:
            self.done.add(block)
            self._written += 1
            self._append(f"b {block}\n")

    def flush(self, file_descriptor: int) -> None:
        """Bring what was written so far to the disk, and note it."""
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
        """Stop recording; what is recorded stays."""
        with self._lock:
            self._stream.close()

    def remove(self) -> None:
        """Forget all of it, when the file is whole or worth nothing."""
        self.close()
        self._path.unlink(missing_ok=True)


def _blocks_there(path: Path, partial: Path, identity: Identity, boot: str) -> set[int]:
    """The blocks of a partial file that can be relied on."""
    head, lines = _read(path)
    same = head and (head.get("etag"), head.get("size")) == (identity.etag, identity.size)
    if not head or not same or not is_whole(partial, identity.size):
        return set()
    written = _numbers("b", lines)
    if head.get("boot") != boot:
        written = written[: max(_numbers("s", lines), default=0)]
    return _blocks(head, written, identity)


def _blocks(head: dict[str, Any], written: list[int], identity: Identity) -> set[int]:
    """The blocks there when a journal was begun, and those written since."""
    noted = head.get("done")
    before = [block for block in noted if isinstance(block, int)] if isinstance(noted, list) else []
    return {block for block in (*before, *written) if 0 <= block < identity.blocks}


def _numbers(kind: str, lines: list[str]) -> list[int]:
    """The numbers of the lines of one kind; damaged lines are not read."""
    found = (re.fullmatch(rf"{kind} ([0-9]{{1,12}})", line) for line in lines)
    return [int(match[1]) for match in found if match]


def _read(path: Path) -> tuple[dict[str, Any] | None, list[str]]:
    """A journal's first line and the whole lines after it; None if there is none to be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", opener=regular) as stream:
            first, *lines = stream.read().split("\n")
        head = json.loads(first)
    except (OSError, ValueError):
        return None, []
    if not isinstance(head, dict) or head.get("version") != _VERSION:
        return None, []
    return head, lines[:-1]  # what follows the last line break was cut off, or is empty


@dataclass(frozen=True, slots=True)
class Partial:
    """A download that was not finished: bytes that are there, of how many."""

    repo_id: str
    filename: str
    size: int
    done: int
    path: Path


def partials(folder: Path) -> Iterator[Partial]:
    """The unfinished downloads in a folder of blobs."""
    for path in sorted(folder.glob(f"*{JOURNAL}")):
        head, lines = _read(path)
        if head is None:
            continue
        try:
            identity = Identity(
                str(head["repo_id"]), str(head["filename"]), str(head["etag"]), int(head["size"])
            )
            done = _blocks(head, _numbers("b", lines), identity)
        except (KeyError, TypeError, ValueError):
            continue
        data = path.with_suffix(PART)
        there = identity.bytes_of(done) if is_whole(data, identity.size) else 0
        yield Partial(identity.repo_id, identity.filename, identity.size, there, data)
