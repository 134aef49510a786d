"""What drafts a loaded model's replies: its texts, and a smaller model if there is one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.drafts import Drafts
from r1local.engine.model import Model
from r1local.engine.rounding import rounds_alike
from r1local.errors import DraftModelError, OutOfMemory
from r1local.events.reply import Notice
from r1local.gguf.file import GGUFFile, read_gguf
from r1local.language import _
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import Plan, PlanRequest, plan
from r1local.machine.this_machine import survey_machine
from r1local.models.draft_pairs import draft_file
from r1local.models.load_options import LoadOptions


def planned(path: Path, options: LoadOptions) -> Plan | None:
    """Return how a model would be loaded now, with its draft model; None if that has no room.

    Raises:
        ModelFileError: a file is not a complete, valid GGUF file.
        DraftModelError: the draft model doesn't fit the model.
    """
    gguf = read_gguf(path)
    facts, machine, draft = facts_of(gguf), survey_machine(), draft_file(gguf, options)
    try:
        return plan(facts, machine, request_of(facts, machine, options, draft))
    except DraftModelError:
        return None


def request_of(
    facts: MemoryFacts, machine: Machine, options: LoadOptions, draft: GGUFFile | None
) -> PlanRequest:
    """Return what is asked of the planner, with the draft model if there is one to load.

    One that nobody asked for is left out if the model would have less room for it.

    Raises:
        DraftModelError: there is no room for one that was asked for.
    """
    alone = options.request
    if draft is None:
        return alone
    both = replace(alone, draft=facts_of(draft))
    without, beside = plan(facts, machine, alone), plan(facts, machine, both)
    fits = beside.draft is not None and beside.draft.kind != "no"
    if options.draft == "auto":
        return both if fits and _room(without) == _room(beside) else alone
    if not fits or (beside.kind == "no" and without.kind != "no"):
        raise DraftModelError(
            _("memory has no room for the draft model {path} besides the model", path=draft.path),
            _("choose a smaller one, give a smaller --context, or leave --draft out"),
        )
    return both


def _room(plan: Plan) -> tuple[object, ...]:
    return plan.kind, plan.gpu_layers, plan.cpu_experts, plan.context_window, plan.kv_tokens


def drafts_of(
    model: Model,
    gguf: GGUFFile,
    options: LoadOptions,
    made: Plan,
    draft: GGUFFile | None,
    opened: Callable[[GGUFFile, LoadOptions, Plan], Model],
) -> tuple[Drafts | None, tuple[Notice, ...]]:
    """Return what drafts are made from, if any are to be made, and what their user should know.

    Args:
        opened: loads the smaller model.

    Raises:
        DraftModelError: the smaller model can't draft.
    """
    if options.draft == "none" or not model.can_draft:
        return None, ()
    on_cpu = not made.gpu_layers and not options.rpc
    asked_for, alike = options.draft != "auto", on_cpu and rounds_alike(gguf)
    alone = Drafts(asked_for=asked_for, alike=alike)
    if draft is None or made.draft is None:
        return alone, ()
    own = replace(options, kv_cache="f16", split_mode="layer", sequences=1)
    try:
        smaller = opened(draft, own, made.draft)
    except OutOfMemory as error:
        return alone, (
            Notice("engine", _("the draft model is left out: {reason}", reason=error.message)),
        )
    if not smaller.can_draft:
        smaller.close()
        why_not = _("{path} can't draft: it can't forget what it has read", path=draft.path)
        raise DraftModelError(why_not, _("choose another one, or leave --draft out"))
    size = model.vocabulary.size
    return DraftsOfModel(smaller, size, asked_for=asked_for, alike=alike), ()
