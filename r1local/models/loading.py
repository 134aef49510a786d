"""Preparing a model: checking its file, deciding its settings, compiling its template."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from r1local.engine.draft_model import DraftModel, DraftsOfModel
from r1local.engine.drafts import Drafts
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.offload import Offload, lock_problem, spread_over_nodes
from r1local.engine.probe import needs_probe, probe
from r1local.engine.rpc import add_server
from r1local.errors import ChatTemplateError, DraftModelError, OutOfMemory
from r1local.events.reply import Notice, NoticeKind
from r1local.gguf.file import GGUFFile, file_type, read_gguf
from r1local.machine import hardware
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import Plan, PlanRequest, plan, retreat
from r1local.machine.this_machine import survey_machine
from r1local.models.draft_pairs import draft_file
from r1local.models.load_options import LoadOptions, load_options
from r1local.prompts.documents import read_document
from r1local.prompts.template_process import TemplateProgram

if TYPE_CHECKING:
    from r1local.prompts.chat_template import ChatTemplate

__all__ = ["LoadOptions", "LoadedModel", "load", "load_options"]

#: Bytes of weights that keep one more thread busy; see docs/benchmarks.md.
_BYTES_PER_THREAD = 32 * 2**20
_ALL_LAYERS = -1
#: Characters of an unknown tag to show.
_LONGEST_TAG = 40


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to reply, what its user should know about it, and the seconds of loading.

    Args:
        details: its quantization and the layers on GPUs, in a few words.
        options: what it was loaded with.
        holds: whether it was trained for a context of so many tokens, and memory has room.
        drafts: what drafts are made from; None for none.
    """

    model: Model
    template: "ChatTemplate"
    notices: tuple[Notice, ...]
    load_s: float
    details: str
    options: LoadOptions
    holds: Callable[[int], bool]
    drafts: Drafts | None = None

    def close(self) -> None:
        """Free the model, and the one that drafts for it."""
        if self.drafts:
            self.drafts.close()
        self.model.close()


def load(
    path: Path,
    options: LoadOptions,
    cancelled: Callable[[], bool],
    meanwhile: AbstractContextManager[object] | None = None,
) -> LoadedModel:
    """Load the model in a GGUF file; the caller has to close it.

    Args:
        cancelled: called now and then; True stops loading.
        meanwhile: entered while llama.cpp reads the file.

    Raises:
        ModelFileError: the file is not a complete, valid GGUF file, or the draft model's isn't.
        DraftModelError: the draft model doesn't fit the model, or there is no room for it.
        ChatTemplateError: it has no usable chat template.
        ModelLoadError: llama.cpp refuses it.
        OutOfMemory: memory ran out, and once more with less.
        DeviceError: another machine's devices can't be reached.
        InvalidSetting: the options ask for what the model or the memory doesn't allow.
        LoadingCancelled: `cancelled` returned True in the meantime.
    """
    started = time.monotonic()
    gguf = read_gguf(path)
    source = _template_source(gguf, options.chat_template)
    numa_problem = spread_over_nodes(options.numa)
    for address in options.rpc or ():
        add_server(address)
    facts, machine = facts_of(gguf), survey_machine()
    draft = draft_file(gguf, options)
    request = _request(facts, machine, options, draft)
    made = plan(facts, machine, request)
    if made.refusal:
        raise made.refusal
    for file in (gguf, draft):
        if file and needs_probe(file):
            probe(file, options.threads or _threads(file), cancelled)
    program = TemplateProgram(source)  # starts a process while the model is read
    with meanwhile or nullcontext():
        model, made = _open(
            gguf, options, made, partial(retreat, facts, machine, request), cancelled
        )
    try:
        # A command may have these imported while llama.cpp reads the file.
        from r1local.prompts.chat_template import ChatTemplate
        from r1local.thinking.dialects import R1, dialect_of, marks_thoughts, unknown_tags

        vain = filter(None, (numa_problem, lock_problem() if options.mlock else None))
        specials = model.vocabulary.specials
        dialect = dialect_of(program.source, specials.texts) or R1
        thinks = marks_thoughts(dialect, gguf.chat_template, specials.texts)
        arguments = options.template_arguments
        template = ChatTemplate(program, specials, thinks=thinks, arguments=arguments)
        drafts, no_draft = _drafts(model, options, draft, made, cancelled)
    except BaseException:
        model.close()
        raise
    unknown = _unknown_dialect(unknown_tags(program.source, specials.texts))
    without_effect = (Notice("offload", each) for each in vain)
    notices = (*made.notices, *without_effect, *unknown, *_unused(template), *no_draft)
    holds = partial(_holds, facts, machine, request)
    load_s, details = time.monotonic() - started, _details(gguf, made)
    return LoadedModel(model, template, notices, load_s, details, options, holds, drafts)


def _open(
    gguf: GGUFFile,
    options: LoadOptions,
    made: Plan,
    smaller: Callable[[Plan], Plan | None],
    cancelled: Callable[[], bool],
) -> tuple[Model, Plan]:
    """Load a model by a plan or, if memory runs out all the same, once more by a smaller one."""
    try:
        return Model(gguf.path, _load_settings(gguf, options, made), cancelled), made
    except OutOfMemory as error:
        less = smaller(made)
        if less is None:
            raise
        reason = f"{error.message.removesuffix(f' {gguf.path}')} with {_extent(made)}"
    kind: NoticeKind = "offload" if made.gpu_layers else "context"
    notice = Notice(kind, f"{reason}: it is loaded with {_extent(less)}")
    model = Model(gguf.path, _load_settings(gguf, options, less), cancelled)
    return model, replace(less, notices=(notice, *less.notices))


def _request(
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
            f"memory has no room for the draft model {draft.path} besides the model",
            "choose a smaller one, give a smaller --context, or leave --draft out",
        )
    return both


def _room(plan: Plan) -> tuple[object, ...]:
    return plan.kind, plan.gpu_layers, plan.cpu_experts, plan.context_window, plan.kv_tokens


def _drafts(
    model: Model,
    options: LoadOptions,
    file: GGUFFile | None,
    made: Plan,
    cancelled: Callable[[], bool],
) -> tuple[Drafts | None, tuple[Notice, ...]]:
    """Return what drafts are made from, and what its user should know about it."""
    if options.draft == "none" or not model.can_draft:
        return None, ()
    asked = options.draft != "auto"
    if file is None or made.draft is None:
        alone = "several replies at once are written without the draft model"
        several = options.draft_model and asked
        return Drafts(), (Notice("engine", alone),) if several else ()
    own = replace(options, kv_cache="f16", split_mode="layer", sequences=1)
    try:
        smaller = Model(file.path, _load_settings(file, own, made.draft), cancelled)
    except OutOfMemory as error:
        return Drafts(), (Notice("engine", f"the draft model is left out: {error.message}"),)
    if not smaller.can_draft:
        smaller.close()
        why_not = f"{file.path} can't draft: it can't forget what it has read"
        raise DraftModelError(why_not, "choose another one, or leave --draft out")
    drafting = DraftModel(smaller, eager=asked)
    return DraftsOfModel(drafting, model.vocabulary.size), ()


def _extent(plan: Plan) -> str:
    """Return how much of a model is offloaded, and its context, in words."""
    context = f"a context of {plan.context_window:,} tokens"
    if not plan.gpu_layers:
        return f"{context} on the CPU"
    layers = f"{plan.gpu_layers} of {plan.layers} layers on the GPU"
    apart = f", the experts of {plan.cpu_experts} on the CPU" if plan.cpu_experts else ""
    return f"{layers}{apart} and {context}"


def _holds(facts: MemoryFacts, machine: Machine, request: PlanRequest, context: int) -> bool:
    """Whether a model can have a context, as memory was before it was loaded."""
    made = plan(facts, machine, replace(request, context=context))
    trained = not facts.context_length or context <= facts.context_length
    return trained and made.refusal is None and made.kind != "no"


def _unknown_dialect(tags: Sequence[str]) -> Iterator[Notice]:
    if tags:
        named = " and ".join(tag[:_LONGEST_TAG] for tag in tags[:2])
        message = f"r1local doesn't know this model's {named}: thoughts may end up in the answer"
        yield Notice("thinking", message)


def _unused(template: "ChatTemplate") -> Iterator[Notice]:
    for name in template.unused_arguments:
        message = f"the chat template has no variable {name}: --template-arg {name} has no effect"
        yield Notice("template", message)


def _details(gguf: GGUFFile, plan: Plan) -> str:
    place = f"GPU {plan.gpu_layers}/{plan.layers}" if plan.gpu_layers else "CPU"
    return " · ".join(filter(None, (file_type(gguf), place)))


def _load_settings(gguf: GGUFFile, options: LoadOptions, plan: Plan) -> LoadSettings:
    return LoadSettings(
        context_window=plan.context_window,
        gpu_layers=_ALL_LAYERS if plan.all_on_gpu else plan.gpu_layers,
        threads=options.threads or _threads(gguf),
        kv_cache=options.kv_cache,
        sequences=options.sequences,
        kv_tokens=plan.kv_tokens,
        flash_attention=plan.flash_attention,
        micro_batch=plan.micro_batch,
        offload=Offload(plan.devices, plan.shares, options.split_mode, plan.cpu_experts),
        mapped=not options.no_mmap,
        lock=options.mlock,
        context_bytes=plan.context_bytes,
    )


def _threads(gguf: GGUFFile) -> int:
    """Return all cores for a model worth it; tiny ones lose more by waiting than they gain."""
    return min(hardware.usable_cores(), 1 + gguf.model_size // _BYTES_PER_THREAD)


def _template_source(gguf: GGUFFile, file: Path | None) -> str:
    if file:
        return read_document(file).text
    if gguf.chat_template is None:
        raise ChatTemplateError(
            "the model file has no chat template", "give one with --chat-template FILE"
        )
    return gguf.chat_template
