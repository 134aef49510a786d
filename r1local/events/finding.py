"""What a check-up of the installation finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

#: How a thing stands: as it should, usable but not at its best, or broken.
State: TypeAlias = Literal["ok", "warning", "broken"]

#: Values for programs, which JSON can hold.
Facts: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check-up. Use `ok`, `warning` and `broken`, which require what belongs to it.

    Args:
        area: what was looked at, in a word.
        state: how it stands.
        text: what was found.
        hint: what makes it better, in words; empty if it is ok.
        command: what to type, if a command helps; never empty if it is broken.
        facts: the same as values for programs, which JSON can hold.
    """

    area: str
    state: State
    text: str
    hint: str = ""
    command: str = ""
    facts: Facts = field(default_factory=dict)


def ok(area: str, text: str, facts: Facts | None = None) -> Finding:
    """Return a finding about something that is as it should be."""
    return Finding(area, "ok", text, facts=facts or {})


def warning(
    area: str, text: str, hint: str, command: str = "", facts: Facts | None = None
) -> Finding:
    """Return a finding about something that works, but not at its best."""
    return Finding(area, "warning", text, hint, command, facts or {})


def broken(
    area: str, text: str, command: str, hint: str = "", facts: Facts | None = None
) -> Finding:
    """Return a finding about something that doesn't work."""
    return Finding(area, "broken", text, hint, command, facts or {})
