"""Work in a thread of its own, while this one waits for llama.cpp or for a larger stack."""

import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Closable(Protocol):
    """Something that holds native memory until it is closed."""

    def close(self) -> None:
        """Free it."""


ClosableT = TypeVar("ClosableT", bound=Closable)


def begun(work: Callable[[], T]) -> Callable[[], T]:
    """Begin some work in a thread; return what waits for it, and returns or raises its outcome.

    Raises:
        RuntimeError: there is no room for a thread.
    """
    done: list[T] = []
    failed: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def outcome() -> T:
        thread.join()
        if failed:
            raise failed[0]
        return done[0]

    return outcome


def uninterrupted(work: Callable[[Callable[[], bool]], ClosableT]) -> ClosableT:
    """Do some work in a thread, and return or raise its outcome.

    Ctrl-C, which Python raises in the main thread, would be lost there if it came while llama.cpp
    calls back. While the main thread only waits, it isn't: the work is told
    to end, and what it makes all the same is closed.

    Args:
        work: is given a function that returns True once it should end.
    """
    given_up = threading.Event()

    def run() -> ClosableT:
        made = work(given_up.is_set)
        if given_up.is_set():
            made.close()
        return made

    try:
        return begun(run)()
    except BaseException:
        given_up.set()
        raise
