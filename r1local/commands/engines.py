"""`r1local ps` and `r1local stop`: the engines that are kept in memory."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from r1local.config.options import ModelFormat
from r1local.errors import EXIT_ERROR, EXIT_OK, UsageError, WarmEngineError
from r1local.language import N_, _
from r1local.ui.console import output_for, print_notice
from r1local.ui.safe_text import visible_json
from r1local.ui.tables import Column, print_table
from r1local.units import file_time, memory_size
from r1local.warm.kept import kept_engines, stop
from r1local.warm.messages import Status
from r1local.warm.places import Place, places

#: What an engine may be doing.
_STATES = (N_("loading"), N_("idle"), N_("open"), N_("replying"))


def list_engines(output_format: ModelFormat) -> int:
    """Print the engines on stdout; return the exit code.

    Raises:
        WarmEngineError: the folder of their sockets isn't this user's alone.
    """
    found = [status for _place, status in kept_engines()]
    if output_format == "json":
        print(visible_json(json.dumps([_facts(each) for each in found], ensure_ascii=False)))
    elif found:
        print_table(output_for(sys.stdout), _columns(found))
    else:
        print_notice(
            output_for(sys.stderr), _("no model is kept in memory; --keep-alive keeps one")
        )
    return EXIT_OK


def stop_engines(model: str | None, *, every: bool) -> int:
    """End engines' processes; return the exit code.

    Args:
        model: the name or the file of those to end; None means the only one there is.
        every: end all of them.

    Raises:
        UsageError: it isn't clear which ones.
        WarmEngineError: there is none, or the folder of their sockets isn't this user's alone.
    """
    err = output_for(sys.stderr)
    if every:
        # Those that don't answer, or are of another version, too.
        ended = [stop(place) for place in places()]
        print_notice(
            err,
            _("stopped {ended} of {count}", ended=sum(ended), count=len(ended))
            if ended
            else _("there was none"),
        )
        if not all(ended):
            print_notice(err, _("what is left may be in use by r1local serve: see r1local ps"))
        return EXIT_OK if all(ended) else EXIT_ERROR
    failed = False
    for place, status in _meant(model):
        stopped = stop(place)
        failed = failed or not stopped
        print_notice(err, _told(status) if stopped else _told_why_not(status))
    return EXIT_ERROR if failed else EXIT_OK


def _meant(model: str | None) -> list[tuple[Place, Status]]:
    """Return the engines that a user means."""
    found = kept_engines()
    names = ", ".join(sorted({status.model for _place, status in found}))
    if not found:
        raise WarmEngineError(_("no model is kept in memory"), _("r1local ps lists those that are"))
    if model is None:
        if len(found) > 1:
            raise UsageError(
                _("there are several: {names}", names=names), _("name one, or add --all")
            )
        return found
    meant = [(place, status) for place, status in found if _is(status, model)]
    if not meant:
        raise WarmEngineError(
            _("{model} isn't kept in memory", model=model), _("there are: {names}", names=names)
        )
    return meant


def _is(status: Status, model: str) -> bool:
    return model.lower() == status.model.lower() or Path(model).absolute() == Path(status.path)


def _told(status: Status) -> str:
    if status.of_server:
        return _(
            "unloaded {model} from r1local serve (process {pid}), which goes on",
            model=status.model,
            pid=status.pid,
        )
    return _("stopped {model}: {memory}", model=status.model, memory=memory_size(status.memory))


def _told_why_not(status: Status) -> str:
    if status.of_server:
        told = _("r1local serve needs {model} for a request", model=status.model)
        return _("{told}: ask again, or end the server with: kill {pid}", told=told, pid=status.pid)
    return _("{model} (process {pid}) won't end", model=status.model, pid=status.pid)


def _columns(found: Sequence[Status]) -> list[Column]:
    return [
        Column(_("MODEL"), [each.model for each in found], 9),
        Column(_("MEMORY"), [memory_size(each.memory) for each in found], 7, right=True),
        Column(_("STATE"), [_(each.state) for each in found], 6),
        Column(_("KEPT BY"), ["serve" if each.of_server else _("itself") for each in found], 1),
        Column(_("CLIENTS"), [str(each.clients) for each in found], 5, right=True),
        Column(_("IDLE SINCE"), [_clock(each.idle_since) for each in found], 3),
        Column(_("UNTIL"), [_clock(each.until) for each in found], 4),
        Column(_("RUNS ON"), [each.details for each in found], 2),
    ]


def _clock(seconds: float | None) -> str:
    """Return a moment as the clock here shows it."""
    return "-" if seconds is None else f"{file_time(seconds).astimezone():%H:%M:%S}"


def _facts(status: Status) -> dict[str, Any]:
    return {
        "model": status.model,
        "path": status.path,
        "state": status.state,
        "memory_bytes": status.memory,
        "clients": status.clients,
        "idle_since": _moment(status.idle_since),
        "until": _moment(status.until),
        "details": status.details,
        "context_window": status.context_window,
        "at_once": status.at_once,
        "pid": status.pid,
        "of_serve": status.of_server,
        "r1local": status.versions.r1local,
        "llama_cpp_python": status.versions.llama_cpp,
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else file_time(seconds).isoformat(timespec="seconds")
