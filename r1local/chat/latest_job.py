"""A thread that does only what it was asked to do last."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias

#: Does something slow, and stops soon after the function that it is given returns True.
Job: TypeAlias = Callable[[Callable[[], bool]], None]


class LatestJob:
    """Does one job at a time: a new one cancels the one before it, and what waits is forgotten.

    Args:
        failed: called, in the thread, with what a job raised.
    """

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._latest: Job | None = None
        Thread(target=self._work, daemon=True).start()

    def ask(self, job: Job | None) -> None:
        """Do a job; None ends the thread."""
        self._latest = job
        self._jobs.put(job)

    def _work(self) -> None:
        while job := self._jobs.get():
            try:
                if job is self._latest:
                    job(lambda job=job: job is not self._latest)  # type: ignore[misc]
            except Exception as error:
                self._failed(error)
