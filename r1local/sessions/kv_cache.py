"""KV caches kept beside sessions, so that what was evaluated once needn't be evaluated again.

A file is one line of JSON (what the content depends on, and how long each part is), the
tokens as 32-bit integers, llama.cpp's own form of the cache, and the SHA-256 of it all. That
is checked first: llama.cpp ends the process on some contents that it can't have written.

It is a convenience, so failures in `keep` and `restore` are silent.
"""

import hashlib
import json
import os
import shutil
from array import array
from contextlib import suppress
from pathlib import Path

from r1local.errors import InferenceError
from r1local.kv_state import KVState
from r1local.sessions.folder import STATE, UNFINISHED

_VERSION = 1
_LONGEST_HEAD = 2**16
_TOKEN_BYTES = array("i").itemsize
_HASH_BYTES = hashlib.sha256().digest_size
#: The part of the disk's free space that a KV cache may take.
_SHARE = 0.5


def keep(model: KVState, path: Path, most: int) -> bool:
    """Keep the model's KV cache in a file; False if it is empty or there is no room.

    Other sessions' caches in the folder are deleted, oldest first, until all together
    take no more than `most` bytes.
    """
    size = model.state_size()
    try:
        if not model.position or size > min(most, _SHARE * shutil.disk_usage(path.parent).free):
            path.unlink(missing_ok=True)  # one from an earlier moment
            return False
        _make_room(path, most - size)
        save_state(model, path)
    except (OSError, MemoryError, InferenceError):
        return False
    return True


def restore(model: KVState, path: Path) -> bool:
    """Put back a KV cache; False if there is none for this model as it is loaded."""
    return path.is_file() and not path.is_symlink() and restore_state(model, path)


def save_state(model: KVState, path: Path) -> int:
    """Write the model's KV cache to a file, whole or not at all; return the file's bytes.

    Args:
        model: whose cache it is.
        path: the file; an existing one is replaced.

    Raises:
        InferenceError: llama.cpp failed.
        OSError: the file can't be written.
    """
    tokens, content = model.state()
    head = _head(model, len(tokens), len(content))
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as stream:  # noqa: PTH123  (a descriptor has no path)
            digest = hashlib.sha256()
            for part in (head, array("i", tokens), content):
                digest.update(part)
                stream.write(part)
            stream.write(digest.digest())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    return path.stat().st_size


def restore_state(model: KVState, path: Path) -> bool:
    """Put back the KV cache from a file, which may be damaged, or another model's.

    Returns:
        Whether it was put back. If not, the model has the cache it had, or an empty one.
    """
    try:
        with path.open("rb") as stream:
            head = stream.readline(_LONGEST_HEAD)
            facts = json.loads(head)
            count, size = int(facts["tokens"]), int(facts["bytes"])
            length = len(head) + count * _TOKEN_BYTES + size + _HASH_BYTES
            if head != _head(model, count, size) or length != path.stat().st_size:
                return False
            tokens, content, digest = array("i"), bytearray(size), hashlib.sha256(head)
            tokens.fromfile(stream, count)
            stream.readinto(content)
            digest.update(tokens)
            digest.update(content)
            if stream.read() != digest.digest():
                return False
    except (OSError, ValueError, TypeError, KeyError, EOFError, RecursionError, MemoryError):
        return False
    return model.put_state(tokens, content)


def move(path: Path, target: Path) -> None:
    """Rename a KV cache along with its session."""
    with suppress(OSError):
        path.replace(target)


def share(path: Path, target: Path) -> None:
    """Give a copy of a session the same KV cache, sharing its file: caches are never changed."""
    with suppress(OSError):
        if not path.is_symlink():
            target.hardlink_to(path)


def _make_room(path: Path, most: int) -> None:
    """Leave at most the given bytes of KV caches in a folder, not counting one session's."""
    # What a killed save left behind counts too.
    found = [each for end in (STATE, UNFINISHED) for each in path.parent.glob(f"*{end}")]
    others = [each for each in found if each != path]
    kept = 0
    for each in sorted(others, key=lambda other: other.lstat().st_mtime, reverse=True):
        kept += each.lstat().st_size
        if kept > most:
            each.unlink()


def _head(model: KVState, tokens: int, size: int) -> bytes:
    """Return the first line of a file with `tokens` tokens and `size` bytes of content."""
    facts = {"version": _VERSION, "key": model.state_key}
    return json.dumps(facts | {"tokens": tokens, "bytes": size}).encode() + b"\n"
