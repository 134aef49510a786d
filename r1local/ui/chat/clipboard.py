"""The clipboard: the terminal's, which works over ssh too, and the platform's."""

import base64
import shutil
import subprocess
from contextlib import suppress

_COMMANDS = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
_PATIENCE_S = 2


def osc52(text: str) -> str:
    """The control sequence that asks a terminal to put a text on its clipboard.

    Terminals that don't know it, or don't allow it, show nothing (xterm's control
    sequences, "Operating System Commands", 52).
    """
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\a"


def copy_to_platform(text: str) -> None:
    """Put a text on the desktop's clipboard, where a program for that is installed."""
    command = next((each for each in _COMMANDS if shutil.which(each[0])), None)
    if command is None:
        return
    with suppress(OSError, subprocess.SubprocessError):
        # Their output stays closed: some go on in the background to hold the clipboard.
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            check=False,
        )
