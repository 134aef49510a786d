"""What `.gitignore` files say of the entries of a folder."""

import os
import re
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from r1local.attachments.formats import INSTALL
from r1local.errors import PromptInputError
from r1local.language import _, reason_of

#: The most bytes that are read of one file of patterns.
_LONGEST = 2**20


class Ignoring:
    """The patterns that hold in a folder: its repository's, and those in the folders within.

    A folder that is ignored itself, and was named all the same, is only under its own.

    Args:
        base: the folder, as an absolute path.
    """

    def __init__(self, base: Path) -> None:
        self._read: dict[Path, list[_Patterns]] = {}
        above = (base, *base.parents)
        self._top = next((each for each in above if os.path.lexists(each / ".git")), base)
        within = [each for each in above if self._top in each.parents]
        if any(self.covers(each, folder=True) for each in within):
            self._top = base

    def covers(self, path: Path, *, folder: bool) -> bool:
        """Return whether git would leave out an entry whose folder it doesn't leave out.

        The patterns nearest to it count most, and in a file the last that matches (gitignore(5)).

        Raises:
            PromptInputError: there are patterns, but not the library that understands them.
        """
        for above in path.parents:
            for patterns in self._patterns_in(above):
                name = path.relative_to(above).as_posix() + "/" * folder
                verdict = patterns.check_file(name).include
                if verdict is not None:
                    return verdict
            if above == self._top:
                break
        return False

    def _patterns_in(self, folder: Path) -> "list[_Patterns]":
        """Return a folder's patterns, those that count most first."""
        if folder not in self._read:
            files = [folder / ".gitignore", folder / ".git" / "info" / "exclude"]
            there = filter(os.path.isfile, files)  # a closed folder has none, and `Path` raises
            self._read[folder] = [*map(_patterns, there)]
        return self._read[folder]


class _Verdict(Protocol):
    @property
    def include(self) -> bool | None:
        """Whether the last pattern that matches leaves it out; None if none does."""


class _Patterns(Protocol):
    def check_file(self, file: str) -> _Verdict:
        """Judge a path, which ends with a slash if it is a folder."""


def _patterns(path: Path) -> _Patterns:
    if find_spec("pathspec") is None:
        raise PromptInputError(
            _("{path} can't be read without pathspec", path=path),
            _("type: {install}; or name the files themselves", install=INSTALL),
        )
    from pathspec import GitIgnoreSpec

    # Patterns become regular expressions, and Python may one day read `[[` in those differently.
    warnings.filterwarnings("ignore", category=FutureWarning, module="pathspec")
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8-sig", "replace")
    except OSError as error:
        raise PromptInputError(
            _("{path} can't be read: {reason}", path=path, reason=reason_of(error)),
            _("mend it, or name the files themselves"),
        ) from error
    return GitIgnoreSpec.from_lines(filter(_is_valid, text.split("\n")))


def _is_valid(line: str) -> bool:
    """Tell whether a line is a pattern. One that isn't matches nothing, as in git."""
    from pathspec import GitIgnoreSpec

    try:
        GitIgnoreSpec.from_lines([line])
    except (ValueError, re.error):  # the second is no kind of the first
        return False
    return True
