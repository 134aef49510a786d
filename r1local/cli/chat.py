"""The command that opens a conversation; `r1local` alone does the same."""

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
        typer.Argument(help="With --resume: the session to go on with.", show_default="the last"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a session: the last one, or NAME.")
    ] = False,
    session: Annotated[
        str | None,
        typer.Option(help="Go on with the session of that name, or begin it.", show_default=False),
    ] = None,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Chat: thinking and answers in panes of their own, saved as it happens."""
    if name and (session or not resume):
        raise UsageError(f"{name!r} goes with --resume, to name a session", _HINT)
    if given.get("no-save") and (resume or session):
        raise UsageError("--no-save keeps no session to go on with", _HINT)

    def talk() -> int:
        from r1local.commands.chat import ChatOptions, chat
        from r1local.config.preferences import value_of

        # Naming a session says more than a preference.
        save = bool(resume or session) or not value_of("no-save", given)
        return chat(
            ChatOptions(
                model=given.get("model"),
                session=name or session,
                resume=resume,
                save=save,
                inline=value_of("inline", given),
                vi=value_of("vi", given),
                verbose=value_of("verbose", given),
                given=given,
            )
        )

    return talk
