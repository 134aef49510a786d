"""A program on a pseudo-terminal, and the screen a person would see."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType

import pyte

from tests.terminals import rows_of


class PseudoTerminal:
    """Runs a command on a pseudo-terminal of its own and keeps its screen with pyte.

    `stream` holds every character the program wrote, `screen` what they came to.
    """

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, lines: int = 24, **environment: str
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self.stream = ""
        self._decoder = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self.resize(columns, lines)
        self._process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env=os.environ | {"TERM": "xterm-256color"} | environment,
        )
        os.close(slave)

    def __enter__(self) -> "PseudoTerminal":
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._master, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the window's size; the program is told, as by a terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Let the program run until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.text()
            assert self._read(), self.text()

    def finish(self, seconds: float = 120) -> int:
        """Let the program run to its end; return its exit code."""
        deadline = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < deadline, self.text()
        return self._process.wait(10)

    @property
    def plain(self) -> str:
        """The stream without styles."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.stream)

    def text(self) -> str:
        """What was printed, scrolled-off lines included."""
        return "\n".join(rows_of(self.screen))

    def _read(self) -> bool:
        """Take what has been written for up to a tenth of a second; False at the end."""
        ready, _, _ = select.select([self._master], [], [], 0.1)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux reports the end of a pseudo-terminal as an I/O error
            return False
        self.stream += data.decode("utf-8", "replace")
        self._decoder.feed(data)
        return bool(data)
