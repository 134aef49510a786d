"""The command that serves other programs."""

from collections.abc import Mapping
from typing import Any

from r1local.cli.app import app
from r1local.cli.calls import Command
from r1local.cli.options import takes_options


@app.command()
@takes_options("serve")
def serve(*, given: Mapping[str, Any]) -> Command:
    """Let other programs use models: OpenAI's and Ollama's protocols over HTTP.

    Options about replies are for requests that don't say otherwise.
    """

    def serving() -> int:
        from r1local.commands.serve import serve

        return serve(given)

    return serving
