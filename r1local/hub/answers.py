"""Parsing the hub's answers into checked values: any server might be behind its address."""

import json
import re
from typing import Any, TypeGuard

from r1local.config.paths import is_safe_name
from r1local.errors import MalformedAnswer, UnsafeName
from r1local.gguf.quantization import RepoFile
from r1local.hub.setup import address
from r1local.language import _

#: More bytes than any file has: all parts of R1 in BF16 together are 1.3 TB.
MAX_FILE = 4 * 2**40
#: Bytes of the longest list of files; each takes about 300, and 30 times as much once parsed.
MAX_LIST = 8 * 2**20
#: The name of a commit or a blob, which also names a folder or file of the cache.
_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def not_the_hub(what: str) -> MalformedAnswer:
    """Return the error for an answer that can't come from the hub; `what` says why."""
    return MalformedAnswer(
        _("the server at {address} is not the hub: {what}", address=address(), what=what),
        _("log in to the network if it asks for that in a browser, or check HF_ENDPOINT"),
    )


def parse_repository(body: bytes) -> tuple[str | None, tuple[RepoFile, ...]]:
    """Return a repository's commit and files, from the hub's description of it.

    Raises:
        MalformedAnswer: it isn't such a description.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is also a ValueError
        raise not_the_hub(_("the answer is not JSON")) from error
    siblings = answer.get("siblings") if isinstance(answer, dict) else None
    if not isinstance(siblings, list):
        raise not_the_hub(_("the answer has no list of files"))
    commit = answer.get("sha")
    if commit is not None and not is_id(commit):
        raise not_the_hub(_("the commit it names is impossible"))
    return commit, tuple(_file(sibling) for sibling in siblings)


def _file(sibling: Any) -> RepoFile:
    """Return one file of a repository; a mirror may leave out its size and its checksum."""
    name = sibling.get("rfilename") if isinstance(sibling, dict) else None
    if not isinstance(name, str) or re.search("[\ud800-\udfff]", name):
        raise not_the_hub(_("a file in its list has no name"))
    size, lfs = sibling.get("size"), sibling.get("lfs")
    sha256 = lfs.get("sha256") if isinstance(lfs, dict) else lfs
    if size is not None and not is_size(size):
        raise not_the_hub(_("the size of {name!r} is impossible", name=name[:80]))
    if sha256 is not None and not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise not_the_hub(_("the checksum of {name!r} is impossible", name=name[:80]))
    return RepoFile(name, size or 0, sha256)


def is_size(value: Any) -> TypeGuard[int]:
    """Return whether a value can be the size of a file in bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_FILE


def is_id(value: Any) -> bool:
    """Return whether a value can name a commit or a blob."""
    return isinstance(value, str) and bool(_ID.fullmatch(value))


def sha256_in(etag: str) -> str | None:
    """Return the checksum in an ETag, as every file in LFS or Xet has it."""
    return etag if _SHA256.fullmatch(etag) else None


def check_name(filename: str) -> None:
    """Refuse a file name from the hub that could lead out of the cache, or to a device.

    Raises:
        UnsafeName: it could.
    """
    if not is_safe_name(filename):
        raise UnsafeName(
            _(
                "the repository has a file with an unsafe name, {filename!r}",
                filename=filename[:80],
            ),
            _("tell its owner; r1local does not fetch it"),
        )
