"""`r1local serve` in a process of its own, and plain requests to it."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testing.command import COMMAND
from testing.waiting import PATIENCE_S


@dataclass
class Answer:
    """A response: its status, its headers by their names in lower case, its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error in OpenAI's form."""
        found: dict[str, Any] = self.json["error"]
        assert found.keys() == {"message", "type", "param", "code"}
        return found

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events of a stream, which is whole."""
        *lines, done = [line for line in self.body.decode().split("\n\n") if line[:5] == "data:"]
        assert done == "data: [DONE]"
        return [json.loads(line[6:]) for line in lines]


@dataclass
class Server:
    """A server that runs."""

    process: "subprocess.Popen[str]"
    url: str
    log_file: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(
        self,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """Send a request; a body that is bytes as it is, another one as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body)
        try:
            connection.request(
                method or ("GET" if body is None else "POST"), path, data, dict(headers or {})
            )
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def chat(self, question: str = "What is 27 + 58?", **fields: object) -> Answer:
        """Ask one question by OpenAI's protocol."""
        messages = [{"role": "user", "content": question}]
        return self.ask("/v1/chat/completions", {"messages": messages, **fields})

    def metric(self, name: str) -> float:
        """Return a metric's value."""
        lines = self.ask("/metrics").body.decode().splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))

    @property
    def log(self) -> list[dict[str, Any]]:
        """What the server has logged."""
        return [json.loads(line) for line in self.log_file.read_text().splitlines()]


@contextmanager
def serving(
    folder: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server with a home of its own, at a free port."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "R1LOCAL_"))}
    variables |= {"HOME": str(folder), **(environment or {})}
    log = folder / "log"
    with log.open("w") as err:
        process = subprocess.Popen(
            serve_command(*arguments), stdout=subprocess.PIPE, stderr=err, env=variables, text=True
        )
    assert process.stdout
    try:
        url = process.stdout.readline().strip()
        assert url, log.read_text()
        yield Server(process, url, log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.stdout.close()


def serve_command(*arguments: str | Path) -> Sequence[str]:
    """Return the command line of a server at a free port."""
    return [*COMMAND, "serve", "--port", "0", *map(str, arguments)]
