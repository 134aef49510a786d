"""What may come next on a command line that is being typed, for the shells' scripts.

A script calls `r1local __complete SHELL WORD…`; the last word is the one being typed, and the
others come before it. PowerShell, which may leave out an empty word, puts `=` before the last one;
bash gives the line and its word breaks instead (see `bash_line`). The answer's first line is
`files` if the name of any file will do, else `values`; each further line has a value, a tab, and
what the value means.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias, get_args

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption

from r1local.cli.app import Declared, command_of
from r1local.cli.bash_line import REDIRECTIONS, quoted, read_line
from r1local.cli.candidates import FILES, supply_of
from r1local.cli.overview import COMMANDS, OPTIONS

#: What may be typed, and what it means.
Pairs: TypeAlias = Iterable[tuple[str, str]]


class Answer(NamedTuple):
    """Values that may come next, with what they mean; or that a file's name may."""

    values: Sequence[tuple[str, str]] = ()
    files: bool = False


def print_completions(arguments: Sequence[str]) -> int:
    """Print what may come next; nothing if that can't be told.

    Whoever presses Tab is in the middle of a line, which an error would tear apart.
    """
    with suppress(Exception):
        shell, *words = arguments
        if shell == "powershell":
            words[-1] = words[-1].removeprefix("=")
        bash = shell == "bash"
        answer = _complete_in_bash(*words) if bash else complete(words[:-1], words[-1])
        lines = [f"{value}\t{_one_line(meaning)}" for value, meaning in answer.values]
        sys.stdout.write("\n".join(["files" if answer.files else "values", *lines, ""]))
    return 0


def complete(words: Sequence[str], typed: str) -> Answer:
    """Return what may come after words, beginning with what has been typed."""
    if words:
        return _position(words).complete(typed) if words[0] in COMMANDS else Answer()
    if typed.startswith("-"):
        return _beginning(typed, ((flags.split()[-1], what) for flags, what in OPTIONS.items()))
    return _beginning(typed, ((name, entry.summary) for name, entry in COMMANDS.items()))


def _complete_in_bash(line: str, breaks: str) -> Answer:
    """Return what bash may put in place of the part of the last word that it replaces."""
    read = read_line(line, breaks)
    if read.words[-1] in REDIRECTIONS:
        return Answer(files=True)
    answer = complete(read.words[1:], read.typed)
    return Answer([(quoted(value, read), what) for value, what in answer.values], answer.files)


def _beginning(typed: str, found: Pairs, prefix: str = "") -> Answer:
    """Return the values that begin with what has been typed, each once."""
    values: dict[str, str] = {}
    for value, meaning in found:
        if value.startswith(typed) and value.isprintable():
            values.setdefault(prefix + value, meaning)
    return Answer(tuple(values.items()))


def _one_line(text: str) -> str:
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


class _Position(NamedTuple):
    """Where a line has come to: in which command, after which arguments and options.

    `waiting` is an option whose value comes next. After `--`, nothing is an option.
    """

    path: Sequence[str]
    command: Declared
    arguments: Sequence[str] = ()
    used: frozenset[str] = frozenset()
    waiting: TyperOption | None = None
    only_arguments: bool = False

    def complete(self, typed: str) -> Answer:
        if self.waiting:
            return self._values(self.waiting, typed)
        if typed.startswith("-") and not self.only_arguments:
            return self._option(typed)
        if isinstance(self.command, TyperGroup):
            commands = self.command.commands.items()
            return _beginning(typed, ((n, each.get_short_help_str(200)) for n, each in commands))
        argument = self._argument()
        answer = self._values(argument, typed) if argument else Answer()
        return answer if typed or answer != Answer() else self._option("")

    def _option(self, typed: str) -> Answer:
        flag, equals, value = typed.partition("=")
        if not equals:
            return _beginning(typed, self._flags())
        option = _options(self.command).get(flag)
        takes = option is not None and not option.is_flag
        return self._values(option, value, f"{flag}=") if option and takes else Answer()

    def _flags(self) -> Iterator[tuple[str, str]]:
        """Yield the long names of the options that may still be given."""
        if self.only_arguments:
            return
        for flag, option in _options(self.command).items():
            again = option.multiple or not self.used & {*option.opts, *option.secondary_opts}
            if again and flag.startswith("--"):
                yield flag, option.help or ""
        yield "--help", OPTIONS["-h, --help"]

    def _argument(self) -> TyperArgument | None:
        """Return the argument that comes next."""
        places = [each for each in self.command.params if isinstance(each, TyperArgument)]
        done = len(self.arguments)
        if done < len(places):
            return places[done]
        return places[-1] if places and places[-1].nargs < 0 else None

    def _values(
        self, parameter: TyperArgument | TyperOption, typed: str, prefix: str = ""
    ) -> Answer:
        name = str(parameter.name)
        if supply := supply_of(" ".join(self.path), name):
            return _beginning(typed, supply(typed, self.arguments), prefix)
        annotation = parameter.type_descriptor.annotation
        if name in FILES or Path in (annotation, *get_args(annotation)):
            return Answer(files=True)
        items = parameter.shell_complete(typer.Context(self.command), typed)
        return _beginning(typed, ((item.value, item.help or "") for item in items), prefix)


def _position(words: Sequence[str]) -> _Position:
    """Return where a line has come to that begins with a command."""
    command, path = command_of(words)
    known = _options(command)
    arguments: list[str] = []
    used: set[str] = set()
    waiting: TyperOption | None = None
    only_arguments = False
    for word in words[len(path) :]:
        flag, equals, _value = word.partition("=")
        if waiting:
            waiting = None
        elif only_arguments or word == "-" or not word.startswith("-"):
            arguments.append(word)
        elif word == "--":
            only_arguments = True
        else:
            used.add(flag)
            option = known.get(flag)
            waiting = option if option and not option.is_flag and not equals else None
    return _Position(path, command, arguments, frozenset(used), waiting, only_arguments)


def _options(command: Declared) -> Mapping[str, TyperOption]:
    """Return the options of a command by each of their names."""
    options = [each for each in command.params if isinstance(each, TyperOption) and not each.hidden]
    return {flag: each for each in options for flag in (*each.opts, *each.secondary_opts)}
