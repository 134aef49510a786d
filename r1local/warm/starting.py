"""Finding the engine for a model and its settings, or starting the process that keeps one."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from select import select
from typing import Any

from r1local.config.options import in_group
from r1local.config.preferences import Settings
from r1local.errors import LoadingCancelled, WarmEngineError
from r1local.language import _
from r1local.warm.client import LOOK_INTERVAL_S, Connection, EngineGone, read_or_gone
from r1local.warm.messages import Opened, Versions, our_versions
from r1local.warm.places import Place, place_for
from r1local.warm.task import TAKEN, Task

#: Seconds in which an engine's process opens its socket, or the one that has its place does.
_TIME_TO_START_S = 60.0
#: How often an engine that ends just now, or has to be replaced, is tried again.
_ATTEMPTS = 5
_PROGRAM = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from r1local.warm.process import main
main()
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The engine that a program wants.

    Args:
        model: the model's name, for people.
        path: its file.
        settings: what is set of loading, from `plain_settings`.
        at_once: the number of replies at the same time.
        keep_alive: seconds for which it is to stay afterwards; None means that one is used if
            it is there, and that none is started.
        draft_model: the file of the smaller model that drafts, if there is to be one.
    """

    model: str
    path: Path
    settings: Mapping[str, Any]
    at_once: int
    keep_alive: float | None
    draft_model: Path | None = None

    @property
    def place(self) -> Place:
        """Where such an engine is.

        Raises:
            WarmEngineError: there can't be any.
        """
        return place_for(key_of(self.path, self.settings))

    @property
    def to_start(self) -> "Wanted":
        """The same after its process has ended: one is started, and stays until the end."""
        return self if self.keep_alive is not None else replace(self, keep_alive=0.0)

    def with_(self, context: int | None, at_once: int | None) -> "Wanted":
        """Return the same with another context, or for another number of replies."""
        settings = {**self.settings, "context": context} if context else self.settings
        return replace(self.to_start, settings=settings, at_once=at_once or self.at_once)


@dataclass(frozen=True, slots=True)
class Found:
    """An engine that a program has open, and which one it replaced, if that was of others."""

    connection: Connection
    opened: Opened
    replaced: Versions | None = None


class NoneKept(Exception):
    """No such engine is in memory, and none was to be started."""


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Return what is set of loading, as JSON has it; paths are whole, as folders differ."""
    found = {}
    for option in in_group("loading"):
        if option.name in settings:
            value = settings[option.name].value
            value = value.absolute() if isinstance(value, Path) else value
            found[option.name] = value if isinstance(value, dict) else option.plain(value)
    return found


def key_of(path: Path, settings: Mapping[str, Any]) -> str:
    """Return what identifies an engine: the file as it is, and what it is loaded with."""
    files = [path, *(Path(settings[name]) for name in ("chat-template",) if name in settings)]
    return json.dumps([[_identity(each) for each in files], settings], sort_keys=True)


def find(wanted: Wanted, cancelled: Callable[[], bool]) -> Found:
    """Return the engine that is wanted, after starting it if need be.

    An idle engine of another version, or with room for too few replies, is replaced, unless it is
    a server's.

    Raises:
        NoneKept: there is none, and none is to be started.
        WarmEngineError: it can't be kept; or one of another version is in use.
        R1LocalError: the model can't be loaded as the settings say.
        LoadingCancelled: `cancelled` returned True.
    """
    place, replaced = wanted.place, None
    for _attempt in range(_ATTEMPTS):
        connection = _connection(wanted, place, cancelled)
        try:
            versions = connection.greeting().versions
            if versions != our_versions():
                if wanted.keep_alive is None:
                    raise NoneKept
                _replace(connection, versions)
                replaced = versions
                continue
            opened = _open(connection, wanted, cancelled)
            fits = wanted.keep_alive is None or _enough(opened, wanted)
            if fits or not connection.leave():
                return Found(connection, opened, replaced)
        except EngineGone:
            pass  # its time was just up, or its process was killed
        except BaseException:
            connection.close()
            raise
        connection.close()
    raise WarmEngineError(
        _("the engine's process ends again and again"),
        _("look into {log}, or add --no-daemon", log=place.log),
    )


def _enough(opened: Opened, wanted: Wanted) -> bool:
    """Return whether an engine makes as many replies at once as are wanted, or is others' too."""
    return opened.at_once >= wanted.at_once or opened.others > 0


def _open(connection: Connection, wanted: Wanted, cancelled: Callable[[], bool]) -> Opened:
    number = connection.ask("open", keep_alive=wanted.keep_alive)
    return read_or_gone(Opened, connection.answer(number, cancelled)["opened"])


def _replace(connection: Connection, versions: Versions) -> None:
    """End an idle engine of another version.

    Raises:
        WarmEngineError: it isn't idle, or doesn't end.
    """
    status = connection.status()
    if status.clients or status.until is None or not connection.stop():
        raise WarmEngineError(
            _("the model is in memory for {versions}, which is in use", versions=versions),
            _("add --no-daemon"),
        )


def _connection(wanted: Wanted, place: Place, cancelled: Callable[[], bool]) -> Connection:
    """Connect to the engine's process, after starting it if it isn't there."""
    deadline = time.monotonic() + _TIME_TO_START_S
    while True:
        try:
            return Connection(place)
        except OSError as error:
            if wanted.keep_alive is None:
                raise NoneKept from error
        if cancelled():
            raise LoadingCancelled
        if time.monotonic() > deadline:
            raise WarmEngineError(
                _("no engine answers at {socket}", socket=place.socket),
                _("type: r1local stop --all"),
            )
        if not _start(wanted, place, cancelled):
            time.sleep(LOOK_INTERVAL_S)


def _start(wanted: Wanted, place: Place, cancelled: Callable[[], bool]) -> bool:
    """Start a process; return whether it has the place, or another one has it already.

    Raises:
        WarmEngineError: it ended.
    """
    assert wanted.keep_alive is not None
    task = Task(
        socket=str(place.socket),
        model=wanted.model,
        path=str(wanted.path.absolute()),
        settings=wanted.settings,
        at_once=wanted.at_once,
        keep_alive=wanted.keep_alive,
        draft_model=str(wanted.draft_model.absolute()) if wanted.draft_model else None,
    )
    modules = json.dumps([str(Path(each).absolute()) for each in sys.path])
    read_end, write_end = os.pipe()
    try:
        started = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, modules],
            stdin=subprocess.PIPE,
            stdout=write_end,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(write_end)
        with suppress(BrokenPipeError):
            started.communicate(json.dumps(asdict(task)).encode() + b"\n")
        return _ready(read_end, cancelled, place)
    finally:
        os.close(read_end)


def _ready(descriptor: int, cancelled: Callable[[], bool], place: Place) -> bool:
    deadline = time.monotonic() + _TIME_TO_START_S
    while not select([descriptor], [], [], LOOK_INTERVAL_S)[0]:
        if cancelled():
            raise LoadingCancelled
        if time.monotonic() > deadline:
            break
    else:
        if said := os.read(descriptor, 64):
            return said != TAKEN
    raise WarmEngineError(
        _("the engine's process ended"), _("look into {log}, or add --no-daemon", log=place.log)
    )


def _identity(path: Path) -> list[Any]:
    """Return what tells a file from others, and from what it was."""
    try:
        facts = path.stat()
    except OSError:
        return [str(path.absolute())]
    return [str(path.resolve()), facts.st_size, facts.st_mtime_ns]
