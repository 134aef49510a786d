"""A model made ready: its file checked, its settings decided, its template compiled."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from r1local.config.options import KVType
from r1local.engine.limits import BATCH_TOKENS, CONTEXT_STEP, KV_CACHE_TYPES
from r1local.engine.model import LoadSettings, Model
from r1local.errors import ChatTemplateError, InvalidSetting
from r1local.events.reply import Notice
from r1local.gguf.file import GGML_TYPES, GGUFFile, file_type, read_gguf
from r1local.machine import hardware
from r1local.machine.memory import (
    Machine,
    MemoryFacts,
    amount,
    context_bytes,
    default_context,
    facts_of,
    largest_context,
    memory_bytes,
    plain_batch,
    plan,
)
from r1local.machine.this_machine import survey_machine
from r1local.prompts.chat_template import ChatTemplate
from r1local.prompts.documents import read_document
from r1local.thinking.dialects import R1, dialect_of, marks_thoughts, unknown_tags

#: Bytes of weights that keep one more thread busy; see docs/benchmarks.md.
_BYTES_PER_THREAD = 32 * 2**20
_ALL_LAYERS = -1
#: Characters of an unknown tag that are shown.
_LONGEST_TAG = 40
# Bounds beyond any use, and below what C's integers or the system's threads allow.
_MOST_CONTEXT = 2**27
_MOST_LAYERS = 10_000
_MOST_THREADS = 512
#: Tokens of the KV cache for each reply but one where several are decoded at once. R1's
#: replies to hard problems are longer now and then, and then some of them wait.
_TOKENS_A_REPLY = 8_192
#: Sequences of one KV cache for which plain attention is no slower on the CPU, however long they
#: get: it computes the scores of all for each.
_PLAIN_SEQUENCES = 8


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the user wants of loading; None means: decide.

    `sequences` are the replies that can be decoded at once.
    """

    context: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    kv_cache: KVType = "f16"
    chat_template: Path | None = None
    sequences: int = 1

    def __post_init__(self) -> None:
        _check_range("context", self.context, CONTEXT_STEP, _MOST_CONTEXT)
        _check_range("gpu-layers", self.gpu_layers, _ALL_LAYERS, _MOST_LAYERS)
        _check_range("threads", self.threads, 1, _MOST_THREADS)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to reply, what its user should know of it, and the seconds it took.

    `details` are its quantization and the layers on GPUs, in a few words.
    """

    model: Model
    template: ChatTemplate
    notices: tuple[Notice, ...]
    load_s: float
    details: str


def load(path: Path, options: LoadOptions, cancelled: Callable[[], bool]) -> LoadedModel:
    """Load the model in a GGUF file. The caller closes `LoadedModel.model`.

    Raises:
        ModelFileError: the file is not a whole, sound GGUF file.
        ChatTemplateError: it has no usable chat template.
        ModelLoadError: llama.cpp refuses it.
        LoadingCancelled: `cancelled` came true meanwhile.
    """
    started = time.monotonic()
    gguf = read_gguf(path)
    source = _template_source(gguf, options.chat_template)
    notices: list[Notice] = []
    settings = _decide(gguf, options, notices)
    model = Model(path, settings, cancelled)
    try:
        specials = model.vocabulary.specials
        dialect = dialect_of(source, specials.texts) or R1
        thinks = marks_thoughts(dialect, gguf.chat_template, specials.texts)
        template = ChatTemplate(source, specials, thinks=thinks)
    except BaseException:
        model.close()
        raise
    if unknown := unknown_tags(source, specials.texts):
        tags = " and ".join(tag[:_LONGEST_TAG] for tag in unknown[:2])
        told = f"the model has {tags}, which r1local doesn't know: thoughts may be in the answer"
        notices.append(Notice("thinking", told))
    load_s = time.monotonic() - started
    return LoadedModel(model, template, tuple(notices), load_s, _details(gguf, settings))


def _details(gguf: GGUFFile, settings: LoadSettings) -> str:
    layers = len(facts_of(gguf).layers) + 1
    offloaded = layers if settings.gpu_layers == _ALL_LAYERS else settings.gpu_layers
    place = f"GPU {min(offloaded, layers)}/{layers}" if offloaded else "CPU"
    return " · ".join(filter(None, (file_type(gguf), place)))


def _decide(gguf: GGUFFile, options: LoadOptions, notices: list[Notice]) -> LoadSettings:
    _check_kv_cache(gguf, options.kv_cache)
    facts, machine = facts_of(gguf), survey_machine()
    gpu_layers = _gpu_layers(facts, options, machine, notices)
    gpu_memory = sum(machine.gpus)
    if gpu_memory and gpu_layers in (_ALL_LAYERS, len(facts.layers) + 1):
        memory = gpu_memory
    else:
        memory = machine.all_memory if gpu_layers else machine.memory
    context_window = _context_window(gguf, facts, options, memory, notices)
    kv_tokens = _kv_tokens(facts, options, context_window, memory, notices)
    plain = 0 if gpu_layers else _plain_batch(gguf, facts, options, kv_tokens)
    return LoadSettings(
        context_window=context_window,
        gpu_layers=gpu_layers,
        threads=options.threads or _threads(gguf),
        kv_cache=options.kv_cache,
        sequences=options.sequences,
        kv_tokens=kv_tokens,
        flash_attention=not plain,
        micro_batch=plain or BATCH_TOKENS,
    )


def _plain_batch(gguf: GGUFFile, facts: MemoryFacts, options: LoadOptions, kv_tokens: int) -> int:
    """Tokens to compute at once without flash attention on the CPU; 0: with it.

    llama.cpp's own choice, flash attention, costs more than half of the speed there when the
    context fills (docs/benchmarks.md), but passes over the tokens of other sequences.
    """
    if options.sequences > _PLAIN_SEQUENCES or options.kv_cache != "f16":
        return 0
    return 0 if gguf.uses_latent_attention else plain_batch(facts, kv_tokens)


def _kv_tokens(
    facts: MemoryFacts,
    options: LoadOptions,
    context_window: int,
    memory: int,
    notices: list[Notice],
) -> int:
    """Room for several replies at once: one may fill its context window, the others share."""
    others = options.sequences - 1
    wanted = context_window + others * min(context_window, _TOKENS_A_REPLY)
    fitting = max(context_window, largest_context(facts, wanted, memory, options.kv_cache))
    if fitting < wanted:
        told = f"memory has room for {fitting:,} tokens of {options.sequences} replies at once"
        notices.append(Notice("context", f"{told}: where they are longer, some wait"))
    return fitting


def _gpu_layers(
    facts: MemoryFacts, options: LoadOptions, machine: Machine, notices: list[Notice]
) -> int:
    """The layers asked for, or those that the plan puts on GPUs."""
    if options.gpu_layers is not None:
        if options.gpu_layers and not machine.gpus:
            told = "no GPU to offload to, or a llama.cpp built without it: see --version"
            notices.append(Notice("offload", told))
        return options.gpu_layers
    planned = plan(facts, machine, options.context, options.kv_cache)
    if planned.kind == "GPU":
        return _ALL_LAYERS
    if planned.gpu_layers:
        notices.append(Notice("offload", planned.reason))
    elif machine.gpus:
        told = "the GPU has too little free memory: running on the CPU"
        notices.append(Notice("offload", told))
    return planned.gpu_layers


def _threads(gguf: GGUFFile) -> int:
    """All cores for a model worth it: tiny ones lose more to waiting than they win."""
    return min(hardware.usable_cores(), 1 + gguf.model_size // _BYTES_PER_THREAD)


def _check_kv_cache(gguf: GGUFFile, kv_cache: KVType) -> None:
    lengths = (gguf.key_length, gguf.value_length)
    block = GGML_TYPES[KV_CACHE_TYPES[kv_cache]].block_size
    if any(length % block for length in lengths):
        raise InvalidSetting(
            f"kv-cache {kv_cache} can't hold this model's heads of {max(lengths)} numbers",
            f"it holds multiples of {block}: leave --kv-cache at f16",
        )


def _context_window(
    gguf: GGUFFile, facts: MemoryFacts, options: LoadOptions, memory: int, notices: list[Notice]
) -> int:
    if options.context:
        return _context_asked_for(gguf, facts, options, memory, notices)
    wanted = default_context(facts)
    fitting = largest_context(facts, wanted, memory, options.kv_cache)
    if fitting < wanted:
        needed = memory_bytes(facts, wanted, options.kv_cache)
        notices.append(
            Notice(
                "context",
                f"the context is {fitting:,} tokens: {wanted:,} need {amount(needed)}"
                f" with the model, and {amount(memory)} are free",
            )
        )
    return fitting


def _context_asked_for(
    gguf: GGUFFile, facts: MemoryFacts, options: LoadOptions, memory: int, notices: list[Notice]
) -> int:
    context, kv_cache = options.context or 0, options.kv_cache
    positions = gguf.position_count
    if positions and context > positions:
        raise InvalidSetting(
            f"context {context:,} is out of range", f"the model has {positions:,} positions"
        )
    beside_the_model = context_bytes(facts, context, kv_cache)
    if beside_the_model > memory:
        raise InvalidSetting(
            f"a context of {context:,} tokens needs {amount(beside_the_model)},"
            f" and {amount(memory)} are free",
            "give a smaller --context, or a smaller --kv-cache",
        )
    if (needed := memory_bytes(facts, context, kv_cache)) > memory:
        shortage = f"{amount(needed)} are needed and {amount(memory)} free"
        notices.append(Notice("context", f"{shortage}: the model is read from the disk again"))
    if gguf.context_length and context > gguf.context_length:
        trained = f"the model was trained on {gguf.context_length:,} tokens of context"
        notices.append(Notice("context", f"{trained}: beyond them it may lose the thread"))
    return context


def _template_source(gguf: GGUFFile, file: Path | None) -> str:
    if file:
        return read_document(file).text
    if gguf.chat_template is None:
        raise ChatTemplateError(
            "the model file has no chat template", "give one with --chat-template FILE"
        )
    return gguf.chat_template


def _check_range(name: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise InvalidSetting(
            f"{name} {value:,} is out of range", f"it must be from {least:,} to {most:,}"
        )
