"""A hub on loopback that serves what huggingface_hub requests, with ranges and faults."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import quote, unquote, urlsplit

COMMIT = "c0ffee" + "0" * 34
_PIECE = 64 * 1024


@dataclass
class Faults:
    """What goes wrong, and how many times; counts go down to zero as they are used up."""

    drop_after: int | None = None  # bytes of a body before the connection is closed
    drops: int = 10**9
    statuses: list[int] = field(default_factory=list)  # answers to the next requests for bytes
    retry_after: str | None = None
    flips: int = 0  # bodies with a flipped bit
    no_ranges: bool = False
    bytes_per_s: float | None = None  # for each connection
    api_status: int | None = None  # for everything except the bytes
    fail_headers: dict[str, str] = field(default_factory=dict)  # in addition to a status
    api_code: str | None = None  # the hub's own word for it, in X-Error-Code
    etag_changes_after: int | None = None  # requests for bytes
    content_length_off: int = 0
    wrong_ranges: int = 0  # answers with another part of the file than was asked for
    linked_etag: str | None = None  # what the hub says a file's checksum is
    api_body: bytes | None = None  # instead of a repository's description
    api_headers: dict[str, str] = field(default_factory=dict)  # in addition to it
    metadata: dict[str, str | None] = field(default_factory=dict)  # about a file; None omits one
    metadata_status: int = 302
    byte_headers: dict[str, str] = field(default_factory=dict)  # other headers before the bytes
    short_answers: int | None = None  # bytes of a range that are sent, as if they were all
    slow_bodies: int = 0  # bodies that go on at a byte every 50 ms after `slow_after` bytes
    slow_after: int = 0
    slow_heads: set[str] = field(default_factory=set)  # "api", "metadata", "bytes"
    slow_api: bool = False


class Hub:
    """Repositories of files, served until `close`; the bytes come from another host and port."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, bytes]] = {}
        self.faults = Faults()
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bytes_sent = 0
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self._servers = [_serve(self), _serve(self)]
        self.url, self.bytes_url = (f"http://127.0.0.1:{s.server_port}" for s in self._servers)

    def add(self, repo_id: str, name: str, data: bytes) -> str:
        """Publish a file; return its SHA-256."""
        self.files.setdefault(repo_id, {})[name] = data
        return _sha256(data)

    def byte_requests(self) -> list[dict[str, str]]:
        """Return the headers of the requests for bytes so far."""
        return [headers for method, path, headers in self.requests if _is_bytes(method, path)]

    def close(self) -> None:
        """Stop serving."""
        self.closed.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()


def _is_bytes(method: str, path: str) -> bool:
    return method == "GET" and path.startswith("/bytes/")


@contextmanager
def loopback_hub() -> Iterator[Hub]:
    """Yield a hub for the duration of a test."""
    hub = Hub()
    try:
        yield hub
    finally:
        hub.close()


def _serve(hub: Hub) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[Hub]
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # if a client was killed
            super().handle()

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        with self.hub.lock:
            self.hub.requests.append((self.command, path, dict(self.headers)))
        try:
            if path.startswith("/bytes/"):
                self._bytes(path)
            elif self.hub.faults.api_status:
                self._fail(self.hub.faults.api_status, self.hub.faults.api_code)
            elif api := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
                self._info(api[1], api[2])
            elif file := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                self._resolve(file[1], file[2], file[3])
            else:
                self._fail(404)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _fail(self, status: int, code: str | None = None) -> None:
        headers = {"Content-Length": "0"}
        if code:
            headers["X-Error-Code"] = code
        headers |= self.hub.faults.fail_headers
        if self.hub.faults.retry_after:
            headers["Retry-After"] = self.hub.faults.retry_after
        self._head(status, headers)

    def _head(self, status: int, headers: dict[str, str], kind: str = "") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if kind in self.hub.faults.slow_heads:
            self.flush_headers()
            self._drip(b"X-Slow: " + b"." * 10_000)
        self.end_headers()

    def _drip(self, data: bytes) -> None:
        """Send a byte every 50 ms, until the hub closes or nobody listens."""
        for at in range(len(data)):
            self.wfile.write(data[at : at + 1])
            self.wfile.flush()
            if self.hub.closed.wait(0.05):
                self.close_connection = True
                return

    def _known(self, repo_id: str, revision: str | None) -> dict[str, bytes] | None:
        files = self.hub.files.get(repo_id)
        if files is None:
            self._fail(404, "RepoNotFound")
        elif revision not in (None, "main", COMMIT):
            self._fail(404, "RevisionNotFound")
        else:
            return files
        return None

    def _info(self, repo_id: str, revision: str | None) -> None:
        files = self._known(repo_id, revision)
        if files is None:
            return
        siblings = [
            {"rfilename": name, "size": len(data), "blobId": "0" * 40, "lfs": _lfs(data)}
            for name, data in files.items()
        ]
        body = json.dumps({"id": repo_id, "sha": COMMIT, "siblings": siblings}).encode()
        faults = self.hub.faults
        if faults.api_body is not None:
            body = faults.api_body
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        self._head(200, headers | faults.api_headers, "api")
        if faults.slow_api:
            self._drip(body)
        else:
            self.wfile.write(body)

    def _resolve(self, repo_id: str, revision: str, name: str) -> None:
        files = self._known(repo_id, revision)
        if files is None:
            return
        if name not in files:
            self._fail(404, "EntryNotFound")
            return
        headers: dict[str, str | None] = {
            "Location": f"{self.hub.bytes_url}/bytes/{repo_id}/{quote(name)}",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Etag": f'"{self.hub.faults.linked_etag or _sha256(files[name])}"',
            "X-Linked-Size": str(len(files[name])),
            "Content-Length": "0",
        }
        changed = headers | self.hub.faults.metadata
        kept = {name: value for name, value in changed.items() if value is not None}
        self._head(self.hub.faults.metadata_status, kept, "metadata")

    def _bytes(self, path: str) -> None:
        faults, hub = self.hub.faults, self.hub
        organisation, repository, name = path.removeprefix("/bytes/").split("/", 2)
        data = hub.files[f"{organisation}/{repository}"][name]
        with hub.lock:
            status = faults.statuses.pop(0) if faults.statuses else None
        if status:
            self._fail(status)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        start, end = 0, len(data)
        headers = {"ETag": self._etag(data)}
        if wanted and not faults.no_ranges:
            with hub.lock:
                wrong = faults.wrong_ranges > 0
                faults.wrong_ranges -= wrong
            start, end = int(wanted[1]) + wrong, int(wanted[2]) + 1
            if faults.short_answers is not None:
                end = min(end, start + faults.short_answers)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        headers["Content-Length"] = str(end - start + faults.content_length_off)
        ranged = "Content-Range" in headers
        self._head(206 if ranged else 200, headers | faults.byte_headers, "bytes")
        self._send(data[start:end])

    def _etag(self, data: bytes) -> str:
        after = self.hub.faults.etag_changes_after
        if after is not None and len(self.hub.byte_requests()) > after:
            return '"changed"'
        return f'"{_sha256(data)[:32]}"'

    def _send(self, body: bytes) -> None:
        faults, hub = self.hub.faults, self.hub
        with hub.lock:
            drop = faults.drop_after if faults.drops > 0 else None
            faults.drops -= drop is not None and drop < len(body)
            flip, faults.flips = faults.flips > 0, max(0, faults.flips - 1)
            slow, faults.slow_bodies = faults.slow_bodies > 0, max(0, faults.slow_bodies - 1)
        if flip:
            body = bytes([body[0] ^ 1]) + body[1:]
        if slow:
            self.wfile.write(body[: faults.slow_after])
            self._drip(body[faults.slow_after :])
            return
        for at in range(0, len(body), _PIECE):
            piece = body[at : at + _PIECE]
            if drop is not None and at + len(piece) > drop:
                self.close_connection = True
                return
            self.wfile.write(piece)
            with hub.lock:
                hub.bytes_sent += len(piece)
            if faults.bytes_per_s:
                time.sleep(len(piece) / faults.bytes_per_s)
        if faults.content_length_off:
            self.close_connection = True


def _lfs(data: bytes) -> dict[str, object]:
    return {"sha256": _sha256(data), "size": len(data), "pointerSize": 134}


@lru_cache(maxsize=4)  # a large file is requested many times
def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
