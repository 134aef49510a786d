"""The whole command line: importing this module declares every command."""

import re
import shlex
import sys
from typing import Annotated

import typer

# Help lists the commands in the order of these imports.
from r1local.cli import chat, replies  # isort: skip
from r1local.cli import serve  # isort: skip
from r1local.cli import models, engines, speed, sessions, config, doctor  # isort: skip
from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.errors import EXIT_USAGE

#: An option as people write them, with the value that may follow.
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=|$)|-$")

__all__ = [
    "chat",
    "config",
    "doctor",
    "engines",
    "models",
    "parse_arguments",
    "replies",
    "serve",
    "sessions",
    "speed",
]


def parse_arguments() -> Command:
    """Return the command that this process's arguments ask for.

    Prints help and shell completion itself and exits; wrong usage exits with code 2.

    Raises:
        UsageError: a value is wrong, or options contradict each other.
    """
    try:
        outcome = app(prog_name="r1local", standalone_mode=False)
    except typer.TyperException as error:
        from r1local.ui.console import print_error

        context = getattr(error, "ctx", None)
        command = context.command_path if context else "r1local"
        first = sys.argv[1] if len(sys.argv) > 1 else ""
        commands = typer.main.get_group(app).commands
        if command == "r1local" and first in commands:
            command = f"r1local {first}"  # an option without its value is reported without it
        hint = f"see {command} --help"
        if any(first in parameter.opts for parameter in commands["chat"].params):
            hint = f"it is an option of the chat: r1local chat {shlex.join(sys.argv[1:])}"
        elif command == "r1local":
            hint = f'ask with: r1local run "…", or {hint}'
        elif command == "r1local run" and (question := _question_like_an_option()):
            hint = f"put -- before a question that starts with a dash: r1local run -- {question}"
        print_error(sys.stderr, error.format_message(), hint)
        sys.exit(EXIT_USAGE)
    if callable(outcome):
        command_asked_for: Command = outcome
        return command_asked_for
    sys.exit(outcome)


def _question_like_an_option() -> str | None:
    """Return the first argument that starts with a dash but can't be an option, quoted."""
    found = (each for each in sys.argv[2:] if each.startswith("-") and not _OPTION.match(each))
    return next(map(shlex.quote, found), None)


def _print_version(wanted: bool) -> None:
    if wanted:
        from r1local.cli.error_handler import run_and_exit
        from r1local.commands.version import print_version

        run_and_exit(print_version)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the versions of r1local and llama.cpp, and the backends compiled in.",
        ),
    ] = False,
) -> Command | None:
    if context.invoked_subcommand is not None:
        return None
    return chat.chat()
