"""From the model that was chosen to the engine that runs it; only here is known which one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Literal, TypeAlias

from r1local.config.preferences import Settings
from r1local.engine.library import log
from r1local.gguf.file import read_gguf
from r1local.machine.memory import facts_of
from r1local.machine.planner import plan
from r1local.machine.this_machine import survey_machine
from r1local.models.loading import load, load_options
from r1local.models.selection import Chosen, RemoteModel, Selected
from r1local.replies.engine import Engine

#: Whether memory holds a model as it should run, with less context or slower, or not at all.
Room: TypeAlias = Literal["enough", "less", "none"]


def open_engine(
    selected: Chosen,
    settings: Settings,
    cancelled: Callable[[], bool],
    *,
    at_once: int = 1,
    meanwhile: AbstractContextManager[object] | None = None,
) -> Engine:
    """Open the engine for a model; the caller has to close it.

    Args:
        selected: the model, from `models.selection`.
        settings: those in force, of which the engine takes what concerns loading.
        cancelled: called in the meantime; True ends it.
        at_once: the number of replies that are wanted at the same time.
        meanwhile: entered while llama.cpp reads the model.

    Raises:
        R1LocalError: the model can't be loaded as the settings say, or its server refuses.
        LoadingCancelled: `cancelled` returned True.
    """
    if isinstance(selected, RemoteModel):
        from r1local.endpoints.engine import RemoteEngine  # a model in a file needs no network

        endpoint, model = selected.endpoint, selected.model
        return RemoteEngine.open(endpoint, model, settings, cancelled, at_once)
    options = replace(load_options(settings), sequences=at_once)
    loaded = load(selected.path, options, cancelled, meanwhile)
    # A command may have this imported meanwhile, which takes some time.
    from r1local.replies.local import LocalEngine

    return LocalEngine(selected.path, loaded)


def room_for(selected: Selected, settings: Settings, *, at_once: int = 1) -> Room:
    """Return whether memory has room for a model now, as the planner would load it.

    Raises:
        ModelFileError: its file is not a complete, valid GGUF file.
    """
    request = replace(load_options(settings), sequences=at_once).request
    made = plan(facts_of(read_gguf(selected.path)), survey_machine(), request)
    if made.refusal or made.kind == "no":
        return "none"
    return "less" if made.notices else "enough"


def show_log(show: Callable[[str], None] | None) -> None:
    """Have each line that an engine logs passed to `show`, or to nobody."""
    log.show = show
