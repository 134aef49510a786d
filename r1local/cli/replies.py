"""The commands that let a model reply."""

from pathlib import Path
from typing import Annotated

import typer

from r1local.cli import options
from r1local.cli.app import Command, app
from r1local.settings import MAX_TOKENS, TEMPERATURE, TOP_P, OutputFormat, ThinkingMode


@app.command()
def run(
    prompt: Annotated[
        str | None,
        typer.Argument(help="The question. Left out, it is read from stdin.", show_default=False),
    ] = None,
    model: options.Model = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Attach a text file, or - for stdin; may be repeated."),
    ] = None,
    system: options.SystemPrompt = None,
    thinking: Annotated[
        ThinkingMode,
        typer.Option(help="Show the thinking, fold it to a line, hide it, or print only it."),
    ] = "show",
    output_format: Annotated[
        OutputFormat,
        typer.Option("--format", help="Text, one JSON object, or one JSON event a line."),
    ] = "text",
    answer_only: Annotated[
        bool,
        typer.Option("--answer-only", help="Print just the final answer, the last \\boxed{…}."),
    ] = False,
    temperature: options.Temperature = TEMPERATURE,
    top_p: options.TopP = TOP_P,
    top_k: options.TopK = 0,
    min_p: options.MinP = 0.0,
    seed: options.Seed = None,
    max_tokens: options.MaxTokens = MAX_TOKENS,
    context: options.Context = None,
    gpu_layers: options.GPULayers = "auto",
    threads: options.Threads = None,
    kv_cache: options.KVCache = "f16",
    chat_template: options.Template = None,
    verbose: options.Verbose = False,
) -> Command:
    """Answer one question: the thinking goes to stderr, the answer to stdout.

    With both a PROMPT and text piped in, the text is a document the prompt is about.
    """

    layers = options.layers_of(gpu_layers)
    if thinking == "only" and answer_only:
        raise typer.BadParameter("--answer-only wants an answer, --thinking only leaves it out")

    def answer() -> int:
        from r1local.commands.run import RunOptions, run
        from r1local.engine import SamplerSettings
        from r1local.generation import ReplySettings
        from r1local.loading import LoadOptions

        sampler = SamplerSettings(temperature, top_p, top_k, min_p, seed)
        only_thinking = thinking == "only"
        return run(
            RunOptions(
                prompt=prompt,
                files=tuple(file or ()),
                model=model,
                system=system,
                thinking=thinking,
                output_format=output_format,
                answer_only=answer_only,
                verbose=verbose,
                loading=LoadOptions(context, layers, threads, kv_cache, chat_template),
                reply=ReplySettings(sampler, max_tokens, only_thinking),
            )
        )

    return answer
