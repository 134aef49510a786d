"""The routes of both protocols."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from r1local import __version__
from r1local.config.paths import real_path
from r1local.errors import R1LocalError
from r1local.events.reply import Event
from r1local.serving import ollama, openai, responses, schemas
from r1local.serving.asked import Asked, Ended
from r1local.serving.connection import MOST_BODY, Sending, body_of, while_connected
from r1local.serving.descriptions import card, running, tag
from r1local.serving.failures import NotFound, ServerBug
from r1local.serving.gateway import Gateway, Replies
from r1local.serving.guard import Access, Guard, error_body, error_response
from r1local.serving.log import Log
from r1local.serving.openapi import document
from r1local.serving.pulling import Pull, progress_lines
from r1local.serving.schemas import JSON

#: Requests at the same time besides those that are replied to, and downloads among them.
_OTHER_REQUESTS, _MOST_PULLS = 64, 4


class Form(Protocol):
    """How replies are written in a protocol; see `openai.ChatForm`."""

    media_type: str
    end_of_stream: bytes
    keep_alive: bytes

    def encode(self, piece: JSON) -> bytes: ...
    def begin(self) -> Iterator[JSON]: ...
    def handle(self, index: int, event: Event, /) -> Iterator[JSON]: ...
    def end(self, index: int, ended: Ended, /) -> Iterator[JSON]: ...
    def last(self, replies: Sequence[Ended]) -> Iterator[JSON]: ...
    def failed(self, error: JSON) -> Iterator[JSON]: ...
    def whole(self, replies: Sequence[Ended]) -> JSON: ...


MakeForm: TypeAlias = Callable[[str, str, Asked], Form]


def make_app(
    gateway: Gateway,
    access: Access,
    log: Log,
    pull: Pull | None = None,
    *,
    most_body: int = MOST_BODY,
) -> ASGIApp:
    """Return the server's application.

    Args:
        gateway: makes replies.
        access: who may use it.
        log: is told of requests.
        pull: downloads a model by its name; None means that nothing can be downloaded.
        most_body: bytes of the largest body of a request.
    """
    routes = _Routes(gateway, pull, most_body)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await gateway.models.close()

    app = Starlette(
        routes=routes.all(),
        exception_handlers={HTTPException: _no_such_route, R1LocalError: _failed, Exception: _bug},
        lifespan=lifespan,
    )
    known = {route.path for route in routes.all()}
    most = gateway.most + _OTHER_REQUESTS
    return Guard(app, access, log, gateway.metrics, lambda path: _route_of(path, known), most)


def _route_of(path: str, known: set[str]) -> str:
    if path.startswith("/v1/models/"):
        return "/v1/models/{model}"
    return path if path in known else "other"


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, R1LocalError)
    request.scope["r1local"]["error"] = type(error).__name__
    return error_response(request.url.path, error)


def _bug(request: Request, _error: Exception) -> Response:
    """Answer in the protocol's form; the guard, which gets the error next, logs where it arose."""
    return error_response(request.url.path, ServerBug())


def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    told = NotFound("there is nothing at this address", "see /openapi.json")
    if error.status_code == 405:
        told = NotFound("this address takes another method", "see /openapi.json")
    return JSONResponse(error_body(path, told), error.status_code, error.headers)


class _Routes:
    """The functions of the routes."""

    def __init__(self, gateway: Gateway, pull: Pull | None, most_body: int) -> None:
        self._gateway = gateway
        self._pull_model = pull
        self._pulls = 0
        self._most_body = most_body

    def all(self) -> list[Route]:
        """Return the routes."""
        post, get = ["POST"], ["GET"]
        replying = self._replying
        return [
            Route("/", self._root, methods=get),
            Route("/health", self._health, methods=get),
            Route("/metrics", self._metrics, methods=get),
            Route("/openapi.json", self._openapi, methods=get),
            Route("/v1/models", self._models, methods=get),
            Route("/v1/models/{model:path}", self._model, methods=get),
            Route(
                "/v1/chat/completions",
                replying(schemas.CHAT, openai.chat_request, openai.ChatForm),
                methods=post,
            ),
            Route(
                "/v1/completions",
                replying(schemas.COMPLETION, openai.completion_request, openai.CompletionForm),
                methods=post,
            ),
            Route(
                "/v1/responses",
                replying(schemas.RESPONSE, responses.request, responses.ResponseForm),
                methods=post,
            ),
            Route("/v1/chat/completions/control", self._control, methods=post),
            Route(
                "/api/chat",
                replying(schemas.OLLAMA_CHAT, ollama.chat_request, ollama.ChatForm),
                methods=post,
            ),
            Route(
                "/api/generate",
                replying(schemas.OLLAMA_GENERATE, ollama.generate_request, ollama.GenerateForm),
                methods=post,
            ),
            Route("/api/tags", self._tags, methods=get),
            Route("/api/ps", self._ps, methods=get),
            Route("/api/version", self._version, methods=get),
            Route("/api/show", self._show, methods=post),
            Route("/api/pull", self._pull, methods=post),
        ]

    def _replying(
        self, schema: JSON, ask: Callable[[JSON], Asked], make_form: MakeForm
    ) -> "_ReplyRoute":
        return _ReplyRoute(self._gateway, self._most_body, schema, ask, make_form)

    async def _root(self, _request: Request) -> Response:
        return PlainTextResponse("r1local is running")

    async def _health(self, _request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _request: Request) -> Response:
        text = self._gateway.metrics.text(self._gateway.gauges)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def _openapi(self, _request: Request) -> Response:
        return JSONResponse(document())

    async def _models(self, _request: Request) -> Response:
        listed = await asyncio.to_thread(self._gateway.models.listed)
        named = {each.path: (each.reference, each.last_used) for each in listed}
        default = self._gateway.models.default
        named.setdefault(default.path, (default.name, 0.0))
        models = [self._described(path, *each) for path, each in named.items()]
        return JSONResponse({"object": "list", "data": models})

    async def _model(self, request: Request) -> Response:
        name = request.path_params["model"]
        found = await asyncio.to_thread(self._gateway.models.find, name)
        return JSONResponse(self._described(found.path, name, found.path.stat().st_mtime))

    def _described(self, path: Path, name: str, created: float) -> JSON:
        """Return a model's object, with its context window (vLLM's word) if it is loaded."""
        loaded = self._gateway.models.loaded.get(real_path(path))
        window = loaded and loaded.runner.engine.context_window
        return openai.model_object(name, created, **({"max_model_len": window} if window else {}))

    async def _control(self, request: Request) -> Response:
        body = await self._read(request, schemas.CONTROL)
        self._gateway.answer_now(body["id"])
        return JSONResponse({"success": True})

    async def _tags(self, _request: Request) -> Response:
        listed = await asyncio.to_thread(self._gateway.models.listed)
        return JSONResponse({"models": await asyncio.to_thread(lambda: [*map(tag, listed)])})

    async def _ps(self, _request: Request) -> Response:
        loaded = self._gateway.models.loaded.values()
        return JSONResponse({"models": [running(each) for each in loaded]})

    async def _version(self, _request: Request) -> Response:
        return JSONResponse({"version": __version__})

    async def _show(self, request: Request) -> Response:
        body = await self._read(request, schemas.OLLAMA_MODEL)
        found = await asyncio.to_thread(
            self._gateway.models.find, body.get("model") or body.get("name")
        )
        return JSONResponse(await asyncio.to_thread(card, found))

    async def _pull(self, request: Request) -> Response:
        body = await self._read(request, schemas.OLLAMA_PULL)
        if self._pull_model is None:
            raise NotFound("this server downloads nothing", "use: r1local pull")
        lines = self._pulling(self._pull_model, body.get("model") or body["name"])
        if body.get("stream", True):
            return _Lines(lines)
        *_progress, last = [line async for line in lines]
        return JSONResponse(last, 500 if "error" in last else 200)

    async def _pulling(self, pull: Pull, name: str) -> AsyncGenerator[JSON, None]:
        if self._pulls >= _MOST_PULLS:
            yield ollama.error_object("as many downloads as allowed are going on; ask again later")
            return
        self._pulls += 1
        try:
            async with aclosing(progress_lines(pull, name)) as lines:
                async for line in lines:
                    yield line
        finally:
            self._pulls -= 1

    async def _read(self, request: Request, schema: JSON) -> JSON:
        return schemas.read(await body_of(request, self._most_body), schema)


class _ReplyRoute:
    """An ASGI application that answers with replies, in one of the forms.

    Args:
        gateway: makes replies.
        most_body: bytes of the largest body.
        schema: of the body.
        ask: reads the body.
        make_form: makes the form.
    """

    def __init__(
        self,
        gateway: Gateway,
        most_body: int,
        schema: JSON,
        ask: Callable[[JSON], Asked],
        make_form: MakeForm,
    ) -> None:
        self._gateway = gateway
        self._most_body = most_body
        self._schema = schema
        self._ask = ask
        self._make_form = make_form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = self._ask(schemas.read(await body_of(request, self._most_body), self._schema))
        work = self._reply(asked, scope, receive, send)
        await while_connected(receive, work)

    async def _reply(self, asked: Asked, scope: Scope, receive: Receive, send: Send) -> None:
        if not asked.conversation:
            await (await self._only_load(asked))(scope, receive, send)
            return
        async with self._gateway.replies(asked) as replies:
            form = self._make_form(replies.id, asked.model or replies.model, asked)
            if asked.stream:
                await _stream(replies, form, scope, send)
            else:
                async for _event in replies.events():
                    pass
                await JSONResponse(form.whole(replies.ended))(scope, receive, send)
            scope["r1local"] |= _facts(replies)

    async def _only_load(self, asked: Asked) -> Response:
        """Load a model, or unload it, as a request of Ollama's without a question asks."""
        models = self._gateway.models
        selected = await asyncio.to_thread(models.find, asked.model)
        form = self._make_form("", asked.model or selected.name, asked)
        assert isinstance(form, ollama.ChatForm)
        if asked.keep_alive == 0:
            await models.unload(selected)
            return JSONResponse(form.without_reply("unload"))
        async with models.using(selected, asked.keep_alive):
            return JSONResponse(form.without_reply("load"))


def _facts(replies: Replies) -> JSON:
    """Return what the log says of replies: numbers, no contents."""
    usages = [each.finished.usage for each in replies.ended]
    return {
        "model": replies.model,
        "replies": len(usages),
        "prompt_tokens": max((each.prompt_tokens for each in usages), default=0),
        "thinking_tokens": sum(each.thinking_tokens for each in usages),
        "answer_tokens": sum(each.answer_tokens for each in usages),
    }


async def _stream(replies: Replies, form: Form, scope: Scope, send: Send) -> None:
    """Send replies while they are written, no faster than they are taken."""
    sending = Sending(send)
    await sending.begin(form.media_type)
    for piece in form.begin():
        await sending.send(form.encode(piece))
    try:
        async for happened in replies.events():
            if happened is None:
                await sending.send(form.keep_alive)
                continue
            number, event = happened
            pieces = form.end(number, event) if isinstance(event, Ended) else form.handle(*happened)  # type: ignore[arg-type]
            for piece in pieces:
                await sending.send(form.encode(piece))
        for piece in form.last(replies.ended):
            await sending.send(form.encode(piece))
    except R1LocalError as error:
        scope["r1local"]["error"] = type(error).__name__
        for piece in form.failed(error_body(scope["path"], error)):
            await sending.send(form.encode(piece))
    await sending.end(form.end_of_stream)


class _Lines(Response):
    """Lines of JSON as they come."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncGenerator[JSON, None]) -> None:
        super().__init__()
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        await while_connected(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        sending, form = Sending(send), ollama.ChatForm("", "", Asked(None, ()))
        await sending.begin(self.media_type)
        async with aclosing(self._lines) as lines:
            async for line in lines:
                await sending.send(form.encode(line))
        await sending.end(b"")
