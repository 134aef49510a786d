"""Control over a reply from outside while it is being generated."""

from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias

#: What a user may ask for while a thought is being written.
SteeringCommand: TypeAlias = Literal["answer now", "think more"]


class Control:
    """A switch with which a signal handler or another thread ends a reply or its thought."""

    def __init__(self) -> None:
        self._cancelled = False
        self._commands: SimpleQueue[SteeringCommand] = SimpleQueue()

    def cancel(self) -> None:
        """End the reply before its next token; the text so far remains."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """Return whether the reply should end."""
        return self._cancelled

    def answer_now(self) -> None:
        """Close the thought at the next token; outside a thought this does nothing."""
        self._commands.put("answer now")

    def think_more(self) -> None:
        """Put off the thought's next end, once per call; outside a thought this does nothing."""
        self._commands.put("think more")

    def next_command(self) -> SteeringCommand | None:
        """Return the oldest command that has not been returned yet, or None."""
        if self._commands.empty():
            return None
        try:
            return self._commands.get_nowait()
        except Empty:
            return None
