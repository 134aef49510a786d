"""The commands that make a model reply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command, run_command
from r1local.cli.options import takes_options


@app.command()
@takes_options("run", before={"file": "system", "json_schema": "votes", "grammar": "votes"})
def run(
    prompt: Annotated[
        str | None,
        typer.Argument(help="The question; read from stdin if left out.", show_default=False),
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option(
            "-f",
            "--file",
            metavar="FILE",
            help="Attach a file, folder, pattern or web address (- is stdin); may be repeated.",
        ),
    ] = None,
    json_schema: Annotated[
        str | None,
        typer.Option(
            "--json-schema",
            metavar="FILE|TEXT",
            help="Make the answer follow a JSON schema.",
            show_default=False,
        ),
    ] = None,
    grammar: Annotated[
        Path | None,
        typer.Option(help="Make the answer follow a GBNF grammar.", show_default=False),
    ] = None,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Answer a question on stdout, with the thinking on stderr if that is a terminal.

    If text is piped in as well, it is a document that the PROMPT is about.
    """
    return run_command(given, prompt, files=file or (), json_schema=json_schema, grammar=grammar)
