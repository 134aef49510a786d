"""Starting a process for untrusted data, and watching it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from typing import Literal, NamedTuple, TypeAlias

import psutil

from r1local.confined.limits import OUT_OF_MEMORY, OUT_OF_TIME, clock_for

#: What a process has used up.
Lack: TypeAlias = Literal["time", "memory"]
#: Seconds beyond its time in which a process may still end itself, and between two looks at it.
_GRACE_S, _LOOK_INTERVAL_S = 3.0, 0.05

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


class Ended(NamedTuple):
    """What a process printed until it ended, and what it had used up, if that ended it."""

    printed: bytes
    lack: Lack | None


class Watch:
    """The limits of a process's work from now on, seen from outside.

    A process limits itself as well, but not on every system, nor if it has been stopped.

    Args:
        memory: bytes that it may use in all.
        seconds: processor time that it may take.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", memory: float, seconds: float) -> None:
        self._process = process
        self._memory = memory
        self._processor = _used(process)[1] + seconds + _GRACE_S
        self._deadline = time.monotonic() + clock_for(seconds) + _GRACE_S

    def lack(self) -> Lack | None:
        """Return what the process has used up; None as long as it may go on."""
        memory, seconds = _used(self._process)
        if memory > self._memory:
            return "memory"
        late = seconds > self._processor or time.monotonic() > self._deadline
        return "time" if late else None


def run(
    process: "subprocess.Popen[bytes]",
    request: bytes,
    watch: Watch,
    look: Callable[[], object] = lambda: None,
) -> Ended:
    """Give a process that `start` has started its request, and wait until it ends.

    Args:
        look: called now and then meanwhile; an error that it raises ends the process.
    """
    printed: list[bytes] = []
    # Whoever gives `communicate` a timeout and goes on later gives no more of the request.
    exchange = Thread(target=lambda: printed.append(process.communicate(request)[0]))
    exchange.start()
    try:
        while exchange.is_alive():
            exchange.join(_LOOK_INTERVAL_S)
            if lack := watch.lack():
                return Ended(b"", lack)
            look()
    finally:
        process.kill()
        exchange.join()
    return Ended(printed[0], lacked(process.returncode))


def lacked(code: int) -> Lack | None:
    """Return what a process that ended with a code had used up; None if it ended otherwise."""
    if code == OUT_OF_TIME or (sys.platform != "win32" and code == -signal.SIGXCPU):
        return "time"
    return "memory" if code == OUT_OF_MEMORY else None


def _used(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Return the bytes of memory and the seconds of processor time that a process has taken."""
    try:
        seen = psutil.Process(process.pid)
        with seen.oneshot():
            times = seen.cpu_times()
            return int(seen.memory_info().rss), times.user + times.system
    except psutil.Error:
        return 0, 0.0
