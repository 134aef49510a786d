"""A reply, or a vote, as it comes: its events, and means to steer it."""

from collections.abc import Callable, Generator
from types import TracebackType
from typing import Generic, Self, TypeVar

from r1local.conversation import Reply
from r1local.errors import UsageError
from r1local.events.reply import Event
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteEvent, VoteResult
from r1local.replies.control import Control

#: Of a reply, or of a vote.
EventT = TypeVar("EventT")


class EventStream(Generic[EventT]):
    """Events in the order in which they happen; the model works while the next one is asked for.

    Exhaust it, or close it, for example with `with`: until then the model does nothing else. Any
    thread may call `answer_now`, `think_more` and `cancel`.
    """

    def __init__(
        self,
        begin: Callable[[Control], Generator[EventT, None, None]],
        handle: Callable[[EventT], None],
    ) -> None:
        self._control = Control()
        self._events = begin(self._control)
        self._handle = handle

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> EventT:
        event = next(self._events)
        self._handle(event)
        return event

    def answer_now(self) -> None:
        """Close the thought at the next token; outside a thought this does nothing."""
        self._control.answer_now()

    def think_more(self) -> None:
        """Put off the thought's next end, once per call; outside a thought this does nothing."""
        self._control.think_more()

    def cancel(self) -> None:
        """End before the next token; the events go on to a regular end."""
        self._control.cancel()

    def close(self) -> None:
        """End without further events; what came so far stays."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()


class Stream(EventStream[Event]):
    """The events of one reply (`events.reply`), of which `Finished` is the last."""

    def __init__(
        self, kept: ReplyBuilder, begin: Callable[[Control], Generator[Event, None, None]]
    ) -> None:
        super().__init__(begin, kept.handle)
        self._kept = kept

    @property
    def reply(self) -> Reply:
        """The reply so far; its `reason` is `lost` until it has finished."""
        return self._kept.reply()

    def finish(self) -> Reply:
        """Wait for the end, and return the whole reply."""
        with self:
            for _event in self:
                pass
        return self.reply


class VoteStream(EventStream[VoteEvent]):
    """The events of a vote (`events.vote`), of which `VoteResult` is the last."""

    #: How the vote went; None until it has ended.
    result: VoteResult | None = None

    def __init__(self, begin: Callable[[Control], Generator[VoteEvent, None, None]]) -> None:
        super().__init__(begin, self._keep)

    def finish(self) -> VoteResult:
        """Wait for the end, and return how the vote went.

        Raises:
            UsageError: the vote was closed before it had ended.
        """
        with self:
            for _event in self:
                pass
        return result_of(self)

    def _keep(self, event: VoteEvent) -> None:
        if isinstance(event, VoteResult):
            self.result = event


def result_of(vote: VoteStream) -> VoteResult:
    """Return how a vote went.

    Raises:
        UsageError: it was closed before it had ended.
    """
    if vote.result is None:
        raise UsageError("the vote was closed before it had ended", "hold another one")
    return vote.result
