"""Reading plainly written arguments without Typer, which takes 0.1 s to import and prepare.

That is a third of what a small model takes for a short answer. What is read here means the same
to Typer, which reads everything else: help, mistakes, rarer options and commands.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1local.cli.calls import Command, chat_command, completion_command, list_command, run_command
from r1local.config.kinds import Assignments, File, Kind, Several, Switch
from r1local.config.option import Option
from r1local.config.options import options_of
from r1local.errors import InvalidSetting, UsageError


def plain_command(arguments: Sequence[str]) -> Command | None:
    """Return what plain arguments of frequent commands ask for; None leaves them to Typer.

    Raises:
        UsageError: a value is wrong, or options contradict each other.
    """
    if os.name == "nt":  # Typer expands patterns on Windows
        return None
    name, rest = (arguments[0], arguments[1:]) if arguments else ("chat", ())
    if name == "list" and not rest:
        return list_command()
    if name == "completion":
        return _completion(*rest)
    read = _read(options_of(name), rest) if name in ("run", "chat") else None
    if read is None:
        return None
    words, texts = read
    if len(words) > 1:
        return None
    given = {option.name: value_of(option.name, option.kind, text) for option, text in texts}
    return chat_command(given, *words) if name == "chat" else run_command(given, *words)


def _completion(*words: str) -> Command | None:
    """Return the command that every start of a shell may wait for."""
    from r1local.commands.completion import SHELLS

    return next((completion_command(shell) for shell in SHELLS if words == (shell,)), None)


def value_of(name: str, kind: Kind, text: object) -> Any:
    """Return the value of an option's text.

    Raises:
        UsageError: the text is meaningless, or out of range.
    """
    if isinstance(text, bool):
        return text
    try:
        if isinstance(kind, Several) and isinstance(text, list):
            return kind.parse(name, ",".join(text))
        if isinstance(text, list):  # an option that may be repeated
            return {n: v for each in text for n, v in kind.parse(name, each).items()}
        return kind.parse(name, str(text))
    except InvalidSetting as error:
        raise UsageError(error.message, error.hint) from error


def switches(option: Option) -> tuple[str, ...]:
    """Return a switch's flags: two if a preference may have turned it on."""
    if not option.preference:
        return (f"--{option.name}",)
    opposite = option.name.removeprefix("no-")
    return f"--{option.name}", f"--{opposite if opposite != option.name else 'no-' + opposite}"


def _read(
    options: Sequence[Option], arguments: Sequence[str]
) -> tuple[list[str], list[tuple[Option, Any]]] | None:
    """Return the words that are no options, and the options' texts in the order of declaration."""
    flags = {
        flag: (option, flag not in switches(option)[1:])
        for option in options
        for flag in _flags(option)
    }
    words: list[str] = []
    texts: dict[str, Any] = {}
    left = iter(arguments)
    for argument in left:
        if not argument.startswith("-") or argument == "-":
            words.append(argument)
            continue
        flag, equals, text = argument.partition("=")
        if flag not in flags or (equals and not flag.startswith("--")):
            return None
        option, on = flags[flag]
        if isinstance(option.kind, Switch):
            if equals:
                return None
            texts[option.name] = on
            continue
        if not equals:
            text = next(left, "-")
            if text.startswith("-"):
                return None
        if isinstance(option.kind, Assignments | Several):
            texts.setdefault(option.name, []).append(text)
        else:
            texts[option.name] = Path(text) if isinstance(option.kind, File) else text
    return words, [(each, texts[each.name]) for each in options if each.name in texts]


def _flags(option: Option) -> tuple[str, ...]:
    names = switches(option) if isinstance(option.kind, Switch) else (f"--{option.name}",)
    return (*names, option.short) if option.short else names
