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
process itself wants of the engine it asks the runner, too. `serving.door` is such a place.
"""

import asyncio
import logging
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

from r1local.errors import (
    InferenceError,
    R1LocalError,
    WarmEngineError,
    lacks_memory,
    too_little_memory,
)
from r1local.events.reply import Finished
from r1local.language import _
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.engine import Engine, Happening, PreparedPrompt
from r1local.replies.runner import Listener, Runner
from r1local.replies.settings import ReplySettings
from r1local.warm.host import Host
from r1local.warm.messages import (
    LONGEST,
    Greeting,
    Message,
    Opened,
    PromptFacts,
    Question,
    decode,
    encode,
    plain,
    plain_error,
    plain_happening,
    read,
)
from r1local.warm.places import Place, check_peer

#: Bytes that wait for a program that doesn't read; it gets no more, since others would wait too.
_MOST_UNREAD = 64 * 2**20
#: Tokens that no context window has.
_MOST_CONTEXT = 2**31
#: Prompts of a program that are kept as they were prepared: it sizes them, and then asks them.
_PROMPTS_KEPT = 4
_log = logging.getLogger(__name__)
_Asked: TypeAlias = Callable[["_Connection", Message], None]


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
            self.send(plain(Greeting(host.versions, os.getpid(), host.of_server)))
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
        taken = self._runner.reply(prepare, settings, control, listener)
        taken.add_done_callback(partial(_tell_refusal, listener))

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
        others = any(each is not self for each in self._host.clients)
        unless_open = bool(message.get("unless_open"))
        stops = self._host.asked_to_stop(unless_open=unless_open, others=others)
        _log.info("asked to stop%s", "" if stops else ", and stays")
        self.send({"id": message["id"], "stops": stops})

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


def _tell_refusal(listener: Listener, taken: "Future[int]") -> None:
    """Tell why a reply wasn't taken on, if it wasn't."""
    if error := taken.exception():
        listener(error if isinstance(error, R1LocalError) else _bug(error))


def _steer(control: Control, command: SteeringCommand) -> None:
    if command == "answer now":
        control.answer_now()
    else:
        control.think_more()


def _bug(error: BaseException) -> InferenceError:
    if lacks_memory(error):
        return too_little_memory()
    return InferenceError(
        _("the engine has a bug: {kind}", kind=type(error).__name__),
        _("leave it out with --no-daemon"),
    )
