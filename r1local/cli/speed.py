"""The commands about how fast a model is on this machine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import form, one_of, takes_options
from r1local.config.options import ModelFormat
from r1local.language import N_

_Model = Annotated[
    str | None,
    typer.Argument(help="A name, hf:org/repo, or a GGUF file.", show_default=N_("as for run")),
]
_Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]


@app.command()
@takes_options("bench")
def bench(
    model: _Model = None,
    quick: Annotated[bool, typer.Option("--quick", help="Measure less, in a minute.")] = False,
    runs: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Most runs of each figure.", show_default=N_("5, quick: 2")
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1440, help="Leave out what takes longer.", show_default=N_("5, quick: 1")
        ),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Have llama-bench do the same work.")
    ] = False,
    svg: Annotated[
        Path | None,
        typer.Option(help="Write the plot to this file as well.", show_default=False),
    ] = None,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON object.")
    ] = "text",
    json: _Json = False,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Measure how fast a model is here: prompts, generation by depth, loading, votes.

    Ctrl-C ends it and keeps what was measured. `show` and `list --available` tell the speeds
    that were measured with your lasting settings.
    """

    def measuring() -> int:
        from r1local.commands.bench import BenchOptions, bench

        printed = form(output_format, json)
        return bench(BenchOptions(model, quick, runs, minutes, compare, svg, printed, given))

    return measuring


@app.command()
@takes_options("tune")
def tune(
    model: _Model = None,
    save: Annotated[
        bool, typer.Option("--save", help="Write the best values to config.toml.")
    ] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Measure less, in two minutes.")] = False,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1440, help="Leave out what takes longer.", show_default=N_("10, quick: 2")
        ),
    ] = None,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON object.")
    ] = "text",
    json: _Json = False,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Find a model's fastest settings here, and show what each is worth.

    Options that you give stay as they are. Ctrl-C ends it, and nothing is saved.
    """

    def tuning() -> int:
        from r1local.commands.tune import TuneOptions, tune

        return tune(TuneOptions(model, quick, minutes, save, form(output_format, json), given))

    return tuning
