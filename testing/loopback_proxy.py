"""Servers on loopback that stand between r1local and the hub."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve each connection in a thread of its own, then close it; yield the port."""

    def serve_one(connection: socket.socket) -> None:
        with connection, suppress(OSError, struct.error):
            serve(connection)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=serve_one, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


@dataclass
class SocksProxy:
    """A SOCKS5 proxy (RFC 1928) without passwords; has its port and the places it connected to."""

    port: int = 0
    targets: list[tuple[str, int]] = field(default_factory=list)

    def serve(self, client: socket.socket) -> None:
        """Connect one client to what it asks for."""
        _version, methods = client.recv(2)
        client.recv(methods)
        client.sendall(b"\x05\x00")
        _version, _command, _reserved, kind = client.recv(4)
        host = (
            socket.inet_ntoa(client.recv(4))
            if kind == 1
            else client.recv(client.recv(1)[0]).decode()
        )
        (port,) = struct.unpack(">H", client.recv(2))
        self.targets.append((host, port))
        with socket.create_connection((host, port)) as target:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            threading.Thread(target=_pump, args=(client, target), daemon=True).start()
            _pump(target, client)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)


@contextmanager
def socks5_proxy() -> Iterator[SocksProxy]:
    """Yield a SOCKS5 proxy for the duration of a test."""
    proxy = SocksProxy()
    with listener(proxy.serve) as proxy.port:
        yield proxy
