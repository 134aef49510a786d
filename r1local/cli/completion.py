"""The command that prints a shell's completion script."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command

_ENDINGS = {"bash": "sh", "zsh": "zsh", "fish": "fish", "powershell": "ps1"}


@app.command()
def completion(
    shell: Annotated[
        Literal["bash", "zsh", "fish", "powershell"], typer.Argument(help="Your shell.")
    ],
) -> Command:
    """Print a script that completes commands in your shell.

    For bash, add this line to ~/.bashrc: eval "$(r1local completion bash)"

    For zsh, to ~/.zshrc, after compinit: eval "$(r1local completion zsh)"

    For fish: r1local completion fish > ~/.config/fish/completions/r1local.fish

    For PowerShell, to the file $PROFILE: r1local completion powershell | Out-String |
    Invoke-Expression
    """

    def printing() -> int:
        script = Path(__file__).parent / "shells" / f"{shell}.{_ENDINGS[shell]}"
        print(script.read_text(encoding="utf-8"), end="")
        return 0

    return printing
