"""A server of models on loopback, with every fault; what it says is scripted, message by message.

It stands in for servers that can't run in a test; `testing.llama_server` starts a real one.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

#: A part of a body: bytes to send, or seconds to wait.
Part: TypeAlias = bytes | float

#: Five seconds in which nothing is said.
LINGERING: Sequence[Part] = [b": keep-alive\n\n", 0.05] * 100


@dataclass
class Answer:
    """An answer: a status, headers and the parts of a body; `cut` leaves out the body's end."""

    parts: Sequence[Part] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Asked:
    """A request: its path, its headers in lower case, and its body."""

    path: str
    headers: dict[str, str]
    body: Any


def event(**delta: object) -> bytes:
    """A message of OpenAI's stream with one piece of a reply."""
    return sse({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def end(reason: str = "stop", **usage: object) -> list[bytes]:
    """The last messages of OpenAI's stream."""
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    counted = [sse({"choices": [], "usage": usage})] if usage else []
    return [sse(last), *counted, b"data: [DONE]\n\n"]


def sse(message: object) -> bytes:
    """A message as an event of a stream."""
    return f"data: {json.dumps(message, ensure_ascii=False)}\n\n".encode()


def streamed(*parts: Part, **more: Any) -> Answer:
    """An answer that streams events."""
    return Answer(parts, headers={"Content-Type": "text/event-stream"}, **more)


def answered(value: object, status: int = 200, **headers: str) -> Answer:
    """An answer of JSON."""
    names = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(
        [json.dumps(value).encode()], status, {"Content-Type": "application/json"} | names
    )


def models(*names: str, owned_by: str = "someone", **facts: object) -> Answer:
    """The answer to /v1/models."""
    return answered({"data": [{"id": name, "owned_by": owned_by, **facts} for name in names]})


class EndpointServer:
    """A server whose answers are scripted: by the path, the next one, and the last one for ever."""

    def __init__(self, tls: tuple[Path, Path] | None = None) -> None:
        self.answers: dict[str, list[Answer | Callable[[Asked], Answer]]] = {}
        self.asked: list[Asked] = []
        self.broken_off = threading.Event()  # a client left before the end
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def script(self, path: str, *answers: Answer | Callable[[Asked], Answer]) -> None:
        """Set the answers for a path."""
        self.answers[path] = [*answers]

    def chats(self, *answers: Answer | Callable[[Asked], Answer]) -> None:
        """Set the answers to requests for replies."""
        self.script("/v1/chat/completions", *answers)

    def bodies(self, path: str = "/v1/chat/completions") -> list[Any]:
        """The bodies of the requests for a path so far."""
        return [each.body for each in self.asked if each.path == path]

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        answers = self.answers.get(asked.path)
        if not answers:
            return answered({"error": {"message": "no such path"}}, 404)
        chosen = answers.pop(0) if len(answers) > 1 else answers[0]
        return chosen if isinstance(chosen, Answer) else chosen(asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def loopback_endpoint(
    *names: str,
    owned_by: str = "someone",
    tls: tuple[Path, Path] | None = None,
    **facts: object,
) -> Iterator[EndpointServer]:
    """Yield a server that has some models, for the duration of a test."""
    server = EndpointServer(tls)
    server.script("/v1/models", models(*(names or ("r1",)), owned_by=owned_by, **facts))
    try:
        yield server
    finally:
        server.close()


class _Handler(BaseHTTPRequestHandler):
    endpoint: ClassVar[EndpointServer]
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(OSError):  # if a client has left
            super().handle()

    def log_message(self, *_: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self._answer(json.loads(self.rfile.read(length) or b"null"))

    def _answer(self, body: Any) -> None:
        headers = {name.lower(): text for name, text in self.headers.items()}
        answer = self.endpoint.answer(Asked(self.path, headers, body))
        self.close_connection = True
        with suppress(OSError):
            self.send_response(answer.status)
            for name, text in {**answer.headers, "Transfer-Encoding": "chunked"}.items():
                self.send_header(name, text)
            self.end_headers()
            try:
                self._send(answer)
            except OSError:
                self.endpoint.broken_off.set()

    def _send(self, answer: Answer) -> None:
        for part in answer.parts:
            if isinstance(part, float | int):
                time.sleep(part)
            else:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
        if not answer.cut:
            self.wfile.write(b"0\r\n\r\n")
