"""The command that opens a chat, which `r1local` without a command does too."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command, chat_command
from r1local.cli.options import takes_options


@app.command()
@takes_options("chat")
def chat(
    name: Annotated[
        str | None,
        typer.Argument(help="With --resume: the session to continue.", show_default="the last"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a session: the last one, or NAME.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(help="Continue the session of this name, or start it.", show_default=False),
    ] = None,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Chat, with thinking and answers in separate panes.

    The conversation is saved as you go.
    """
    return chat_command(given, name, resume, session)
