"""The layout of Hugging Face's cache: where a file of the hub lies, and how it gets there.

models--ORG--NAME/blobs/ETAG                      the bytes
                 /snapshots/COMMIT/FILE.gguf      a link to them (a file where links don't work)
                 /refs/main                       the commit of a branch
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from r1local.hub.answers import check_name
from r1local.hub.client import RemoteFile
from r1local.hub.errors import not_writable
from r1local.hub.journal import JOURNAL, Partial
from r1local.hub.regular_files import is_whole, regular
from r1local.hub.setup import load

#: Seconds between two attempts at a lock that another process holds.
_LOCK_S = 0.5


def cache_folder() -> Path:
    """Return Hugging Face's cache, as HF_HOME and HF_HUB_CACHE place it."""
    load()
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def blob_path(remote: RemoteFile) -> Path:
    """Return where the cache keeps a file's bytes."""
    return _repository_folder(remote.repo_id) / "blobs" / remote.etag


def snapshot_path(remote: RemoteFile) -> Path:
    """Return where the cache has a file under its own name."""
    folder = _repository_folder(remote.repo_id) / "snapshots" / remote.commit
    return folder / PurePosixPath(remote.filename)


def _repository_folder(repo_id: str) -> Path:
    folder = cache_folder()
    from huggingface_hub.file_download import repo_folder_name

    return folder / repo_folder_name(repo_id=repo_id, repo_type="model")


def cached_path(remote: RemoteFile) -> Path | None:
    """Return the file in the cache, if it has the size it has on the hub, whoever fetched it."""
    path = snapshot_path(remote)
    return path if is_whole(path, remote.size) else None


@contextmanager
def locked(remote: RemoteFile, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold huggingface_hub's own lock of a blob; `waiting` is called while another process has it.

    Raises:
        DownloadError: the cache can't be written.
    """
    folder = cache_folder() / ".locks" / _repository_folder(remote.repo_id).name
    path = folder / f"{remote.etag}.lock"
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    with ExitStack() as stack:
        held = False
        while not held:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(WeakFileLock(path, timeout=_LOCK_S))
                held = True
            except Timeout:
                waiting()
            except OSError as error:
                raise not_writable(error) from error
        yield


class BeingDownloaded(Exception):
    """A partial file is being written by another process."""


def remove_partial(repo_id: str, partial: Partial) -> None:
    """Remove a partial file and its journal, unless they are being written right now.

    Raises:
        BeingDownloaded: they are.
        DownloadError: the cache can't be written.
    """
    path = partial.path
    remote = RemoteFile(repo_id, partial.filename, "", path.stem, partial.size, "")

    def busy() -> None:
        raise BeingDownloaded

    with locked(remote, busy):
        try:
            path.unlink(missing_ok=True)
            path.with_suffix(JOURNAL).unlink(missing_ok=True)
        except OSError as error:
            raise not_writable(error) from error


def link_into_snapshot(remote: RemoteFile, revision: str) -> Path:
    """Link a complete blob into its snapshot, and record which commit a revision is.

    huggingface_hub would ask the hub again for that, and download whatever it then says.

    Raises:
        DownloadError: the cache can't be written.
    """
    path = snapshot_path(remote)
    try:
        if not is_whole(path, remote.size):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            _link(path, blob_path(remote))
        if revision != remote.commit:
            _note(_repository_folder(remote.repo_id) / "refs", revision, remote.commit)
    except OSError as error:
        raise not_writable(error) from error
    return path


def _link(path: Path, blob: Path) -> None:
    try:
        path.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:  # on Windows few users may make links, so move the file
        blob.replace(path)


def _note(folder: Path, revision: str, commit: str) -> None:
    check_name(revision)
    note = folder / PurePosixPath(revision)
    note.parent.mkdir(parents=True, exist_ok=True)
    with open(note, "w", encoding="ascii", opener=regular) as stream:
        stream.write(commit)
