"""Hugging Face's hub and its cache: the only room that knows huggingface_hub.

Metadata, tokens, endpoints, proxies, the HTTP session and the cache's layout are
huggingface_hub's; only the transfer of a file's bytes is ours (`download`).
"""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from time import time
from typing import TYPE_CHECKING, Any

from r1local.errors import (
    AccessDenied,
    DownloadError,
    HubUnreachable,
    NotOnHub,
    UnsafeName,
)
from r1local.gguf.quantization import RepoFile

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

_ETAG = re.compile(r"[0-9A-Za-z_-]{1,128}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Names that Windows keeps for devices, whatever follows a dot.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f\\:*?"<>|]')
#: Seconds: to connect, and between two pieces of a body.
_CONNECT_S, _READ_S = 10.0, 30.0
#: Seconds between two tries for a lock that another process holds.
_LOCK_S = 0.5
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
#: Answers of an address that does not serve the file any more, or another version of it.
_EXPIRED = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
}


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's files at one commit."""

    repo_id: str
    commit: str
    files: tuple[RepoFile, ...]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on the hub as it is now; `etag` names its blob in the cache, sizes are in bytes."""

    repo_id: str
    filename: str
    commit: str
    etag: str
    size: int
    url: str

    @property
    def sha256(self) -> str | None:
        """The hub's own checksum: the ETag of every file kept in LFS or Xet is one."""
        return self.etag if _SHA256.fullmatch(self.etag) else None


@dataclass(frozen=True, slots=True)
class RangeResponse:
    """What came for a range: where it starts in the file, the file's ETag, and its bytes."""

    start: int
    ranged: bool
    etag: str | None
    chunks: Iterator[bytes]


class Interrupted(Exception):
    """A request failed in a way that may pass; `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class LinkExpired(Exception):
    """The address a file was found at no longer serves it."""


def repository(repo_id: str, revision: str | None = None) -> Repository:
    """A repository's files, with sizes.

    Raises:
        HubError: it is not there, not for this user, or the hub can't be reached.
    """
    with _translated(repo_id):
        from huggingface_hub import HfApi

        info = HfApi().model_info(repo_id, revision=revision, files_metadata=True, timeout=_READ_S)
        files = [
            RepoFile(
                sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else None
            )
            for sibling in info.siblings or ()
        ]
    return Repository(repo_id, info.sha or revision or "main", tuple(files))


def locate(repo_id: str, filename: str, revision: str) -> RemoteFile:
    """Where a file is now, and what it is.

    Raises:
        HubError: as for `repository`; also a name that could leave the cache.
    """
    check_name(filename)
    with _translated(repo_id, filename):
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        found = get_hf_file_metadata(hf_hub_url(repo_id, filename, revision=revision))
    if not found.etag or not found.commit_hash or found.size is None:
        raise HubUnreachable(
            f"the hub says too little about {filename}", "check HF_ENDPOINT, or try again later"
        )
    if not _ETAG.fullmatch(found.etag) or not _ETAG.fullmatch(found.commit_hash):
        raise UnsafeName("the hub gave a checksum that is none", "check HF_ENDPOINT")
    return RemoteFile(repo_id, filename, found.commit_hash, found.etag, found.size, found.location)


def check_name(filename: str) -> None:
    """Refuse a file name from the hub that could lead out of the cache, or onto a device.

    Raises:
        UnsafeName: it could.
    """
    parts = filename.split("/")
    bad = any(
        part in ("", ".", "..") or part[-1] in ". " or _RESERVED.fullmatch(part) for part in parts
    )
    if bad or _FORBIDDEN.search(filename) or len(filename) > 512:
        raise UnsafeName(
            f"the repository has a file of an unsafe name, {filename[:80]!r}",
            "tell its owner; r1local does not fetch it",
        )


@contextmanager
def open_range(remote: RemoteFile, start: int, end: int) -> Iterator[RangeResponse]:
    """Bytes from `start` up to, not including, `end`; the whole file from a server without ranges.

    Raises:
        Interrupted: try again.
        LinkExpired: locate the file again.
        HubError: there is no use in trying again.
    """
    import httpx2
    from huggingface_hub.utils import build_hf_headers, get_session

    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    headers["Range"] = f"bytes={start}-{end - 1}"
    if not _same_host(remote.url):
        headers.pop("authorization", None)
    timeout = httpx2.Timeout(_READ_S, connect=_CONNECT_S)
    try:
        with get_session().stream("GET", remote.url, headers=headers, timeout=timeout) as response:
            _check_status(response, remote)
            yield RangeResponse(
                _range_start(response) or 0,
                response.status_code == HTTPStatus.PARTIAL_CONTENT,
                response.headers.get("ETag"),
                response.iter_raw(),
            )
    except httpx2.HTTPError as error:
        raise Interrupted(_reason(error)) from error


class RemoteStream(io.RawIOBase):
    """A file on the hub, read by ranges as if it lay here."""

    def __init__(self, remote: RemoteFile) -> None:
        super().__init__()
        self._remote = remote
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill the buffer with the next bytes.

        Raises:
            HubUnreachable: they can't be had.
        """
        view = memoryview(buffer)
        end = min(self._remote.size, self._at + len(view))
        if end <= self._at:
            return 0
        try:
            with open_range(self._remote, self._at, end) as piece:
                if piece.start != self._at or not piece.ranged:
                    raise Interrupted("the server sends whole files only")
                data = b"".join(piece.chunks)[: end - self._at]
        except (Interrupted, LinkExpired) as error:
            raise HubUnreachable(
                f"{self._remote.filename} can't be read: {error}", "try again"
            ) from error
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _same_host(url: str) -> bool:
    """Whether a URL is the hub's own: only there does the token go."""
    import httpx2
    from huggingface_hub import constants

    hub, other = httpx2.URL(constants.ENDPOINT), httpx2.URL(url)
    return (hub.scheme, hub.host, hub.port) == (other.scheme, other.host, other.port)


def _check_status(response: Any, remote: RemoteFile) -> None:
    status = response.status_code
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        retry_after = _retry_after(response.headers.get("Retry-After"))
        raise Interrupted(f"the server answered {status}", retry_after)
    if status in _EXPIRED:
        raise LinkExpired
    raise HubUnreachable(f"the server answered {status} for {remote.filename}", "try again later")


def _range_start(response: Any) -> int | None:
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, given as such or as a date (RFC 9110, section 10.2.3)."""
    from email.utils import parsedate_to_datetime

    if not value:
        return None
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except ValueError:
        return None


def _reason(error: BaseException) -> str:
    text = str(error) or type(error).__name__
    return re.sub(r"https?://\S+", "the server", text)


@contextmanager
def _translated(repo_id: str, filename: str | None = None) -> Iterator[None]:
    """Turn what huggingface_hub and its HTTP client raise into errors of ours."""
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise AccessDenied(
            f"{repo_id} is open only to those its owners have let in",
            f"ask at https://huggingface.co/{repo_id}, then log in with: hf auth login",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise NotOnHub(
            f"the hub has no repository {repo_id}",
            "check its name; if it is private, log in with: hf auth login",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise NotOnHub(f"{repo_id} has no such revision", "leave out @…, or check it") from error
    except errors.LocalEntryNotFoundError as error:  # what a lost connection is told as
        raise _unreachable(error.__cause__ or error) from error
    except errors.EntryNotFoundError as error:
        raise NotOnHub(
            f"{repo_id} has no file {filename}", f"see what it has: r1local pull hf:{repo_id}"
        ) from error
    except errors.HFValidationError as error:
        raise NotOnHub(f"{repo_id!r} is no repository's name", "write hf:org/repo") from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable(
            "the hub can't be asked: HF_HUB_OFFLINE is set", "unset it to download"
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise AccessDenied(
                f"the hub refuses access to {repo_id} ({status})",
                "check HF_TOKEN, or log in with: hf auth login",
            ) from error
        raise HubUnreachable(f"the hub answered {status}", "try again later") from error
    except (httpx2.HTTPError, ConnectionError) as error:
        raise _unreachable(error) from error
    except OSError as error:
        raise _not_writable(error) from error


def _not_writable(error: OSError) -> DownloadError:
    return DownloadError(
        f"the cache can't be written: {error.strerror or type(error).__name__}",
        f"check the permissions and the disk of {cache_folder()}, or set HF_HOME",
    )


def _unreachable(error: BaseException) -> HubUnreachable:
    """What kept us from the hub, by the text of the error: its classes do not tell."""
    text = str(error).lower()
    if "certificate" in text or "ssl" in text:
        return HubUnreachable(
            "the hub's certificate can't be verified",
            "check the clock, and SSL_CERT_FILE if a proxy inspects traffic",
        )
    if "name or service" in text or "getaddrinfo" in text or "resolution" in text:
        return HubUnreachable("the hub's name can't be found", "check the network and HF_ENDPOINT")
    return HubUnreachable(
        f"the hub can't be reached: {_reason(error)}", "check the network, HF_ENDPOINT and proxies"
    )


def cache_folder() -> Path:
    """Hugging Face's cache, as HF_HOME and HF_HUB_CACHE place it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def blob_path(remote: RemoteFile) -> Path:
    """Where the cache keeps a file's bytes."""
    return _repository_folder(remote.repo_id) / "blobs" / remote.etag


def _repository_folder(repo_id: str) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=repo_id, repo_type="model")


def cached_path(remote: RemoteFile) -> Path | None:
    """The file in the cache if it is there whole, whoever fetched it."""
    link_into_snapshot = (
        _repository_folder(remote.repo_id)
        / "snapshots"
        / remote.commit
        / PurePosixPath(remote.filename)
    )
    return link_into_snapshot if link_into_snapshot.exists() else None


@contextmanager
def locked(remote: RemoteFile, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold huggingface_hub's own lock of a blob; `waiting` is called while another has it."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    folder = cache_folder() / ".locks" / _repository_folder(remote.repo_id).name
    path = folder / f"{remote.etag}.lock"
    with ExitStack() as stack:
        held = False
        while not held:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(WeakFileLock(path, timeout=_LOCK_S))
                held = True
            except Timeout:
                waiting()
            except OSError as error:
                raise _not_writable(error) from error
        yield


def link_into_snapshot(remote: RemoteFile, revision: str) -> Path:
    """Let huggingface_hub link a blob that is there into its snapshot, and note the revision."""
    from huggingface_hub import hf_hub_download

    with _translated(remote.repo_id, remote.filename):
        path = Path(hf_hub_download(remote.repo_id, remote.filename, revision=remote.commit))
        if revision != remote.commit:
            check_name(revision)
            note = _repository_folder(remote.repo_id) / "refs" / PurePosixPath(revision)
            note.parent.mkdir(parents=True, exist_ok=True)
            note.write_text(remote.commit, encoding="ascii")
    return path
