"""`r1local list`: the models on this machine, or all known ones, and which of them fit."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from r1local.config.options import ModelFormat
from r1local.config.paths import is_missing, user_models
from r1local.config.preferences import read_config
from r1local.errors import EXIT_OK, ModelFileError, R1LocalError
from r1local.gguf.file import read_gguf
from r1local.language import N_, _
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import Plan, plan
from r1local.machine.this_machine import survey_machine
from r1local.measuring.estimates import Speed, Speeds
from r1local.models.catalog import CatalogModel, facts_of_known, load_catalog
from r1local.models.planning import preferred_plan
from r1local.models.preferred import of_model, preferred_request
from r1local.models.store.installed import Installed
from r1local.models.store.search import installed_models
from r1local.ui.console import output_for, print_notice
from r1local.ui.safe_text import visible_json
from r1local.ui.tables import Column, print_table
from r1local.units import disk_size, file_time, speed_words

if TYPE_CHECKING:
    from r1local.endpoints.listing import RemoteRow

#: Homes of models that are entries of the catalog themselves.
_OWN = (N_("embedded"), N_("imported"))


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The arguments of `list`."""

    available: bool
    output_format: ModelFormat


@dataclass(frozen=True, slots=True)
class _KnownModel:
    """A model of the catalog in one quantization: its bytes, where and how fast it would run."""

    model: CatalogModel
    quantization: str | None
    size: int
    here: bool
    plan: Plan | None
    speed: Speed


def list_models(options: ListOptions) -> int:
    """Print the models on stdout; return the exit code."""
    models = load_catalog(user_models())
    err = output_for(sys.stderr)
    for problem in models.problems.values():
        print_notice(err, problem.on_one_line)
    entries = installed_models(models)
    machine = survey_machine(measure_bandwidth=options.available)
    for missing in machine.missing:
        print_notice(err, missing.on_one_line)
    if options.available:
        _print_known(list(models.shown()), entries, machine, options)
    else:
        _print_installed(_listed(entries), _remote(), machine, options)
        if options.output_format == "text" and all(e.home == "embedded" for e in entries):
            print_notice(err, _("no other model is installed; get one with: r1local pull 7b"))
    return EXIT_OK


def _listed(entries: Sequence[Installed]) -> list[Installed]:
    """Return the models to list: all but hidden catalog entries.

    Files found on the disk are listed even if their catalog entry is hidden.
    """
    return [e for e in entries if not (e.home in _OWN and e.known and e.known.hidden)]


def _remote() -> "list[RemoteRow]":
    """Return the models of all endpoints; say which of them can't be asked."""
    endpoints = read_config().endpoints.values()
    if not endpoints:
        return []
    from r1local.endpoints.listing import remote_models  # most people have no endpoint

    rows: list[RemoteRow] = []
    for _endpoint, answer in remote_models(endpoints):
        if isinstance(answer, R1LocalError):
            print_notice(output_for(sys.stderr), answer.on_one_line)
        else:
            rows += answer
    return rows


def _print_installed(
    entries: Sequence[Installed],
    remote: "Sequence[RemoteRow]",
    machine: Machine,
    options: ListOptions,
) -> None:
    plans = [preferred_plan(entry, machine) for entry in entries]
    if options.output_format == "json":
        here = [_described(*pair) for pair in zip(entries, plans, strict=True)]
        _print_json([*here, *map(_remote_described, remote)])
        return
    none = ["-"] * len(remote)
    windows = [f"{each.context_window:,}" if each.context_window else "?" for each in remote]
    columns = (
        Column(_("NAME"), [*_names(entries), *(each.reference for each in remote)], 7),
        Column(_("QUANT"), [*(entry.quantization or "?" for entry in entries), *none], 4),
        Column(_("SIZE"), [*map(_size, entries), *none], 6, right=True),
        Column(
            _("WHERE"), [*(_(entry.home) for entry in entries), *[_("remote")] * len(remote)], 2
        ),
        Column(_("CONTEXT"), [*map(_context, plans), *windows], 3, right=True),
        Column(_("FIT"), [*(plan.kind if plan else "?" for plan in plans), *none], 5),
        Column(_("LAST USED"), [*(_date(entry.last_used) for entry in entries), *none], 1),
    )
    print_table(output_for(sys.stdout), columns)


def _remote_described(row: "RemoteRow") -> dict[str, Any]:
    """Return a model of an endpoint as a JSON object."""
    return {
        "name": row.reference,
        "reference": row.reference,
        "home": "remote",
        "server": row.server,
        "context_window": row.context_window,
    }


def _names(entries: Sequence[Installed]) -> list[str]:
    """Return the names of the rows, or their references where rows would look the same."""
    looks = [(entry.name, entry.quantization, entry.home, entry.whole) for entry in entries]
    shared = {look for look, count in Counter(looks).items() if count > 1}
    return [
        entry.reference if look in shared else entry.name
        for entry, look in zip(entries, looks, strict=True)
    ]


def _print_known(
    models: Sequence[CatalogModel],
    entries: Sequence[Installed],
    machine: Machine,
    options: ListOptions,
) -> None:
    own = {e.known.name: e for e in entries if e.known and e.home in _OWN}
    here: dict[str, list[Installed]] = {}
    for entry in entries:
        if entry.known and entry.whole:
            here.setdefault(entry.known.name, []).append(entry)
    speeds = Speeds(machine)
    rows = [
        _known(model, own.get(model.name), here.get(model.name, []), machine, speeds)
        for model in models
    ]
    if options.output_format == "json":
        _print_json([_known_described(row) for row in rows])
        return
    columns = (
        Column(_("NAME"), [row.model.name for row in rows], 7),
        Column(_("QUANT"), [row.quantization or "?" for row in rows], 3),
        Column(
            _("SIZE"), [disk_size(row.size) if row.size else "?" for row in rows], 6, right=True
        ),
        Column(_("CONTEXT"), [_context(row.plan) for row in rows], 2, right=True),
        Column(_("FIT"), [row.plan.kind if row.plan else "?" for row in rows], 5),
        Column(_("TOKENS/S"), [_speed(row.speed) for row in rows], 3),
        Column(_("HERE"), [_("yes") if row.here else _("no") for row in rows], 4),
        Column(_("ABOUT"), [_(row.model.summary) for row in rows], 1),
    )
    print_table(output_for(sys.stdout), columns)


def _known(
    model: CatalogModel,
    own: Installed | None,
    here: Sequence[Installed],
    machine: Machine,
    speeds: Speeds,
) -> _KnownModel:
    """Return the row of a catalog model: its own file, or the quantization pulled by default.

    Args:
        here: its whole files on this machine.
    """
    if own:
        made = preferred_plan(own, machine)
        speed = speeds.of(_facts(own), made, own.parts)
        return _KnownModel(model, own.quantization, own.size, bool(here), made, speed)
    quantization = model.default_quantization
    size = model.sizes.get(quantization, [0])[0]
    facts = facts_of_known(model, quantization)
    request = preferred_request(of_model([model.name], model, quantization))
    made = plan(facts, machine, request) if facts else None
    files = next((entry.parts for entry in here if entry.quantization == quantization), ())
    speed = speeds.of(facts, made, files)
    return _KnownModel(model, quantization, size, bool(here), made, speed)


def _facts(entry: Installed) -> MemoryFacts | None:
    """Return the facts in a model's file; None if it is damaged or gone."""
    try:
        return facts_of(read_gguf(entry.path))
    except ModelFileError:
        return None


def _known_described(row: _KnownModel) -> dict[str, Any]:
    """Return a catalog model as a JSON object. Sizes are in bytes."""
    return {
        "name": row.model.name,
        "aliases": row.model.aliases,
        "summary": row.model.summary,
        "quantization": row.quantization,
        "size": row.size or None,
        "sizes": {name: sizes[0] for name, sizes in row.model.sizes.items()},
        "context_window": _window(row.plan),
        "fit": row.plan.kind if row.plan else None,
        "tokens_per_s": [row.speed.least, row.speed.most] if row.speed.most else None,
        "measured": row.speed.measured,
        "installed": row.here,
    }


def _described(entry: Installed, plan: Plan | None) -> dict[str, Any]:
    """Return an installed model as a JSON object. Sizes are in bytes, times in UTC."""
    return {
        "name": entry.name,
        "reference": entry.reference,
        "quantization": entry.quantization,
        "size": entry.size,
        "home": entry.home,
        "path": str(entry.path),
        "parts": [str(part) for part in entry.parts],
        "repo_id": entry.repo_id,
        "revision": entry.revision,
        "complete": entry.whole,
        "done": entry.size if entry.done is None else entry.done,
        "context_window": _window(plan),
        "fit": plan.kind if plan else None,
        "last_used": file_time(entry.last_used).isoformat() if entry.last_used else None,
    }


def _print_json(rows: Sequence[dict[str, Any]]) -> None:
    print(visible_json(json.dumps(rows, ensure_ascii=False)))


def _size(entry: Installed) -> str:
    if entry.done is not None:
        percent = 100 * entry.done // max(1, entry.size)
        return _("{percent} % of {size}", percent=percent, size=disk_size(entry.size))
    if entry.size:
        return disk_size(entry.size)
    return _("file gone") if is_missing(entry.path) else _("unreadable")


def _window(plan: Plan | None) -> int | None:
    """Return the tokens of context that fit, or None if the model doesn't."""
    return plan.context_window if plan and plan.kind != "no" else None


def _context(plan: Plan | None) -> str:
    window = _window(plan)
    return f"{window:,}" if window else "-"


def _speed(speed: Speed) -> str:
    return speed_words(speed.least, speed.most, measured=speed.measured)


def _date(seconds: float) -> str:
    return file_time(seconds).astimezone().date().isoformat() if seconds else "-"
