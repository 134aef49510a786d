"""The Typer application that all commands are added to."""

from collections.abc import Callable
from typing import TypeAlias

import typer

#: A parsed command: runs it and returns the exit code.
Command: TypeAlias = Callable[[], int]

app = typer.Typer(
    name="r1local",
    help="Think with DeepSeek-R1 on your own machine.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
