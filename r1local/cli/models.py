"""The commands that manage models on this machine and on the hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command, list_command
from r1local.cli.options import one_of, takes_options
from r1local.config.options import ModelFormat
from r1local.language import N_


@app.command()
def show(
    model: Annotated[
        str, typer.Argument(help="A name, hf:org/repo, a GGUF file, or ENDPOINT:MODEL.")
    ],
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON object.")
    ] = "text",
) -> Command:
    """Show a model's facts, memory needs and likely speed here."""

    def card() -> int:
        from r1local.commands.show import ShowOptions, show

        return show(ShowOptions(model, output_format))

    return card


@app.command()
@takes_options("pull", before={"output_format": ""})
def pull(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names such as 7b or 7b:q5_k_m, or hf:org/repo:Q4_K_M.",
            show_default=N_("r1local asks"),
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Start even if the disk seems too small.")
    ] = False,
    with_draft: Annotated[
        bool, typer.Option("--with-draft", help="Download a draft model for each as well.")
    ] = False,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON event per line.")
    ] = "text",
    *,
    given: Mapping[str, Any],
) -> Command:
    """Download models, or resume interrupted downloads."""

    def download() -> int:
        from r1local.commands.pull import PullOptions, pull

        return pull(
            PullOptions(
                tuple(models or ()), force, given.get("connections"), output_format, with_draft
            )
        )

    return download


@app.command(name="list")
def list_models(
    available: Annotated[
        bool, typer.Option("--available", help="List all models known by name, installed or not.")
    ] = False,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON array.")
    ] = "text",
) -> Command:
    """List the models on this machine, other programs' too, and those of your endpoints."""

    return list_command(available, output_format)


@app.command()
def rm(
    model: Annotated[str, typer.Argument(help="A name as `list` shows it, with :QUANT if needed.")],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
) -> Command:
    """Remove a model, and print how much space that freed."""

    def removal() -> int:
        from r1local.commands.remove import RemoveOptions, remove_model

        return remove_model(RemoveOptions(model, yes))

    return removal


@app.command(name="import")
def import_model(
    path: Annotated[Path, typer.Argument(help="A GGUF file; the first part of a split model.")],
    name: Annotated[
        str | None, typer.Option(help="The model's name.", show_default=N_("the file's name"))
    ] = None,
) -> Command:
    """Give a GGUF file a name; the file stays where it is."""

    def registration() -> int:
        from r1local.commands.import_model import ImportOptions, import_model

        return import_model(ImportOptions(path, name))

    return registration


@app.command()
def verify(
    model: Annotated[
        str | None,
        typer.Argument(help="A name as `list` shows it.", show_default=N_("all models")),
    ] = None,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON array.")
    ] = "text",
) -> Command:
    """Check models' files against their checksums."""

    def verification() -> int:
        from r1local.commands.verify import VerifyOptions, verify

        return verify(VerifyOptions(model, output_format))

    return verification
