"""Help in another language than English: Typer's commands, with their texts translated."""

from collections.abc import Iterator
from inspect import cleandoc

import typer._click.formatting as formatting
from typer import core
from typer.core import TyperCommand, TyperGroup, TyperOption

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


def translate(command: TyperCommand | TyperGroup) -> None:
    """Translate a command's help, its parameters' and its own commands', and Typer's own words."""
    # Typer wraps between words alone, and counts characters; Japanese has neither.
    formatting.wrap_text = _wrapped
    core._ = _  # type: ignore[assignment,attr-defined]
    decided = {option.otherwise for option in OPTIONS if option.otherwise}
    for each in tree(command):
        each.help, each.short_help = _(_text(each.help)), None
        for parameter in each.params:
            if text := getattr(parameter, "help", None):
                parameter.help = _(_text(text))  # type: ignore[attr-defined]
            if isinstance(parameter, TyperOption) and parameter.show_default in decided:
                parameter.show_default = _(str(parameter.show_default))


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
        rows = wrapped_lines(" ".join(paragraph.split()), room)
        indents = [initial_indent, *[subsequent_indent] * len(rows)]
        wrapped.append("\n".join(indent + row for indent, row in zip(indents, rows, strict=False)))
    return "\n\n".join(wrapped)
