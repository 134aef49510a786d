"""Work in a thread of its own, while this one waits for llama.cpp or for a larger stack."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


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
