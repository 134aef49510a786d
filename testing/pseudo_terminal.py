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
from typing import Self

import pyte

from testing.terminals import rows_of
from testing.waiting import PATIENCE_S

#: Less than what a pseudo-terminal accepts when nobody reads it.
_KEYS_AT_ONCE = 1024


class PseudoTerminal:
    """A command running on a pseudo-terminal of its own, with its screen kept by pyte.

    `stream` has every character that the program wrote, `screen` the result. Like a real
    terminal, it reports the cursor's position when asked.
    """

    def __init__(
        self, command: Sequence[str], *, columns: int = 80, lines: int = 24, **environment: str
    ) -> None:
        self.screen = pyte.HistoryScreen(columns, lines, history=10_000)
        self.stream = ""
        self._decoder = pyte.ByteStream(self.screen)
        self._master, slave = pty.openpty()
        self.screen.write_process_input = lambda data: os.write(self._master, data.encode())
        self.resize(columns, lines)
        self.modes = self._modes()
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

    def __enter__(self) -> Self:
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

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def restored(self) -> bool:
        """Whether the terminal's modes are the same as before the program ran."""
        return self._modes() == self.modes

    def _modes(self) -> list[object]:
        return termios.tcgetattr(self._master)

    def type(self, text: str) -> None:
        """Press keys, or paste; read output meanwhile, so that neither side waits for the other."""
        keys = text.encode()
        while keys:
            readable, writable, _ = select.select([self._master], [self._master], [])
            if readable and not self._read():
                return
            if writable:
                keys = keys[os.write(self._master, keys[:_KEYS_AT_ONCE]) :]

    def resize(self, columns: int, lines: int) -> None:
        """Change the window's size, and notify the program like a terminal."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.screen.resize(lines, columns)

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Let the program run until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.text()
            assert self._read(), self.text()

    def finish(self) -> int:
        """Let the program run to its end; return its exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read():
            assert time.monotonic() < deadline, self.text()
        return self._process.wait(PATIENCE_S)

    @property
    def plain(self) -> str:
        """The stream without styles."""
        return re.sub(r"\x1b\[[\d;]*m", "", self.stream)

    def text(self) -> str:
        """Return what was printed, including lines that scrolled off."""
        return "\n".join(rows_of(self.screen))

    @property
    def shown(self) -> str:
        """The text on the screen now."""
        return "\n".join(row.rstrip() for row in self.screen.display)

    def _read(self) -> bool:
        """Read what is written within a tenth of a second; return False at the end."""
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
