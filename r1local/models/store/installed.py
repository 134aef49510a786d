"""A model on this machine, and the GGUF files below a folder."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from r1local.gguf.file import file_type, read_summary
from r1local.gguf.quantization import quantization_of
from r1local.models.catalog import CatalogModel

#: Where a model can lie, in the order in which copies of one model are preferred.
Home: TypeAlias = Literal["embedded", "imported", "Hugging Face", "LM Studio", "Ollama", "file"]
HOMES: tuple[Home, ...] = get_args(Home)


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine, in one quantization.

    `path` is the file to run, `parts` are all its files; `size` is their bytes, 0 for an imported
    file that has gone. `reference` is what a user types to mean this very one. `revisions` are
    the commits and branches of the Hugging Face cache that hold it, the preferred first.
    `last_used` is in seconds since the epoch, and the later of the file's times of access and of
    change: many systems note an access only once a day. `done` is None for a whole model, else
    the bytes that an unfinished download has. A `sidecar` goes with another model beside it, and
    is meant only by its file's name.
    """

    name: str
    reference: str
    home: Home
    path: Path
    parts: tuple[Path, ...]
    size: int
    last_used: float
    quantization: str | None = None
    known: CatalogModel | None = None
    repo_id: str | None = None
    filename: str | None = None
    revisions: tuple[str, ...] = ()
    done: int | None = None
    sidecar: bool = False

    @property
    def whole(self) -> bool:
        """Whether it can be run: every byte has come."""
        return self.done is None

    @property
    def revision(self) -> str | None:
        """The commit of the snapshot it is taken from."""
        return self.revisions[0] if self.revisions else None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A GGUF file: its name below a folder, where it is, what it links to, bytes, last use."""

    name: str
    path: Path
    target: Path
    size: int
    used: float


def gguf_files(folder: Path) -> Iterator[StoredFile]:
    """The GGUF files below a folder by name, without what can't be read or leads nowhere."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(".gguf"):
                path = Path(root, name)
                file = stored_file(path, path.relative_to(folder).as_posix())
                if file:
                    yield file


def stored_file(path: Path, name: str) -> StoredFile | None:
    """A regular file, links followed; None if there is none to be had."""
    try:
        status = path.stat()
        target = path.resolve()
    except (OSError, ValueError, RuntimeError):  # RuntimeError: links in a circle
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return StoredFile(name, path, target, status.st_size, max(status.st_atime, status.st_mtime))


def quantization_in(file: StoredFile) -> str | None:
    """A file's quantization: by its name, else by its header as far as that is quickly read."""
    named = quantization_of(file.name)
    if named:
        return named
    header = read_summary(file.path)
    return file_type(header) if header else None


def last_use(files: Iterable[StoredFile]) -> float:
    """Seconds since the epoch at which one of the files was used last; 0 without files."""
    return max((file.used for file in files), default=0.0)


def subfolders(folder: Path, pattern: str) -> list[Path]:
    """The folders that match, in order of name; none where the folder can't be read."""
    try:
        return sorted(path for path in folder.glob(pattern) if path.is_dir())
    except OSError:
        return []
