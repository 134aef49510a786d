"""The Typer application that all commands are added to."""

import typer

app = typer.Typer(
    name="r1local",
    help="Think with DeepSeek-R1 on your own machine.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
