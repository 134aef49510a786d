"""The command line: arguments in, the command they ask for out.

Typer is known here and nowhere else. Each command returns what is to be done
and doesn't do it: parsing and doing fail in different ways. Modules below are
imported when it is done, so that `--help` loads neither llama.cpp nor anything
else heavy.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from r1local.errors import EXIT_USAGE
from r1local.settings import (
    CONNECTIONS,
    MAX_TOKENS,
    MOST_CONNECTIONS,
    TEMPERATURE,
    TOP_P,
    KVType,
    ModelFormat,
    OutputFormat,
    ThinkingMode,
)

#: Does what was asked for; returns the exit code.
Command: TypeAlias = Callable[[], int]

app = typer.Typer(
    name="r1local",
    help="Think with DeepSeek-R1 on your own machine.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def parse() -> Command:
    """The command that this process's arguments ask for.

    Help and shell completion are printed here and end the program, and so does
    wrong usage, with exit code 2.
    """
    try:
        outcome = app(prog_name="r1local", standalone_mode=False)
    except typer.TyperException as error:
        from r1local.ui.console import print_error

        context = getattr(error, "ctx", None)
        command = context.command_path if context else "r1local"
        hint = f"see {command} --help"
        if command == "r1local":
            hint = f'ask with: r1local run "…", or {hint}'
        print_error(sys.stderr, error.format_message(), hint)
        sys.exit(EXIT_USAGE)
    if callable(outcome):
        command_asked_for: Command = outcome
        return command_asked_for
    sys.exit(outcome)


def _print_version(wanted: bool) -> None:
    if wanted:
        from r1local.boundary import guarded
        from r1local.commands.version import print_version

        guarded(print_version)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the versions of r1local and llama.cpp, and the backends compiled in.",
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EXIT_USAGE)


def _gpu_layers(value: str) -> int | None:
    """`auto` or a number of layers."""
    if value == "auto":
        return None
    try:
        return int(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is neither 'auto' nor a number") from None


@app.command()
def run(
    prompt: Annotated[
        str | None,
        typer.Argument(help="The question. Left out, it is read from stdin.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help="A name such as 7b:q5_k_m, hf:org/repo, or a GGUF file.",
            show_default="the best one here",
        ),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Attach a text file, or - for stdin; may be repeated."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(help="A system prompt. DeepSeek recommends none for R1.", show_default=False),
    ] = None,
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
    temperature: Annotated[
        float, typer.Option(help="Randomness; 0 always takes the likeliest token.")
    ] = TEMPERATURE,
    top_p: Annotated[
        float, typer.Option("--top-p", help="Draw from the likeliest tokens of this probability.")
    ] = TOP_P,
    top_k: Annotated[
        int, typer.Option("--top-k", help="Draw from this many likeliest tokens; 0 = all.")
    ] = 0,
    min_p: Annotated[
        float,
        typer.Option("--min-p", help="Leave out tokens below this share of the likeliest's."),
    ] = 0.0,
    seed: Annotated[
        int | None, typer.Option(help="Make the reply repeatable.", show_default="random")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", help="End the reply after this many tokens.")
    ] = MAX_TOKENS,
    context: Annotated[
        int | None,
        typer.Option(
            help="Tokens of context to make room for.",
            show_default="the model's, 32,768 at most, or what memory holds",
        ),
    ] = None,
    gpu_layers: Annotated[
        str,
        typer.Option(
            "--gpu-layers", help="Layers to offload to the GPU; -1 = all.", metavar="auto|N"
        ),
    ] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads.", show_default="the physical cores; fewer for a tiny model"
        ),
    ] = None,
    kv_cache: Annotated[
        KVType, typer.Option("--kv-cache", help="Element type of the KV cache.")
    ] = "f16",
    chat_template: Annotated[
        Path | None,
        typer.Option("--chat-template", help="Use this Jinja template, not the model file's."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show llama.cpp's own log on stderr.")
    ] = False,
) -> Command:
    """Answer one question: the thinking goes to stderr, the answer to stdout.

    With both a PROMPT and text piped in, the text is a document the prompt is about.
    """

    layers = _gpu_layers(gpu_layers)
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


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="A name, hf:org/repo, or a GGUF file.")],
    output_format: Annotated[
        ModelFormat, typer.Option("--format", help="Text, or one JSON object.")
    ] = "text",
) -> Command:
    """Show what is known of a model, what it takes in memory, and how fast it may run here."""

    def card() -> int:
        from r1local.commands.show import ShowOptions, show

        return show(ShowOptions(model, output_format))

    return card


@app.command()
def pull(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names such as 7b or 7b:q5_k_m, or hf:org/repo:Q4_K_M. None: you are asked.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Begin although the disk seems too small.")
    ] = False,
    connections: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_CONNECTIONS,
            help="Connections to download a file over.",
            show_default=str(CONNECTIONS),
        ),
    ] = None,
    output_format: Annotated[
        ModelFormat, typer.Option("--format", help="Text, or one JSON event a line.")
    ] = "text",
) -> Command:
    """Download models; a download that was cut off goes on where it was."""

    def download() -> int:
        from r1local.commands.pull import PullOptions, pull

        return pull(PullOptions(tuple(models or ()), force, connections, output_format))

    return download


@app.command(name="list")
def list_models(
    available: Annotated[
        bool, typer.Option("--available", help="All models known by name, here or not.")
    ] = False,
    output_format: Annotated[
        ModelFormat, typer.Option("--format", help="Text, or one JSON array.")
    ] = "text",
) -> Command:
    """List the models on this machine, whichever program fetched them, and what fits."""

    def listing() -> int:
        from r1local.commands.list_models import ListOptions, list_models

        return list_models(ListOptions(available, output_format))

    return listing


@app.command()
def rm(
    model: Annotated[
        str, typer.Argument(help="A name as `list` shows it, with :QUANT if need be.")
    ],
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")] = False,
) -> Command:
    """Remove a model from this machine, and tell what was freed."""

    def removal() -> int:
        from r1local.commands.remove import RemoveOptions, remove_model

        return remove_model(RemoveOptions(model, yes))

    return removal


@app.command(name="import")
def import_model(
    path: Annotated[Path, typer.Argument(help="A GGUF file, the first one of a split model.")],
    name: Annotated[
        str | None, typer.Option(help="What to call it.", show_default="after the file")
    ] = None,
) -> Command:
    """Know a GGUF file by a name, and leave it where it lies."""

    def registration() -> int:
        from r1local.commands.import_model import ImportOptions, import_model

        return import_model(ImportOptions(path, name))

    return registration


@app.command()
def verify(
    model: Annotated[
        str | None,
        typer.Argument(help="A name as `list` shows it. None: all models.", show_default=False),
    ] = None,
    output_format: Annotated[
        ModelFormat, typer.Option("--format", help="Text, or one JSON array.")
    ] = "text",
) -> Command:
    """Hash models anew, and tell which files are damaged."""

    def verification() -> int:
        from r1local.commands.verify import VerifyOptions, verify

        return verify(VerifyOptions(model, output_format))

    return verification
