"""A web site on loopback."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from testing.waiting import PATIENCE_S

Answer = tuple[int, dict[str, str], bytes]


class Site:
    """A web server on loopback, what it answers, and the requests that came."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.answers: dict[str, Answer] = {}
        self.hosts: list[str] = []


@contextmanager
def running_site(encrypted: tuple[Path, Path] | None = None) -> Iterator[Site]:
    """Serve what is put into `answers`, by path; `/slow` never comes.

    Args:
        encrypted: a certificate and its key, for https.
    """

    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.hosts.append(self.headers["Host"])
            status, headers, body = site.answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.path == "/slow":
                over.wait(PATIENCE_S)
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if encrypted:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*encrypted)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
