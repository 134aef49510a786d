"""The clipboard: the terminal's, which works over ssh too, and the platform's."""

import base64
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress

#: tmux doesn't accept OSC 52 by default, but with `-w` passes a text on to the terminal itself
#: (tmux(1), `load-buffer`, from 3.2 on).
_TMUX = ("tmux", "load-buffer", "-w", "-")
_COMMANDS = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
_PATIENCE_S = 2


def osc52(text: str) -> str:
    """Return the control sequence that asks a terminal to put a text on its clipboard.

    Terminals that don't know it, or don't allow it, show nothing (xterm's control
    sequences, "Operating System Commands", 52).
    """
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"


def copied_by_program(text: str) -> bool:
    """Put a text on the clipboard with the first program that can; return False if none can."""
    commands = (_TMUX, *_COMMANDS) if os.environ.get("TMUX") else _COMMANDS
    return any(_copied_by(command, text) for command in commands if shutil.which(command[0]))


def _copied_by(command: Sequence[str], text: str) -> bool:
    with suppress(OSError, subprocess.SubprocessError):
        # Their output stays closed: some go on in the background to hold the clipboard.
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=True,
        )
        return True
    return False
