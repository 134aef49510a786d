"""A real terminal: tmux, where it is installed."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from testing.waiting import PATIENCE_S

#: A server that is ended takes a moment to go: the next one has a name of its own.
_NUMBERS = count(1)


class Tmux:
    """A tmux server of its own, with one window."""

    def __init__(self) -> None:
        self._command = [
            "tmux",
            "-L",
            f"r1local-{os.getpid()}-{next(_NUMBERS)}",
            "-f",
            "/dev/null",
            "-u",
        ]

    def tell(self, *arguments: str) -> str:
        """Run one of tmux's commands; return what it prints."""
        return subprocess.check_output([*self._command, *arguments], text=True)

    def start(self, command: str, columns: int = 80, lines: int = 30) -> None:
        """Run a command in the window."""
        self.tell("new", "-d", "-x", str(columns), "-y", str(lines), command)

    @property
    def shown(self) -> str:
        """The text on the screen now."""
        return self.tell("capture-pane", "-p")

    def wait_for(self, text: str) -> None:
        """Wait until a text is on the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            time.sleep(0.1)

    def after(self, *keys: str) -> str:
        """Press keys; return the screen once it has stopped changing."""
        self.tell("send-keys", *keys)
        seen = [""]
        while len(seen) < 4 or len(set(seen[-4:])) > 1:
            time.sleep(0.1)
            seen.append(self.shown)
        return seen[-1]


@contextmanager
def running_tmux() -> Iterator[Tmux]:
    """Yield a running tmux, or skip the test where it isn't installed."""
    if not shutil.which("tmux"):
        pytest.skip("there is no tmux here")
    tmux = Tmux()
    try:
        yield tmux
    finally:
        subprocess.run([*tmux._command, "kill-server"], check=False, capture_output=True)
