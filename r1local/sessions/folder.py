"""The folder of sessions: what they are called, which ones exist, and who is writing them."""

import os
import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from glob import escape
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from r1local.config.paths import is_device_name, sessions_folder
from r1local.errors import (
    SessionDamaged,
    SessionError,
    SessionInUse,
    SessionNotFound,
    SessionTooNew,
    UsageError,
)
from r1local.language import _, reason_of
from r1local.sessions.records import DELTA_STARTS, VERSION, Head, Record, decode
from r1local.sessions.session_file import Content, read_content
from r1local.sessions.transcript import Transcript
from r1local.units import file_time

if TYPE_CHECKING:
    from filelock import FileLock

#: Endings of a session's file, of the KV cache kept beside it, and of one that was not finished.
SESSION, STATE, UNFINISHED = ".jsonl", ".kv", ".kv.new"
#: Ending of a thought of the session that is being edited, by its turn's number.
_DRAFT = re.compile(r"\.thought-\d+\.md")
#: The most bytes of a name in UTF-8: with a number and an ending it must fit every file system.
_LONGEST_NAME = 200
#: What `new_name` returns, perhaps with a number after it.
_NAMED_BY_TIME = re.compile(r"\d{4}-\d\d-\d\d-\d{4}-\d\d(-\d+)?")
_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in a list; times are in UTC, and `size` is in bytes, including its KV cache.

    For a file that can't be read, `turns` is 0 and `title` is empty.
    """

    name: str
    title: str
    started: datetime
    last_used: datetime
    model: str | None
    turns: int
    size: int


def saved_sessions(folder: Path | None = None) -> list[SessionSummary]:
    """Return the sessions on this machine, most recently used first."""
    return list(each_session(folder))


def each_session(folder: Path | None = None) -> Iterator[SessionSummary]:
    """Yield the sessions of `saved_sessions` as they are read."""
    for path in sorted(_files(folder or sessions_folder()), key=_changed, reverse=True):
        if summary := _summary(path):
            yield summary


def session_names(folder: Path) -> list[str]:
    """Return the names of sessions without reading them, the one changed last first."""
    dated = []
    for path in _files(folder):
        with suppress(OSError):
            dated.append((path.stat().st_mtime, path.stem))
    return [name for _time, name in sorted(dated, reverse=True)]


def last_session(folder: Path | None = None) -> str | None:
    """Return the name of the session that was written last; None if there is none."""
    found = list[tuple[float, str]]()
    for path in _files(folder or sessions_folder()):
        with suppress(OSError):  # it has been deleted meanwhile
            found.append((path.lstat().st_mtime, path.stem))
    return max(found)[1] if found else None


def find_session(name: str, folder: Path | None = None) -> SessionSummary:
    """Return one session of the list.

    Raises:
        UsageError: the name can't be one.
        SessionNotFound: no session has that name.
    """
    summary = _summary(existing(name, folder or sessions_folder()))
    if summary is None:
        raise _not_found(name)
    return summary


def read_session(name: str, folder: Path | None = None) -> Transcript:
    """Read what was said in a session, which may go on meanwhile.

    Raises:
        SessionNotFound: no session has that name.
        SessionDamaged: nothing in its file can be read.
        SessionTooNew: a later version of r1local wrote it.
    """
    return load_session(name, folder or sessions_folder())[0]


def load_session(name: str, folder: Path) -> tuple[Transcript, Content]:
    """Read a session as `read_session` does; return the content of its file, too."""
    path = existing(name, folder)
    try:
        content = read_content(path)
    except OSError as error:
        raise SessionDamaged(
            _("session {name} can't be read: {reason}", name=name, reason=reason_of(error)),
            _("look at {path}", path=path),
        ) from error
    records = list(_records([*content.lines, content.torn]))
    if not records:
        raise SessionDamaged(
            _("nothing in session {name} can be read", name=name),
            _("look at {path}, or remove it", path=path),
        )
    _check_version(name, records)
    return Transcript(records), content


def delete_session(name: str, folder: Path | None = None) -> int:
    """Remove a session and everything kept with it; return the number of bytes freed.

    Raises:
        SessionNotFound: no session has that name.
        SessionInUse: a chat is writing it.
        SessionError: it can't be removed.
    """
    folder = folder or sessions_folder()
    path = existing(name, folder)
    name = path.stem
    try:
        held = lock(name, folder)
        try:
            size = _size(path)
            for draft in drafts_of(path):
                draft.unlink(missing_ok=True)
            for ending in (STATE, UNFINISHED, SESSION):
                (folder / f"{name}{ending}").unlink(missing_ok=True)
        finally:
            unlock(held, gone=not os.path.lexists(path))
    except OSError as error:
        raise SessionError(
            _("session {name} can't be removed: {reason}", name=name, reason=reason_of(error)),
            _("look at {path}", path=path),
        ) from error
    return size


def path_of(name: str, folder: Path) -> Path:
    """Return the path of a session's file, which is always in the folder.

    Raises:
        UsageError: the name can't be one.
    """
    return folder / f"{checked_name(name)}{SESSION}"


def state_of(path: Path) -> Path:
    """Return the path of the KV cache that belongs to a session's file."""
    return path.with_suffix(STATE)


def draft_of(path: Path, turn: int) -> Path:
    """Return the path of a draft that belongs to a session's file: a thought that is edited."""
    return path.with_name(f"{path.stem}.thought-{turn}.md")


def drafts_of(path: Path) -> list[Path]:
    """Return the drafts that belong to a session's file."""
    found = path.parent.glob(f"{escape(path.stem)}.thought-*.md")
    return [each for each in found if _DRAFT.fullmatch(each.name, len(path.stem))]


def existing(name: str, folder: Path) -> Path:
    """Return the path of an existing session's file.

    Raises:
        UsageError: the name can't be one.
        SessionNotFound: no session has that name.
    """
    path = path_of(name, folder)
    if not os.path.lexists(path):
        raise _not_found(name)
    return path


def checked_name(name: str) -> str:
    """Return a session's name in Unicode's normal form NFC.

    Raises:
        UsageError: it isn't a valid file name on every system.
    """
    name = unicodedata.normalize("NFC", name)
    usable = (
        name
        and name.isprintable()
        and not _NOT_IN_NAMES.search(name)
        and not is_device_name(name)
        and name[0] not in ".- "
        and name[-1] not in ". "
        and len(name.encode()) <= _LONGEST_NAME
    )
    if not usable:
        raise UsageError(
            _("{name!r} can't be a session's name", name=name[:_LONGEST_NAME]),
            _("use letters, digits, hyphens and spaces, a letter or digit first"),
        )
    return name


def new_name() -> str:
    """Return a name for the current time: 2026-11-24-1807-42 for 42 seconds past 18:07."""
    return f"{datetime.now():%Y-%m-%d-%H%M-%S}"


def is_given_name(name: str) -> bool:
    """Tell whether a session was given its name by a person, not by `new_name`."""
    return not _NAMED_BY_TIME.fullmatch(name)


def free_names(name: str, folder: Path) -> Iterator[str]:
    """Yield a name, then the same with numbers added, skipping those that sessions have."""
    short = name.encode()[: _LONGEST_NAME - 10].decode(errors="ignore")  # leaves room for numbers
    names = chain((name,), (f"{short}-{number}" for number in count(2)))
    return (each for each in names if not os.path.lexists(folder / f"{each}{SESSION}"))


def lock(name: str, folder: Path) -> "FileLock":
    """Be the only one to write a session until `unlock`, or until this process ends.

    The folder is created if need be, accessible only to its owner.

    Raises:
        SessionInUse: somebody else is writing it.
        OSError: nothing can be locked there.
    """
    from filelock import FileLock, Timeout  # slow to import, and reading needs none

    locks = folder / ".locks"
    for private in (folder, locks):
        private.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = locks / f"{name}.lock"
    held = FileLock(path, timeout=0, mode=0o600, thread_local=False)
    try:
        held.acquire()
    except Timeout:
        copy = path_of(next(free_names(name, folder)), folder)
        files = shlex.join(["cp", str(path_of(name, folder)), str(copy)])
        raise SessionInUse(
            _("session {name} is open in another r1local", name=name),
            _("close that one, or copy it: {files}", files=files),
        ) from None
    return held


def unlock(held: "FileLock", *, gone: bool = False) -> None:
    """Let others write the session; `gone` says that it no longer has that name."""
    if gone:
        with suppress(OSError):  # Windows removes no open file
            Path(held.lock_file).unlink()
    held.release()


def _not_found(name: str) -> SessionNotFound:
    return SessionNotFound(
        _("there is no session {name}", name=name), _("see which there are: r1local sessions")
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield the paths of the sessions' files, skipping files whose names sessions can't have."""
    with suppress(OSError):
        for path in folder.glob(f"*{SESSION}"):
            with suppress(UsageError):
                yield path_of(path.stem, folder)


def _changed(path: Path) -> float:
    """Return when a file was changed, in seconds; 0 if it has been deleted meanwhile."""
    with suppress(OSError):
        return path.lstat().st_mtime
    return 0.0


def _summary(path: Path) -> SessionSummary | None:
    """Return what a list shows about a session; None if it has been deleted meanwhile."""
    try:
        changed = file_time(path.lstat().st_mtime)
        size = _size(path)
    except OSError:
        return None
    records: list[Record] = []
    with suppress(OSError):
        records = list(_records(read_content(path).lines, deltas=False))
    transcript = Transcript(records if _version(records) <= VERSION else ())
    return SessionSummary(
        name=path.stem,
        title=transcript.title,
        started=transcript.started or changed,
        last_used=changed,
        model=transcript.model,
        turns=len(transcript.turns),
        size=size,
    )


def _size(path: Path) -> int:
    """Return the size in bytes of a session's file and its KV cache."""
    return sum(each.lstat().st_size for each in (path, state_of(path)) if os.path.lexists(each))


def _records(lines: Iterable[bytes], *, deltas: bool = True) -> Iterator[Record]:
    for line in lines:
        if deltas or not line.startswith(DELTA_STARTS):
            record = decode(line)
            if record is not None:
                yield record


def _version(records: Iterable[Record]) -> int:
    """Return the latest version that a file says it has; `VERSION` if its head is damaged."""
    return max((each.version for each in records if isinstance(each, Head)), default=VERSION)


def _check_version(name: str, records: Iterable[Record]) -> None:
    if (version := _version(records)) > VERSION:
        raise SessionTooNew(
            _(
                "session {name} has version {version} of the format, and this r1local knows "
                "{known_version}",
                name=name,
                version=version,
                known_version=VERSION,
            ),
            _("install the latest: pip install --upgrade r1local"),
        )
