"""The KV cache in a file: what was evaluated once need not be evaluated again.

A file is one line of JSON (what the content depends on, and how long each part is), the
tokens as 32-bit integers, llama.cpp's own form of the cache, and the SHA-256 of it all. That
is checked first: llama.cpp ends the process on some contents that it can't have written.
"""

import hashlib
import json
import os
from array import array
from pathlib import Path

from r1local.engine.model import Model

_VERSION = 1
_LONGEST_HEAD = 2**16
_TOKEN_BYTES = array("i").itemsize
_HASH_BYTES = hashlib.sha256().digest_size


def save_state(model: Model, path: Path) -> int:
    """Write the model's KV cache to a file, whole or not at all; return the file's bytes.

    Args:
        model: whose cache it is.
        path: the file; one that is there is replaced.

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


def restore_state(model: Model, path: Path) -> bool:
    """Put back the KV cache from a file, which may be damaged, or another model's.

    Returns:
        Whether it was. If not, the model has the cache it had, or an empty one.
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


def _head(model: Model, tokens: int, size: int) -> bytes:
    """The first line of the file of so many tokens and bytes of content."""
    facts = {"version": _VERSION, "key": model.state_key}
    return json.dumps(facts | {"tokens": tokens, "bytes": size}).encode() + b"\n"
