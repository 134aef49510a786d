"""From the model that was chosen to the engine that runs it; only here is known which one."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, TypeAlias

from r1local.config.paths import engines_folder
from r1local.config.preferences import Settings, value_in
from r1local.engine.library import log
from r1local.errors import WarmEngineError
from r1local.events.reply import Notice
from r1local.language import _
from r1local.models.selection import Chosen, RemoteModel, Selected
from r1local.replies.engine import Engine

if TYPE_CHECKING:  # a model that is loaded here needs no other process
    from r1local.models.loading import Meanwhile
    from r1local.warm.places import Place

#: Whether memory holds a model as it should run, with less context or slower, or not at all.
Room: TypeAlias = Literal["enough", "less", "none"]


def open_engine(
    selected: Chosen,
    settings: Settings,
    cancelled: Callable[[], bool],
    *,
    at_once: int = 1,
    meanwhile: "Meanwhile | None" = None,
) -> Engine:
    """Open the engine for a model; the caller has to close it.

    Args:
        selected: the model, from `models.selection`.
        settings: those in force, of which the engine takes what concerns loading.
        cancelled: called in the meantime; True ends it.
        at_once: the number of replies that are wanted at the same time.
        meanwhile: entered while llama.cpp reads the model; it is told the modules that the
            reply will need besides those of every reply.

    Raises:
        R1LocalError: the model can't be loaded as the settings say, or its server refuses.
        LoadingCancelled: `cancelled` returned True.
    """
    if isinstance(selected, RemoteModel):
        from r1local.endpoints.engine import RemoteEngine  # a model in a file needs no network

        endpoint, model = selected.endpoint, selected.model
        return RemoteEngine.open(endpoint, model, settings, cancelled, at_once)
    keep_alive = value_in(settings, "keep-alive")
    if not value_in(settings, "no-daemon") and (keep_alive or _some_are_kept()):
        try:
            if engine := _warm(selected, settings, cancelled, at_once, keep_alive):
                return engine
        except WarmEngineError as error:
            if keep_alive:
                told = Notice(
                    "engine", _("{reason}: the model isn't kept in memory", reason=error.message)
                )
                return _local(selected, settings, cancelled, at_once, meanwhile, told)
    return _local(selected, settings, cancelled, at_once, meanwhile)


def room_for(selected: Selected, settings: Settings, *, at_once: int = 1) -> Room:
    """Return whether memory has room for a model now, as the planner would load it.

    Raises:
        ModelFileError: its file is not a complete, valid GGUF file, or the draft model's isn't.
        DraftModelError, UnknownModel, ModelNotInstalled: the draft model that is named can't draft,
            or isn't here.
    """
    from r1local.models.draft_choice import loading_of  # only a server of several models asks
    from r1local.models.drafting import planned

    made = planned(selected.path, loading_of(selected, settings, at_once))
    if made is None or made.refusal or made.kind == "no":
        return "none"
    return "less" if made.notices else "enough"


def place_in_memory(selected: Selected, settings: Settings) -> "Place":
    """Return where `open_engine` finds such an engine if another process has it in memory.

    Raises:
        WarmEngineError: there can't be any.
    """
    from r1local.warm.places import place_for
    from r1local.warm.starting import key_of, plain_settings

    return place_for(key_of(selected.path, plain_settings(settings)))


def show_log(show: Callable[[str], None] | None) -> None:
    """Have each line that an engine logs passed to `show`, or to nobody."""
    log.show = show


def _local(
    selected: Selected,
    settings: Settings,
    cancelled: Callable[[], bool],
    at_once: int,
    meanwhile: "Meanwhile | None",
    *told: Notice,
) -> Engine:
    """Load the model in this process; `told` is said first."""
    # Not for an engine that is elsewhere.
    from r1local.models.draft_choice import loading_of
    from r1local.models.loading import load

    loaded = load(selected.path, loading_of(selected, settings, at_once), cancelled, meanwhile)
    # A command may have this imported meanwhile, which takes some time.
    from r1local.replies.local import LocalEngine

    engine = LocalEngine(selected.path, loaded)
    engine.notices = (*told, *engine.notices)
    return engine


def _warm(
    selected: Selected,
    settings: Settings,
    cancelled: Callable[[], bool],
    at_once: int,
    keep_alive: float | None,
) -> Engine | None:
    """Find an engine that stays in memory, or start it; None if there is none, and none is to stay.

    Raises:
        WarmEngineError: there can't be one.
    """
    from r1local.models.draft_choice import loading_of
    from r1local.warm.engine import WarmEngine
    from r1local.warm.starting import NoneKept, Wanted, plain_settings

    draft = loading_of(selected, settings, at_once).draft_model if keep_alive is not None else None
    plain = plain_settings(settings)
    wanted = Wanted(selected.name, selected.path, plain, at_once, keep_alive, draft)
    try:
        return WarmEngine.open(wanted, cancelled)
    except NoneKept:
        return None


def _some_are_kept() -> bool:
    """Return whether an engine may be in memory, at the cost of reading a folder's names."""
    with suppress(OSError):
        return any(name.endswith(".sock") for name in os.listdir(engines_folder()))  # noqa: PTH208
    return False
