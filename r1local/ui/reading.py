"""How far a prompt has been read, and how long that still takes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from r1local.events.reply import Event, Reading
from r1local.language import _
from r1local.ui.wording import duration

if TYPE_CHECKING:  # most replies are no votes
    from r1local.events.vote import VoteEvent

#: Shows, while it lasts, words that may change.
Shown = Callable[[Callable[[], str]], AbstractContextManager[object]]
EventT = TypeVar("EventT", bound="Event | VoteEvent")


class ReadingMeter:
    """Meter of the reading of prompts. Between two events it goes on at the pace so far.

    Prompts are read in large batches, which take a minute each on a slow CPU.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._last = (0.0, 0)
        self._total = 0
        #: Tokens per second, also of earlier prompts; 0 if not known yet.
        self._pace = 0.0

    def begin(self) -> None:
        """Wait for another prompt."""
        self._first, self._total = None, 0

    def handle(self, event: Reading) -> None:
        """Take how far the prompt has been read."""
        self._last, self._total = (self._clock(), event.done), event.total
        if self._first is None:
            self._first = self._last
        seconds, tokens = self._last[0] - self._first[0], event.done - self._first[1]
        if seconds > 0 and tokens > 0:
            self._pace = tokens / seconds

    @property
    def share(self) -> float | None:
        """The part of the prompt that has been read, from 0 to 1; None if that isn't known."""
        return self._done / self._total if self._total else None

    @property
    def words(self) -> str:
        """How far it is: `reading the prompt: 42 %, 1 min 5 s left`."""
        if (share := self.share) is None:
            return _("reading the prompt")
        told = _("reading the prompt: {percent:.0f} %", percent=100 * share)
        if not self._pace:
            return _("{told} of {total:,} tokens", told=told, total=self._total)
        return _(
            "{told}, {duration} left",
            told=told,
            duration=duration((self._total - self._done) / self._pace),
        )

    @property
    def _done(self) -> float:
        """Tokens read by now, by the pace so far; never all of them."""
        at, done = self._last
        return min(done + self._pace * (self._clock() - at), max(done, self._total - 1))


def reading_shown(events: Iterator[EventT], shown: Shown) -> Iterator[EventT]:
    """Yield the events of a reply or a vote, without those of reading, which are shown."""
    meter = ReadingMeter()
    with shown(lambda: meter.words):
        first = _after_reading(events, meter)
    if first is not None:
        yield first
        for event in events:
            if not isinstance(event, Reading):
                yield event


def _after_reading(events: Iterator[EventT], meter: ReadingMeter) -> EventT | None:
    for event in events:
        if not isinstance(event, Reading):
            return event
        meter.handle(event)
    return None
