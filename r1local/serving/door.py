"""The door for this user's own commands: `run` and `chat` use a model that is loaded here."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from r1local.errors import WarmEngineError
from r1local.replies.runner import Runner
from r1local.warm.host import Host
from r1local.warm.places import Place, lock
from r1local.warm.server import sharing


class Door(Host):
    """A loaded model, as this user's commands share it with the server's requests.

    Args:
        model: the model's name, for people.
        path: its file.
        use: told that commands begin to have it open, or that none has any more.
        users: returns how many use it, all commands together being one.
        unload: asked to unload it.
    """

    of_server = True

    def __init__(
        self,
        model: str,
        path: Path,
        use: Callable[[bool], None],
        users: Callable[[], int],
        unload: Callable[[], None],
    ) -> None:
        self.opened = False
        self._use = use
        self._users = users
        self._unload = unload
        super().__init__(model, path)

    @property
    def needed(self) -> bool:
        """Whether requests use the model, besides commands."""
        return self._users() > self.opened

    def watch(self) -> None:
        """Note whether a command has the model open; it isn't unloaded meanwhile."""
        super().watch()
        if self.opened != bool(self.clients):
            self.opened = not self.opened
            self._use(self.opened)

    def asked_to_stop(self, *, unless_open: bool, others: bool) -> bool:  # noqa: ARG002
        """Unload the model if `r1local stop` says so and no request uses it; return whether."""
        if unless_open or self.needed:
            return False
        self._unload()
        return True


@asynccontextmanager
async def open_door(place: Place, door: Door, runner: Runner) -> AsyncIterator[None]:
    """Let commands in for as long as the block lasts.

    Raises:
        WarmEngineError: another process has such a model for them.
        OSError: there can't be a socket.
    """
    held = lock(place)
    if held is None:
        raise WarmEngineError("another process has this model in memory", "see r1local ps")
    try:
        door.open(runner)
        async with sharing(place, door):
            yield
    finally:
        place.lock.unlink(missing_ok=True)
        os.close(held)
