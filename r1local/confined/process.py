"""Starting a process for untrusted data, and watching it."""

import json
import os
import signal
import subprocess
import sys
from typing import Literal

import psutil

from r1local.confined.limits import OUT_OF_MEMORY, OUT_OF_TIME

#: The environment variables for the process: what Python needs to start and to know the time.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TZ")
_PROGRAM = """
import json, os, sys
sys.path[:] = json.loads(sys.argv[1])
try:
    from importlib import import_module
    import_module(sys.argv[2]).main()
except MemoryError:
    os._exit(71)
except BaseException:
    os._exit(70)  # not 1, which means that the time is up
"""


def start(module: str) -> "subprocess.Popen[bytes]":
    """Run a module's `main` in a process that can import what this one can, and shares no more.

    Its stdin and stdout are pipes.

    Raises:
        OSError: no process can be started.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROGRAM, json.dumps(sys.path, default=str), module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,  # Ctrl-C is only for r1local
        creationflags=flags,
    )


def memory_of(process: "subprocess.Popen[bytes]") -> int:
    """Return the bytes of memory in use, for systems that can't limit a process themselves."""
    try:
        return int(psutil.Process(process.pid).memory_info().rss)
    except psutil.Error:
        return 0


def lacked(code: int) -> Literal["time", "memory"] | None:
    """Return what a process that ended with a code had used up; None if it ended otherwise."""
    if code == OUT_OF_TIME or (sys.platform != "win32" and code == -signal.SIGXCPU):
        return "time"
    return "memory" if code == OUT_OF_MEMORY else None
