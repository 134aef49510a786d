"""The commands about preferences."""

from typing import Annotated

import typer

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import form, one_of
from r1local.config.options import ModelFormat
from r1local.errors import UsageError
from r1local.language import _

_config = typer.Typer(rich_markup_mode=None)
app.add_typer(_config, name="config")


@app.command()
def presets(
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON object.")
    ] = "text",
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> Command:
    """List the presets and the models' aliases in config.toml."""

    def listing() -> int:
        from r1local.commands.presets import list_presets

        return list_presets(form(output_format, json))

    return listing


_Key = Annotated[str, typer.Argument(help="A setting's name, presets.NAME.KEY, or aliases.NAME.")]
_Model = Annotated[
    str | None, typer.Option("--model", help="For this model alone.", show_default=False)
]


@_config.callback(invoke_without_command=True)
def config(
    context: typer.Context,
    model: _Model = None,
    output_format: Annotated[
        ModelFormat, one_of("format", "text", "json", help_="Text, or one JSON array.")
    ] = "text",
) -> Command | None:
    """List, set or unset your preferences, or edit config.toml.

    Without a command, list every setting, its value, and where the value comes from.
    """
    if context.invoked_subcommand is None:

        def listing() -> int:
            from r1local.commands.config import list_config

            return list_config(model, output_format)

        return listing
    if model is not None or output_format != "text":
        raise UsageError(
            _("before a command, --model and --format only apply to the list of settings"),
            _("write --model last: r1local config set KEY VALUE --model NAME"),
        )
    return None


@_config.command(name="set")
def set_(
    key: _Key,
    value: Annotated[str, typer.Argument(help="Its value, as on the command line.")],
    model: _Model = None,
) -> Command:
    """Set a preference in config.toml."""

    def setting() -> int:
        from r1local.commands.config import set_config

        return set_config(key, value, model)

    return setting


@_config.command()
def unset(key: _Key, model: _Model = None) -> Command:
    """Remove a preference from config.toml."""

    def removal() -> int:
        from r1local.commands.config import unset_config

        return unset_config(key, model)

    return removal


@_config.command()
def edit() -> Command:
    """Open config.toml in $VISUAL or $EDITOR, and check it afterwards."""

    def editing() -> int:
        from r1local.commands.config import edit_config

        return edit_config()

    return editing


@_config.command()
def path() -> Command:
    """Print where config.toml is."""

    def printing() -> int:
        from r1local.commands.config import print_path

        return print_path()

    return printing
