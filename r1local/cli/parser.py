"""Reading arguments with Typer: all that isn't written plainly."""

import re
import shlex
import sys
from typing import Annotated

import typer

from r1local.cli.app import HELP, app, command_of
from r1local.cli.calls import Command
from r1local.cli.overview import help_width
from r1local.errors import EXIT_USAGE
from r1local.language import _

#: An option as people write them, with the value that may follow.
_OPTION = re.compile(r"--?[A-Za-z][\w-]*(=|$)|-$")


def parse_arguments() -> Command:
    """Return the command that this process's arguments ask for.

    Prints help itself and exits; wrong usage exits with code 2.

    Raises:
        UsageError: a value is wrong, or options contradict each other.
    """
    arguments = sys.argv[1:]
    command, path = command_of(arguments)
    name = " ".join(["r1local", *path])
    try:
        outcome = command.main(
            arguments[len(path) :],
            prog_name=name,
            standalone_mode=False,
            help_option_names=list(HELP),
            terminal_width=help_width(),
        )
    except typer.TyperException as error:
        from r1local.cli.translated import translated_fault
        from r1local.ui.console import print_error

        hint = _("see {name} --help", name=name)
        if arguments[0] in _options_of_the_chat():
            hint = _(
                "it is an option of the chat: r1local chat {arguments}",
                arguments=shlex.join(sys.argv[1:]),
            )
        elif name == "r1local":
            hint = _('ask with: r1local run "…", or {hint}', hint=hint)
        elif name == "r1local run" and (question := _question_like_an_option()):
            hint = _(
                "put -- before a question that starts with a dash: r1local run -- {question}",
                question=question,
            )
        elif name == "r1local run" and "extra argument" in error.format_message():
            hint = _('put the question in quotes: r1local run "…"')
        print_error(sys.stderr, translated_fault(error.format_message()), hint)
        sys.exit(EXIT_USAGE)
    if callable(outcome):
        command_asked_for: Command = outcome
        return command_asked_for
    sys.exit(outcome)


def _options_of_the_chat() -> set[str]:
    chat, _path = command_of(["chat"])
    return {option for parameter in chat.params for option in parameter.opts}


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
    from r1local.cli.chat import chat

    return chat()
