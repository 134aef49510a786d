"""Options that several commands have: each is declared once."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.config.options import (
    MAX_TOKENS,
    MOST_VOTES,
    REPLY_SETTINGS,
    TEMPERATURE,
    TOP_P,
    Effort,
    KVType,
)

Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        help="A name such as 7b:q5_k_m, hf:org/repo, or a GGUF file.",
        show_default="the best one here",
    ),
]
SystemPrompt = Annotated[
    str | None,
    typer.Option(help="A system prompt. DeepSeek recommends none for R1.", show_default=False),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="Randomness; 0 always takes the likeliest token.", show_default=str(TEMPERATURE)
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        help="Draw from the likeliest tokens of this probability.",
        show_default=str(TOP_P),
    ),
]
TopK = Annotated[
    int | None,
    typer.Option(
        "--top-k", help="Draw from this many likeliest tokens; 0 = all.", show_default="0"
    ),
]
MinP = Annotated[
    float | None,
    typer.Option(
        "--min-p", help="Leave out tokens below this share of the likeliest's.", show_default="0"
    ),
]
Seed = Annotated[int | None, typer.Option(help="Make the reply repeatable.", show_default="random")]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        help="End the reply after this many tokens.",
        show_default=f"the model's, or {MAX_TOKENS:,}",
    ),
]
ThinkBudget = Annotated[
    int | None,
    typer.Option(
        "--think-budget",
        help="Close the thought after this many tokens, at the end of a sentence.",
        show_default="what the answer leaves",
    ),
]
EffortLevel = Annotated[
    Effort | None,
    typer.Option("--effort", help="A budget of 1,024 tokens, 4,096, or none.", show_default="high"),
]
MinThink = Annotated[
    int | None,
    typer.Option(
        "--min-think",
        help="Put off the end of a thought before this many tokens.",
        show_default="0",
    ),
]
MaxWaits = Annotated[
    int | None,
    typer.Option("--max-waits", help="Put it off this many times at most.", show_default="6"),
]
NoThink = Annotated[bool, typer.Option("--no-think", help="Answer without thinking.")]
AnswerReserve = Annotated[
    int | None,
    typer.Option(
        "--answer-reserve",
        help="Tokens that only the answer may use.",
        show_default="a quarter of the context, 512 at least",
    ),
]
LoopRepeats = Annotated[
    int | None,
    typer.Option(
        "--loop-repeats",
        help="What is written this often is a loop, and left; 0 = never.",
        show_default="3",
    ),
]
LoopTokens = Annotated[
    int | None,
    typer.Option(
        "--loop-tokens", help="Tokens of a loop, all its rounds together.", show_default="120"
    ),
]
LoopPeriod = Annotated[
    int | None,
    typer.Option(
        "--loop-period", help="The longest round of a loop, in tokens.", show_default="512"
    ),
]
LoopPatience = Annotated[
    int | None,
    typer.Option(
        "--loop-patience",
        help="Tokens without anything new that are a loop, too; 0 = never.",
        show_default="4,096",
    ),
]
Votes = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_VOTES,
        help="Let so many replies vote on the answer.",
        show_default=False,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        help="End a vote when the leader is this likely to stay ahead, as 0.95.",
        show_default="when it can't be caught",
    ),
]
AnswerPattern = Annotated[
    str | None,
    typer.Option(
        "--answer-pattern",
        metavar="REGEX",
        help="Finds the answer in a vote's reply without a \\boxed{…}.",
        show_default="its last line",
    ),
]
Context = Annotated[
    int | None,
    typer.Option(
        help="Tokens of context to make room for.",
        show_default="the model's, 32,768 at most, or what memory holds",
    ),
]
GPULayers = Annotated[
    str,
    typer.Option("--gpu-layers", help="Layers to offload to the GPU; -1 = all.", metavar="auto|N"),
]
Threads = Annotated[
    int | None,
    typer.Option(help="CPU threads.", show_default="the physical cores; fewer for a tiny model"),
]
KVCache = Annotated[KVType, typer.Option("--kv-cache", help="Element type of the KV cache.")]
Template = Annotated[
    Path | None,
    typer.Option("--chat-template", help="Use this Jinja template, not the model file's."),
]
TemplateArgs = Annotated[
    list[str] | None,
    typer.Option(
        "--template-arg",
        metavar="NAME=VALUE",
        help="Give the chat template's variable a value; may be repeated.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show llama.cpp's own log on stderr.")]


#: Variables of chat templates that a prompt can't do without, and words that mean no text.
_OUR_VARIABLES = ("messages", "add_generation_prompt")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None, "null": None}


def template_arguments(given: Iterable[str] | None) -> dict[str, object]:
    """The values of `--template-arg`, by name: JSON where it is some, text otherwise."""
    pairs = [text.partition("=") for text in given or ()]
    for name, equals, _value in pairs:
        if not equals or not name.isidentifier():
            raise typer.BadParameter(f"--template-arg wants NAME=VALUE, not {name + equals!r}")
        if name in _OUR_VARIABLES:
            raise typer.BadParameter(f"--template-arg can't set {name}: r1local does")
    return {name: _template_value(value) for name, _equals, value in pairs}


def _template_value(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text


def layers_of(gpu_layers: str) -> int | None:
    """The number of layers to offload; None for `auto`."""
    if gpu_layers == "auto":
        return None
    try:
        return int(gpu_layers)
    except ValueError:
        raise typer.BadParameter(f"{gpu_layers!r} is neither 'auto' nor a number") from None


def wanted(given: Mapping[str, object]) -> dict[str, Any]:
    """What a command was given of the settings of replies, by their names; None is not given.

    Args:
        given: the command's parameters, as its `locals()` has them.
    """
    values = {name: given[name.replace("-", "_")] for name in REPLY_SETTINGS}
    return {name: None if value is False else value for name, value in values.items()}
