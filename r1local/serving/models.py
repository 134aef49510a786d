"""The models that a server has: those on this machine, and the set of those that are loaded."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from r1local.config.paths import is_missing, real_path, user_models
from r1local.config.preferences import Setting, Settings, settings_in_force, value_in
from r1local.errors import LoadingCancelled, UnknownModel, WarmEngineError
from r1local.models.catalog import load_catalog
from r1local.models.references import PathReference, parse_reference, unaliased
from r1local.models.selection import Selected, select
from r1local.models.store.installed import Installed
from r1local.models.store.search import installed_models
from r1local.opening import open_engine, place_in_memory, room_for
from r1local.replies.runner import Runner
from r1local.serving.door import Door, open_door
from r1local.serving.failures import Unavailable
from r1local.serving.log import Log
from r1local.warm.kept import stop_unused
from r1local.warm.places import Place

#: Seconds that a model stays loaded after its last reply, as Ollama's do.
KEEP_ALIVE = 300.0
#: Seconds for which a new model waits for whoever asked for it.
_FIRST_WAIT_S = 5.0
#: Names of models that needn't be looked up again.
_MOST_NAMES = 1_000
T = TypeVar("T")


@dataclass(eq=False)
class Loaded:
    """A loaded model.

    Args:
        selected: which one it is.
        settings: what is set for it.
        runner: the thread that uses its engine.
        keep_alive: seconds for which it stays when nobody uses it.
        users: how many requests use it now; this user's commands count as one. While there are
            any, it isn't unloaded.
        idle_since: when the last one ended, in seconds since the epoch.
        door: who of this user's commands has it open, if they can.
        closing: closes the door.
    """

    selected: Selected
    settings: Settings
    runner: Runner
    keep_alive: float
    users: int = 0
    idle_since: float = field(default_factory=time.time)
    timer: asyncio.TimerHandle | None = None
    door: Door | None = None
    closing: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.selected.name

    @property
    def expires_at(self) -> float:
        """When it is unloaded unless it is used, in seconds since the epoch."""
        return (time.time() if self.users else self.idle_since) + self.keep_alive


class Models:
    """The set of loaded models, of one event loop. Close it in the end.

    Each of them has a door for this user's commands, so that a model is in memory once.

    Args:
        default: the reference of the model for requests that name none; None means the best one.
        given: options of the command line, which hold for all models.
        at_once: the replies of one model that are made at the same time.
        log: is told what is loaded and unloaded.
    """

    def __init__(
        self, default: str | None, given: Mapping[str, Any], at_once: int, log: Log
    ) -> None:
        self.at_once = at_once
        self.loaded: dict[Path, Loaded] = {}
        self._given = given
        self._log = log
        self._default = self._select(default)
        self._known: dict[str, Selected] = {}
        #: Held while models are loaded and unloaded, so that the planner sees the memory as it is.
        self._changing = asyncio.Lock()
        self._closing = False

    @property
    def default(self) -> Selected:
        """The model for requests that name none."""
        return self._default

    def find(self, name: str | None) -> Selected:
        """Return the model that a request names; files that aren't listed don't count.

        Raises:
            UnknownModel, ModelNotInstalled: there is none here.
        """
        if name is None:
            return self._default
        bare = name.removesuffix(":latest")
        ours = {self._default.name, self._default.typed, self._default.reference}
        if bare in ours:
            return self._default
        found = self._known.get(bare)
        if found is None or is_missing(found.path):
            found = self._look_up(bare)
            if len(self._known) < _MOST_NAMES:
                self._known[bare] = found
        return found

    def listed(self) -> list[Installed]:
        """Return the models on this machine that requests can name."""
        return [entry for entry in installed_models(load_catalog(user_models())) if entry.whole]

    @asynccontextmanager
    async def using(
        self, selected: Selected, keep_alive: float | None = None
    ) -> AsyncIterator[Loaded]:
        """Load a model unless it is loaded, and keep it loaded meanwhile.

        Args:
            keep_alive: seconds for which it stays afterwards, if that isn't the server's own.

        Raises:
            R1LocalError: it can't be loaded.
            Unavailable: memory has no room for it beside those that are in use.
        """
        loaded = await self._pinned(selected)
        if keep_alive is not None:
            loaded.keep_alive = keep_alive
        try:
            yield loaded
        finally:
            self._release(loaded)

    async def unload(self, selected: Selected) -> bool:
        """Unload a model unless it is in use; return whether it isn't loaded any more."""
        async with self._changing:
            loaded = self.loaded.get(_key(selected))
            if loaded is None:
                return True
            if loaded.users:
                return False
            await self._unload(loaded)
            return True

    async def close(self) -> None:
        """Unload all models, and end their replies."""
        self._closing = True
        async with self._changing:
            for loaded in [*self.loaded.values()]:
                await self._unload(loaded)

    async def _pinned(self, selected: Selected) -> Loaded:
        while (loaded := self.loaded.get(_key(selected))) is None:
            # Who asked may leave in the meantime; the model is loaded all the same.
            await asyncio.shield(_in_background(self._ensure(selected)))
        self._pin(loaded)
        return loaded

    async def _ensure(self, selected: Selected) -> None:
        async with self._changing:
            if _key(selected) not in self.loaded:
                loaded = await self._load(selected)
                self._expire_in(loaded, max(loaded.keep_alive, _FIRST_WAIT_S))

    def _pin(self, loaded: Loaded) -> None:
        loaded.users += 1
        if loaded.timer:
            loaded.timer.cancel()
            loaded.timer = None

    def _release(self, loaded: Loaded) -> None:
        loaded.users -= 1
        if loaded.users or self.loaded.get(_key(loaded.selected)) is not loaded:
            return
        loaded.idle_since = time.time()
        self._expire_in(loaded, loaded.keep_alive)

    def _expire_in(self, loaded: Loaded, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        loaded.timer = loop.call_later(seconds, self._expire, loaded.selected)

    def _expire(self, selected: Selected) -> None:
        _in_background(self.unload(selected))

    async def _load(self, selected: Selected) -> Loaded:
        settings = await asyncio.to_thread(settings_in_force, self._given, selected.preferred)
        place = await asyncio.to_thread(self._place, selected, settings)
        await self._make_room(selected, settings)
        own = {**settings, "no-daemon": Setting(True, "serve")}  # this is the process that keeps it
        opening = partial(open_engine, selected, own, self._cancelled, at_once=self.at_once)
        started = time.monotonic()
        try:
            engine = await asyncio.to_thread(opening)
        except LoadingCancelled:
            raise Unavailable("the server is stopping", "ask again when it runs") from None
        keep_alive = value_in(settings, "keep-alive") if "keep-alive" in settings else KEEP_ALIVE
        loaded = Loaded(selected, settings, Runner(engine), keep_alive or 0.0)
        loaded.runner.start()
        self.loaded[_key(selected)] = loaded
        self._log("loaded", model=loaded.name, seconds=round(time.monotonic() - started, 3))
        for notice in engine.notices:
            self._log("notice", model=loaded.name, message=notice.message)
        if place:
            await self._open_door(loaded, place)
        return loaded

    def _place(self, selected: Selected, settings: Settings) -> Place | None:
        """Return where commands find the model, which no idle process has in memory any more."""
        try:
            place = place_in_memory(selected, settings)
            stop_unused(place)
        except WarmEngineError as error:
            self._log("not shared", model=selected.name, message=error.message)
            return None
        return place

    async def _open_door(self, loaded: Loaded, place: Place) -> None:
        def use(begins: bool) -> None:
            self._pin(loaded) if begins else self._release(loaded)

        def unload() -> None:
            _in_background(self._unload_unneeded(loaded))

        door = Door(loaded.name, loaded.selected.path, use, lambda: loaded.users, unload)
        try:
            await loaded.closing.enter_async_context(open_door(place, door, loaded.runner))
        except (WarmEngineError, OSError) as error:
            self._log("not shared", model=loaded.name, message=str(error))
        else:
            loaded.door = door

    async def _unload_unneeded(self, loaded: Loaded) -> None:
        """Unload a model that at most commands use, who find another way."""
        async with self._changing:
            is_loaded = self.loaded.get(_key(loaded.selected)) is loaded
            if is_loaded and not (loaded.door and loaded.door.needed):
                await self._unload(loaded)

    async def _make_room(self, selected: Selected, settings: Settings) -> None:
        """Unload models that nobody uses, the longest idle first, until this one has room."""
        ask: Callable[..., Any] = partial(room_for, selected, settings, at_once=self.at_once)
        while self.loaded and (room := await asyncio.to_thread(ask)) != "enough":
            idle = [each for each in self.loaded.values() if not each.users]
            if idle:
                await self._unload(min(idle, key=lambda each: each.idle_since))
            elif room == "none":
                raise Unavailable(
                    f"memory has no room for {selected.name} beside the models that are in use",
                    "ask again when they are idle",
                )
            else:
                return

    async def _unload(self, loaded: Loaded) -> None:
        del self.loaded[_key(loaded.selected)]
        if loaded.timer:
            loaded.timer.cancel()
        await loaded.closing.aclose()
        await asyncio.to_thread(loaded.runner.close)
        self._log("unloaded", model=loaded.name)

    def _cancelled(self) -> bool:
        return self._closing

    def _select(self, reference: str | None) -> Selected:
        return select(reference, load_catalog(user_models()))

    def _look_up(self, name: str) -> Selected:
        for entry in self.listed():
            if name in (entry.reference, str(entry.path)):
                return Selected(entry.name, entry.path, entry.known, None, name, entry.quantization)
        catalog = load_catalog(user_models())
        named = unaliased(name, catalog) == name.strip()
        if named and isinstance(parse_reference(name, catalog), PathReference):
            # Whether a file exists isn't a request's to know.
            raise UnknownModel(f"no model is called {name!r}", "see /v1/models")
        return select(name, catalog)


def _in_background(work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
    """Do something that goes on when nobody waits for it any more."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _key(selected: Selected) -> Path:
    return real_path(selected.path)
