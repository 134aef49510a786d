"""The command that opens a conversation; `r1local` alone does the same."""

from typing import Annotated

import typer

from r1local.cli import options
from r1local.cli.app import Command, app


@app.command()
def chat(
    name: Annotated[
        str | None,
        typer.Argument(help="With --resume: the session to go on with.", show_default="the last"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a session: the last one, or NAME.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(help="Go on with the session of that name, or begin it.", show_default=False),
    ] = None,
    no_save: Annotated[
        bool, typer.Option("--no-save", help="Keep nothing of it, anywhere.")
    ] = False,
    inline: Annotated[
        bool, typer.Option("--inline", help="Use the scrollback, not a screen of its own.")
    ] = False,
    vi: Annotated[bool, typer.Option("--vi", help="Edit as vi does, not as Emacs.")] = False,
    model: options.Model = None,
    system: options.SystemPrompt = None,
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
    """Chat: thinking and answers in panes of their own, saved as it happens."""
    wanted = options.wanted(locals())
    layers = options.layers_of(gpu_layers)
    arguments = options.template_arguments(template_arg)
    if name and (session or not resume):
        raise typer.BadParameter(f"{name!r} goes with --resume, to name a session")
    if no_save and (resume or session):
        raise typer.BadParameter("--no-save keeps no session to go on with")

    def talk() -> int:
        from r1local.commands.chat import ChatOptions, chat
        from r1local.models.loading import LoadOptions

        return chat(
            ChatOptions(
                model=model,
                session=name or session,
                resume=resume,
                save=not no_save,
                inline=inline,
                vi=vi,
                system=system,
                verbose=verbose,
                loading=LoadOptions(
                    context,
                    layers,
                    threads,
                    kv_cache,
                    chat_template,
                    template_arguments=arguments,
                ),
                reply=wanted,
            )
        )

    return talk
