"""Options that several commands have: each is declared once."""

from pathlib import Path
from typing import Annotated

import typer

from r1local.settings import KVType

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
Temperature = Annotated[float, typer.Option(help="Randomness; 0 always takes the likeliest token.")]
TopP = Annotated[
    float, typer.Option("--top-p", help="Draw from the likeliest tokens of this probability.")
]
TopK = Annotated[
    int, typer.Option("--top-k", help="Draw from this many likeliest tokens; 0 = all.")
]
MinP = Annotated[
    float,
    typer.Option("--min-p", help="Leave out tokens below this share of the likeliest's."),
]
Seed = Annotated[int | None, typer.Option(help="Make the reply repeatable.", show_default="random")]
MaxTokens = Annotated[
    int, typer.Option("--max-tokens", help="End the reply after this many tokens.")
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
Verbose = Annotated[bool, typer.Option("--verbose", help="Show llama.cpp's own log on stderr.")]


def layers_of(gpu_layers: str) -> int | None:
    """The number of layers to offload; None for `auto`."""
    if gpu_layers == "auto":
        return None
    try:
        return int(gpu_layers)
    except ValueError:
        raise typer.BadParameter(f"{gpu_layers!r} is neither 'auto' nor a number") from None
