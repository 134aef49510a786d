"""Engines in processes of their own, for tests: started, looked at, and ended with certainty."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from r1local.config.paths import engines_folder
from r1local.warm.engine import WarmEngine
from r1local.warm.kept import kept_engines
from r1local.warm.messages import Status
from r1local.warm.starting import Wanted
from r1local.warm.task import Task
from testing.command import COMMAND, ROOT, Completed
from testing.replies import never
from testing.waiting import PATIENCE_S, eventually

NANO = ROOT / "r1local" / "nano.gguf"


def run_kept(*arguments: str | Path, keep_alive: str = "1m") -> Completed:
    """Run `r1local run … --keep-alive …`, with pipes and no stdin."""
    return command("run", *arguments, "--keep-alive", keep_alive)


def command(*arguments: str | Path) -> Completed:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def wanted(path: Path = NANO, at_once: int = 1, **settings: object) -> Wanted:
    return Wanted(path.stem, path, settings, at_once, 60)


@contextmanager
def warm(path: Path = NANO, *, at_once: int = 1, **settings: object) -> Iterator[WarmEngine]:
    """Yield an engine in a process that stays."""
    found = WarmEngine.open(wanted(path, at_once, **settings), never)
    with closing(found) as engine:
        yield engine


def statuses() -> list[Status]:
    return [status for _place, status in kept_engines()]


def pids() -> list[int]:
    return [each.pid for each in statuses()]


def alive(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
    os.kill(pid, number)
    if number == signal.SIGKILL:
        eventually(lambda: not alive(pid))


def kill_all() -> None:
    """End every engine's process that the test's home has."""
    for socket in engines_folder().glob("*.log"):
        for line in socket.read_text(encoding="utf-8").splitlines():
            words = line.partition(" process ")[2]
            if words:
                with suppress(ProcessLookupError):
                    os.kill(int(words.split(":")[0]), signal.SIGKILL)


def older_process(asked: Wanted) -> None:
    """Start an engine's process of another version of r1local, and wait until it answers."""
    program = (
        "import r1local; r1local.__version__ = '0.0.9'\n"
        "from r1local.warm.process import main; main()"
    )
    task = Task(
        str(asked.place.socket), asked.model, str(asked.path), asked.settings, asked.at_once, 60.0
    )
    started = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps(asdict(task)).encode() + b"\n",
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert started.stdout == b"ready\n"
