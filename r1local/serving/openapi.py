"""The OpenAPI document of the server, from the schemas by which requests are read."""

from dataclasses import dataclass
from functools import cache

from r1local import __version__
from r1local.serving import schemas
from r1local.serving.schemas import JSON


@dataclass(frozen=True, slots=True)
class _Operation:
    path: str
    summary: str
    body: JSON | None = None
    media: str = "application/json"
    streams: str | None = None
    #: Statuses besides 200 and those that every request may get.
    statuses: tuple[int, ...] = ()


_FAULTS = {
    400: "The request can't be served as it is",
    401: "The API key is missing or wrong",
    403: "A web page or a host name that may not use the server",
    404: "No such model, or no such reply",
    408: "The body doesn't arrive",
    413: "The body is too large",
    429: "As many replies as allowed are written or wait",
    500: "The engine failed",
    502: "The hub can't be asked",
    503: "The model can't be loaded now, or the server stops",
}
_ALWAYS = (401, 403, 500)
_READING = (400, 408, 413)
_OF_REPLIES = (404, 429, 503)
_EVENTS, _LINES = "text/event-stream", "application/x-ndjson"
_OPERATIONS = (
    _Operation("/", "Say that the server runs", media="text/plain"),
    _Operation("/health", "Say that the server runs; needs no key"),
    _Operation("/metrics", "Counters for Prometheus", media="text/plain"),
    _Operation("/openapi.json", "This document"),
    _Operation("/v1/models", "List the models on this machine"),
    _Operation("/v1/models/{model}", "Show a model", statuses=(404,)),
    _Operation(
        "/v1/chat/completions",
        "Reply to a conversation",
        schemas.CHAT,
        streams=_EVENTS,
        statuses=_OF_REPLIES,
    ),
    _Operation(
        "/v1/completions",
        "Reply to a prompt",
        schemas.COMPLETION,
        streams=_EVENTS,
        statuses=_OF_REPLIES,
    ),
    _Operation(
        "/v1/responses",
        "Reply to a conversation, in items",
        schemas.RESPONSE,
        streams=_EVENTS,
        statuses=_OF_REPLIES,
    ),
    _Operation(
        "/v1/chat/completions/control",
        "End the thought of a reply that is being written",
        schemas.CONTROL,
        statuses=(404,),
    ),
    _Operation(
        "/api/chat",
        "Reply to a conversation (Ollama)",
        schemas.OLLAMA_CHAT,
        streams=_LINES,
        statuses=_OF_REPLIES,
    ),
    _Operation(
        "/api/generate",
        "Reply to a prompt (Ollama)",
        schemas.OLLAMA_GENERATE,
        streams=_LINES,
        statuses=_OF_REPLIES,
    ),
    _Operation("/api/tags", "List the models on this machine (Ollama)"),
    _Operation("/api/ps", "List the loaded models (Ollama)"),
    _Operation("/api/version", "The version of r1local (Ollama)"),
    _Operation("/api/show", "Show a model (Ollama)", schemas.OLLAMA_MODEL, statuses=(404, 503)),
    _Operation(
        "/api/pull",
        "Download a model (Ollama)",
        schemas.OLLAMA_PULL,
        streams=_LINES,
        statuses=(404, 502),
    ),
)


_ABOUT = "OpenAI's and Ollama's protocols. A field that is null counts as absent."


@cache
def document() -> JSON:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "r1local serve", "version": __version__, "description": _ABOUT},
        "paths": {each.path: _path(each) for each in _OPERATIONS},
        "components": {
            "schemas": {"Error": _ERROR, "OllamaError": _OLLAMA_ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


_ERROR: JSON = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
_OLLAMA_ERROR: JSON = {
    "type": "object",
    "properties": {"error": {"type": "string"}},
    "required": ["error"],
}


def _path(operation: _Operation) -> JSON:
    kind = "OllamaError" if operation.path.startswith("/api/") else "Error"
    content: JSON = {operation.media: {}}
    if operation.streams:
        content[operation.streams] = {}
    responses: JSON = {"200": {"description": "Done", "content": content}}
    reading = _READING if operation.body else ()
    for status in sorted({*_ALWAYS, *reading, *operation.statuses}):
        fault = {"schema": {"$ref": f"#/components/schemas/{kind}"}}
        responses[str(status)] = {
            "description": _FAULTS[status],
            "content": {"application/json": fault},
        }
    described: JSON = {"summary": operation.summary, "responses": responses}
    if operation.body:
        body = {"application/json": {"schema": operation.body}}
        described["requestBody"] = {"required": True, "content": body}
    if "{model}" in operation.path:
        described["parameters"] = [
            {"name": "model", "in": "path", "required": True, "schema": schemas.NAME}
        ]
    return {"post" if operation.body else "get": described}
