"""The help of a chat: every slash command, and every key."""

from collections.abc import Mapping
from typing import Any

from r1local.chat.slash import SlashCommand
from r1local.ui.chat.help import HelpSection

_TYPING = (
    ("Enter", "sends"),
    ("Alt-Enter", "breaks the line, as \\ at its end does"),
    ("↑ ↓", "earlier questions; Ctrl-R searches them"),
    ("Tab", "completes commands and what they take"),
    ("Ctrl-X Ctrl-E", "opens $EDITOR, and sends what it saved"),
    ("Ctrl-C", "stops the reply or the work, empties the input, or twice leaves"),
    ("Ctrl-Z", "gives the shell back; fg goes on"),
    ("Ctrl-D", "leaves, if the input is empty"),
)
_SCREEN = (
    ("F1", "this help"),
    ("F2", "opens or folds the thought"),
    ("F3", "ends the thought: answer now"),
    ("F4", "puts the end of the thought off"),
    ("F5", "answers as written, or rendered"),
    ("F6", "moves the thinking pane"),
    ("F7 F8", "make it smaller, larger"),
    ("F9", "folds the thinking pane when the answer starts, keeps it open, or hides it"),
    ("PageUp PageDown", "scroll the conversation; with Alt, the thought"),
    ("Ctrl-Home Ctrl-End", "the conversation's start, its end"),
    ("Ctrl-↑ Ctrl-↓", "scroll the thought by a row"),
    ("Ctrl-L", "paints the screen anew"),
)


def help_sections(commands: Mapping[str, SlashCommand[Any]]) -> list[HelpSection]:
    """Return the help for the commands that there are."""
    usages = [(f"/{name} {each.usage}".rstrip(), each.told) for name, each in commands.items()]
    return [
        HelpSection("Commands", usages),
        HelpSection("Keys for typing", _TYPING),
        HelpSection("Keys of the full screen", _SCREEN),
    ]
