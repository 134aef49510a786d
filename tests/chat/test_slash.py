"""Slash commands as typed: what is one, and which one is meant."""

import pytest

from r1local.chat.slash import SlashCommand, command_named, split_command
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
