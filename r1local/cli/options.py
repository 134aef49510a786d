"""Options of the command line, made of their declaration in `config.options`."""

import functools
from collections.abc import Callable, Mapping
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.app import Command
from r1local.config.kinds import Assignments, Choice, File, Kind, Switch
from r1local.config.option import Option
from r1local.config.options import options_of
from r1local.errors import InvalidSetting, UsageError


def takes_options(
    command: str, before: Mapping[str, str] | None = None
) -> Callable[[Callable[..., Command]], Callable[..., Command]]:
    """Let a command have the options that are declared for it.

    The function is given the values of those that the command line has, by their names, in its
    parameter `given`. In the help its own parameters come first.

    Args:
        command: the name that the declaration has for the command.
        before: own parameters that help has elsewhere: before which option, or "" for last.
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
                option.name: _value(option.name, option.kind, text)
                for option in options
                if (text := arguments.pop(option.key, None)) is not None
            }
            return function(**arguments, given=given)

        wrapped.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
        return wrapped

    return decorate


def one_of(name: str, *words: str, help_: str) -> Any:
    """An option outside the declaration that has one of some words."""
    kind = Choice.of(*words)
    return typer.Option(
        f"--{name}",
        parser=lambda text: _value(name, kind, text),
        metavar=kind.metavar,
        autocompletion=_completion(kind),
        help=help_,
    )


def _parameter(option: Option) -> Parameter:
    """A parameter as Typer reads it: None where the option isn't given."""
    switch = isinstance(option.kind, Switch)
    info = typer.Option(
        *filter(None, (option.short, _flags(option))),
        metavar=option.kind.metavar or None,
        autocompletion=_completion(option.kind),
        help=option.help,
        show_default=(not switch and option.default_words) or False,
    )
    repeated = list[str] if isinstance(option.kind, Assignments) else str
    value = bool if switch else Path if isinstance(option.kind, File) else repeated
    annotation = Annotated[value | None, info]  # type: ignore[valid-type]
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Parameter(option.key, kind, default=None, annotation=annotation)


def _flags(option: Option) -> str:
    """What it is called; a switch that config.toml may have turned on can be turned off."""
    if not isinstance(option.kind, Switch) or not option.preference:
        return f"--{option.name}"
    opposite = option.name.removeprefix("no-")
    return f"--{option.name}/--{opposite if opposite != option.name else 'no-' + opposite}"


def _value(name: str, kind: Kind, text: object) -> Any:
    """The value of what the command line has."""
    if isinstance(text, bool):
        return text
    try:
        if isinstance(text, list):  # one that may be repeated
            return {n: v for each in text for n, v in kind.parse(name, each).items()}
        return kind.parse(name, str(text))
    except InvalidSetting as error:
        raise UsageError(error.message, error.hint) from error


def _completion(kind: Kind) -> Callable[[str], list[str]] | None:
    if not isinstance(kind, Choice):
        return None
    words = list(kind.values)
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]
