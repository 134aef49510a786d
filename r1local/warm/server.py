"""The socket at which this user's programs ask for an engine.

A process that has engines of its own shares one of them like this, in its event loop:

    wanted = Wanted("7b", path, plain_settings(settings), at_once, None)
    if lock(wanted.place) is not None:  # otherwise another process keeps such an engine
        host = Host(wanted.model, path, on_stop)
        runner = Runner(engine)
        runner.start()
        host.open(runner)
        async with sharing(wanted.place, host):
            …

`run` and `chat` then find it for the same file and settings of loading, and `ps` lists it. It
stays for as long as it is shared; `on_stop` is called when `r1local stop` asks it to go. What the
process itself wants of the engine it asks the runner, too.
"""

import asyncio
import logging
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from r1local.errors import InferenceError, R1LocalError, WarmEngineError
from r1local.events.reply import Finished
from r1local.machine.hardware import resident_memory
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.engine import Engine, Happening, PreparedPrompt
from r1local.replies.settings import ReplySettings
from r1local.warm.messages import (
    LONGEST,
    Greeting,
    Message,
    Opened,
    PromptFacts,
    Question,
    State,
    Status,
    decode,
    encode,
    our_versions,
    plain,
    plain_error,
    plain_happening,
    read,
)
from r1local.warm.places import Place, check_peer
from r1local.warm.runner import Runner

#: Bytes that wait for a program that doesn't read; it gets no more, since others would wait too.
_MOST_UNREAD = 64 * 2**20
#: Tokens that no context window has.
_MOST_CONTEXT = 2**31
#: Seconds for which a new engine waits for the first program.
_FIRST_WAIT_S = 30.0
#: Prompts of a program that are kept as they were prepared: it sizes them, and then asks them.
_PROMPTS_KEPT = 4
_log = logging.getLogger(__name__)
_Asked: TypeAlias = Callable[["_Connection", Message], None]


class Host:
    """An engine that programs share, and those that have it open. It belongs to one event loop.

    Args:
        model: the model's name, for people.
        path: its file.
        on_stop: called when the engine is asked to go, or when its time is up; once.
        keep_alive: seconds for which it stays without a program, or None for ever.
    """

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
        self.connections: set[_Connection] = set()
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
    def clients(self) -> "list[_Connection]":
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
        asyncio.get_running_loop().call_later(0.2, self.stop)

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
        )

    @property
    def runner(self) -> Runner | None:
        """The engine's user, once it is loaded."""
        done = self.outcome.done() and not self.outcome.cancelled()
        return self.outcome.result() if done and not self.outcome.exception() else None


@asynccontextmanager
async def sharing(place: Place, host: Host) -> AsyncIterator[None]:
    """Offer an engine at a place whose lock this process holds, for as long as the block lasts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await _Connection(host, writer).serve(reader)

    place.socket.unlink(missing_ok=True)  # what a killed process left
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(serve, place.socket, limit=LONGEST)
    finally:
        os.umask(before)
    try:
        yield
    finally:
        place.socket.unlink(missing_ok=True)
        server.close()
        for each in [*host.connections]:
            each.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 2)


class _Connection:
    """A program at the other end of a socket.

    Attributes:
        client: it has the engine open, and doesn't just look at how it stands.
    """

    def __init__(self, host: Host, writer: asyncio.StreamWriter) -> None:
        self.client = False
        self._host = host
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._replies: dict[int, Control] = {}
        self._prompts: OrderedDict[Question, PreparedPrompt] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Answer until the program has gone; what it still wanted ends then."""
        host = self._host
        try:
            check_peer(self._writer.get_extra_info("socket"))
        except WarmEngineError as error:
            _log.warning(error.message)
            self.close()
            return
        host.connections.add(self)
        try:
            self.send(plain(Greeting(host.versions, os.getpid())))
            while line := await reader.readline():
                self._handle(decode(line))
        except (ValueError, KeyError) as error:
            _log.warning("a message isn't valid: %s", type(error).__name__)
        finally:
            host.connections.discard(self)
            host.watch()
            for control in self._replies.values():
                control.cancel()
            self.close()

    def send(self, message: Message) -> None:
        """Send a message, unless the program has gone or doesn't read."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MOST_UNREAD:
            _log.warning("a program doesn't read: it is given up")
            transport.abort()
            return
        self._writer.write(encode(message))

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _handle(self, message: Message) -> None:
        asked = _ASKED.get(str(message["do"]))
        if asked is None:
            raise ValueError("an unknown message")
        asked(self, message)

    def _spawn(self, message: Message, answer: Any) -> None:
        """Answer a message in the background, with an error if there is one."""

        async def task() -> None:
            try:
                answered = await answer
            except R1LocalError as error:
                answered = {"error": plain_error(error)}
            except Exception as error:  # a bug: its text may quote what was asked
                _log.error("%s while it answered", type(error).__name__)
                answered = {"error": plain_error(_bug(error))}
            self.send({"id": message["id"], **answered})

        spawned = self._loop.create_task(task())
        self._tasks.add(spawned)
        spawned.add_done_callback(self._tasks.discard)

    def _open(self, message: Message) -> None:
        self.client = True
        if (stays := message["keep_alive"]) is not None and self._host.keep_alive is not None:
            self._host.keep_alive = float(stays)
        self._host.watch()

        async def opened() -> Message:
            engine = (await asyncio.shield(self._host.outcome)).engine
            others = len(self._host.clients) - 1
            facts = Opened(
                engine.name,
                engine.abilities,
                tuple(engine.notices),
                engine.details,
                engine.context_window,
                engine.at_once,
                others,
            )
            return {"opened": plain(facts)}

        self._spawn(message, opened())

    def _prepare(self, message: Message) -> None:
        asked = self._runner.call(partial(self._prompt, read(Question, message["prompt"])))

        async def prepared() -> Message:
            prompt = await asyncio.wrap_future(asked)
            return {"prepared": plain(PromptFacts(prompt.size, tuple(prompt.notices)))}

        self._spawn(message, prepared())

    def _reply(self, message: Message) -> None:
        number, control = int(message["id"]), Control()
        self._replies[number] = control
        for command in message["commands"]:
            _steer(control, command)
        if message["cancelled"]:
            control.cancel()
        settings = read(ReplySettings, message["settings"])
        _log.info("reply %d begins", number)

        def listener(happening: Happening) -> None:
            self._loop.call_soon_threadsafe(self._tell, number, happening)

        prepare = partial(self._prompt, read(Question, message["prompt"]))
        self._runner.reply(prepare, settings, control, listener)

    def _tell(self, number: int, happening: Happening) -> None:
        self.send({"id": number, **plain_happening(happening)})
        if isinstance(happening, Finished | R1LocalError):
            self._replies.pop(number, None)
            _log.info("reply %d ended", number)

    def _cancel(self, message: Message) -> None:
        if control := self._replies.get(message["id"]):
            control.cancel()

    def _steer(self, message: Message) -> None:
        if control := self._replies.get(message["id"]):
            _steer(control, message["command"])

    def _larger(self, message: Message) -> None:
        least = int(message["least"])
        if least > _MOST_CONTEXT:  # looking for one that is large enough would never end
            raise ValueError("no context is that large")

        async def larger() -> Message:
            found = self._runner.call(lambda engine: engine.larger(lambda tokens: tokens >= least))
            return {"context": await asyncio.wrap_future(found)}

        self._spawn(message, larger())

    def _status(self, message: Message) -> None:
        self.send({"id": message["id"], "status": plain(self._host.status())})

    def _stop(self, message: Message) -> None:
        """Have the host stop; unless others have the engine open, if that was said."""
        stops = not (message.get("unless_open") and self._others)
        self.send({"id": message["id"], "stops": stops})
        if stops:
            _log.info("asked to stop")
            self._host.stop()

    @property
    def _others(self) -> int:
        return sum(each is not self for each in self._host.clients)

    @property
    def _runner(self) -> Runner:
        runner = self._host.runner
        if runner is None:
            raise ValueError("not open yet")
        return runner

    def _prompt(self, asked: Question, engine: Engine) -> PreparedPrompt:
        """Make a prompt, unless it was the same lately. Only the engine's thread is ever here."""
        prompt = self._prompts.pop(asked, None)
        if prompt is None:
            prompt = engine.prepare(asked.conversation, asked.settings, asked.begun)
        self._prompts[asked] = prompt
        if len(self._prompts) > _PROMPTS_KEPT:
            self._prompts.popitem(last=False)
        return prompt


_ASKED: dict[str, _Asked] = {
    "open": _Connection._open,
    "prepare": _Connection._prepare,
    "reply": _Connection._reply,
    "cancel": _Connection._cancel,
    "steer": _Connection._steer,
    "larger": _Connection._larger,
    "status": _Connection._status,
    "stop": _Connection._stop,
}


def _steer(control: Control, command: SteeringCommand) -> None:
    if command == "answer now":
        control.answer_now()
    else:
        control.think_more()


def _bug(error: Exception) -> InferenceError:
    return InferenceError(
        f"the engine has a bug: {type(error).__name__}", "leave it out with --no-daemon"
    )
