"""The Typer application that all commands are added to, and one command of it."""

from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup

from r1local import language
from r1local.cli.overview import COMMANDS

#: A command, or a group of commands, as Typer makes it from its declaration.
Declared: TypeAlias = TyperCommand | TyperGroup

#: What asks for help, of each command.
HELP = ("-h", "--help")
#: Columns that the names of options and their values take in help at most, as in Typer.
_MOST_OF_NAMES = 30

app = typer.Typer(
    name="r1local",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": list(HELP)},
)


class _Context(typer.Context):
    def make_formatter(self) -> Any:
        """Return what lays out help, with room beside the options' names in narrow terminals."""
        formatter: Any = super().make_formatter()
        names = min(_MOST_OF_NAMES, formatter.width * 2 // 5)
        formatter.write_dl = partial(formatter.write_dl, col_max=names)
        return formatter


def command_of(words: Sequence[str]) -> tuple[Declared, Sequence[str]]:
    """Return the command that arguments begin with, and the names that lead to it.

    Only the module of that command is imported, and what it is reached through isn't parsed, for
    which Typer would load Pydantic. Where the first word names no command, the whole application
    is returned, which knows what is similar.
    """
    names = words[:1] if words and words[0] in COMMANDS else COMMANDS
    for name in names:
        import_module(f"r1local.cli.{COMMANDS[name].module}")
    command: Declared = typer.main.get_group(app)
    path = 0
    while isinstance(command, TyperGroup) and path < len(words) and words[path] in command.commands:
        command = cast(Declared, command.commands[words[path]])
        path += 1
    command.context_class = _Context
    if language.is_translated():
        from r1local.cli.translated import translate

        translate(command)
    return command, words[:path]
