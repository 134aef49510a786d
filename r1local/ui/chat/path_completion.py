"""Completion of paths in the arguments of slash commands, where words are quoted as in a shell."""

import os
import re
import shlex
from collections.abc import Iterator
from glob import has_magic, iglob
from itertools import islice
from pathlib import Path

from prompt_toolkit.completion import Completion

from r1local.language import _, _n
from r1local.ui.safe_text import visible_line

#: A word as a shell splits a line, also one whose quote is still open.
_WORD = re.compile(r"""(?:[^\s'"\\]|\\.?|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|$))+""")
#: The most files that are listed for a pattern.
_MOST_LISTED = 200


def completed_word(argument: str) -> Iterator[Completion]:
    """Yield what the last word of an argument may become; one with spaces is quoted."""
    words = [*_WORD.finditer(argument)]
    typed = words[-1][0] if words and words[-1].end() == len(argument) else ""
    for each in completed_path(_unquoted(typed)):
        yield Completion(_quoted(each.text), -len(typed), each.display, each.display_meta)


def completed_path(typed: str) -> Iterator[Completion]:
    """Yield the paths that begin with a text, or what a pattern matches, to stand in its place.

    `~` stays as it was typed; folders end with a slash, so that what is in them comes next.
    """
    if has_magic(typed):
        yield from _matches(typed)  # and on: a name may hold a bracket
    folder, name = os.path.split(typed)
    for entry in _entries(Path(folder).expanduser()):
        if entry.name.startswith(name) and (name or not entry.name.startswith(".")):
            shown = entry.name + ("/" if entry.is_dir() else "")
            text = typed[: len(typed) - len(name)] + shown
            yield Completion(text, -len(typed), visible_line(shown))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError):
        return []


def _matches(pattern: str) -> Iterator[Completion]:
    """Yield a pattern itself, with how many files it means, and then each of them."""
    if "**" in pattern:  # all folders below: too much for every key that is pressed
        return
    found = (each for each in iglob(os.path.expanduser(pattern)) if Path(each).is_file())  # noqa: PTH111, PTH207
    paths = sorted(islice(found, _MOST_LISTED + 1))
    if paths:
        told = (
            _n("{count:,} file", "{count:,} files", len(paths))
            if len(paths) <= _MOST_LISTED
            else _("more than {count:,} files", count=_MOST_LISTED)
        )
        yield Completion(pattern, -len(pattern), visible_line(pattern), told)
    home = os.path.expanduser("~")  # noqa: PTH111
    for path in paths[:_MOST_LISTED]:
        text = f"~{path.removeprefix(home)}" if pattern.startswith("~/") else path
        yield Completion(text, -len(pattern), visible_line(text))


def _unquoted(word: str) -> str:
    for closing in ("", "'", '"'):
        try:
            return "".join(shlex.split(word + closing))
        except ValueError:
            continue
    return word


def _quoted(text: str) -> str:
    """Return a path as one word of a line; one that needs no quotes stays as it is."""
    return shlex.quote(text) if re.search(r"""[\s'"\\]""", text) else text
