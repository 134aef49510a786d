"""Slash commands as typed: `/name argument`."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from r1local.errors import UsageError

#: What a command acts on: the chat, which this module needn't know.
Target = TypeVar("Target")


@dataclass(frozen=True, slots=True)
class SlashCommand(Generic[Target]):
    """One command.

    Args:
        usage: its arguments, as the help shows them.
        told: what it does, in a line.
        action: does it, given its target and the text after the name.
        at_once: it needn't wait for the reply that is being written.
    """

    usage: str
    told: str
    action: Callable[[Target, str], None]
    at_once: bool = False


def split_command(text: str) -> tuple[str, str] | None:
    """The name and the argument of a slash command; None for a question.

    A path at the start of a question is none: `/usr/lib is full, what now?`
    """
    if not text.startswith("/"):
        return None
    name, _space, argument = text[1:].strip().partition(" ")
    return None if "/" in name or "\n" in name else (name.lower(), argument.strip())


def command_named(name: str, commands: Mapping[str, SlashCommand[Target]]) -> SlashCommand[Target]:
    """The command of that name.

    Raises:
        UsageError: there is none; the hint names the nearest.
    """
    if command := commands.get(name):
        return command
    near = difflib.get_close_matches(name, commands, n=1, cutoff=0.5)
    hint = f"did you mean /{near[0]}?" if near else "/help lists them"
    raise UsageError(f"there is no /{name}", hint)
