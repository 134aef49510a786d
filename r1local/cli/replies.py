"""The commands that make a model reply."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from r1local.cli.app import Command, app
from r1local.cli.options import takes_options
from r1local.errors import UsageError

#: Options that ask for an answer, and why `--thinking only` excludes them.
_WANT_AN_ANSWER = {
    "answer-only": "--answer-only prints just the answer, but --thinking only leaves it out",
    "no-think": "--no-think skips the thinking, but --thinking only shows nothing else",
    "votes": "--votes compares answers, but --thinking only leaves them out",
}


@app.command()
@takes_options("run", before={"file": "system", "json_schema": "votes", "grammar": "votes"})
def run(
    prompt: Annotated[
        str | None,
        typer.Argument(help="The question; read from stdin if left out.", show_default=False),
    ] = None,
    file: Annotated[
        list[Path] | None,
        typer.Option("-f", "--file", help="Attach a text file (- is stdin); may be repeated."),
    ] = None,
    json_schema: Annotated[
        str | None,
        typer.Option(
            "--json-schema",
            metavar="FILE|TEXT",
            help="Make the answer follow a JSON schema.",
            show_default=False,
        ),
    ] = None,
    grammar: Annotated[
        Path | None,
        typer.Option(help="Make the answer follow a GBNF grammar.", show_default=False),
    ] = None,
    *,
    given: Mapping[str, Any],
) -> Command:
    """Answer a question on stdout, with the thinking on stderr if that is a terminal.

    If text is piped in as well, it is a document that the PROMPT is about.
    """
    if json_schema is not None and grammar is not None:
        raise _conflict("--json-schema and --grammar can't be combined")
    if "votes" not in given and ("confidence" in given or "answer-pattern" in given):
        raise _conflict("--confidence and --answer-pattern need --votes")

    def answer() -> int:
        from r1local.commands.run import RunOptions, run
        from r1local.config.endpoints import wanted_model
        from r1local.config.preferences import settings_in_force, value_in

        chosen = settings_in_force(given)
        thinking = value_in(chosen, "thinking")
        conflicts = [why for name, why in _WANT_AN_ANSWER.items() if given.get(name)]
        if thinking == "only" and conflicts:
            if "thinking" in given:
                raise _conflict(conflicts[0])
            thinking = "show"  # the command line overrides a preference
        asked = RunOptions(
            prompt=prompt,
            files=tuple(file or ()),
            model=wanted_model(given),
            thinking=thinking,
            output_format=value_in(chosen, "format"),
            answer_only=value_in(chosen, "answer-only"),
            verbose=value_in(chosen, "verbose"),
            given={**given, "no-think": False} if thinking == "only" else given,
            json_schema=json_schema,
            grammar=grammar,
            reads_stdin=not value_in(chosen, "no-stdin"),
        )
        if "votes" not in given:
            return run(asked)
        from r1local.commands.vote import vote

        return vote(asked, given["votes"])

    return answer


def _conflict(message: str) -> UsageError:
    return UsageError(message, "see r1local run --help")
