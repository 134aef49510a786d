"""llama.cpp's own server, where there is one: R1LOCAL_TEST_LLAMA_SERVER, or on the PATH."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testing.waiting import PATIENCE_S

#: Read when this is imported: tests take such variables out of their environment.
LLAMA_SERVER = os.environ.get("R1LOCAL_TEST_LLAMA_SERVER") or shutil.which("llama-server")


@contextmanager
def llama_server(model: Path, *arguments: str) -> Iterator[str]:
    """Yield the address of a server that runs the model in a file."""
    assert LLAMA_SERVER
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [LLAMA_SERVER, "-m", str(model), "--port", str(port), "--jinja", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("llama-server did not start")
