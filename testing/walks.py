"""Pages of the documents that a terminal is led through: what is typed, and what is then seen.

In a page's `console` blocks, a line with `$` is typed at the shell and one with `❯` in the chat,
each with Enter; `[F2]` is a key. The lines below it are on the screen then, in their order; `…`
stands for anything. Numbers that vary by machine and run, such as speeds, are not compared.
"""

import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from testing.chats import CTRL_D, ESCAPE, F1, F2, replying
from testing.command import COMMAND
from testing.pseudo_terminal import PseudoTerminal

KEYS = {"F1": F1, "F2": F2, "Esc": ESCAPE, "Ctrl-D": CTRL_D}

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = re.compile(r"([$❯]) (.+)|\[([\w-]+)\]")
_NUMBER = r"\d[\d.,]*"
_VARIES = (
    (re.compile(r"\s+"), " "),
    (re.compile(r"\d{4}-\d\d-\d\d(-\d{4}-\d\d| \d\d:\d\d)"), "DATE"),
    (re.compile(rf"{_NUMBER} [kMG]i?B\b"), "N bytes"),
    (re.compile(rf"(?:{_NUMBER} to )?{_NUMBER} (tokens/s|tokens|s)\b"), r"N \1"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is typed, and what is seen then.

    Args:
        where: `$` at the shell, `❯` in the chat, or nothing if it is a key.
        typed: a line, or a key's name.
        seen: lines, in their order.
    """

    where: str
    typed: str
    seen: list[str] = field(default_factory=list)


def steps_in(page: str) -> list[Step]:
    """Return a page's steps.

    Raises:
        ValueError: a block begins with what is seen, or a key is unknown.
    """
    return [step for block in _BLOCK.findall(page) for step in _steps(block)]


def _steps(block: str) -> list[Step]:
    steps: list[Step] = []
    for line in block.splitlines():
        if typed := _TYPED.fullmatch(line):
            steps.append(Step(typed[1] or "", typed[2] or typed[3]))
            if typed[3] and typed[3] not in KEYS:
                raise ValueError(f"unknown key: {line}")
        elif steps:
            steps[-1].seen.append(line)
        else:
            raise ValueError(f"nothing is typed before: {line}")
    return steps


def steady(text: str) -> str:
    """Return a text in one line, with letters for the numbers that vary."""
    for pattern, stand_in in _VARIES:
        text = pattern.sub(stand_in, text)
    return text.strip()


def shows(screen: str, step: Step) -> bool:
    """Tell whether a screen shows what a step says: below what was typed, if that is there."""
    below = steady(screen)
    if step.where:
        below = below.rpartition(steady(f"{step.where} {step.typed}"))[2]
    parts = [re.escape(steady(part)) for line in step.seen for part in f"{line} ".split("…")]
    return bool(re.search(".*?".join(filter(None, parts)), below))


class Walker(PseudoTerminal):
    """A shell that knows `r1local`, in which steps are taken.

    Args:
        programs: a folder for the command.
    """

    def __init__(self, programs: Path, columns: int, lines: int, **environment: str) -> None:
        command = programs / "r1local"
        command.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "PS1": "$ "}
        shell = ["bash", "--noprofile", "--norc"]
        super().__init__(shell, columns=columns, lines=lines, **environment)

    def take(self, step: Step) -> None:
        """Type what a step says as soon as a person could, and wait for what is seen."""
        self.wait_for(lambda: self._awaits(step.where) and not replying())
        self.type(f"{step.typed}\r" if step.where else KEYS[step.typed])
        self.wait_for(lambda: shows(self.shown, step))

    def _awaits(self, where: str) -> bool:
        """Tell whether the shell or the chat, if it matters which one, waits for a line."""
        row = self.shown.split("\n")[self.screen.cursor.y].strip()
        return not where or row == where
