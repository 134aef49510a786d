"""Requests to one server elsewhere: short ones, and replies that are read as they come.

The key is sent to the endpoint's own origin alone: no redirect is followed.
"""

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Any, Protocol

import httpx2

from r1local import __version__
from r1local.config.endpoints import Endpoint
from r1local.endpoints.faults import (
    RETRIED,
    failed,
    left_incomplete,
    not_json,
    refused,
    told_in_stream,
)
from r1local.endpoints.keys import key_of
from r1local.endpoints.wire import Call, Piece, pieces_of, says_error
from r1local.errors import EndpointError, EndpointMisconfigured, R1LocalError
from r1local.events.reply import Notice
from r1local.hub.limits import retry_after
from r1local.language import _, reason_of

#: Seconds to connect, and for a short answer.
_CONNECT_S, _ANSWER_S = 10.0, 20.0
#: Bytes of a short answer, and of the body of an error.
_MOST_ANSWER, _MOST_ERROR = 16 * 2**20, 2**16
#: Tries for one reply, the seconds before the second one, which then double, and the most.
_TRIES, _PAUSE_S, _LONGEST_PAUSE_S = 4, 1.0, 60.0
#: UTF-8, with or without a byte order mark.
_UTF8 = "utf-8-sig"
#: What reading a message raises that isn't one; its numbers may be infinite.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)


class Taking(Protocol):
    """Takes what comes of a request: pieces, notices, an error that ends it, or None at its end."""

    def __call__(self, item: Piece | Notice | R1LocalError | None, /) -> None: ...


class Client:
    """Requests to an endpoint; close it in the end.

    Args:
        endpoint: whose address, headers and key they have.

    Raises:
        EndpointMisconfigured: its key, its certificates or a proxy can't be used.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.key = key_of(endpoint)
        own = {"Authorization": f"Bearer {self.key.secret}"} if self.key else {}
        headers = {"User-Agent": f"r1local/{__version__}", **own, **endpoint.headers}
        try:
            self._http = httpx2.Client(
                headers=headers,
                timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
                verify=_certificates(endpoint),
                # Each reply has a connection of its own, which can be cut to end it.
                limits=httpx2.Limits(max_keepalive_connections=0),
            )
        except EndpointMisconfigured:
            raise
        except OSError as error:  # including ssl.SSLError
            raise EndpointMisconfigured(
                _(
                    "this system's certificates can't be read: {reason}",
                    reason=reason_of(error),
                ),
                _("check SSL_CERT_FILE, or unset it"),
            ) from error
        except Exception as error:  # ValueError, InvalidURL, ImportError: all about proxies
            raise EndpointMisconfigured(
                _("a proxy in the environment can't be used"),
                _("write HTTPS_PROXY and ALL_PROXY as http://HOST:PORT or socks5://HOST:PORT"),
            ) from error

    def ask(self, url: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON that a server answers: to a POST with a body, otherwise to a GET.

        Raises:
            R1LocalError: there is no such answer.
        """
        method = "GET" if body is None else "POST"
        try:
            with self._http.stream(method, url, json=body) as response:
                data = _body(response, _MOST_ANSWER)
        except httpx2.HTTPError as error:
            raise failed(self.endpoint, error) from error
        if response.status_code != httpx2.codes.OK:
            raise self.refused(response, data)
        try:
            return json.loads(data)
        except (ValueError, RecursionError) as error:
            raise not_json(self.endpoint, _("no JSON")) from error

    def refused(self, response: httpx2.Response, body: bytes) -> R1LocalError:
        """Return what an answer with another status than 200 means."""
        return refused(self.endpoint, self.key, response.status_code, response.headers, body)

    def send(self, call: Call, trace: Callable[[str, Any], None]) -> httpx2.Response:
        """Send the request for a reply; return the answer, of which no body was read."""
        timeout = {"connect": _CONNECT_S, "read": None, "write": _ANSWER_S, "pool": None}
        request = self._http.build_request(
            "POST", call.url, json=call.body, extensions={"trace": trace, "timeout": timeout}
        )
        return self._http.send(request, stream=True)

    def close(self) -> None:
        """Close all connections."""
        self._http.close()


class Stream:
    """A request for a reply, whose answer is read in a thread of its own as it comes.

    Args:
        client: sends it.
        make: makes the request, which may need others before it.
        take: takes what comes of it, in that thread.

    Attributes:
        sent: when it was sent, by the monotonic clock.
        touched: when the last bytes came, or it was sent.
        heard: when the last of what it is for came, or it was sent.
        begun: whether bytes of a reply have come.
    """

    def __init__(self, client: Client, make: Callable[[], Call], take: Taking) -> None:
        self._client = client
        self._make = make
        self._take = take
        self._stopped = Event()
        self._connection: Any = None
        self._given = False
        self.begun = False
        self.sent = self.touched = self.heard = monotonic()
        Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End it, which the server notices; nothing of it is taken any more."""
        self._stopped.set()
        connection = self._connection
        if connection is not None:
            with suppress(OSError, AttributeError):
                connection.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            call = self._make()
            for number in range(1, _TRIES + 1):
                pause = self._try(call, last=number == _TRIES)
                if pause is None:
                    return
                pause = max(pause, _PAUSE_S * 2 ** (number - 1))
                self._give(_waits(self._client.endpoint, pause))
                self.touched = monotonic() + pause
                if self._stopped.wait(pause):
                    return
        except R1LocalError as error:
            self._give(error)

    def _try(self, call: Call, *, last: bool) -> float | None:
        """Ask for the reply and read it.

        Returns:
            The seconds after which it may be asked for again; None if that is of no use.

        Raises:
            R1LocalError: it failed for good.
        """
        client = self._client
        try:
            response = client.send(call, self._trace)
            try:
                if response.status_code == httpx2.codes.OK:
                    self._read(call, response)
                    return None
                error = client.refused(response, _body(response, _MOST_ERROR))
            finally:
                response.close()
            pause = retry_after(response.headers.get("retry-after")) or 0.0
            if last or response.status_code not in RETRIED or pause > _LONGEST_PAUSE_S:
                raise error
            return pause
        except httpx2.SSEError as error:
            raise not_json(client.endpoint, _("no stream of events")) from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            if self._given:
                raise _cut(client.endpoint) from error
            if last or not isinstance(error, httpx2.TransportError):
                raise failed(client.endpoint, error) from error
            if isinstance(error, httpx2.ProxyError | httpx2.UnsupportedProtocol) or _is_final(
                error
            ):
                raise failed(client.endpoint, error) from error
            return 0.0

    def _read(self, call: Call, response: httpx2.Response) -> None:
        response.stream = _Watched(response.stream, self._touch)  # type: ignore[arg-type]
        ended = False
        for data in _messages(call, response):
            if data.strip() == "[DONE]":
                ended = True
                break
            if not data.strip():
                continue
            try:
                pieces = [*pieces_of(call.form, json.loads(data))]
            except _UNREADABLE as error:
                raise not_json(self._client.endpoint, _("a message that is no JSON")) from error
            for piece in pieces:
                if piece.error:
                    raise told_in_stream(self._client.endpoint, self._client.key, piece.error)
                self._given = True
                ended = ended or piece.reason is not None or bool(piece.broken)
                self._give(piece)
        if not ended:
            raise (
                _cut(self._client.endpoint)
                if self._given
                else not_json(self._client.endpoint, _("an empty stream"))
            )
        self._give(None)

    def _give(self, item: Piece | Notice | R1LocalError | None) -> None:
        self.heard = monotonic()
        if not self._stopped.is_set():
            self._take(item)

    def _touch(self) -> None:
        self.begun, self.touched = True, monotonic()

    def _trace(self, event: str, info: Any) -> None:
        """Keep the connection, so that it can be cut while it is being read."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._connection = info.get("return_value")
            if self._stopped.is_set():
                self.stop()


class _Watched(httpx2.SyncByteStream):
    """The body of an answer; says when bytes of it come."""

    def __init__(self, stream: httpx2.SyncByteStream, touch: Callable[[], None]) -> None:
        self._stream = stream
        self._touch = touch

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._touch()
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _messages(call: Call, response: httpx2.Response) -> Iterator[str]:
    """Yield a stream's messages: of events (SSE), or lines of JSON as Ollama's.

    Both are always UTF-8, and may begin with a byte order mark (HTML's standard, section 9.2.5).
    """
    response.encoding = _UTF8
    if call.form == "ollama":
        yield from _lines(response)
        return
    if "json" in response.headers.get("content-type", ""):
        body = _body(response, _MOST_ERROR).decode(_UTF8, "replace")
        if says_error(_parsed(body)):  # whatever the status says
            yield body
    for event in httpx2.EventSource(response):
        told = event.data
        if event.event == "error" and not says_error(_parsed(told)):
            told = json.dumps({"error": _parsed(told) or told or event.event})
        yield told


def _lines(response: httpx2.Response) -> Iterator[str]:
    held = b""
    for chunk in response.iter_bytes():
        *lines, held = (held + chunk).split(b"\n")
        if len(held) > _MOST_ERROR:
            raise httpx2.SSEError(_("a line without an end"))
        yield from (line.decode(_UTF8, "replace") for line in lines if line.strip())
    if held.strip():
        yield held.decode(_UTF8, "replace")


def _parsed(text: str) -> object:
    """Return what a text is as JSON, or None if it is none."""
    with suppress(ValueError, RecursionError):
        return json.loads(text)
    return None


def _body(response: httpx2.Response, most: int) -> bytes:
    """Return the body of an answer; what is beyond `most` bytes is left out."""
    data = bytearray()
    for chunk in response.iter_bytes():
        data += chunk
        if len(data) > most:
            break
    return bytes(data[:most])


def _certificates(endpoint: Endpoint) -> ssl.SSLContext | bool:
    if endpoint.ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(endpoint.ca_file))
    except OSError as error:  # including ssl.SSLError
        raise EndpointMisconfigured(
            _(
                "the certificates in {ca_file} can't be read: {reason}",
                ca_file=endpoint.ca_file,
                reason=reason_of(error),
            ),
            _("give a file of certificates in PEM form"),
        ) from error


def _is_final(error: Exception) -> bool:
    """Tell whether trying again is of no use: a name, a certificate or a proxy is wrong."""
    if not isinstance(error, httpx2.TransportError) or isinstance(error, httpx2.ProxyError):
        return True
    text = str(error).lower()
    return any(word in text for word in ("certificate", "ssl", "name or service", "nodename"))


def _waits(endpoint: Endpoint, seconds: float) -> Notice:
    return Notice(
        "engine",
        _(
            "{title} can't reply yet; trying again in {seconds:.0f} s",
            title=endpoint.title,
            seconds=seconds,
        ),
    )


def _cut(endpoint: Endpoint) -> EndpointError:
    return left_incomplete(_("{title} broke off in the middle of the reply", title=endpoint.title))
