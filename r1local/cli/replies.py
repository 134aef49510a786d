"""The commands that let a model reply."""

from pathlib import Path
from typing import Annotated

import typer

from r1local.cli import options
from r1local.cli.app import Command, app
from r1local.config.options import OutputFormat, ThinkingMode


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
    json_schema: Annotated[
        str | None,
        typer.Option(
            "--json-schema",
            metavar="FILE|TEXT",
            help="Hold the answer to a JSON schema.",
            show_default=False,
        ),
    ] = None,
    grammar: Annotated[
        Path | None,
        typer.Option(help="Hold the answer to llama.cpp's GBNF.", show_default=False),
    ] = None,
    votes: options.Votes = None,
    confidence: options.Confidence = None,
    answer_pattern: options.AnswerPattern = None,
    effort: options.EffortLevel = None,
    think_budget: options.ThinkBudget = None,
    min_think: options.MinThink = None,
    max_waits: options.MaxWaits = None,
    no_think: options.NoThink = False,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    top_k: options.TopK = None,
    min_p: options.MinP = None,
    seed: options.Seed = None,
    max_tokens: options.MaxTokens = None,
    answer_reserve: options.AnswerReserve = None,
    loop_repeats: options.LoopRepeats = None,
    loop_tokens: options.LoopTokens = None,
    loop_period: options.LoopPeriod = None,
    loop_patience: options.LoopPatience = None,
    context: options.Context = None,
    gpu_layers: options.GPULayers = "auto",
    threads: options.Threads = None,
    kv_cache: options.KVCache = "f16",
    chat_template: options.Template = None,
    template_arg: options.TemplateArgs = None,
    verbose: options.Verbose = False,
) -> Command:
    """Answer one question: the thinking goes to stderr, the answer to stdout.

    With both a PROMPT and text piped in, the text is a document the prompt is about.
    """

    wanted = options.wanted(locals())
    layers = options.layers_of(gpu_layers)
    arguments = options.template_arguments(template_arg)
    if thinking == "only" and answer_only:
        raise typer.BadParameter("--answer-only wants an answer, --thinking only leaves it out")
    if json_schema is not None and grammar is not None:
        raise typer.BadParameter("--json-schema and --grammar exclude each other")
    if no_think and thinking == "only":
        raise typer.BadParameter("--no-think leaves the thought out, --thinking only the answer")

    if votes is None and (confidence is not None or answer_pattern is not None):
        raise typer.BadParameter("--confidence and --answer-pattern are about --votes")
    if votes is not None and thinking == "only":
        raise typer.BadParameter("--votes is about answers, --thinking only leaves them out")

    def answer() -> int:
        from r1local.commands.run import RunOptions, run
        from r1local.models.loading import LoadOptions

        asked = RunOptions(
            prompt=prompt,
            files=tuple(file or ()),
            model=model,
            system=system,
            thinking=thinking,
            output_format=output_format,
            answer_only=answer_only,
            verbose=verbose,
            loading=LoadOptions(
                context,
                layers,
                threads,
                kv_cache,
                chat_template,
                template_arguments=arguments,
            ),
            wanted=wanted,
            json_schema=json_schema,
            grammar=grammar,
        )
        if votes is None:
            return run(asked)
        from r1local.commands.vote import VoteOptions, vote

        return vote(asked, VoteOptions(votes, confidence, answer_pattern))

    return answer
