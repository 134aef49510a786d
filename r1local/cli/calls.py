"""What the commands that people wait for are to do, from values: read by Typer, or without it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from r1local.config.options import ModelFormat, ThinkingMode
from r1local.errors import UsageError
from r1local.language import N_, _

if TYPE_CHECKING:
    from r1local.commands.completion import Shell
    from r1local.ui.replies.code import CodeWanted

#: A parsed command: runs it and returns the exit code.
Command: TypeAlias = Callable[[], int]

_CHAT_HINT = N_("see r1local chat --help")
#: Options that ask for an answer, and why `--thinking only` excludes them.
_WANT_AN_ANSWER = {
    "answer-only": N_("--answer-only prints just the answer, but --thinking only leaves it out"),
    "no-think": N_("--no-think skips the thinking, but --thinking only shows nothing else"),
    "votes": N_("--votes compares answers, but --thinking only leaves them out"),
    "extract": N_("-x prints the answer's code, but --thinking only leaves the answer out"),
    "xl": N_("--xl prints the answer's code, but --thinking only leaves the answer out"),
}


def run_command(
    given: Mapping[str, Any],
    prompt: str | None = None,
    *,
    files: Sequence[str] = (),
    json_schema: str | None = None,
    grammar: Path | None = None,
) -> Command:
    """Return a call of `run`.

    Args:
        given: the values of options, by their names.

    Raises:
        UsageError: the options contradict each other.
    """
    _expect_no_conflict(given, schema=json_schema is not None, grammar=grammar is not None)

    def answer() -> int:
        from r1local.commands.asking import RunOptions
        from r1local.commands.run import run
        from r1local.config.endpoints import wanted_model
        from r1local.config.named import preset_question
        from r1local.config.preferences import settings_in_force, value_in
        from r1local.ui.appearance import limit_text

        chosen = settings_in_force(given)
        limit_text(value_in(chosen, "max-width"))
        thinking = _thinking(given, value_in(chosen, "thinking"))
        asked = RunOptions(
            prompt=prompt,
            files=tuple(files),
            model=wanted_model(given),
            thinking=thinking,
            output_format=value_in(chosen, "format"),
            answer_only=value_in(chosen, "answer-only"),
            verbose=value_in(chosen, "verbose"),
            given={**given, "no-think": False} if thinking == "only" else given,
            json_schema=json_schema,
            grammar=grammar,
            reads_stdin=not value_in(chosen, "no-stdin"),
            preset=preset_question(given),
            log=value_in(chosen, "log"),
            session=given.get("session"),
            goes_on=given.get("continue", False),
            code=_code(given) if _extracts(given) else None,
            fetches_private=value_in(chosen, "fetch-private"),
        )
        if "votes" not in given:
            return run(asked)
        from r1local.commands.vote import vote

        return vote(asked, given["votes"])

    return answer


def _expect_no_conflict(given: Mapping[str, Any], *, schema: bool, grammar: bool) -> None:
    """Refuse options of `run` that contradict each other, whatever else is set."""
    if schema and grammar:
        raise _conflict(_("--json-schema and --grammar can't be combined"))
    if "votes" not in given and ("confidence" in given or "answer-pattern" in given):
        raise _conflict(_("--confidence and --answer-pattern need --votes"))
    in_session = bool(given.get("continue") or given.get("session"))
    if in_session and given.get("log") is False:
        raise _conflict(_("--no-log keeps nothing, but -c and --session go on with a session"))
    form = {"--answer-only": given.get("answer-only"), "--votes": "votes" in given}
    form |= {"--json-schema": schema, "--grammar": grammar}
    if _extracts(given) and (other := next((name for name, on in form.items() if on), None)):
        raise _conflict(
            _("-x and --xl print a code block, which {option} leaves no room for", option=other)
        )


def _thinking(given: Mapping[str, Any], wanted: ThinkingMode) -> ThinkingMode:
    """Return what to show of the thinking; who asks for the answer overrides a preference."""
    conflicts = [why for name, why in _WANT_AN_ANSWER.items() if given.get(name)]
    if wanted != "only" or not conflicts:
        return wanted
    if "thinking" in given:
        raise _conflict(_(conflicts[0]))
    return "show"


def _extracts(given: Mapping[str, Any]) -> bool:
    return bool(given.get("extract") or given.get("xl"))


def _code(given: Mapping[str, Any]) -> "CodeWanted":
    from r1local.ui.replies.code import CodeWanted

    return CodeWanted(given.get("xl"))


def chat_command(
    given: Mapping[str, Any],
    *words: str,
    resume: bool = False,
    session: str | None = None,
    files: Sequence[str] = (),
) -> Command:
    """Return a call of `chat`.

    Args:
        given: the values of options, by their names.
        words: the first question; if a session is resumed, its name, and then the question.
        session: the session to go on with, or to begin.
        files: go with the first question.

    Raises:
        UsageError: the options contradict each other.
    """
    name = words[0] if resume and words else None
    asked = words[1:] if resume else words
    if len(asked) > 1:
        raise UsageError(_("a chat begins with one question"), _("put it in quotes"))
    if name and session:
        raise UsageError(
            _("{name!r} names a session: give it with --resume alone", name=name), _(_CHAT_HINT)
        )
    if given.get("no-save") and (resume or session):
        raise UsageError(_("--no-save can't be combined with --resume or --session"), _(_CHAT_HINT))
    if "-" in files:
        raise UsageError(_("a chat reads questions from stdin, not files"), _("leave -f - out"))

    def talk() -> int:
        from r1local.commands.chat import ChatOptions, chat
        from r1local.config.endpoints import wanted_model
        from r1local.config.named import preset_question
        from r1local.config.preferences import settings_in_force, value_in
        from r1local.ui.appearance import limit_text

        chosen = settings_in_force(given)
        limit_text(value_in(chosen, "max-width"))
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
                numbered=value_in(chosen, "reply-numbers"),
                verbose=value_in(chosen, "verbose"),
                given=given,
                question=asked[0] if asked else None,
                files=tuple(files),
                preset=preset_question(given),
            )
        )

    return talk


def list_command(available: bool = False, output_format: ModelFormat = "text") -> Command:
    """Return a call of `list`."""

    def listing() -> int:
        from r1local.commands.list_models import ListOptions, list_models

        return list_models(ListOptions(available, output_format))

    return listing


def completion_command(shell: "Shell") -> Command:
    """Return a call of `completion`."""

    def printing() -> int:
        from r1local.commands.completion import print_script

        return print_script(shell)

    return printing


def _conflict(message: str) -> UsageError:
    return UsageError(message, _("see r1local run --help"))
