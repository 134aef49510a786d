"""The thread that uses an engine for everybody who asks, and has it make all replies together."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeAlias, TypeVar

from r1local.errors import InferenceError, R1LocalError
from r1local.events.reply import Finished
from r1local.replies.control import Control
from r1local.replies.engine import Engine, Happening, ManyReplies, PreparedPrompt
from r1local.replies.settings import ReplySettings

#: Is told what happens to a reply, in the engine's thread: it must not wait.
Listener: TypeAlias = Callable[[Happening], None]
T = TypeVar("T")


class Runner:
    """The only user of an engine; all others ask it, from any thread.

    Requests of several programs join and leave between two tokens, as the engine's
    `ManyReplies` lets them. Close the runner in the end; that closes the engine.

    Args:
        engine: what is used.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._tasks: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._replies: ManyReplies = engine.together()
        self._listeners: dict[int, Listener] = {}
        self._closing = False

    @property
    def replying(self) -> bool:
        """Whether there are replies that have not ended."""
        return bool(self._listeners)

    def start(self) -> Thread:
        """Use the engine in a thread of its own, which ends when the runner is closed."""
        thread = Thread(target=self.run, name="engine", daemon=True)
        thread.start()
        return thread

    def run(self) -> None:
        """Use the engine in this thread until the runner is closed."""
        try:
            while not self._closing:
                while not self._closing and (not self._listeners or not self._tasks.empty()):
                    self._tasks.get()()
                if not self._closing:
                    self._step()
        finally:
            self._replies.close()
            self.engine.close()

    def close(self) -> None:
        """End all replies and close the engine, soon: between two tokens."""
        self._tasks.put(self._close)

    def call(self, ask: Callable[[Engine], T]) -> "Future[T]":
        """Ask the engine something that isn't a reply, between two tokens."""
        future: Future[T] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(ask(self.engine))
            except Exception as error:
                future.set_exception(error)

        self._tasks.put(task)
        return future

    def reply(
        self,
        prepare: Callable[[Engine], PreparedPrompt],
        settings: ReplySettings,
        control: Control,
        listener: Listener,
    ) -> None:
        """Ask for a reply.

        Args:
            prepare: makes the prompt, in the engine's thread.
            settings: how the reply is made.
            control: ends or steers it.
            listener: hears what happens; last a `Finished`, or the error that ended it.
        """

        def task() -> None:
            try:
                prompt = prepare(self.engine)
                number = self._replies.add(prompt, settings, control)
            except R1LocalError as error:
                listener(error)
            else:
                self._listeners[number] = listener

        self._tasks.put(task)

    def _close(self) -> None:
        self._closing = True

    def _step(self) -> None:
        try:
            for number, happening in self._replies.step():
                self._tell(number, happening)
        except InferenceError as error:
            for number in [*self._listeners]:
                self._tell(number, error)

    def _tell(self, number: int, happening: Happening) -> None:
        ended = isinstance(happening, Finished | R1LocalError)
        listener = self._listeners.pop(number) if ended else self._listeners[number]
        listener(happening)
