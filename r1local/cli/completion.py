"""The command that prints a shell's completion script."""

from typing import Annotated

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command, completion_command
from r1local.commands.completion import Shell


@app.command()
def completion(
    shell: Annotated[Shell, typer.Argument(help="Your shell.")],
) -> Command:
    """Print a script that completes commands in your shell.

    For bash, add this line to ~/.bashrc: eval "$(r1local completion bash)"

    For zsh, to ~/.zshrc, after compinit: eval "$(r1local completion zsh)"

    For fish: r1local completion fish > ~/.config/fish/completions/r1local.fish

    For PowerShell, to the file $PROFILE: r1local completion powershell | Out-String |
    Invoke-Expression
    """

    return completion_command(shell)
