"""The options of a model and of its replies, as keyword arguments with types."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from r1local.config.kinds import Assignments
from r1local.config.loading_options import KVType
from r1local.config.option import Option
from r1local.config.options import option_named
from r1local.errors import InvalidSetting, nearest


class ReplyOptions(TypedDict, total=False):
    """How a model replies; docs/config.md describes each option under its name with hyphens.

    What is left out, or None, is as the environment, `config.toml` or the model's entry say.
    """

    system: str | None
    effort: Literal["low", "medium", "high"] | None
    think_budget: int | None
    min_think: int | None
    max_waits: int | None
    no_think: bool | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    min_p: float | None
    seed: int | None
    max_tokens: int | None
    answer_reserve: int | None
    loop_repeats: int | None
    loop_tokens: int | None
    loop_period: int | None
    loop_patience: int | None


class VoteOptions(ReplyOptions, total=False):
    """How votes are held, and how each voter replies."""

    confidence: float | None
    answer_pattern: str | None


class ModelOptions(VoteOptions, total=False):
    """How a model is loaded, and what holds for all its replies."""

    context: int | None
    gpu_layers: int | None
    cpu_moe: bool | None
    cpu_moe_layers: int | None
    device: Sequence[str] | None
    split_mode: Literal["layer", "row", "tensor", "none"] | None
    tensor_split: Sequence[float] | None
    main_gpu: int | None
    rpc: Sequence[str] | None
    mlock: bool | None
    no_mmap: bool | None
    numa: Literal["off", "distribute", "isolate", "numactl"] | None
    threads: int | None
    prompt_threads: int | None
    draft: str | None
    kv_cache: KVType | None
    chat_template: str | Path | None
    template_arg: Mapping[str, object] | None


def values_of(given: Mapping[str, Any], possible: type) -> dict[str, Any]:
    """Return the values that were given, by the names of options.

    Args:
        given: by the names of keyword arguments.
        possible: the class above that has them.

    Raises:
        InvalidSetting: there is no such option, or a value is meaningless or out of range.
    """
    names = possible.__annotations__
    for key in given:
        if key not in names:
            raise InvalidSetting(f"there is no option {key} here", nearest(key, names))
    return {
        name: _value(option_named(name), value)
        for key, value in given.items()
        if value is not None and (name := key.replace("_", "-"))
    }


def merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return some options with others on top, of which one may set what its twin set before."""
    kept = {name: each for name, each in before.items() if option_named(name).twin not in given}
    return kept | dict(given)


def _value(option: Option, value: object) -> Any:
    """Return a value as the command line would have it; here it may be an object of Python's."""
    match value:
        case Mapping() if isinstance(option.kind, Assignments):
            option.kind.check(option.name, value)
            return dict(value)
        case Path():
            return option.read(str(value))
        case tuple():
            return option.read(list(value))
        case _:
            return option.read(value)
