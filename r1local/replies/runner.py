"""The thread that uses an engine for everybody who asks, and has it make all replies together."""

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeAlias, TypeVar

from r1local.errors import InferenceError, R1LocalError
from r1local.events.reply import Finished
from r1local.language import _
from r1local.replies.control import Control
from r1local.replies.engine import Engine, Happening, PreparedPrompt
from r1local.replies.settings import ReplySettings

#: Hears what happens to a reply, in the engine's thread: it must not wait.
Listener: TypeAlias = Callable[[Happening], None]
T = TypeVar("T")


class Runner:
    """The only user of an engine; all others ask it, from any thread.

    Requests join and leave between two tokens, as the engine's `ManyReplies` lets them. Start the
    runner, and close it in the end; that closes the engine.

    Args:
        engine: what is used.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._replies = engine.together()
        self._listeners: dict[int, Listener] = {}
        self._closing = False
        self._closed = Event()

    @property
    def replying(self) -> bool:
        """Whether there are replies that have not ended."""
        return bool(self._listeners)

    def start(self) -> None:
        """Use the engine in a thread of its own, until the runner is closed."""
        Thread(target=self.run, name="engine", daemon=True).start()

    def run(self) -> None:
        """Use the engine in this thread, until the runner is closed."""
        try:
            while not self._closing:
                while not self._closing and (not self._listeners or not self._tasks.empty()):
                    self._tasks.get()()
                if not self._closing:
                    self._step()
        finally:
            self._closing = True
            self._end_all(_unloaded())
            self._replies.close()
            self.engine.close()
            self._closed.set()
            self._do_tasks()

    def close(self, wait_s: float | None = None) -> None:
        """End all replies, which hear an error, and close the engine, between two tokens.

        Args:
            wait_s: the most seconds to wait until that is done; None means however long it takes.
        """
        self._tasks.put(self._close)
        self._closed.wait(wait_s)

    def call(self, ask: Callable[[Engine], T]) -> "Future[T]":
        """Ask the engine something, between two tokens."""
        future: Future[T] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                self._expect_open()
                future.set_result(ask(self.engine))
            except Exception as error:
                future.set_exception(error)

        self._tasks.put(task)
        if self._closed.is_set():
            self._do_tasks()
        return future

    def reply(
        self,
        prepare: Callable[[Engine], PreparedPrompt],
        settings: ReplySettings,
        control: Control,
        listener: Listener,
    ) -> "Future[int]":
        """Ask for a reply; the future has its number once it was taken on, or why it wasn't.

        Args:
            prepare: makes the prompt, in the engine's thread.
            settings: how the reply is made, within the engine's abilities.
            control: ends or steers it.
            listener: hears what happens; last a `Finished`, or the error that ended it.
        """

        def add(engine: Engine) -> int:
            number = self._replies.add(prepare(engine), settings, control)
            self._listeners[number] = listener
            return number

        return self.call(add)

    def _close(self) -> None:
        self._closing = True

    def _expect_open(self) -> None:
        if self._closing:
            raise _unloaded()

    def _do_tasks(self) -> None:
        """Do what is left: those who still wait hear that the engine is closed."""
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()()

    def _step(self) -> None:
        try:
            for number, happening in self._replies.step():
                self._tell(number, happening)
        except InferenceError as error:
            self._end_all(error)

    def _end_all(self, error: R1LocalError) -> None:
        for number in [*self._listeners]:
            self._tell(number, error)

    def _tell(self, number: int, happening: Happening) -> None:
        ended = isinstance(happening, Finished | R1LocalError)
        # A reply may still be cancelled by an error that ended all.
        listener = self._listeners.pop(number, None) if ended else self._listeners.get(number)
        if listener:
            listener(happening)


def _unloaded() -> InferenceError:
    return InferenceError(_("the model was unloaded"), _("ask again: it is loaded again"))
