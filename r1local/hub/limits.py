"""Limits on the time that the network may take.

A socket's timeout only covers silence: it never ends an answer that comes byte by byte, or the
resolution of a name that gets no response.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from math import inf
from threading import Thread
from time import monotonic, time
from typing import TypeVar

T = TypeVar("T")

#: Seconds between two checks whether to go on waiting.
_POLL_S = 0.1
#: The minimum speed of a connection in bytes per second, and the seconds over which it is
#: measured. At this speed a model of 1 GB would take a week and a half.
LEAST_SPEED, PACE_S = 1_000, 30.0
#: The longest wait in seconds that a server can mean: ten years.
_LONGEST_WAIT_S = 3_660 * 86_400.0


class TimeLimitExceeded(Exception):
    """A call has not finished in the time it was given."""


class TooSlow(Exception):
    """A connection is slower than `LEAST_SPEED`."""


def call_within(
    work: Callable[[], T],
    seconds: float = inf,
    poll: Callable[[], None] = lambda: None,
    late: Callable[[T], object] = lambda _: None,
) -> T:
    """Do `work` in a thread of its own, and wait for its result.

    Args:
        seconds: how long to wait; the work itself can't be stopped, and ends with the process.
        poll: called repeatedly during the wait; what it raises ends the wait.
        late: receives the result if it comes after the wait has ended.

    Raises:
        TimeLimitExceeded: there is no result in time.
    """
    future: Future[T] = Future()
    Thread(target=_fulfil, args=(future, work), daemon=True).start()
    end = monotonic() + seconds
    try:
        while not wait([future], _POLL_S).done:
            poll()
            if monotonic() >= end:
                raise TimeLimitExceeded
    except BaseException:
        future.add_done_callback(lambda done: done.exception() or late(done.result()))
        raise
    return future.result()


def _fulfil(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)


def paced(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what a connection delivers for as long as it is not too slow.

    Only the wait for bytes counts, not what is done with them.

    Raises:
        TooSlow: it was slower than `LEAST_SPEED` for `PACE_S`.
    """
    waited, received = 0.0, 0
    while True:
        asked = monotonic()
        chunk = next(chunks, None)
        if chunk is None:
            return
        waited += monotonic() - asked
        received += len(chunk)
        if received >= LEAST_SPEED * PACE_S:
            waited, received = 0.0, 0
        elif waited >= PACE_S:
            raise TooSlow
        yield chunk


def retry_after(value: str | None) -> float | None:
    """Return the seconds to wait, given as a number or a date (RFC 9110, section 10.2.3).

    What isn't one, or longer than anybody means, counts as unsaid.
    """
    from email.utils import parsedate_to_datetime

    if not value:
        return None
    try:
        if value.isascii() and value.isdecimal():
            wait = float(value)
        else:
            wait = max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (ValueError, OverflowError):
        return None
    return wait if wait <= _LONGEST_WAIT_S else None
