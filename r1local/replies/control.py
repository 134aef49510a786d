"""What a reply is told from outside while it is generated."""

from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias

#: What a user may ask of a thought while it is written.
SteeringCommand: TypeAlias = Literal["answer now", "think more"]


class Control:
    """Lets a signal handler or another thread end a reply, or its thought."""

    def __init__(self) -> None:
        self._cancelled = False
        self._commands: SimpleQueue[SteeringCommand] = SimpleQueue()

    def cancel(self) -> None:
        """End the reply before its next token; what there is of it stays."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """The reply is to end."""
        return self._cancelled

    def answer_now(self) -> None:
        """Close the thought at the next token; nothing outside a thought."""
        self._commands.put("answer now")

    def think_more(self) -> None:
        """Put the thought's next end off, once for each call; nothing outside a thought."""
        self._commands.put("think more")

    def next_command(self) -> SteeringCommand | None:
        """The oldest command that was not yet returned; None if there is none."""
        if self._commands.empty():
            return None
        try:
            return self._commands.get_nowait()
        except Empty:
            return None
