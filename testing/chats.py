"""`r1local chat` on a terminal, as a person sees it."""

import base64
import json
import re
from pathlib import Path
from typing import Any, Self

import psutil

from r1local.config.paths import sessions_folder
from testing.command import COMMAND
from testing.pseudo_terminal import PseudoTerminal

THOUGHT = "Let me list the primes: 2, 3, 5, 7.\nWait, is 9 one? It is 3 × 3, so no."
ANSWER = """\
There are **four** primes below 10:

| prime | square |
|---|---|
| 5 | 25 |

```python
print("four")
```

So the answer is \\(\\frac{8}{2} = 4\\):

\\[\\boxed{4}\\]"""
REPLY = f"{THOUGHT}\n</think>\n\n{ANSWER}"

CTRL_C, CTRL_D = "\x03", "\x04"
F1, F2, F3, F4 = "\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS"
F5, F6, F7, F8, F9 = "\x1b[15~", "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~"
PAGE_UP, PAGE_DOWN, CTRL_HOME, CTRL_END = "\x1b[5~", "\x1b[6~", "\x1b[1;5H", "\x1b[1;5F"
CTRL_UP, ALT_PAGE_DOWN = "\x1b[1;5A", "\x1b\x1b[6~"
UP, DOWN, ESCAPE = "\x1b[A", "\x1b[B", "\x1b"
ALT_N, ALT_P = "\x1bn", "\x1bp"

LEAVE_SCREEN = "\x1b[?1049l"


class ChatTerminal(PseudoTerminal):
    """A chat that waits for a question.

    Args:
        arguments: arguments of the command line.
        prompt: what it shows when it is ready for input.
    """

    def __init__(
        self,
        *arguments: str | Path,
        columns: int = 100,
        lines: int = 30,
        prompt: str = "❯",
        **environment: str,
    ) -> None:
        command = [*COMMAND, "chat", *map(str, arguments)]
        super().__init__(command, columns=columns, lines=lines, **environment)
        self._prompt = prompt

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.wait_for_text(self._prompt)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def send(self, text: str) -> None:
        """Type a text and press Enter."""
        self.type(f"{text}\r")

    def paste(self, text: str) -> None:
        """Paste a text, as terminals do when a program has asked for bracketed paste."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def wait_for_text(self, *texts: str) -> None:
        """Wait until all texts are on the screen."""
        self.wait_for(lambda: all(text in self.shown for text in texts))

    def wait_without(self, text: str) -> None:
        """Wait until a text is no longer on the screen."""
        self.wait_for(lambda: text not in self.shown)

    def command_shows(self, command: str, *texts: str) -> None:
        """Send a slash command with an empty input line, and wait for texts in its answer.

        An answer that is still being written would not be cleared.
        """
        self.wait_for(lambda: not replying())
        self.send("/clear")
        self.wait_for(lambda: not any(row.partition("│")[0].strip() for row in self.rows[:-2]))
        self.send(command)
        self.wait_for_text(*texts)

    def press(self, column: int, row: int) -> None:
        """Press the mouse's left button at a cell, both counted from 0 (xterm's SGR reports)."""
        self.type(f"\x1b[<0;{column + 1};{row + 1}M")

    def drag(self, column: int, row: int) -> None:
        """Move the mouse while the left button is pressed."""
        self.type(f"\x1b[<32;{column + 1};{row + 1}M")

    def release(self, column: int, row: int) -> None:
        """Release the mouse's left button."""
        self.type(f"\x1b[<0;{column + 1};{row + 1}m")

    @property
    def rows(self) -> list[str]:
        """The rows of the screen; the last two are the status line and the input."""
        return self.shown.split("\n")

    def leave(self) -> int:
        """End the chat as people do, at the prompt; return the exit code.

        A terminal that the program does not control yet takes Ctrl-D for itself.
        """
        self.wait_for(self._at_prompt)
        self.type(CTRL_D)
        return self.finish()

    def _at_prompt(self) -> bool:
        return bool(re.match(r"(\d+ )?[❯>]", self.rows[self.screen.cursor.y]))

    @property
    def child(self) -> psutil.Process:
        """The process that runs the chat; the process that was started only watches it."""
        (child,) = psutil.Process(self.pid).children()
        return child

    @property
    def copied(self) -> list[str]:
        """What the terminal was asked to put on its clipboard."""
        found = re.findall(r"\x1b\]52;c;([^\x07]*)\x07", self.stream)
        return [base64.b64decode(each).decode() for each in found]


def steps(count: int) -> str:
    """Return a thought of `count` lines, no two of them alike."""
    return "".join(f"Step {n}: {n} times {n + 1} is {n * (n + 1)}.\n" for n in range(count))


def records(name: str | None = None) -> list[dict[str, Any]]:
    """Return the lines of a session's file, or of all sessions' if none is named."""
    paths = sorted(sessions_folder().glob(f"{name or '*'}.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]


def replying() -> bool:
    """Return whether a session has the beginning of a reply that has not ended."""
    kinds = [each["type"] for each in records() if "voter" not in each]
    return sum(map(kinds.count, ("question", "retry", "continued"))) > kinds.count("ended")


def of_type(kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """Return the records of one type."""
    return [record for record in records(name) if record["type"] == kind]
