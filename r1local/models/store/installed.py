"""A model on this machine, and the GGUF files in a folder."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from r1local.config.paths import real_path
from r1local.gguf.file import file_type, read_summary
from r1local.gguf.quantization import quantization_of
from r1local.models.catalog import CatalogModel

#: Where a model can be, in the order in which copies of one model are preferred.
Home: TypeAlias = Literal["embedded", "imported", "Hugging Face", "LM Studio", "Ollama", "file"]
HOMES: tuple[Home, ...] = get_args(Home)


@dataclass(frozen=True, slots=True)
class Installed:
    """A model on this machine, in one quantization.

    `path` is the file to run and `parts` are all its files; `size` is their total in bytes, 0 for
    an imported file that no longer exists. `reference` is what a user types to mean exactly this
    model. `revisions` are the commits and branches in the Hugging Face cache that contain it, the
    preferred one first. `last_used` is in seconds since the epoch: the later of the file's access
    and modification times, because many systems record an access only once a day. `done` is None
    for a whole model, else the bytes that an unfinished download has. A `sidecar` accompanies
    another model, and only its file's name refers to it.
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
        """Whether all its bytes are here, so that it can be run."""
        return self.done is None

    @property
    def revision(self) -> str | None:
        """Commit of the snapshot that it belongs to."""
        return self.revisions[0] if self.revisions else None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A GGUF file: its name inside a folder, its path and link target, its bytes, its last use."""

    name: str
    path: Path
    target: Path
    size: int
    used: float


def gguf_files(folder: Path) -> Iterator[StoredFile]:
    """Yield the GGUF files in a folder by name, except unreadable ones and dangling links."""
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(".gguf"):
                path = Path(root, name)
                file = stored_file(path, path.relative_to(folder).as_posix())
                if file:
                    yield file


def stored_file(path: Path, name: str) -> StoredFile | None:
    """Return a regular file, following links, or None if there isn't one."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a zero byte
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    used = max(status.st_atime, status.st_mtime)
    return StoredFile(name, path, real_path(path), status.st_size, used)


def quantization_in(file: StoredFile) -> str | None:
    """Return a file's quantization, from its name or else from the start of its header."""
    named = quantization_of(file.name)
    if named:
        return named
    header = read_summary(file.path)
    return file_type(header) if header else None


def last_use(files: Iterable[StoredFile]) -> float:
    """Return the time, in seconds since the epoch, of the files' last use; 0 without files."""
    return max((file.used for file in files), default=0.0)


def subfolders(folder: Path, pattern: str) -> list[Path]:
    """Return the folders that match, sorted by name; none if `folder` can't be read."""
    try:  # Path.is_dir raises an error where a folder can't be looked into
        return sorted(path for path in folder.glob(pattern) if os.path.isdir(path))  # noqa: PTH112
    except OSError:
        return []
