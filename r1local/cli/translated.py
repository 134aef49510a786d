"""Help in another language than English: Typer's commands, with their texts translated."""

import re
from collections.abc import Iterator
from functools import partialmethod
from inspect import cleandoc

import typer._click.formatting as formatting
from typer import core
from typer.core import TyperCommand, TyperGroup

from r1local.config.options import OPTIONS
from r1local.language import N_, _
from r1local.ui.markdown.wrapping import wrapped_lines

#: What Typer adds by itself.
OWN_WORDS = (
    N_("Arguments"),
    N_("Commands"),
    N_("Options"),
    N_("Show this message and exit."),
    N_("default: {default}"),
    N_("required"),
)
#: What Typer and Pydantic find wrong with arguments, as they say it; a reason may be another one.
FAULTS = (
    N_("No such command {command}. Did you mean {near}?"),
    N_("No such command {command}."),
    N_("No such option: {option} (Possible options: {near})"),
    N_("No such option: {option}"),
    N_("Missing argument {name}. Choose from: {choices}"),
    N_("Missing argument {name}."),
    N_("Missing option {name}."),
    N_("Option {option} requires an argument."),
    N_("Option {option} does not take a value."),
    N_("Got unexpected extra argument(s) ({words})"),
    N_("Invalid value for {name}: {reason}"),
    N_("Value error, {value} is not one of {choices}."),
    N_("Input should be a valid integer, unable to parse string as an integer"),
    N_("Input should be a valid number, unable to parse string as a number"),
    N_("Input should be greater than or equal to {least}"),
    N_("Input should be less than or equal to {most}"),
)
_VALUE = re.compile(r"\\{(\w+)\\}")


def translate(command: TyperCommand | TyperGroup) -> None:
    """Translate a command's help, its parameters' and its own commands', and Typer's own words."""
    # Typer wraps between words alone, and counts characters; Japanese has neither.
    formatting.wrap_text = _wrapped
    core._ = _  # type: ignore[assignment,attr-defined]
    formatter = formatting.HelpFormatter
    usage = partialmethod(formatter.write_usage, prefix=_("Usage: "))
    formatter.write_usage = usage  # type: ignore[assignment,method-assign]
    values = {option.default_words for option in OPTIONS if not option.otherwise}
    for each in tree(command):
        each.help, each.short_help = _(_text(each.help)), None
        for parameter in each.params:
            if text := getattr(parameter, "help", None):
                parameter.help = _(_text(text))  # type: ignore[attr-defined]
            default = getattr(parameter, "show_default", None)
            if isinstance(default, str) and default not in values:
                parameter.show_default = _(default)  # type: ignore[attr-defined]


def translated_fault(message: str) -> str:
    """Return what Typer says of wrong arguments in the user's language, if it is known."""
    for form in FAULTS:
        if match := re.fullmatch(_VALUE.sub(r"(?P<\1>.+)", re.escape(form)), message, re.DOTALL):
            values = {name: translated_fault(each) for name, each in match.groupdict().items()}
            return _(form, **values)
    return message


def texts(command: TyperCommand | TyperGroup) -> Iterator[str]:
    """Yield all texts that `translate` translates."""
    for each in tree(command):
        yield _text(each.help)
        for parameter in each.params:
            yield _text(getattr(parameter, "help", None))


def tree(command: TyperCommand | TyperGroup) -> Iterator[TyperCommand | TyperGroup]:
    """Yield a command, and all that are below it."""
    yield command
    if isinstance(command, TyperGroup):
        for below in command.commands.values():
            if isinstance(below, TyperCommand | TyperGroup):
                yield from tree(below)


def _text(text: str | None) -> str:
    return cleandoc(text or "")


def _wrapped(
    text: str,
    width: int = 78,
    initial_indent: str = "",
    subsequent_indent: str = "",
    preserve_paragraphs: bool = False,
) -> str:
    """Wrap text in place of Typer's function, whose arguments these are."""
    text = _(text)  # Typer makes its own option for help only now
    paragraphs = text.split("\n\n") if preserve_paragraphs else [text]
    room = max(width - len(subsequent_indent), 1)
    wrapped = []
    for paragraph in paragraphs:
        rows = wrapped_lines(" ".join(paragraph.split()), room, by_phrase=True)
        indents = [initial_indent, *[subsequent_indent] * len(rows)]
        wrapped.append("\n".join(indent + row for indent, row in zip(indents, rows, strict=False)))
    return "\n\n".join(wrapped)
