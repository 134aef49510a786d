"""What stands before all routes: keys, names and origins, CORS, the log, and faults.

A web page that somebody visits can send requests to servers on the same machine. It says so by
`Origin`; and if it had its own name resolve to this machine (DNS rebinding), by `Host`.
"""

import hmac
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from r1local.errors import R1LocalError
from r1local.serving import ollama, openai
from r1local.serving.failures import (
    ClientLeft,
    Forbidden,
    NotAuthorized,
    RequestError,
    ServerBug,
    Unavailable,
    sentence,
    status_of,
)
from r1local.serving.log import Log
from r1local.serving.metrics import Metrics

#: What a program may ask for without a key.
_OPEN = ("/health",)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the server.

    Args:
        key: what requests must have as a bearer token; None means that none is needed.
        origins: the origins of web pages that may use it; `*` is any.
        host: the name that it was told to listen at.
    """

    key: str | None = None
    origins: tuple[str, ...] = ()
    host: str = "127.0.0.1"

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Refuse a request that may not be made.

        Raises:
            NotAuthorized, Forbidden: it may not.
        """
        origin = headers.get("origin")
        if origin is not None and not self.allows(origin):
            raise Forbidden(
                "web pages of this origin may not use this server",
                "allow it with: r1local serve --allow-origin ORIGIN",
            )
        if self._has_key(headers.get("authorization", "")):
            return
        if not self._is_own(headers.get("host", "")):
            raise Forbidden(
                "the Host of the request is not a name of this machine",
                "use its address, or a key (--api-key-env)",
            )
        if self.key is not None and path not in _OPEN:
            raise NotAuthorized(
                "the API key is missing or wrong", "send it as Authorization: Bearer KEY"
            )

    def allows(self, origin: str) -> bool:
        """Return whether a web page of an origin may use the server."""
        return "*" in self.origins or origin.lower() in self.origins

    def _has_key(self, authorization: str) -> bool:
        """Return whether the right key was sent; comparing takes as long for every wrong one."""
        scheme, _, sent = authorization.partition(" ")
        if self.key is None or scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(sent.strip().encode(), self.key.encode())

    def _is_own(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        own = socket.gethostname().lower()
        if name in ("localhost", self.host.lower(), own, f"{own}.local"):
            return True
        # An address needs no resolving, and nobody can own a name under localhost (RFC 6761).
        return _is_address(name) or name.endswith(".localhost")


class Guard:
    """An ASGI application around another one.

    Args:
        app: the routes.
        access: who may use them.
        log, metrics: are told of each request.
        route_of: the route of a path, for log and metrics: paths may hold anything.
        most: requests at the same time.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        log: Log,
        metrics: Metrics,
        route_of: Callable[[str], str],
        most: int,
    ) -> None:
        self._app = app
        self._access = access
        self._log = log
        self._metrics = metrics
        self._route_of = route_of
        self._most = most
        self._active = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._active += 1
        started, answer = time.monotonic(), _Answer(send, self._cors(Headers(scope=scope)))
        scope["r1local"] = facts = dict[str, object]()
        try:
            if self._active > self._most:
                raise Unavailable("too many requests at the same time", "ask again later")
            await self._pass_on(scope, receive, answer)
        except R1LocalError as error:
            await self._fail(scope, receive, answer, error_response(scope["path"], error))
        except Exception as error:
            self._log("bug", kind=type(error).__name__, at=_place(error))
            await self._fail(scope, receive, answer, error_response(scope["path"], ServerBug()))
        finally:
            self._active -= 1
            route = self._route_of(scope["path"])
            seconds = round(time.monotonic() - started, 4)
            status = answer.status or ClientLeft.status
            self._metrics.add("r1local_http_requests_total", route=route, status=status)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            told_facts = {"method": method, "route": route, "status": status}
            self._log("request", **told_facts, seconds=seconds, **facts)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        headers = Headers(scope=scope)
        preflight = scope["method"] == "OPTIONS" and "access-control-request-method" in headers
        if preflight and self._access.allows(headers.get("origin", "")):
            wanted = headers.get("access-control-request-headers", "")
            allowed = {**_PREFLIGHT, "access-control-allow-headers": wanted}
            await Response(status_code=204, headers=allowed)(scope, receive, answer)
            return
        self._access.check(scope["path"], headers)
        await self._app(scope, receive, answer)

    def _cors(self, headers: Headers) -> Mapping[str, str]:
        origin = headers.get("origin")
        if origin is None or not self._access.allows(origin):
            return {}
        return {"access-control-allow-origin": origin, "vary": "Origin"}

    async def _fail(
        self, scope: Scope, receive: Receive, answer: "_Answer", response: Response
    ) -> None:
        if not answer.status:
            await response(scope, receive, answer)


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-max-age": "600",
}


class _Answer:
    """Sends the answer on, with further headers, and knows its status."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message).update(self._headers)
        await self._send(message)


def error_response(path: str, error: R1LocalError) -> Response:
    """Return an error as the protocol of a path says it."""
    status, _code = status_of(error)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    if isinstance(error, RequestError) and error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    return JSONResponse(error_body(path, error), status, headers)


def error_body(path: str, error: R1LocalError) -> dict[str, object]:
    """Return the body of `error_response`."""
    if path.startswith("/api/"):
        return ollama.error_object(sentence(error))
    param = error.param if isinstance(error, RequestError) else None
    return openai.error_object(sentence(error), *status_of(error), param)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _place(error: BaseException) -> str:
    """Return where an error arose: its message might quote a request."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
