"""Loading a model that stays: room for several replies, beside what else is kept if both fit."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from r1local.config.options import option_named
from r1local.config.preferences import Setting
from r1local.machine.plans import Plan
from r1local.models.drafting import planned
from r1local.models.load_options import load_options
from r1local.replies.local import LocalEngine
from r1local.warm.kept import give_up_idle
from r1local.warm.places import Place
from r1local.warm.task import Task

#: Replies at the same time that there is room for, so that programs needn't wait for each other.
#: llama.cpp's plain attention, the faster one on the CPU, takes up to 8 (`machine.planner`).
SHARED_BY = 4
_log = logging.getLogger(__name__)


def load(task: Task, place: Place, cancelled: Callable[[], bool]) -> LocalEngine:
    """Load the model that a process is to keep.

    If memory doesn't hold it as it should run, engines that nobody uses are given up for it; if
    that doesn't help, it has room for only as many replies as were asked for.

    Raises:
        R1LocalError, LoadingCancelled: as `models.loading.load`.
    """
    path = Path(task.path)
    chosen = {
        name: Setting(raw if isinstance(raw, dict) else option_named(name).read(raw), name)
        for name, raw in task.settings.items()
    }
    draft = Path(task.draft_model) if task.draft_model else None
    asked = replace(load_options(chosen), sequences=task.at_once, draft_model=draft)
    shared = replace(asked, sequences=max(task.at_once, SHARED_BY))
    made = planned(path, shared)
    while not _fits(made) and give_up_idle(place):
        _log.info("an engine that nobody used was given up")
        made = planned(path, shared)
    return LocalEngine.open(path, shared if _fits(made) else asked, cancelled)


def _fits(made: Plan | None) -> bool:
    """Return whether memory holds a model without anything having to be said about it."""
    return made is not None and made.refusal is None and made.kind != "no" and not made.notices
