"""Many clients of `serve` at once: errors, fairness, throughput and memory over time."""

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil

from tools.benchmarks.harness import R1LOCAL, Options, print_head, print_row

CLIENTS, SECONDS, PARALLEL = 64, 100.0, 16
#: Seconds between two looks at the server's memory, and those of warming up.
_LOOK_S, _WARM_S = 2.0, 20.0


@dataclass(slots=True)
class Client:
    """What one client met.

    Args:
        waits: seconds until the first text of each reply.
        errors: what went wrong, by status or kind.
    """

    waits: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    tokens: int = 0


def load_server(_options: Options) -> None:
    """Let 64 clients ask nano for sums, one after the other, and look at what they met."""
    command = [*R1LOCAL, "serve", "-m", "nano", "--port", "0", "--parallel", str(PARALLEL)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    try:
        port = int(process.stdout.readline().strip().rpartition(":")[2])
        clients, memory = _loaded(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()
    _report(clients, memory)


def _loaded(port: int, server: psutil.Process) -> tuple[list[Client], list[float]]:
    """Return what the clients met, and the server's memory from when it was warm, in MiB."""
    clients = [Client() for _ in range(CLIENTS)]
    started = time.monotonic()
    until = started + SECONDS
    threads = [
        threading.Thread(target=_ask_until, args=(port, number, client, until))
        for number, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    memory = []
    while time.monotonic() < until:
        time.sleep(_LOOK_S)
        if time.monotonic() > started + _WARM_S:
            memory.append(server.memory_info().rss / 2**20)
    for thread in threads:
        thread.join()
    return clients, memory


def _ask_until(port: int, number: int, client: Client, until: float) -> None:
    sums = 0
    while time.monotonic() < until:
        sums += 1
        question = f"What is {number + 10} + {sums % 90 + 10}?"
        try:
            _ask(port, question, client)
        except (OSError, http.client.HTTPException) as error:
            client.errors[type(error).__name__] += 1


def _ask(port: int, question: str, client: Client) -> None:
    """Ask one question, with a connection of its own, and read the stream."""
    body = {
        "messages": [{"role": "user", "content": question}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    asked, waited = time.monotonic(), None
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(body))
        response = connection.getresponse()
        if response.status != 200:
            client.errors[str(response.status)] += 1
            return
        last = b""
        for line in response:
            if waited is None and b"reasoning_content" in line:
                waited = time.monotonic() - asked
            if b'"usage"' in line:
                client.tokens += json.loads(line[6:])["usage"]["completion_tokens"]
            last = line.strip() or last
    finally:
        connection.close()
    if waited is None or last != b"data: [DONE]":
        client.errors["cut"] += 1
    else:
        client.waits.append(waited)


def _report(clients: list[Client], memory: list[float]) -> None:
    errors = sum((client.errors for client in clients), Counter[str]())
    medians = [statistics.median(client.waits) for client in clients]
    middle = statistics.median(medians)
    series = " ".join(f"{each:.0f}" for each in memory[:: round(10 / _LOOK_S)])
    print(f"Python {sys.version.split()[0]}, {CLIENTS} clients, {SECONDS:.0f} s")
    print_head("figure", "value")
    print_row("replies", f"{sum(len(client.waits) for client in clients):,}")
    print_row("errors", dict(errors) or 0)
    print_row("tokens/s", f"{sum(client.tokens for client in clients) / SECONDS:,.0f}")
    print_row("time to first token, median of the clients' medians, s", f"{middle:.3f}")
    print_row("the same of the client that waits longest, s", f"{max(medians):.3f}")
    print_row("its ratio to the median", f"{max(medians) / middle:.2f}")
    print_row(f"memory from {_WARM_S:.0f} s on, every 10 s, MiB", series)
