"""Which engines are kept in memory, and giving them up."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from r1local.errors import WarmEngineError
from r1local.warm.client import Connection, EngineGone
from r1local.warm.messages import Status
from r1local.warm.places import Place, places


def kept_engines() -> list[tuple[Place, Status]]:
    """Return the engines of this user that are in memory, those that have been idle longest first.

    Raises:
        WarmEngineError: their folder isn't this user's alone.
    """
    found = []
    for place in places():
        with connected(place) as connection:
            if connection and (status := _status(connection)):
                found.append((place, status))
    return sorted(found, key=lambda each: (each[1].idle_since or float("inf"), each[1].model))


def stop(place: Place) -> bool:
    """End the process that has an engine, or have a server unload it; return whether it's gone."""
    with connected(place) as connection:
        return connection is None or connection.stop()


def stop_unused(place: Place) -> None:
    """End the process that has an engine, unless a program has it open."""
    with connected(place) as connection, suppress(EngineGone, WarmEngineError):
        if connection:
            connection.greeting()
            connection.leave()


def give_up_idle(but: Place) -> bool:
    """End the process of the engine that has been idle longest; return whether there was one.

    Args:
        but: the place of an engine that isn't given up.
    """
    for place, status in kept_engines():
        if status.state == "idle" and status.until is not None and place != but:
            return stop(place)
    return False


@contextmanager
def connected(place: Place) -> Iterator[Connection | None]:
    """Yield a connection to the engine at a place, or None if nobody answers there."""
    try:
        connection = Connection(place)
    except OSError:
        yield None
        return
    with closing(connection):
        yield connection


def _status(connection: Connection) -> Status | None:
    try:
        connection.greeting()
        return connection.status()
    except (EngineGone, WarmEngineError):  # it ends, it's stuck, or its version knows other words
        return None
