"""The commands that manage saved conversations."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import one_of, takes_options
from r1local.cli.plain import value_of
from r1local.config.number_kinds import Duration
from r1local.config.options import ModelFormat
from r1local.language import N_

_sessions = typer.Typer(rich_markup_mode=None)
app.add_typer(_sessions, name="sessions")

_Name = Annotated[str, typer.Argument(help="A session's name, as `r1local sessions` lists it.")]
_Format = Annotated[ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON array.")]


@_sessions.callback(invoke_without_command=True)
def sessions(context: typer.Context) -> Command | None:
    """List, show, search, rename and remove saved conversations.

    Without a command, list them.
    """
    return list_sessions() if context.invoked_subcommand is None else None


@_sessions.command(name="list")
def list_sessions(output_format: _Format = "text") -> Command:
    """List the conversations, the most recent first."""

    def listing() -> int:
        from r1local.commands.sessions import list_sessions

        return list_sessions(output_format)

    return listing


@_sessions.command()
@takes_options("sessions show")
def show(
    name: _Name,
    thoughts: Annotated[bool, typer.Option("--thoughts", help="Show the thoughts too.")] = False,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Show a conversation, in a pager; as Markdown if the output is piped."""

    def reading() -> int:
        from r1local.commands.sessions import show_session

        _limit_text(given)
        return show_session(name, thoughts=thoughts)

    return reading


@_sessions.command()
@takes_options("sessions export")
def export(
    name: _Name,
    output_format: Annotated[
        Literal["markdown", "json"],
        one_of("format", "markdown", "json", help_="The document's format."),
    ] = "markdown",
    no_thoughts: Annotated[
        bool, typer.Option("--no-thoughts", help="Leave the thoughts out.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The file to write.", show_default=N_("stdout")),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    all_branches: Annotated[
        bool, typer.Option("--all-branches", help="Export what isn't shown any more as well.")
    ] = False,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Export a conversation as a document."""

    def exporting() -> int:
        from r1local.commands.sessions import ExportOptions, export_session

        _limit_text(given)
        thoughts = not no_thoughts
        options = ExportOptions(name, output_format, thoughts, output, force, all_branches)
        return export_session(options)

    return exporting


@_sessions.command()
def search(
    words: Annotated[list[str], typer.Argument(help="Words that must all be in a text.")],
    output_format: _Format = "text",
) -> Command:
    """Search all questions, thoughts and answers."""

    def finding() -> int:
        from r1local.commands.sessions import search_sessions

        return search_sessions(words, output_format)

    return finding


@_sessions.command()
def rename(
    name: _Name, new: Annotated[str, typer.Argument(help="What to call it from now on.")]
) -> Command:
    """Give a conversation another name."""

    def renaming() -> int:
        from r1local.commands.sessions import rename_session

        return rename_session(name, new)

    return renaming


@_sessions.command()
def rm(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names, as `r1local sessions` lists them.")
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            help="Remove those that weren't used for this long, e.g. 30d.", metavar="<time>"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
) -> Command:
    """Remove conversations for good, after asking."""
    seconds = None if older_than is None else value_of("older-than", Duration(), older_than) or 0

    def removal() -> int:
        from r1local.commands.sessions import remove_sessions

        return remove_sessions(names or (), seconds, yes=yes)

    return removal


def _limit_text(given: Mapping[str, Any]) -> None:
    from r1local.config.preferences import value_of
    from r1local.ui.appearance import limit_text

    limit_text(value_of("max-width", given))
