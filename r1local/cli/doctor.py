"""The command that looks for what is wrong."""

from typing import Annotated

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import form, one_of
from r1local.config.options import ModelFormat


@app.command()
def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Don't ask the hub, as with HF_HUB_OFFLINE=1.")
    ] = False,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON object.")
    ] = "text",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> Command:
    """Check the installation, and say what to do about what is wrong.

    The exit code is 1 if something is broken.
    """

    def checkup() -> int:
        from r1local.commands.doctor import DoctorOptions, doctor

        return doctor(DoctorOptions(offline, form(output_format, json)))

    return checkup
