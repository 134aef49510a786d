"""KV caches kept beside sessions: a convenience, so whatever fails here fails in silence."""

import shutil
from contextlib import suppress
from pathlib import Path

from r1local.engine.model import Model
from r1local.engine.state import restore_state, save_state
from r1local.errors import InferenceError
from r1local.sessions.folder import STATE, UNFINISHED

#: Of the disk's free room, the part that a KV cache may take.
_SHARE = 0.5


def keep(model: Model, path: Path, most: int) -> bool:
    """Keep the model's KV cache in a file; False if it is empty or there is no room.

    Of other sessions in the folder those go that were kept longest ago, so that all
    together are no more than `most` bytes.
    """
    size = model.state_size()
    try:
        if not model.position or size > min(most, _SHARE * shutil.disk_usage(path.parent).free):
            path.unlink(missing_ok=True)  # that of an earlier moment
            return False
        _make_room(path, most - size)
        save_state(model, path)
    except (OSError, MemoryError, InferenceError):
        return False
    return True


def restore(model: Model, path: Path) -> bool:
    """Put back a KV cache; False if there is none, or none for this model as it is loaded."""
    return path.is_file() and not path.is_symlink() and restore_state(model, path)


def move(path: Path, target: Path) -> None:
    """Let a KV cache follow its session to another name."""
    with suppress(OSError):
        path.replace(target)


def share(path: Path, target: Path) -> None:
    """Let a copy of a session have its KV cache, in the same place on the disk: none is changed."""
    with suppress(OSError):
        if not path.is_symlink():
            target.hardlink_to(path)


def _make_room(path: Path, most: int) -> None:
    """Leave at most so many bytes of KV caches in a folder, beside that of one session."""
    # What a save that was killed has left counts too.
    found = [each for end in (STATE, UNFINISHED) for each in path.parent.glob(f"*{end}")]
    others = [each for each in found if each != path]
    kept = 0
    for each in sorted(others, key=lambda other: other.lstat().st_mtime, reverse=True):
        kept += each.lstat().st_size
        if kept > most:
            each.unlink()
