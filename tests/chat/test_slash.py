"""Slash commands as text: what is one, which one is meant, and the words of a chat."""

import pytest

from r1local.chat.slash import SlashCommand, command_named, in_chat, split_command
from r1local.errors import UsageError


def command(name: str) -> SlashCommand[list[str]]:
    """A command that tells its target its own name and what it was given."""
    return SlashCommand("", "", lambda said, text: said.append(name + text))


COMMANDS = {name: command(name) for name in ("retry", "undo", "help")}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/undo", ("undo", "")),
        ("/Undo  ", ("undo", "")),
        ("/set  effort high ", ("set", "effort high")),
        ("/edit one\ntwo", ("edit", "one\ntwo")),
        ("/", ("", "")),
        ("undo", None),
        (" /undo", None),
        ("/Vote 8 What is 2 + 2?", ("vote", "8 What is 2 + 2?")),
        ("/usr/lib is full, what now?", None),
        ("/one\ntwo", None),
    ],
)
def test_a_command_is_a_name_and_its_argument(text: str, parts: tuple[str, str] | None) -> None:
    assert split_command(text) == parts


def test_a_command_acts_on_its_target() -> None:
    said: list[str] = []
    command_named("undo", COMMANDS).action(said, "!")
    assert said == ["undo!"]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("retyr", "did you mean /retry?"),
        ("hlp", "did you mean /help?"),
        ("zzz", "/help lists them"),
    ],
)
def test_the_nearest_is_named(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"there is no /{name}") as caught:
        command_named(name, COMMANDS)
    assert caught.value.hint == hint


HINTS = {
    "see which there are: r1local sessions": "see which there are: /sessions",
    "open it: r1local chat --resume 'my talk'": "open it: /resume 'my talk'",
    "give a shorter prompt, or a larger --context": "give a shorter prompt, or a larger /context",
    "give a larger --max-tokens": "give a larger /set max-tokens",
    "leave --system out": "leave /system out",
    "see: r1local list": "see: /model",
    "get it with: r1local pull 7b": "get it with: /pull 7b",
    "read it: r1local sessions show x": "read it: r1local sessions show x",
    "give another with --chat-template FILE": "give another with --chat-template FILE",
}


@pytest.mark.parametrize("hint", HINTS)
def test_hints_are_in_the_words_of_a_chat(hint: str) -> None:
    assert in_chat(hint) == HINTS[hint]
