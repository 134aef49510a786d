"""Models in the Hugging Face cache, read without huggingface_hub, whose import takes too long.

models--ORG--NAME/blobs/SHA256                    whole and partial files
                 /snapshots/COMMIT/FILE.gguf      a link to a blob (a file on systems without links)
                 /refs/main                       the commit that a branch points to
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from r1local.config.paths import hub_cache_folder, real_path
from r1local.errors import StoreError
from r1local.gguf.parts import part_name
from r1local.gguf.quantization import RepoFile, quantization_of, variants
from r1local.hub.journal import Partial, partials
from r1local.hub.regular_files import regular
from r1local.language import _, reason_of
from r1local.models.catalog import Catalog, CatalogModel
from r1local.models.store.installed import Installed, StoredFile, gguf_files, last_use, subfolders

#: Characters read from a branch's file; a commit has 40.
_LONGEST_COMMIT = 256


def scan(cache: Path, catalog: Catalog) -> Iterator[Installed]:
    """Yield the models in a cache, whole and unfinished ones."""
    for folder in subfolders(cache, "models--*"):
        repo_id = folder.name.removeprefix("models--").replace("--", "/")
        yield from _of_repository(folder, repo_id, catalog.of_repository(repo_id))


def _of_repository(folder: Path, repo_id: str, known: CatalogModel | None) -> Iterator[Installed]:
    found: dict[tuple[Path, ...], Installed] = {}
    lone_parts: dict[str, StoredFile] = {}
    for snapshot, branches in _snapshots(folder):
        files = {file.name: file for file in gguf_files(snapshot)}
        revisions = (snapshot.name, *branches)
        for variant in variants(RepoFile(file.name, file.size) for file in files.values()):
            parts = [files.pop(file.name) for file in variant.files]
            blobs = tuple(part.target for part in parts)
            if blobs in found:  # another snapshot of the same bytes
                merged = found[blobs].revisions + revisions
                found[blobs] = replace(found[blobs], revisions=merged)
            else:
                made = _installed(parts, repo_id, known, revisions)
                found[blobs] = replace(made, sidecar=variant.sidecar)
        lone_parts = {name: file for name, file in files.items() if part_name(name)} | lone_parts
    yield from found.values()
    yield from _unfinished(folder, repo_id, known, lone_parts)


def _snapshots(folder: Path) -> list[tuple[Path, list[str]]]:
    """Return the snapshots and their branches: the snapshot of main first, then by age."""
    branches: dict[str | None, list[str]] = {}
    for path in _files_below(folder / "refs"):
        name = path.relative_to(folder / "refs").as_posix()
        branches.setdefault(_commit_in(path), []).append(name)
    dated = []
    for path in subfolders(folder / "snapshots", "*"):
        with suppress(OSError):
            named = sorted(branches.get(path.name, []))
            dated.append(("main" in named, path.stat().st_mtime, path, named))
    dated.sort(key=lambda each: each[:2], reverse=True)
    return [(path, named) for _main, _time, path, named in dated]


def _commit_in(branch: Path) -> str | None:
    """Return the commit that a branch points to, or None if its file names none."""
    try:
        with open(branch, encoding="ascii", opener=regular) as stream:
            return stream.read(_LONGEST_COMMIT).strip()
    except (OSError, UnicodeDecodeError):
        return None


def _installed(
    parts: list[StoredFile], repo_id: str, known: CatalogModel | None, revisions: tuple[str, ...]
) -> Installed:
    return Installed(
        name=known.name if known else repo_id,
        reference="",
        home="Hugging Face",
        path=parts[0].path,
        parts=tuple(part.path for part in parts),
        size=sum(part.size for part in parts),
        last_used=last_use(parts),
        quantization=quantization_of(parts[0].name),
        known=known,
        repo_id=repo_id,
        filename=parts[0].name,
        revisions=revisions,
    )


def _unfinished(
    folder: Path, repo_id: str, known: CatalogModel | None, lone_parts: dict[str, StoredFile]
) -> Iterator[Installed]:
    """Yield the downloads that are running or interrupted, one entry per split model."""
    groups: dict[str, dict[str, StoredFile | Partial]] = {}
    parts_there: Iterator[tuple[str, StoredFile | Partial]] = chain(
        lone_parts.items(), _partials(folder)
    )
    for name, part in parts_there:
        split = part_name(name)
        groups.setdefault(split.stem if split else name, {})[name] = part
    for parts in groups.values():
        files = [parts[name] for name in sorted(parts)]
        split = part_name(min(parts))
        # Parts not yet started are assumed to be as large as the largest known one.
        missing = (split.count if split else 1) - len(files)
        whole = [file for file in files if isinstance(file, StoredFile)]
        yield Installed(
            name=known.name if known else repo_id,
            reference="",
            home="Hugging Face",
            path=files[0].path,
            parts=tuple(file.path for file in files),
            size=sum(file.size for file in files)
            + max(0, missing) * max(file.size for file in files),
            last_used=max(last_use(whole), *(_changed(file.path) for file in files)),
            quantization=quantization_of(min(parts)),
            known=known,
            repo_id=repo_id,
            filename=min(parts),
            done=sum(file.done if isinstance(file, Partial) else file.size for file in files),
        )


def _partials(folder: Path) -> Iterator[tuple[str, Partial]]:
    with suppress(OSError):
        for partial in partials(folder / "blobs"):
            yield partial.filename, partial


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def remove(entry: Installed) -> int:
    """Remove a model and its unfinished downloads from the cache; return the bytes freed.

    A blob is kept as long as a snapshot links to it. Folders left empty are removed too.

    Raises:
        StoreError: the files can't be removed.
    """
    folder = hub_cache_folder() / f"models--{(entry.repo_id or '').replace('/', '--')}"
    try:
        freed = sum(_remove_link(folder, part) for part in entry.parts if _is_in(part, folder))
        for name, partial in _partials(folder):
            if _same_model(name, entry):
                freed += _remove_partial(partial, entry.repo_id or "")
        _tidy(folder)
    except OSError as error:
        raise StoreError(
            _("{name} can't be removed: {reason}", name=entry.name, reason=reason_of(error)),
            _(
                "check the permissions of {folder}, and whether a program is using the file",
                folder=folder,
            ),
        ) from error
    return freed


def _is_in(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder / "snapshots")


def _same_model(name: str, entry: Installed) -> bool:
    if entry.quantization is None or entry.sidecar:
        return name == entry.filename
    return quantization_of(name) == entry.quantization


def _remove_link(folder: Path, link: Path) -> int:
    """Remove a snapshot's link, and its blob if this was the last link to it."""
    blob, size = real_path(link), link.stat().st_size
    linked = link.is_symlink()
    link.unlink()
    if not linked:
        return size
    links = (path for path in _files_below(folder / "snapshots") if path.is_symlink())
    if blob.parent != real_path(folder / "blobs") or any(real_path(path) == blob for path in links):
        return 0
    blob.unlink()
    return size


def _remove_partial(partial: Partial, repo_id: str) -> int:
    """Remove a partial file and its journal; return the bytes that had arrived."""
    from r1local.hub.layout import BeingDownloaded, remove_partial  # listing models needs no hub

    try:
        remove_partial(repo_id, partial)
    except BeingDownloaded as error:
        raise StoreError(
            _("{filename} is being downloaded", filename=partial.filename),
            _("stop its r1local pull, and try again"),
        ) from error
    return partial.done


def _tidy(folder: Path) -> None:
    """Remove empty snapshots, the branches that point to them, and a repository without files."""
    for snapshot in subfolders(folder / "snapshots", "*"):
        if any(True for _ in _files_below(snapshot)):
            _remove_empty_folders(snapshot)
            continue
        shutil.rmtree(snapshot)
        for branch in list(_files_below(folder / "refs")):
            if _commit_in(branch) == snapshot.name:
                branch.unlink()
    kept = chain(_files_below(folder / "snapshots"), _files_below(folder / "blobs"))
    if next(kept, None) is None:
        shutil.rmtree(folder)


def _remove_empty_folders(folder: Path) -> None:
    for root, _folders, _names in os.walk(folder, topdown=False):
        with suppress(OSError):  # it is not empty
            Path(root).rmdir()


def _files_below(folder: Path) -> Iterator[Path]:
    return (Path(root, name) for root, _folders, names in os.walk(folder) for name in names)
