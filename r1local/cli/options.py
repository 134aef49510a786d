"""Options of the command line, made from their declarations in `config.options`."""

import functools
import keyword
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.calls import Command
from r1local.cli.candidates import values_of, words_of
from r1local.cli.plain import switches, value_of
from r1local.config.kinds import Assignments, Choice, File, Several, Switch
from r1local.config.option import Option
from r1local.config.options import ModelFormat, options_of


def takes_options(
    command: str, before: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Command]], Callable[..., Command]]:
    """Give a command the options that are declared for it.

    The function receives the options that the user typed as a mapping, from name to value, in its
    parameter `given`. The help lists the function's own parameters first.

    Args:
        command: the command's name in the declarations.
        before: moves some of the function's own parameters in the help: maps a parameter to the
            option that follows it, or to "" for the end.
    """
    options = options_of(command)
    elsewhere = before or {}

    def decorate(function: Callable[..., Command]) -> Callable[..., Command]:
        own = {p.name: p for p in signature(function).parameters.values() if p.name != "given"}
        parameters = [parameter for name, parameter in own.items() if name not in elsewhere]
        for option in options:
            parameters += [own[name] for name, place in elsewhere.items() if place == option.name]
            parameters.append(_parameter(option))
        parameters += [own[name] for name, place in elsewhere.items() if not place]

        @functools.wraps(function)
        def wrapped(**arguments: Any) -> Command:
            given = {
                option.name: value_of(option.name, option.kind, text)
                for option in options
                if (text := arguments.pop(_name(option), None)) is not None
            }
            return function(**arguments, given=given)

        wrapped.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        return wrapped

    return decorate


def one_of(name: str, *words: str, help_: str) -> Any:
    """Return a Typer option, not declared in `config.options`, whose value is one of `words`."""
    kind = Choice.of(*words)
    return typer.Option(
        f"--{name}",
        parser=lambda text: value_of(name, kind, text),
        metavar=kind.metavar,
        autocompletion=lambda: [*words_of(kind)],
        help=help_,
    )


def form(output_format: ModelFormat, json: bool) -> ModelFormat:
    """Return the form of the output that `--format` and its short form, `--json`, ask for."""
    return "json" if json else output_format


def _parameter(option: Option) -> Parameter:
    """Return an option as a parameter that Typer reads; its default, None, means not given."""
    switch = isinstance(option.kind, Switch)
    info = typer.Option(
        *filter(None, (option.short, _flags(option))),
        metavar=option.kind.metavar or None,
        autocompletion=lambda: [*values_of(option)],
        help=option.help,
        show_default=(not switch and option.default_words) or False,
    )
    repeated = list[str] if isinstance(option.kind, Assignments | Several) else str
    value = bool if switch else Path if isinstance(option.kind, File) else repeated
    annotation = Annotated[value | None, info]  # type: ignore[valid-type]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Parameter(_name(option), kind, default=None, annotation=annotation)


def _name(option: Option) -> str:
    """Return the name of an option's parameter: `continue` alone couldn't be one."""
    return f"{option.key}_" if keyword.iskeyword(option.key) else option.key


def _flags(option: Option) -> str:
    return "/".join(switches(option)) if isinstance(option.kind, Switch) else f"--{option.name}"
