"""An engine that programs share, and how it stands."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from r1local.machine.hardware import resident_memory
from r1local.replies.runner import Runner
from r1local.warm.messages import State, Status, our_versions

#: Seconds for which a new engine waits for the first program.
_FIRST_WAIT_S = 30.0
#: Seconds in which the program that had it started hears why it can't be loaded.
_TO_HEAR_S = 1.0


class Program(Protocol):
    """A program at the other end of a socket.

    Attributes:
        client: it has the engine open, and doesn't just look at how it stands.
    """

    client: bool

    def close(self) -> None:
        """End the connection."""


class Host:
    """An engine that programs share, and those that have it open. It belongs to one event loop.

    Args:
        model: the model's name, for people.
        path: its file.
        on_stop: called when the engine is asked to go, or when its time is up; once.
        keep_alive: seconds for which it stays without a program, or None for ever.
    """

    #: Whether the process is a server, which does without the engine, and goes on without it.
    of_server = False

    def __init__(
        self,
        model: str,
        path: Path,
        on_stop: Callable[[], None] = lambda: None,
        keep_alive: float | None = None,
    ) -> None:
        self.model = model
        self.path = path
        self.keep_alive = keep_alive
        self.connections: set[Program] = set()
        self.versions = our_versions()
        self.outcome: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()
        # Nobody may be there to hear why loading failed.
        self.outcome.add_done_callback(lambda each: each.cancelled() or each.exception())
        self._on_stop: Callable[[], None] | None = on_stop
        self._wanted = False
        self._idle_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.watch()

    @property
    def abandoned(self) -> bool:
        """Whether every program that waited for the engine has gone before it was loaded."""
        return self._wanted and not self.clients

    @property
    def clients(self) -> list[Program]:
        """The programs that have the engine open."""
        return [each for each in self.connections if each.client]

    def open(self, runner: Runner) -> None:
        """Let programs ask the engine, which is loaded now."""
        if not self.outcome.done():
            self.outcome.set_result(runner)

    def fail(self, error: Exception) -> None:
        """Tell programs why the engine can't be loaded, and go."""
        if not self.outcome.done():
            self.outcome.set_exception(error)
        asyncio.get_running_loop().call_later(_TO_HEAR_S, self.stop)

    def asked_to_stop(self, *, unless_open: bool, others: bool) -> bool:
        """Stop if that can be; return whether.

        Args:
            unless_open: stay if there are others.
            others: programs besides the one that asks have the engine open.
        """
        if unless_open and others:
            return False
        self.stop()
        return True

    def stop(self) -> None:
        """Ask whoever has the engine to go."""
        if on_stop := self._on_stop:
            self._on_stop = None
            on_stop()

    def watch(self) -> None:
        """Note whether a program has the engine open; without one, its time runs."""
        if self.clients:
            self._wanted, self._idle_since = True, None
            if self._timer:
                self._timer.cancel()
                self._timer = None
        elif self._idle_since is None:
            self._idle_since = time.time()
            if self.keep_alive is not None:
                # Whoever had it started may still be on the way.
                seconds = self.keep_alive if self._wanted else max(self.keep_alive, _FIRST_WAIT_S)
                self._timer = asyncio.get_running_loop().call_later(seconds, self.stop)

    def status(self) -> Status:
        """Return how the engine stands."""
        idle, stays, runner = self._idle_since, self.keep_alive, self.runner
        engine = runner.engine if runner else None
        busy = runner is not None and runner.replying
        loaded: State = "replying" if busy else "idle" if idle else "open"
        return Status(
            model=self.model,
            path=str(self.path),
            versions=self.versions,
            pid=os.getpid(),
            state=loaded if engine else "loading",
            clients=len(self.clients),
            memory=resident_memory(),
            idle_since=idle,
            until=idle + stays if idle is not None and stays is not None else None,
            details=engine.details if engine else "",
            context_window=engine.context_window if engine else None,
            at_once=engine.at_once if engine else 0,
            of_server=self.of_server,
        )

    @property
    def runner(self) -> Runner | None:
        """The engine's user, once it is loaded."""
        done = self.outcome.done() and not self.outcome.cancelled()
        return self.outcome.result() if done and not self.outcome.exception() else None
