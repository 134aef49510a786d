"""The command that opens a chat, which `r1local` without a command does too."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from r1local.cli.app import Command, app
from r1local.cli.options import takes_options
from r1local.errors import UsageError

_HINT = "see r1local chat --help"


@app.command()
@takes_options("chat")
def chat(
    name: Annotated[
        str | None,
        typer.Argument(help="With --resume: the session to continue.", show_default="the last"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a session: the last one, or NAME.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(help="Continue the session of this name, or start it.", show_default=False),
    ] = None,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Chat, with thinking and answers in separate panes.

    The conversation is saved as you go.
    """
    if name and (session or not resume):
        raise UsageError(f"{name!r} names a session: give it with --resume alone", _HINT)
    if given.get("no-save") and (resume or session):
        raise UsageError("--no-save can't be combined with --resume or --session", _HINT)

    def talk() -> int:
        from r1local.commands.chat import ChatOptions, chat
        from r1local.config.endpoints import wanted_model
        from r1local.config.preferences import settings_in_force, value_in

        chosen = settings_in_force(given)
        # Someone who names a session wants it saved, whatever the preference says.
        save = bool(resume or session) or not value_in(chosen, "no-save")
        return chat(
            ChatOptions(
                model=wanted_model(given),
                session=name or session,
                resume=resume,
                save=save,
                inline=value_in(chosen, "inline"),
                vi=value_in(chosen, "vi"),
                verbose=value_in(chosen, "verbose"),
                given=given,
            )
        )

    return talk
