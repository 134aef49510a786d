"""llama.cpp's RPC servers on loopback, as devices to offload to.

They need a llama.cpp that was built with `-DGGML_RPC=ON`, from the source of the installed
llama-cpp-python, with the targets `llama` and `ggml-rpc-server`: `LLAMA_RPC_BIN` is the folder
of what was built. Without it, the tests that use them are skipped.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from testing.command import COMMAND, Completed
from testing.waiting import PATIENCE_S


def rpc_build() -> Path:
    """Return the folder of llama.cpp's libraries with RPC; skip the test if there is none."""
    folder = os.environ.get("LLAMA_RPC_BIN")
    if not folder:
        pytest.skip("LLAMA_RPC_BIN names no folder with ggml-rpc-server")
    return Path(folder)


@contextmanager
def rpc_server(memory_kib: int | None = None) -> Iterator[str]:
    """Run a server whose device is the CPU; yield its address.

    Args:
        memory_kib: address space that it may use; it tells of all the machine's memory even so.
    """
    port = free_port()
    limit = "unlimited" if memory_kib is None else str(memory_kib)
    program = f"ulimit -v {limit}; exec '{rpc_build() / 'ggml-rpc-server'}' -p {port} -t 1"
    server = subprocess.Popen(["bash", "-c", program], stdout=subprocess.PIPE)
    try:
        _wait_for(port)
        yield f"127.0.0.1:{port}"
    finally:
        server.kill()
        server.communicate()


def run_with_rpc(*arguments: str | Path) -> Completed:
    """Start `r1local run` with the llama.cpp that has RPC."""
    environment = os.environ | {"LLAMA_CPP_LIB_PATH": str(rpc_build()), "GGML_NO_BACKTRACE": "1"}
    command = [*COMMAND, "run", *map(str, arguments)]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=PATIENCE_S,
        check=False,
    )


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1)):
            return
        time.sleep(0.02)
    raise TimeoutError(f"no RPC server came up at port {port}")
