"""Requests to Hugging Face's hub: what a repository has, where a file is, and the file's bytes.

Metadata, tokens, endpoints, proxies and the HTTP session come from huggingface_hub; the answers
are read, checked and bounded here (see `answers` and `limits`).
"""

import io
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from r1local.errors import HubUnreachable, R1LocalError, UnsafeName
from r1local.gguf.quantization import RepoFile
from r1local.hub.answers import (
    MAX_LIST,
    check_name,
    is_id,
    is_size,
    not_the_hub,
    parse_repository,
    sha256_in,
)
from r1local.hub.errors import reason, translated
from r1local.hub.limits import (
    LEAST_SPEED,
    TimeLimitExceeded,
    TooSlow,
    call_within,
    paced,
    retry_after,
)
from r1local.hub.setup import headers, is_web_address, session
from r1local.language import _

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer
    from httpx2 import Request, Response, Timeout

#: Seconds to connect, and between two pieces of a body.
_CONNECT_S, _READ_S = 10.0, 30.0
#: Seconds for a whole answer about a repository or a file, and for the headers of its bytes.
ANSWER_S, HEADERS_S = 60.0, 40.0
_MAX_REDIRECTS = 10
#: How many times a part of a header is requested.
_TRIES = 3
_RETRIED = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
#: Status codes of an address that no longer serves the file, or serves another version of it.
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
        """The hub's own checksum, which is the ETag of every file kept in LFS or Xet."""
        return sha256_in(self.etag)


@dataclass(frozen=True, slots=True)
class RangeResponse:
    """A response for a range: where it starts in the file, the file's ETag, and its bytes."""

    start: int
    ranged: bool
    etag: str | None
    chunks: Iterator[bytes]


class Interrupted(Exception):
    """A failure of a request that may be temporary; `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class LinkExpired(Exception):
    """The address where a file was found no longer serves it."""


def repository(repo_id: str, revision: str | None = None) -> Repository:
    """Return a repository's files, with their sizes.

    Raises:
        HubError: it doesn't exist, this user has no access, or the hub can't be reached.
    """
    with translated(repo_id):
        body = call_within(lambda: _described(repo_id, revision), ANSWER_S)
        commit, files = parse_repository(body)
    return Repository(repo_id, commit or revision or "main", files)


def _described(repo_id: str, revision: str | None) -> bytes:
    """Return the hub's description of a repository, from GET /api/models/… like huggingface_hub.

    huggingface_hub itself reads the answer whole, however long, and trusts its fields.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import validate_repo_id

    validate_repo_id(repo_id)
    url = f"{constants.ENDPOINT}/api/models/{repo_id}"
    if revision is not None:
        url += f"/revision/{quote(revision, safe='')}"
    request = session().build_request(
        "GET", url, params={"blobs": "true"}, headers=headers(), timeout=_timeout()
    )
    with closing(_answer(request)) as response:
        _raise_for_status(response)
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_LIST:
                raise not_the_hub(
                    _("its list of files is longer than {max_list} MiB", max_list=MAX_LIST // 2**20)
                )
    return bytes(body)


def _timeout() -> "Timeout":
    import httpx2

    return httpx2.Timeout(_READ_S, connect=_CONNECT_S)


def _answer(request: "Request") -> "Response":
    """Send a request and follow redirects, without reading their bodies as the client would."""
    client = session()
    for _redirect in range(_MAX_REDIRECTS):
        response = client.send(request, stream=True, follow_redirects=False)
        if response.next_request is None:
            return response
        response.close()
        request = response.next_request
    raise not_the_hub(
        _("it redirects more than {max_redirects} times", max_redirects=_MAX_REDIRECTS)
    )


def _raise_for_status(response: "Response") -> None:
    """Let huggingface_hub raise an error by its headers; a body could have any length."""
    import httpx2
    from huggingface_hub.utils import hf_raise_for_status

    status, names = response.status_code, ("X-Error-Code", "X-Error-Message")
    known = {name: response.headers[name] for name in names if name in response.headers}
    hf_raise_for_status(httpx2.Response(status, headers=known, request=response.request))
    if status != HTTPStatus.OK:
        raise not_the_hub(_("it answers {status} where content is expected", status=status))


def locate(repo_id: str, filename: str, revision: str) -> RemoteFile:
    """Return where a file is now, and what it is.

    Raises:
        HubError: as for `repository`; also for a name that could lead out of the cache.
    """
    check_name(filename)
    with translated(repo_id, filename):
        return call_within(lambda: _located(repo_id, filename, revision), ANSWER_S)


def _located(repo_id: str, filename: str, revision: str) -> RemoteFile:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    session()
    headers()  # both report what is wrong with the settings that huggingface_hub reads itself
    found = get_hf_file_metadata(hf_hub_url(repo_id, filename, revision=revision))
    required = {
        "X-Repo-Commit": found.commit_hash,
        "X-Linked-Etag": found.etag,
        "X-Linked-Size": found.size if is_size(found.size) else None,
    }
    for header, value in required.items():
        if value in (None, ""):
            raise not_the_hub(
                _(
                    "its answer about {filename} lacks a valid header {header}",
                    filename=filename,
                    header=header,
                )
            )
    commit, etag, size = found.commit_hash or "", found.etag or "", found.size or 0
    if not is_id(etag) or not is_id(commit):
        raise UnsafeName(
            _("the hub names an impossible checksum or commit"), _("check HF_ENDPOINT")
        )
    if not is_web_address(found.location):
        raise not_the_hub(
            _("the address it gives for {filename} is not a web address", filename=filename)
        )
    return RemoteFile(repo_id, filename, commit, etag, size, found.location)


@contextmanager
def open_range(remote: RemoteFile, start: int, end: int) -> Iterator[RangeResponse]:
    """Yield the bytes from `start` up to `end`, or the whole file from a server without ranges.

    Raises:
        Interrupted: try again.
        LinkExpired: locate the file again.
        HubError: trying again is useless.
    """
    wanted = headers() | {"Accept-Encoding": "identity", "Range": f"bytes={start}-{end - 1}"}
    if not _same_host(remote.url):
        wanted.pop("authorization", None)
    with closing(_response(remote.url, wanted)) as response:
        _check_status(response, remote)
        yield _piece(response, remote)


def _response(url: str, wanted: dict[str, str]) -> "Response":
    """Return the response to a request for bytes, as soon as its headers have arrived."""
    try:
        request = session().build_request("GET", url, headers=wanted, timeout=_timeout())
        return call_within(lambda: _answer(request), HEADERS_S, late=lambda late: late.close())
    except R1LocalError:
        raise
    except TimeLimitExceeded as error:
        raise Interrupted(_("the server takes too long to answer")) from error
    except Exception as error:
        raise Interrupted(reason(error)) from error


def _piece(response: "Response", remote: RemoteFile) -> RangeResponse:
    """Return a response as a part of the file, if its headers say that it is one."""
    ranged = response.status_code == HTTPStatus.PARTIAL_CONTENT
    start, size = _content_range(response) if ranged else (0, _content_length(response))
    if size not in (None, remote.size):
        raise Interrupted(_("the server sends a file of another size"))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Interrupted(_("the server changes what it sends"))
    return RangeResponse(start, ranged, response.headers.get("ETag"), _chunks(response))


def _chunks(response: "Response") -> Iterator[bytes]:
    try:
        yield from paced(response.iter_raw())
    except TooSlow as error:
        raise Interrupted(
            _("less than {least_speed:g} kB came in a second", least_speed=LEAST_SPEED / 1000)
        ) from error
    except Exception as error:
        raise Interrupted(reason(error)) from error


def _content_range(response: "Response") -> tuple[int, int | None]:
    """Return where a part begins, and the size of the whole file if the server states it."""
    value = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(?:(\d{1,18})|\*)", value, re.ASCII)
    if not found:
        raise Interrupted(_("the server does not say which part of the file it sends"))
    return int(found[1]), int(found[2]) if found[2] else None


def _content_length(response: "Response") -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if re.fullmatch(r"\d{1,18}", value, re.ASCII) else None


class RemoteStream(io.RawIOBase):
    """A file on the hub, read by ranges as if it were local."""

    def __init__(self, remote: RemoteFile) -> None:
        super().__init__()
        self._remote = remote
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "Buffer") -> int:
        """Fill the buffer with the next bytes.

        Raises:
            HubUnreachable: they can't be fetched.
        """
        view = memoryview(buffer)
        end = min(self._remote.size, self._at + len(view))
        if end <= self._at:
            return 0
        try:
            data = self._read(end)
        except (Interrupted, LinkExpired) as error:
            expired = _("the server refuses the file's address")
            raise HubUnreachable(
                _(
                    "{name} can't be read: {reason}",
                    name=self._remote.filename,
                    reason=expired if isinstance(error, LinkExpired) else error,
                ),
                _("try again"),
            ) from error
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, end: int) -> bytes:
        """Return the bytes up to `end`, over a new connection if one fails."""
        for _try in range(_TRIES - 1):
            with suppress(Interrupted):
                return self._read_once(end)
        return self._read_once(end)

    def _read_once(self, end: int) -> bytes:
        """Return all bytes up to `end`, since a server may send a few at a time."""
        data = bytearray()
        with open_range(self._remote, self._at, end) as piece:
            if piece.start != self._at or not piece.ranged:
                raise Interrupted(_("the server only sends whole files"))
            for chunk in piece.chunks:
                data += chunk
                if len(data) >= end - self._at:
                    return bytes(data[: end - self._at])
        raise Interrupted(_("the connection was closed early"))


def _same_host(url: str) -> bool:
    """Return whether a URL belongs to the hub itself, the only place where the token is sent."""
    import httpx2
    from huggingface_hub import constants

    hub, other = httpx2.URL(constants.ENDPOINT), httpx2.URL(url)
    return (hub.scheme, hub.host, hub.port) == (other.scheme, other.host, other.port)


def _check_status(response: "Response", remote: RemoteFile) -> None:
    status = response.status_code
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if status in _RETRIED or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        wait = retry_after(response.headers.get("Retry-After"))
        raise Interrupted(_("the server answered {status}", status=status), wait)
    if status in _EXPIRED:
        raise LinkExpired
    raise HubUnreachable(
        _("the server answered {status} for {filename}", status=status, filename=remote.filename),
        _("try again later"),
    )
