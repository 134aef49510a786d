"""A model made ready: its file checked, its settings decided, its template compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from r1local import hardware
from r1local.chat_template import ChatTemplate
from r1local.documents import read_document
from r1local.engine import LoadSettings, Model, free_gpu_memory
from r1local.errors import ChatTemplateError, InvalidSetting
from r1local.events import Notice
from r1local.gguf_file import GGUFFile, read_gguf
from r1local.offload import CONTEXT_STEP, KVType, largest_context, memory_bytes

#: The context window unless another is asked for, in tokens: the longest reply
#: DeepSeek evaluated R1 with.
DEFAULT_CONTEXT = 32_768
#: Tokens below which a GPU is given up in favour of a larger context on the CPU.
_SMALLEST_GPU_CONTEXT = 4_096
#: Bytes of weights that keep one more thread busy; see docs/benchmarks.md.
_BYTES_PER_THREAD = 32 * 2**20
_ALL_LAYERS = -1
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the user wants of loading; None means: decide."""

    context: int | None = None
    gpu_layers: int | None = None
    threads: int | None = None
    kv_cache: KVType = "f16"
    chat_template: Path | None = None

    def __post_init__(self) -> None:
        _check_least("context", self.context, CONTEXT_STEP)
        _check_least("gpu-layers", self.gpu_layers, _ALL_LAYERS)
        _check_least("threads", self.threads, 1)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to reply, and what was decided on the way that its user should know."""

    model: Model
    template: ChatTemplate
    notices: tuple[Notice, ...]


def load(path: Path, options: LoadOptions, cancelled: Callable[[], bool]) -> LoadedModel:
    """Load the model in a GGUF file. The caller closes `LoadedModel.model`.

    Raises:
        ModelFileError: the file is not a whole, sound GGUF file.
        ChatTemplateError: it has no usable chat template.
        ModelLoadError: llama.cpp refuses it.
        KeyboardInterrupt: `cancelled` came true meanwhile.
    """
    gguf = read_gguf(path)
    source = _template_source(gguf, options.chat_template)
    notices: list[Notice] = []
    settings = _decide(gguf, options, notices)
    model = Model(path, settings, cancelled)
    try:
        template = ChatTemplate(source, model.vocabulary.specials)
    except BaseException:
        model.close()
        raise
    return LoadedModel(model, template, tuple(notices))


def _decide(gguf: GGUFFile, options: LoadOptions, notices: list[Notice]) -> LoadSettings:
    gpu_memory = free_gpu_memory()
    gpu_layers = options.gpu_layers
    if gpu_layers is None:
        gpu_layers = _ALL_LAYERS if _fits_gpu(gguf, options, gpu_memory) else 0
        if gpu_memory and not gpu_layers:
            notices.append(
                Notice("offload", "the GPU has too little free memory: running on the CPU")
            )
    elif gpu_layers and not gpu_memory:
        notices.append(
            Notice(
                "offload", "no GPU to offload to, or a llama.cpp built without it: see --version"
            )
        )
    memory = gpu_memory if gpu_layers == _ALL_LAYERS and gpu_memory else hardware.available_memory()
    return LoadSettings(
        context_window=_context_window(gguf, options, memory, notices),
        gpu_layers=gpu_layers,
        threads=options.threads or _threads(gguf),
        kv_cache=options.kv_cache,
    )


def _threads(gguf: GGUFFile) -> int:
    """All cores for a model worth it: tiny ones lose more to waiting than they win."""
    return min(hardware.usable_cores(), 1 + gguf.model_size // _BYTES_PER_THREAD)


def _fits_gpu(gguf: GGUFFile, options: LoadOptions, gpu_memory: int) -> bool:
    context = options.context or min(_default_context(gguf), _SMALLEST_GPU_CONTEXT)
    return memory_bytes(gguf, context, options.kv_cache) <= gpu_memory


def _default_context(gguf: GGUFFile) -> int:
    return min(gguf.context_length or DEFAULT_CONTEXT, DEFAULT_CONTEXT)


def _context_window(
    gguf: GGUFFile, options: LoadOptions, memory: int, notices: list[Notice]
) -> int:
    wanted = options.context or _default_context(gguf)
    fitting = largest_context(gguf, wanted, memory, options.kv_cache)
    needed = memory_bytes(gguf, wanted, options.kv_cache)
    if fitting < wanted:
        shortage = (
            f"{wanted:,} tokens of context need {needed / _GIB:.1f} GiB with the model,"
            f" and {memory / _GIB:.1f} GiB are free"
        )
        if options.context:
            notices.append(Notice("context", f"{shortage}: this may be slow or fail"))
            return wanted
        notices.append(Notice("context", f"{shortage}: the context is {fitting:,} tokens"))
    if options.context and gguf.context_length and options.context > gguf.context_length:
        trained = f"the model was trained on {gguf.context_length:,} tokens of context"
        notices.append(Notice("context", f"{trained}: beyond them it may lose the thread"))
    return fitting


def _template_source(gguf: GGUFFile, file: Path | None) -> str:
    if file:
        return read_document(file).text
    if gguf.chat_template is None:
        raise ChatTemplateError(
            "the model file has no chat template", "give one with --chat-template FILE"
        )
    return gguf.chat_template


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise InvalidSetting(f"{name} {value:,} is out of range", f"it must be {least} or more")
