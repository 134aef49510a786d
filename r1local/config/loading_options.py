"""The options of how a model is loaded, which `config.options` takes in."""

from typing import Any, Literal, TypeAlias, get_args

from r1local.config.kinds import (
    Address,
    Assignments,
    Choice,
    File,
    Kind,
    Several,
    Shares,
    Switch,
    Text,
    WordOr,
)
from r1local.config.number_kinds import Number, Whole
from r1local.config.option import Option

#: Element type of the KV cache; smaller types hold more context and cost some quality.
KVType: TypeAlias = Literal["f16", "q8_0", "q4_0"]

#: Where drafts come from: whatever pays, nothing, or the texts so far; otherwise from a model.
DRAFT_WORDS = ("auto", "none", "ngram")

#: How several devices divide a model: by layers, by the rows of its matrices, so that all compute
#: every layer together, or not at all.
SplitMode: TypeAlias = Literal["layer", "row", "tensor", "none"]

#: How threads and memory are spread over the memory nodes of a large machine (NUMA).
Numa: TypeAlias = Literal["off", "distribute", "isolate", "numactl"]


def _loading(name: str, kind: Kind, help_: str, default: Any = None, **more: Any) -> Option:
    """Return an option of how a model is loaded; by default it is named like its field."""
    commands = ("run", "chat", "serve", "bench", "tune")
    places: dict[str, Any] = {"group": "loading", "commands": commands, "per_model": True}
    return Option(name, kind, help_, default, **places | more)


#: In the order of the help and the documents.
LOADING: tuple[Option, ...] = (
    # The upper bounds of loading are beyond all use, and below what the system's threads allow.
    _loading(
        "context",
        Whole(256, 2**27, nothing="auto"),
        "Size of the context window, in tokens.",
        otherwise="the model's, at most 32,768, or what memory holds",
    ),
    _loading(
        "gpu-layers",
        Whole(-1, 10_000, nothing="auto"),
        "Layers to offload to the GPU; -1: all.",
    ),
    _loading(
        "cpu-moe",
        Switch(),
        "Leave a mixture's experts to the CPU.",
        otherwise="those that the GPU has no room for",
        twin="cpu-moe-layers",
    ),
    _loading(
        "cpu-moe-layers",
        Whole(0, 10_000, nothing="auto"),
        "Leave the experts of this many layers to the CPU.",
        twin="cpu-moe",
    ),
    _loading(
        "device",
        Several(Text(), "CUDA0,CUDA1", nothing="auto", empty="none"),
        "Offload to these devices only; none: to no GPU.",
        otherwise="all there are",
        field="devices",
    ),
    _loading(
        "split-mode",
        Choice.of(*get_args(SplitMode)),
        "How several GPUs divide a model; none: one takes it.",
        "layer",
    ),
    _loading(
        "tensor-split",
        Shares(Number(0), "3,1", nothing="auto"),
        "How much of the model each GPU takes, in proportion.",
        otherwise="by free memory",
    ),
    _loading(
        "main-gpu",
        Whole(0, 255, nothing="auto"),
        "Number of the GPU for --split-mode none.",
        otherwise="the first",
    ),
    _loading(
        "rpc",
        Several(Address(), "desk:50052", nothing="none"),
        "Offload to machines that run llama.cpp's RPC server; see SECURITY.md.",
        per_model=False,
    ),
    _loading("mlock", Switch(), "Keep the model in memory: no swapping.", False),
    _loading("no-mmap", Switch(), "Read the model's file instead of mapping it.", False),
    _loading(
        "numa",
        Choice.of(*get_args(Numa)),
        "Spread threads and memory over a large machine's memory nodes.",
        "off",
        per_model=False,
    ),
    _loading(
        "threads",
        Whole(1, 512, nothing="auto"),
        "CPU threads to generate with.",
        otherwise="one per performance core, fewer for a tiny model",
    ),
    _loading(
        "prompt-threads",
        Whole(1, 512, nothing="auto"),
        "CPU threads to read prompts with.",
        otherwise="as many as --threads",
        field="prompt_threads",
    ),
    _loading(
        "draft",
        WordOr(DRAFT_WORDS, "MODEL", "a smaller model of the same vocabulary"),
        "Guess tokens from the text so far, or with a smaller model, and check several at once.",
        "auto",
    ),
    _loading("kv-cache", Choice.of(*get_args(KVType)), "Element type of the KV cache.", "f16"),
    _loading(
        "chat-template",
        File(),
        "Use this Jinja template instead of the model file's.",
    ),
    _loading(
        "template-arg",
        Assignments(),
        "Set a variable of the chat template; may be repeated.",
        preference=False,
        field="template_arguments",
    ),
)
