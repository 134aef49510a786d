"""The commands about engines that stay in memory."""

from typing import Annotated

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import form, one_of
from r1local.config.options import ModelFormat
from r1local.errors import UsageError
from r1local.language import N_, _


@app.command()
def ps(
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON array.")
    ] = "text",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> Command:
    """List the models that are kept in memory."""

    def listing() -> int:
        from r1local.commands.engines import list_engines

        return list_engines(form(output_format, json))

    return listing


@app.command()
def stop(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Its name, as `ps` lists it, or its file.", show_default=N_("the only one")
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Stop all of them.")] = False,
) -> Command:
    """Free the memory of a model that is kept there."""
    if model and every:
        raise UsageError(_("MODEL and --all can't be combined"), _("see r1local stop --help"))

    def stopping() -> int:
        from r1local.commands.engines import stop_engines

        return stop_engines(model, every=every)

    return stopping
