"""The files in folders, and those that patterns match, without what is hidden or ignored."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import has_magic
from pathlib import Path

from r1local.attachments.formats import stopped
from r1local.attachments.ignoring import Ignoring
from r1local.errors import PromptInputError
from r1local.language import _, reason_of

#: The most files that one folder or pattern gives: more are a mistake, as no context holds them.
MOST_FILES = 1_000
#: The most entries that are looked at for them, and the most folders within one another.
_MOST_ENTRIES, _MOST_LEVELS = 100_000, 64


@dataclass
class Search:
    """A search for files below a folder, in the order of their names.

    Hidden entries are left out unless a pattern names them, as in a shell, and so is what
    `.gitignore` files exclude. Symbolic links are left out: they may lead anywhere, or in circles.

    Args:
        base: the folder.
        cancelled: called meanwhile; True ends it.

    Attributes:
        left_out: what was left out without being asked, and why.
    """

    base: Path
    cancelled: Callable[[], bool] = lambda: False
    left_out: dict[Path, str] = field(default_factory=dict)
    _seen: int = 0

    def __post_init__(self) -> None:
        self.base = self.base.resolve()
        self._ignoring = Ignoring(self.base)

    def all_files(self) -> list[Path]:
        """Return all files, in folders within it as well.

        Raises:
            PromptInputError: there are too many, or a folder can't be read.
        """
        return self._limited(self._below(self.base))

    def matching(self, pattern: tuple[str, ...]) -> list[Path]:
        """Return the files that a pattern matches.

        Args:
            pattern: the parts of a path below the base: `*`, `?` and `[…]` match within a name,
                and `**` any number of folders.

        Raises:
            PromptInputError: there are too many, or a folder can't be read.
        """
        return self._limited(self._matches(self.base, pattern))

    def _limited(self, paths: Iterator[Path]) -> list[Path]:
        found: dict[Path, None] = {}
        for path in paths:
            if stat.S_ISREG(self._mode(path)):  # a pipe or a device could keep us waiting
                found[path] = None
            if len(found) > MOST_FILES:
                raise _too_many(self.base)
        return [*found]

    def _below(self, folder: Path) -> Iterator[Path]:
        """Yield what is in a folder and in those within it."""
        levels = [iter(self._entries(folder))]
        while levels:
            if path := next(levels[-1], None):
                yield path
                if not self._is_folder(path):
                    continue
                if len(levels) == _MOST_LEVELS:
                    self.left_out[path] = _("is too deep")
                else:
                    levels.append(iter(self._entries(path)))
            else:
                levels.pop()

    def _matches(self, folder: Path, pattern: tuple[str, ...]) -> Iterator[Path]:
        if not pattern:
            yield folder
            return
        part, *others = pattern
        rest = (*others,)
        if part == "**":
            yield from self._matches(folder, rest or ("*",))
            for path in self._below(folder):
                if self._is_folder(path):
                    yield from self._matches(path, rest or ("*",))
        elif has_magic(part):
            for path in self._entries(folder, hidden=part.startswith(".")):
                if fnmatchcase(path.name, part) and (not rest or self._is_folder(path)):
                    yield from self._matches(path, rest)
        elif self._mode(folder / part):
            yield from self._matches(folder / part, rest)

    def _entries(self, folder: Path, *, hidden: bool = False) -> list[Path]:
        """Return what counts of a folder's entries."""
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            self.left_out[folder] = _unreadable(error)
            if folder == self.base:
                told = f"{folder} {_unreadable(error)}"
                raise PromptInputError(told, _("check its permissions")) from error
            return []
        self._seen += len(paths)
        if self._seen > _MOST_ENTRIES:
            raise _too_many(self.base)
        if self.cancelled():
            raise stopped()
        shown = [path for path in paths if hidden or not path.name.startswith(".")]
        kept = [
            each for each in shown if not self._ignoring.covers(each, folder=self._is_folder(each))
        ]
        self.left_out |= {path: _("is a link") for path in kept if _is_link(path)}
        return [path for path in kept if path not in self.left_out]

    def _is_folder(self, path: Path) -> bool:
        return stat.S_ISDIR(self._mode(path))

    def _mode(self, path: Path) -> int:
        """Return a path's type and permissions; 0 if it isn't there, or is left out as closed."""
        try:
            return path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            self.left_out[path] = _unreadable(error)
            return 0


def split_pattern(pattern: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder in which a pattern begins, and the parts that follow it."""
    parts = pattern.parts
    plain = next(number for number, part in enumerate(parts) if has_magic(part))
    return Path(*parts[:plain]), parts[plain:]


def _is_link(path: Path) -> bool:
    return os.path.islink(path)  # noqa: PTH114  (`Path` raises in folders that are closed)


def _unreadable(error: OSError) -> str:
    return _("can't be read: {reason}", reason=reason_of(error))


def _too_many(base: Path) -> PromptInputError:
    return PromptInputError(
        _(
            "there are more than {most_files:,} files to attach in {base}",
            most_files=MOST_FILES,
            base=base,
        ),
        _("name a folder within it, or a pattern such as 'src/**/*.py'"),
    )
