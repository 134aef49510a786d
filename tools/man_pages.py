"""Manual pages, made from the commands' declarations as docs/cli.md is.

One page for `r1local` and one for each command, with the commands of a group in sections of its
page. The format is man(7): https://man.openbsd.org/man.7
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

import typer
from typer.core import TyperGroup

from r1local import __version__, errors
from r1local.cli.app import HELP, Declared, command_of
from r1local.cli.overview import ABOUT, COMMANDS, GROUPS, OPTIONS

_EXIT_CODES: Mapping[int, str] = {
    errors.EXIT_OK: "an answer, or whatever else was asked for",
    errors.EXIT_ERROR: "an error",
    errors.EXIT_USAGE: "wrong usage",
    errors.EXIT_NO_ANSWER: "a reply that ended without an answer",
    errors.EXIT_BUG: "a bug of r1local, which leaves a log file",
    errors.EXIT_INTERRUPTED: "interrupted with Ctrl-C",
}
_FILES: Mapping[str, str] = {
    "config.toml": "Lasting preferences; `r1local config path` prints where it is.",
    "models.toml": "Models of your own, in the same folder.",
}
_VARIABLES = (
    "Each lasting preference has a variable: R1LOCAL_EFFORT=low is as good as --effort low. "
    "`r1local config` lists the preferences."
)


def man_pages() -> Mapping[str, str]:
    """Return the text of each page by the name of its file."""
    pages = {"r1local.1": _page("r1local", ABOUT, _main_page())}
    for name, entry in COMMANDS.items():
        pages[f"r1local-{name}.1"] = _page(f"r1local-{name}", entry.summary, _of_command(name))
    return pages


def _page(name: str, summary: str, body: Iterable[str]) -> str:
    head = f'.TH "{_text(name.upper())}" "1" "" "r1local {__version__}" "r1local"'
    named = f"{_text(name)} \\- {_text(summary.rstrip('.'))}"
    return "\n".join((head, ".nh", ".SH NAME", named, *body)) + "\n"


def _main_page() -> Iterator[str]:
    yield from (".SH SYNOPSIS", _usage("r1local", ["[OPTIONS]", "COMMAND [ARGS]..."]))
    yield from (".SH DESCRIPTION", _text(ABOUT), "Without a command, it opens a chat.")
    yield ".SH COMMANDS"
    for title, group in GROUPS.items():
        yield f".SS {_text(title)}"
        for name, entry in group.items():
            yield from (".TP", _page_named(name), _text(entry.summary))
    yield ".SH OPTIONS"
    yield from _entries(OPTIONS.items())
    yield from (".SH ENVIRONMENT", _text(_VARIABLES))
    yield ".SH FILES"
    yield from _entries(_FILES.items())
    yield ".SH EXIT STATUS"
    yield from _entries((str(code), meaning) for code, meaning in _EXIT_CODES.items())
    yield from (".SH SEE ALSO", ",\n".join(map(_page_named, COMMANDS)))


def _of_command(name: str) -> Iterator[str]:
    """Yield what a page says of a command, and of the commands in its group."""
    command, _path = command_of([name])
    yield ".SH SYNOPSIS"
    yield _usage(f"r1local {name}", command.collect_usage_pieces(_context(command)))
    yield ".SH DESCRIPTION"
    yield from _paragraphs(command.help or "")
    yield from _parameters(command, ".SH ARGUMENTS", ".SH OPTIONS")
    if isinstance(command, TyperGroup):
        yield ".SH COMMANDS"
        for part in command.commands:
            each, _path = command_of([name, part])
            yield f".SS {_text(part)}"
            yield _usage(f"r1local {name} {part}", each.collect_usage_pieces(_context(each)))
            yield ".PP"
            yield from _paragraphs(each.help or "")
            yield from _parameters(each)
    yield from (".SH SEE ALSO", ".BR r1local (1)")


def _parameters(command: Declared, *heads: str) -> Iterator[str]:
    """Yield a command's arguments and its options, each under a heading, if there is one."""
    context = _context(command)
    parameters = command.get_params(context)
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each not in arguments]
    for head, group in zip_longest(heads, (arguments, options)):
        records = filter(None, (each.get_help_record(context) for each in group))
        entries = [*_entries(records)]
        yield from (head, *entries) if head and entries else entries


def _context(command: Declared) -> typer.Context:
    return typer.Context(command, help_option_names=list(HELP))


def _entries(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for names, meaning in pairs:
        yield from (".TP", _names(names), _text(meaning))


def _names(text: str) -> str:
    """Return names of options in bold, and what stands for their values in italics."""
    return re.sub(
        r"(?P<name>(?:^|(?<= ))[\w.-]+)|(?P<value>[^\s,/]+)",
        lambda found: _styled("B", found[0]) if found["name"] else _styled("I", found[0]),
        text,
    )


def _styled(font: str, text: str) -> str:
    return rf"\f{font}{_text(text)}\fR"


def _usage(command: str, pieces: Sequence[str]) -> str:
    return " ".join((_styled("B", command), *(_styled("I", each) for each in pieces)))


def _page_named(name: str) -> str:
    return rf".BR r1local\-{name} (1)"


def _paragraphs(text: str) -> Iterator[str]:
    yield "\n.PP\n".join(_text(" ".join(each.split())) for each in text.split("\n\n"))


def _text(text: str) -> str:
    """Return a text of which nothing is a command of roff."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
