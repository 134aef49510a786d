"""From the model that was chosen to the engine that runs it; only here is known which one."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from r1local.config.preferences import Settings
from r1local.engine.library import log
from r1local.models.draft_choice import loading_of
from r1local.models.loading import load
from r1local.models.selection import Chosen, RemoteModel
from r1local.replies.engine import Engine


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
    options = replace(loading_of(selected, settings), sequences=at_once)
    loaded = load(selected.path, options, cancelled, meanwhile)
    # A command may have this imported meanwhile, which takes some time.
    from r1local.replies.local import LocalEngine

    return LocalEngine(selected.path, loaded)


def show_log(show: Callable[[str], None] | None) -> None:
    """Have each line that an engine logs passed to `show`, or to nobody."""
    log.show = show
