"""Devices of other machines, through llama.cpp's RPC backend.

llama.cpp ends its process if a server can't be reached, or speaks another version. So a child
process greets a server first.
"""

import ctypes
import os
import subprocess
import sys
from functools import cache

from r1local.engine.library import load_ggml
from r1local.errors import DeviceError
from r1local.language import N_, _

#: Seconds in which a server has to answer.
_PATIENCE_S = 10.0
#: What llama.cpp says about a server's answer (ggml-rpc.cpp), and what that means.
_REASONS = {
    "Failed to connect": N_("nothing answers there"),
    "version mismatch": N_("it is another version of llama.cpp"),
    "handshake failed": N_("it is another version of llama.cpp"),
    "malformed response": N_("what answers there is no RPC server"),
}
_BUILD = N_(
    'build it in: CMAKE_ARGS="-DGGML_RPC=on" pip install --force-reinstall --no-cache-dir'
    " llama-cpp-python"
)


@cache
def add_server(address: str) -> None:
    """Add the devices of a machine on which `ggml-rpc-server` runs.

    Args:
        address: its host and port.

    Raises:
        DeviceError: this llama.cpp has no RPC backend, or the server is none of its kind.
    """
    _find_add()  # before a process is started for nothing
    _greet(address)
    load_ggml().ggml_backend_register(_connect(address))


def _connect(address: str) -> int:
    """Return the backend that stands for a server; llama.cpp aborts if there is none."""
    backend: int | None = _find_add()(address.encode())
    if not backend:
        raise DeviceError(
            _("the RPC server {address} has no devices", address=address),
            _("start it with --device"),
        )
    return backend


def _find_add() -> "ctypes._CFunctionType":
    """Return llama.cpp's function that connects to a server."""
    library = load_ggml()
    if not (backend := library.ggml_backend_reg_by_name(b"RPC")):
        raise DeviceError(_("this llama.cpp is built without RPC"), _(_BUILD))
    address = library.ggml_backend_reg_get_proc_address(backend, b"ggml_backend_rpc_add_server")
    return ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(address)


def _greet(address: str) -> None:
    """Connect to a server in a child process first."""
    command = [sys.executable, "-P", "-m", __spec__.name, address]
    environment = os.environ | {"GGML_NO_BACKTRACE": "1"}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _unreachable(
            address, _("no answer in {patience_s:.0f} seconds", patience_s=_PATIENCE_S)
        ) from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")
        reasons = (_(meaning) for words, meaning in _REASONS.items() if words in said)
        raise _unreachable(address, next(reasons, _("llama.cpp can't use it")))


def _unreachable(address: str, reason: str) -> DeviceError:
    start = _("start ggml-rpc-server of the same llama.cpp there, or leave --rpc out")
    return DeviceError(
        _("the RPC server {address} can't be used: {reason}", address=address, reason=reason), start
    )


if __name__ == "__main__":
    _connect(sys.argv[1])
