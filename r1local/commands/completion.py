"""`r1local completion`: the scripts that let shells ask what may come next."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias, get_args

Shell: TypeAlias = Literal["bash", "zsh", "fish", "powershell"]
SHELLS: tuple[Shell, ...] = get_args(Shell)

_SCRIPTS: Mapping[Shell, str] = {
    "bash": "bash.sh",
    "zsh": "zsh.zsh",
    "fish": "fish.fish",
    "powershell": "powershell.ps1",
}


def print_script(shell: Shell) -> int:
    """Print a shell's script on stdout; return the exit code."""
    path = Path(__file__).parent / "shells" / _SCRIPTS[shell]
    sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0
