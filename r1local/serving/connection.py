"""One client's connection: the body of its request, what is sent to it, whether it is there."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Send

from r1local.serving.failures import ClientLeft, RequestError, TooLarge, TooSlow
from r1local.serving.schemas import JSON

#: Bytes of a request's body: more text than a context window holds.
MOST_BODY = 8 * 2**20
#: Seconds for a request's body to arrive, and for a client to take the next piece of a reply.
_BODY_S, _SEND_S = 60.0, 60.0
_STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


class Sending:
    """A response in pieces; sending waits until the client takes them, but not for ever."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def begin(self, media_type: str) -> None:
        """Send the head."""
        headers = {"content-type": media_type, **_STREAM_HEADERS}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def send(self, data: bytes) -> None:
        """Send a piece.

        Raises:
            ClientGone: the client doesn't take it.
        """
        if data:
            await self._within({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes) -> None:
        """Send the last piece."""
        await self._within({"type": "http.response.body", "body": data, "more_body": False})

    async def _within(self, message: JSON) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                await self._send(message)
        except (TimeoutError, OSError) as error:
            raise ClientGone from error


class ClientGone(Exception):
    """The client has left, or doesn't read."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Do something for a client, unless it leaves: then it is cancelled."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((doing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            with suppress(ClientGone):
                doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.wait((doing, leaving))
        if not doing.cancelled():
            doing.exception()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def body_of(request: Request, most: int) -> bytes:
    """Return a request's body.

    Raises:
        TooLarge, TooSlow: it is, or doesn't arrive.
        ClientLeft: the client left before its end.
    """
    too_large = TooLarge(f"the body has more than {most:,} bytes", "send less text")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in request.stream():
                body += piece
                if len(body) > most:
                    raise too_large
    except TimeoutError:
        raise TooSlow("the body of the request doesn't arrive", "send it at once") from None
    except ClientDisconnect:
        raise ClientLeft from None
    if not body:
        raise RequestError("the request has no body", "send a JSON object")
    return bytes(body)
