"""Preparing a model: checking its file, deciding its settings, compiling its template."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from r1local.engine.contexts import FlashStart
from r1local.engine.drafts import Drafts
from r1local.engine.limits import CONTEXT_STEP
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.offload import Offload, lock_problem, spread_over_nodes
from r1local.engine.probe import needs_probe, probe
from r1local.engine.rpc import add_server
from r1local.errors import ChatTemplateError, OutOfMemory
from r1local.events.reply import Notice, NoticeKind
from r1local.gguf.file import GGUFFile, file_type, read_gguf
from r1local.language import _
from r1local.machine import calibration, hardware
from r1local.machine.calibration import CALIBRATED_CONTEXT, Calibration
from r1local.machine.memory import Machine, MemoryFacts, facts_of, memory_bytes
from r1local.machine.planner import Plan, PlanRequest, plan, retreat
from r1local.machine.this_machine import survey_machine
from r1local.models.draft_pairs import draft_file
from r1local.models.drafting import drafts_of, request_of
from r1local.models.load_options import LoadOptions, load_options
from r1local.prompts.documents import read_document
from r1local.prompts.template_process import TemplateProgram

if TYPE_CHECKING:
    from r1local.prompts.chat_template import ChatTemplate

__all__ = ["LoadOptions", "LoadedModel", "load", "load_options"]

#: What is done while llama.cpp reads a file, told the modules that are needed afterwards.
Meanwhile: TypeAlias = Callable[[Sequence[str]], AbstractContextManager[object]]

#: Bytes of weights that keep one more thread busy; see docs/benchmarks.md.
_BYTES_PER_THREAD = 32 * 2**20
#: Bytes of weights up to which a model is calibrated when it is first used. Larger ones compute
#: for too long; they use plain attention, whose lead grows with the model (docs/benchmarks.md),
#: until `tune` measures them.
_QUICK = 2**30
#: Contexts of `CALIBRATED_CONTEXT` that are in memory at once: two, and the content of one; and
#: settings for the model's own meanwhile.
_CALIBRATED_CONTEXTS = 3
_SMALL: Mapping[str, Any] = {"context_window": CONTEXT_STEP, "kv_tokens": 0}
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
    meanwhile: Meanwhile | None = None,
) -> LoadedModel:
    """Load the model in a GGUF file; the caller has to close it.

    Args:
        cancelled: called now and then; True stops loading.
        meanwhile: entered while llama.cpp reads the file; it is told the modules that the chat
            template will need.

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
    request = request_of(facts, machine, options, draft)
    made = plan(facts, machine, request)
    if made.refusal:
        raise made.refusal
    _probe([gguf, draft], options, cancelled)
    program = TemplateProgram(source)  # starts a process while the model is read
    smaller = partial(retreat, facts, machine, request)
    with meanwhile(program.modules) if meanwhile else nullcontext():
        decided = _decided(gguf, options, facts, machine, made, cancelled)
        model, made = _open(gguf, options, made, smaller, decided, cancelled)
    try:
        template, unknown = _template(program, gguf, model, options)
        opened = partial(_opened, cancelled)
        drafts, without_draft = drafts_of(model, gguf, options, made, draft, opened)
    except BaseException:
        model.close()
        raise
    vain = filter(None, (numa_problem, lock_problem() if options.mlock else None))
    without_effect = (Notice("offload", each) for each in vain)
    notices = (*made.notices, *without_effect, *unknown, *_unused(template), *without_draft)
    holds = partial(_holds, facts, machine, request)
    load_s, details = time.monotonic() - started, _details(gguf, made)
    return LoadedModel(model, template, notices, load_s, details, options, holds, drafts)


def _probe(
    files: Iterable[GGUFFile | None], options: LoadOptions, cancelled: Callable[[], bool]
) -> None:
    """Try in another process what has never been loaded here, as llama.cpp may end the process."""
    for file in files:
        if file and needs_probe(file):
            probe(file, options.threads or _threads(file), cancelled)


def _template(
    program: TemplateProgram, gguf: GGUFFile, model: Model, options: LoadOptions
) -> tuple["ChatTemplate", Iterator[Notice]]:
    """Return the template for a model, and what to say of tags that aren't known."""
    # A command may have these imported while llama.cpp reads the file.
    from r1local.prompts.chat_template import ChatTemplate
    from r1local.thinking.dialects import R1, dialect_of, marks_thoughts, unknown_tags

    specials = model.vocabulary.specials
    dialect = dialect_of(program.source, specials.texts) or R1
    thinks = marks_thoughts(dialect, gguf.chat_template, specials.texts)
    arguments = options.template_arguments
    template = ChatTemplate(program, specials, thinks=thinks, arguments=arguments)
    return template, _unknown_dialect(unknown_tags(program.source, specials.texts))


def _decided(
    gguf: GGUFFile,
    options: LoadOptions,
    facts: MemoryFacts,
    machine: Machine,
    made: Plan,
    cancelled: Callable[[], bool],
) -> Calibration | None:
    """Return what was measured of a model, now if that is quick; None if nothing was."""
    decided = calibration.find(gguf, options.sequences)
    if decided is None and facts.weights <= _QUICK and _can_be_calibrated(facts, machine, made):
        with suppress(OutOfMemory):  # if it persists, the model says so
            decided = _measured(gguf, options, made, cancelled)
    return decided


def _open(
    gguf: GGUFFile,
    options: LoadOptions,
    made: Plan,
    smaller: Callable[[Plan], Plan | None],
    decided: Calibration | None,
    cancelled: Callable[[], bool],
) -> tuple[Model, Plan]:
    """Load a model by a plan or, if memory runs out all the same, once more by a smaller one."""
    try:
        return Model(gguf.path, settings_of(gguf, options, made, decided), cancelled), made
    except OutOfMemory as error:
        less = smaller(made)
        if less is None:
            raise
        reason = _(
            "{reason} with {extent}",
            reason=error.message.removesuffix(f" {gguf.path}"),
            extent=_extent(made),
        )
    kind: NoticeKind = "offload" if made.gpu_layers else "context"
    notice = Notice(
        kind, _("{reason}: it is loaded with {less}", reason=reason, less=_extent(less))
    )
    model = Model(gguf.path, settings_of(gguf, options, less, decided), cancelled)
    return model, replace(less, notices=(notice, *less.notices))


def _opened(
    cancelled: Callable[[], bool], gguf: GGUFFile, options: LoadOptions, made: Plan
) -> Model:
    """Load the model that drafts, with what an earlier use of it has decided."""
    decided = calibration.find(gguf, options.sequences)
    return Model(gguf.path, settings_of(gguf, options, made, decided), cancelled)


def _extent(plan: Plan) -> str:
    """Return how much of a model is offloaded, and its context, in words."""
    context = _("a context of {context_window:,} tokens", context_window=plan.context_window)
    if not plan.gpu_layers:
        return _("{context} on the CPU", context=context)
    layers = _(
        "{gpu_layers} of {layers} layers on the GPU", gpu_layers=plan.gpu_layers, layers=plan.layers
    )
    apart = (
        _(", the experts of {cpu_experts} on the CPU", cpu_experts=plan.cpu_experts)
        if plan.cpu_experts
        else ""
    )
    return _("{layers}{apart} and {context}", layers=layers, apart=apart, context=context)


def _holds(facts: MemoryFacts, machine: Machine, request: PlanRequest, context: int) -> bool:
    """Whether a model can have a context, as memory was before it was loaded."""
    made = plan(facts, machine, replace(request, context=context))
    trained = not facts.context_length or context <= facts.context_length
    return trained and made.refusal is None and made.kind != "no"


def _unknown_dialect(tags: Sequence[str]) -> Iterator[Notice]:
    if tags:
        named = _(" and ").join(tag[:_LONGEST_TAG] for tag in tags[:2])
        message = _(
            "r1local doesn't know this model's {tags}: thoughts may end up in the answer",
            tags=named,
        )
        yield Notice("thinking", message)


def _unused(template: "ChatTemplate") -> Iterator[Notice]:
    for name in template.unused_arguments:
        message = _(
            "the chat template has no variable {name}: --template-arg {name} has no effect",
            name=name,
        )
        yield Notice("template", message)


def _details(gguf: GGUFFile, plan: Plan) -> str:
    place = f"GPU {plan.gpu_layers}/{plan.layers}" if plan.gpu_layers else "CPU"
    drafting = _("draft model") if plan.draft else None
    return " · ".join(filter(None, (file_type(gguf), place, drafting)))


def recalibrate(
    path: Path, options: LoadOptions, cancelled: Callable[[], bool]
) -> Calibration | None:
    """Measure anew which attention, steps and threads are fastest, and keep what is decided.

    Returns:
        What was decided; None when cancelled, or where there is nothing to decide: on GPUs, and
        with a KV cache or so many replies at once that flash attention is always used.

    Raises:
        ModelFileError, ModelLoadError, InvalidSetting, LoadingCancelled: as for `load`.
    """
    gguf = read_gguf(path)
    facts, machine = facts_of(gguf), survey_machine()
    made = plan(facts, machine, options.request)
    if made.refusal:
        raise made.refusal
    if not _can_be_calibrated(facts, machine, made):
        return None
    return _measured(gguf, options, made, cancelled, thorough=True)


def _measured(
    gguf: GGUFFile,
    options: LoadOptions,
    made: Plan,
    cancelled: Callable[[], bool],
    *,
    thorough: bool = False,
) -> Calibration | None:
    """Measure a model before its own context is made, so that both need less memory."""
    settings = settings_of(gguf, options, made, None)
    before = calibration.find(gguf, settings.sequences)
    with Model(gguf.path, replace(settings, **_SMALL), cancelled) as model:
        decided = calibration.calibrate(
            model, settings, cancelled, before=before, thorough=thorough
        )
    if decided:
        calibration.keep(gguf, settings.sequences, decided)
    return decided


def _can_be_calibrated(facts: MemoryFacts, machine: Machine, plan: Plan) -> bool:
    """Whether plain attention is possible, and the contexts that are measured."""
    enough = memory_bytes(facts, _CALIBRATED_CONTEXTS * CALIBRATED_CONTEXT) <= machine.memory
    positions = facts.positions or CALIBRATED_CONTEXT
    return not plan.flash_attention and enough and positions >= CALIBRATED_CONTEXT


def settings_of(
    gguf: GGUFFile, options: LoadOptions, plan: Plan, decided: Calibration | None
) -> LoadSettings:
    """Return the engine's settings: what was asked for, what fits, and what is fastest."""
    chosen = decided or calibration.PLAIN
    flash = plan.flash_attention or chosen.always_flash
    return LoadSettings(
        context_window=plan.context_window,
        gpu_layers=_ALL_LAYERS if plan.all_on_gpu else plan.gpu_layers,
        threads=options.threads or chosen.threads or _threads(gguf),
        prompt_threads=options.prompt_threads or options.threads or chosen.prompt_threads,
        kv_cache=options.kv_cache,
        sequences=options.sequences,
        kv_tokens=plan.kv_tokens,
        flash_attention=flash,
        micro_batch=_micro_batch(plan, chosen),
        flash_start=None if flash else _flash_start(plan, chosen),
        offload=Offload(plan.devices, plan.shares, options.split_mode, plan.cpu_experts),
        mapped=not options.no_mmap,
        lock=options.mlock,
        context_bytes=plan.context_bytes,
    )


def _micro_batch(plan: Plan, decided: Calibration) -> int:
    if plan.flash_attention:
        return plan.micro_batch
    if decided.always_flash:
        return decided.flash_batch
    return min(plan.micro_batch, decided.plain_batch)


def _flash_start(plan: Plan, decided: Calibration) -> FlashStart | None:
    """Return up to where flash attention is faster, as far as memory has room for passing on."""
    until = min(decided.flash_until, plan.passing_tokens)
    prompts = plan.passing_tokens if decided.flash_prompts else until
    return FlashStart(until, prompts, decided.flash_batch) if prompts else None


def _threads(gguf: GGUFFile) -> int:
    """Return all fast cores for a model worth it; tiny ones lose more by waiting than they gain."""
    return min(hardware.performance_cores(), 1 + gguf.model_size // _BYTES_PER_THREAD)


def _template_source(gguf: GGUFFile, file: Path | None) -> str:
    if file:
        return read_document(file).text
    if gguf.chat_template is None:
        raise ChatTemplateError(
            _("the model file has no chat template"), _("give one with --chat-template FILE")
        )
    return gguf.chat_template
