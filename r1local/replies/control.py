"""What a reply is told from outside while it is generated."""

from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias

#: What may be wished of a thought.
Wish: TypeAlias = Literal["answer now", "think more"]


class Control:
    """Lets a signal handler or another thread end a reply, or its thought."""

    def __init__(self) -> None:
        self._cancelled = False
        self._wishes: SimpleQueue[Wish] = SimpleQueue()

    def cancel(self) -> None:
        """End the reply before its next token; what there is of it stays."""
        self._cancelled = True

    def cancelled(self) -> bool:
        """The reply is to end."""
        return self._cancelled

    def answer_now(self) -> None:
        """Close the thought at the next token; nothing outside a thought."""
        self._wishes.put("answer now")

    def think_more(self) -> None:
        """Put the thought's next end off, once for each call; nothing outside a thought."""
        self._wishes.put("think more")

    def next_wish(self) -> Wish | None:
        """What was wished since and not yet taken, one wish a call."""
        if self._wishes.empty():
            return None
        try:
            return self._wishes.get_nowait()
        except Empty:
            return None
