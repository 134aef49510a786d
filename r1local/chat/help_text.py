"""The help of a chat: every slash command, and every key."""

from collections.abc import Mapping
from typing import Any

from r1local.chat.key_help import key_entries
from r1local.chat.slash import SlashCommand
from r1local.config.keys import KeyMap
from r1local.language import N_, _
from r1local.ui.chat.help import HelpSection

_MOUSE = (
    (N_("a click"), N_("opens the thought that it is on")),
    (N_("dragging"), N_("copies what it selects; with Shift, the terminal selects")),
)


def help_sections(
    commands: Mapping[str, SlashCommand[Any]], keys: KeyMap, *, full_screen: bool
) -> list[HelpSection]:
    """Return the help for the commands and keys that there are."""
    entries = [*key_entries(keys, full_screen=full_screen)]
    if full_screen:
        entries += ((_(key), _(does)) for key, does in _MOUSE)
    usages = [(f"/{name} {each.usage}".rstrip(), _(each.told)) for name, each in commands.items()]
    return [
        HelpSection(_("Commands"), usages),
        HelpSection(_("Keys"), entries),
    ]
