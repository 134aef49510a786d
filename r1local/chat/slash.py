"""Slash commands as typed: `/name argument`."""

import difflib
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from r1local.config.options import settable
from r1local.errors import UsageError
from r1local.language import _

#: What a command acts on: the chat, which this module needn't know about.
Target = TypeVar("Target")

#: The command line's words, as a chat has them. What a chat can't do stays: --chat-template.
_IN_CHAT = (
    (re.compile(r"r1local chat --resume\b"), "/resume"),
    (re.compile(r"r1local sessions$"), "/sessions"),
    (re.compile(r"r1local pull\b"), "/pull"),
    (re.compile(r"r1local list\b"), "/model"),
    (re.compile(r"r1local run -m\b"), "/model"),
    (re.compile(r"--(context|system|model)\b"), r"/\1"),
    (re.compile(rf"--({'|'.join(settable())})\b"), r"/set \1"),
)


@dataclass(frozen=True, slots=True)
class SlashCommand(Generic[Target]):
    """One command.

    Args:
        usage: its arguments, as the help shows them.
        told: what it does, in one line.
        action: carries it out, given its target and the text after the name.
        at_once: whether it can run without waiting for the reply that is being written.
    """

    usage: str
    told: str
    action: Callable[[Target, str], None]
    at_once: bool = False


def in_chat(hint: str) -> str:
    """Return a hint in the words of a chat, where they differ from the command line's."""
    for words, slash in _IN_CHAT:
        hint = words.sub(slash, hint)
    return hint


def split_command(text: str) -> tuple[str, str] | None:
    """Return the name and the argument of a slash command; None for a question.

    A path at the start of a question is not a command: `/usr/lib is full, what now?`
    """
    if not text.startswith("/"):
        return None
    name, _space, argument = text[1:].strip().partition(" ")
    return None if "/" in name or "\n" in name else (name.lower(), argument.strip())


def command_named(name: str, commands: Mapping[str, SlashCommand[Target]]) -> SlashCommand[Target]:
    """Return the command with that name.

    Raises:
        UsageError: no command has that name; the hint gives the nearest.
    """
    if command := commands.get(name):
        return command
    near = difflib.get_close_matches(name, commands, n=1, cutoff=0.5)
    hint = _("did you mean /{near}?", near=near[0]) if near else _("/help lists them")
    raise UsageError(_("there is no /{name}", name=name), hint)


def words_of(argument: str) -> list[str]:
    """Split a text into words as a shell does: a quoted word may contain spaces."""
    try:
        return shlex.split(argument)
    except ValueError:  # an apostrophe in a name
        return [argument]


def whole_number(text: str, example: str) -> int:
    """Return the whole number that an argument gives.

    Raises:
        UsageError: the argument isn't a whole number; the hint gives the example.
    """
    try:
        return int(text)
    except ValueError:
        raise UsageError(
            _("{text!r} is not a number", text=text),
            _("type for example: {example}", example=example),
        ) from None
