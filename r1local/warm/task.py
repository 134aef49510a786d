"""What an engine's process is started for, and what it answers to whoever started it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: Its socket is there; or another process has the engine's place.
READY, TAKEN = b"ready\n", b"taken\n"


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is started for.

    Args:
        socket: where it answers.
        model: the model's name, for people.
        path: its file.
        settings: what is set of loading, as `starting.plain_settings` returns it.
        at_once: the number of replies at the same time that are wanted.
        keep_alive: seconds for which it stays without a program.
        draft_model: the file of the smaller model that drafts for a reply that is alone.
    """

    socket: str
    model: str
    path: str
    settings: Mapping[str, Any]
    at_once: int
    keep_alive: float
    draft_model: str | None = None
