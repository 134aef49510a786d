"""The HTTP server: listening, and stopping so that streams end and sockets close."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from r1local.errors import UsageError
from r1local.replies.interruption import handling_signals
from r1local.serving.gateway import Gateway
from r1local.serving.log import Log

#: Seconds in which replies may end by themselves when the server stops; then they are ended, and
#: have a few more for their last words.
GRACE_S, _LAST_WORDS_S = 5.0, 5
#: Seconds for the head of a request to arrive; uvicorn would wait for ever.
HEAD_S = 60.0
#: Connections that may wait to be accepted.
_BACKLOG = 256


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: it can't, as another program has the port.
    """
    try:
        family, _kind, _protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as error:
        raise UsageError(
            f"can't listen at {host} port {port}: {getattr(error, 'strerror', None) or error}",
            "choose another one with --host and --port",
        ) from error
    return listening


def serve_on(
    listening: socket.socket,
    make: Callable[[], tuple[ASGIApp, Gateway]],
    log: Log,
    grace_s: float = GRACE_S,
) -> None:
    """Serve an application until a signal ends it.

    Args:
        listening: where it is reached.
        make: makes the application, in the event loop that serves it.
        log: is told what the HTTP library has to say.
        grace_s: seconds in which replies may end by themselves.
    """
    _log_to(log)
    asyncio.run(_serve(listening, make, grace_s))


async def _serve(
    listening: socket.socket, make: Callable[[], tuple[ASGIApp, Gateway]], grace_s: float
) -> None:
    app, gateway = make()
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=int(grace_s) + _LAST_WORDS_S,
    )
    await _Server(config, gateway, grace_s).serve(sockets=[listening])


class _Connection(H11Protocol):
    """A connection that ends unless a request comes: idle ones could take all that there may be."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._expect_request()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request; uvicorn stops waiting at its first byte."""
        self._expect_request()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer: the timer would keep all that the connection has in memory."""
        if self._waiting:
            self._waiting.cancel()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._waiting:
            self._waiting.cancel()
        self._waiting = self.loop.call_later(HEAD_S, self._end_unless_asked, self.cycle)

    def _end_unless_asked(self, last: object) -> None:
        if self.cycle is last:
            self.transport.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, gateway: Gateway, grace_s: float) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._signals = 0

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Stop at signals; unlike uvicorn's own, this doesn't raise them again at the end."""
        return handling_signals(self.handle_exit)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second signal ends the replies there and then, a third waits for nothing."""
        self._signals += 1
        if self._signals == 2:
            self._loop.call_soon_threadsafe(self._gateway.end_all)
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take on no more; let replies end, then end them."""
        self._gateway.refuse_more()
        asyncio.get_running_loop().call_later(self._grace_s, self._gateway.end_all)
        await super().shutdown(sockets)


class _ToLog(logging.Handler):
    """Hands a library's warnings on: their kind, as their text may quote requests."""

    def __init__(self, log: Log, event: str) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._event = event

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        level, message = record.levelname.lower(), str(record.msg)[:200]
        self._log(self._event, level=level, message=message, kind=kind)


def _log_to(log: Log) -> None:
    for name, event in (("uvicorn", "http"), ("r1local.warm", "socket")):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [_ToLog(log, event)], False
