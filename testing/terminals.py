"""Terminals for tests, which keep what a person would see."""

import io

import pyte
import pytest
from rich.console import Console

from r1local.ui.console import console_for


def rows_of(screen: pyte.HistoryScreen) -> list[str]:
    """Return everything that was ever on a screen, without empty rows at the end."""
    columns = screen.columns
    scrolled = [
        "".join(line[column].data for column in range(columns)).rstrip()
        for line in screen.history.top
    ]
    rows = scrolled + [row.rstrip() for row in screen.display]
    while rows and not rows[-1]:
        rows.pop()
    return rows


class Clock:
    """A clock that stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    """A stream that claims to be a terminal and keeps a screen like one."""

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        super().__init__()
        self.screen = pyte.HistoryScreen(columns, lines, history=100_000, ratio=1.0)
        self._feed = pyte.Stream(self.screen).feed

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        # The line discipline of a real terminal adds the carriage returns.
        self._feed(text.replace("\n", "\r\n"))
        return super().write(text)

    @property
    def rows(self) -> list[str]:
        """Everything that was ever on the screen, without empty rows at the end."""
        return rows_of(self.screen)

    @property
    def shown(self) -> str:
        return "\n".join(self.rows)


def console_on(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, **environ: str) -> Console:
    """Return the console of a terminal, with its size and no other settings than those given."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    size = {"COLUMNS": str(terminal.screen.columns), "LINES": str(terminal.screen.lines)}
    for name, value in {"TERM": "xterm-256color", **size, **environ}.items():
        monkeypatch.setenv(name, value)
    return console_for(terminal)
