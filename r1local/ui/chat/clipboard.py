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


#: Terminals by the beginning of TERM, or by TERM_PROGRAM, that take OSC 52 as they come, and that
#: never do, by their own documents. Others may have to be allowed to.
_TAKING = ("xterm-kitty", "foot", "alacritty", "xterm-ghostty", "WezTerm", "ghostty", "vscode")
_NOT_TAKING = ("linux", "Apple_Terminal")


def takes_osc52() -> bool | None:
    """Return whether the terminal takes `osc52`, by its variables; None if they don't tell."""
    if os.environ.get("TMUX") or os.environ.get("STY"):  # a multiplexer stands in between
        return None
    if os.environ.get("WT_SESSION"):  # Windows Terminal
        return True
    names = (os.environ.get("TERM", ""), os.environ.get("TERM_PROGRAM", ""))
    if any(name.startswith(_TAKING) for name in names):
        return True
    return False if any(name.startswith(_NOT_TAKING) for name in names) else None


def clipboard_program() -> str:
    """Return the name of the program that would copy a text; empty if there is none."""
    return next((command[0] for command in _programs() if shutil.which(command[0])), "")


def copied_by_program(text: str) -> bool:
    """Put a text on the clipboard with the first program that can; return False if none can."""
    return any(_copied_by(command, text) for command in _programs() if shutil.which(command[0]))


def _programs() -> tuple[tuple[str, ...], ...]:
    return (_TMUX, *_COMMANDS) if os.environ.get("TMUX") else _COMMANDS


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
