"""Many replies from elsewhere at the same time: requests in parallel, or one for several."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Protocol, TypeAlias

from r1local.endpoints.client import Client, Stream
from r1local.endpoints.faults import left_incomplete
from r1local.endpoints.reply import RemoteReply
from r1local.endpoints.wire import Call, Piece
from r1local.errors import EndpointSilent, R1LocalError, StreamCut
from r1local.events.reply import Notice
from r1local.language import _
from r1local.replies.control import Control
from r1local.replies.engine import Happening, PreparedPrompt, never_begun
from r1local.replies.settings import ReplySettings

#: Seconds to wait for the next piece, between looks at the controls.
_LOOK_S = 0.05
#: Pieces that are handled before the controls are looked at again.
_MOST_PIECES = 64
#: Seconds for which a server may send nothing but comments that it is still there, unless a limit
#: of silence is longer: DeepSeek's sends them for at most 10 minutes (its docs, "Rate Limit").
_MOST_COMMENTS_S = 3600.0
_Item: TypeAlias = Piece | Notice | R1LocalError | None
_Numbered: TypeAlias = tuple[int, Happening]


class Asker(Protocol):
    """What asks for replies: the engine, as far as it is needed here."""

    name: str
    client: Client
    at_once: int

    def makes_many(self, prompt: PreparedPrompt) -> bool:
        """Return whether one request can ask for several replies to a prompt."""

    def begin(
        self, number: int, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> RemoteReply:
        """Return a reply that is about to be asked for."""

    def new_notices(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Return those notices that haven't been returned before."""


@dataclass(frozen=True, slots=True)
class _Request:
    """A reply that was asked for and hasn't begun."""

    number: int
    prompt: PreparedPrompt
    settings: ReplySettings
    control: Control

    def alike(self, other: "_Request") -> bool:
        """Tell whether the same request can ask for both: all but the seeds is equal."""
        return self.prompt is other.prompt and self._unseeded == other._unseeded

    @property
    def _unseeded(self) -> ReplySettings:
        return replace(self.settings, sampler=replace(self.settings.sampler, seed=None))


class _Running:
    """A stream, and the replies that come by it, by their places in it."""

    def __init__(self, replies: Sequence[RemoteReply]) -> None:
        self.replies = dict(enumerate(replies))
        self.several = len(replies) > 1
        self.stream: Stream | None = None

    def stop(self) -> None:
        """End the stream."""
        if self.stream:
            self.stream.stop()


class RemoteReplies:
    """`ManyReplies` of a server elsewhere.

    Args:
        engine: asks for them.
        first_byte_s, silence_s: seconds after which a silent server is given up: before the
            first bytes of a reply, and between two of them.
    """

    def __init__(self, engine: Asker, first_byte_s: float, silence_s: float) -> None:
        self._engine = engine
        self._first_byte_s = first_byte_s
        self._silence_s = silence_s
        self._added = 0
        self._waiting: deque[_Request] = deque()
        self._running: list[_Running] = []
        self._ended: list[_Numbered] = []
        self._items: SimpleQueue[tuple[_Running, _Item]] = SimpleQueue()

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Ask for another reply."""
        self._added += 1
        self._waiting.append(_Request(self._added, prompt, settings, control))
        return self._added

    def step(self) -> Iterator[_Numbered]:
        """Send what waits, and take what has come."""
        self._heed_controls()
        ended, self._ended = self._ended, []
        yield from ended
        if ended:
            return
        self._send_waiting()
        if not self._running:
            return
        for running, item in self._come():
            if running in self._running:  # it may have been ended meanwhile
                yield from self._handle(running, item)
        yield from self._give_silent_up()

    def cancel(self, number: int) -> None:
        """End a reply, whether it has begun or not; one that has ended stays as it is."""
        for request in [each for each in self._waiting if each.number == number]:
            self._waiting.remove(request)
            self._ended.append((number, never_begun(request.settings)))
        for running in [*self._running]:
            for reply in [each for each in running.replies.values() if each.number == number]:
                self._leave(running, reply)
                self._ended += [(number, event) for event in reply.finish("cancelled")]

    def close(self, keep: PreparedPrompt | None = None) -> None:  # noqa: ARG002
        """End all replies, and their streams."""
        for running in self._running:
            running.stop()
        self._running.clear()
        self._waiting.clear()

    def _heed_controls(self) -> None:
        """Cancel the replies whose controls say so."""
        controls = [(each.number, each.control) for each in self._waiting]
        for running in self._running:
            controls += [(each.number, each.control) for each in running.replies.values()]
        for number, control in controls:
            if control.cancelled():
                self.cancel(number)

    def _send_waiting(self) -> None:
        """Send requests for as many of the waiting replies as may be made at the same time."""
        count = sum(len(running.replies) for running in self._running)
        while self._waiting and (room := self._engine.at_once - count) > 0:
            requests = [self._waiting.popleft()]
            many = self._engine.makes_many(requests[0].prompt)
            while many and len(requests) < room and self._waiting:
                if not requests[0].alike(self._waiting[0]):
                    break
                requests.append(self._waiting.popleft())
            count += len(requests)
            self._send([self._begin(each) for each in requests])

    def _begin(self, request: _Request) -> RemoteReply:
        engine, prompt = self._engine, request.prompt
        return engine.begin(request.number, prompt, request.settings, request.control)

    def _send(self, replies: Sequence[RemoteReply]) -> None:
        running = _Running(replies)
        self._running.append(running)
        first = replies[0]
        if first.begun:
            self._stream(running, partial(first.asking.rest, first.begun))
        else:
            self._stream(running, partial(first.asking.first, len(replies)))

    def _stream(self, running: _Running, make: "partial[Call]") -> None:
        def take(item: _Item) -> None:
            self._items.put((running, item))

        running.stream = Stream(self._engine.client, make, take)

    def _come(self) -> Iterator[tuple[_Running, _Item]]:
        """Yield what has come; wait a little if that is nothing."""
        try:
            yield self._items.get(timeout=_LOOK_S)
            for _ in range(_MOST_PIECES):
                yield self._items.get_nowait()
        except Empty:
            return

    def _handle(self, running: _Running, item: _Item) -> Iterator[_Numbered]:
        if isinstance(item, Piece):
            reply = running.replies.get(item.index)
            if reply is None:
                return
            yield from self._started(reply)
            yield from [(reply.number, event) for event in reply.handle(item)]
            if reply.wants_rest:
                self._ask_for_rest(running, reply)
            elif item.broken and not reply.reason:
                self._leave(running, reply)
                yield reply.number, self._broken(item.broken)
            elif reply.reason and (running.several or item.reason is None):
                yield from self._finish(running, reply)  # no count of its own will come
            elif reply.reason and reply.asking.found.server.name == "ollama":
                yield from self._finish(running, reply)
            return
        if isinstance(item, Notice):
            number = min(each.number for each in running.replies.values())
            yield from [(number, each) for each in self._engine.new_notices([item])]
            return
        yield from self._end(running, item)

    def _end(self, running: _Running, error: R1LocalError | None) -> Iterator[_Numbered]:
        """End the replies of a stream that is at its end, or has failed: all with one error."""
        cut = error or self._cut()
        for reply in [*running.replies.values()]:
            if reply.reason:
                yield from self._finish(running, reply)
                continue
            self._leave(running, reply)
            if error is None and running.several and not reply.started:
                self._send([reply])  # the server made fewer than it was asked for
            else:
                yield reply.number, cut

    def _started(self, reply: RemoteReply) -> Iterator[_Numbered]:
        if not reply.started:
            reply.started = True
            yield reply.number, "started"
            told = self._engine.new_notices(reply.notices)
            yield from [(reply.number, each) for each in told]

    def _finish(self, running: _Running, reply: RemoteReply) -> Iterator[_Numbered]:
        self._leave(running, reply)
        yield from [(reply.number, event) for event in reply.finish()]

    def _ask_for_rest(self, running: _Running, reply: RemoteReply) -> None:
        """Go on with a reply whose thought was closed, in a stream of its own."""
        self._leave(running, reply)
        begun = reply.go_on()
        rest = _Running([reply])
        self._running.append(rest)
        used = sum(reply.tokens.values())
        self._stream(rest, partial(replace(reply.asking, used=used).rest, begun))

    def _leave(self, running: _Running, reply: RemoteReply) -> None:
        place = next(place for place, each in running.replies.items() if each is reply)
        del running.replies[place]
        if not running.replies:
            running.stop()
            self._running.remove(running)

    def _give_silent_up(self) -> Iterator[_Numbered]:
        now = monotonic()
        for running in [*self._running]:
            stream = running.stream
            if stream is None:
                continue
            limit = self._silence_s if stream.begun else self._first_byte_s
            patience = max(limit, _MOST_COMMENTS_S)
            if now - stream.touched > limit:
                yield from self._end(running, self._silent(limit, begun=stream.begun))
            elif now - stream.heard > patience:
                yield from self._end(running, self._silent(patience, begun=stream.begun))

    def _silent(self, limit: float, *, begun: bool) -> EndpointSilent:
        name, option = self._engine.name, "silence-timeout" if begun else "first-byte-timeout"
        told = _("sent nothing more") if begun else _("sent nothing")
        return EndpointSilent(
            _("{name} {told} for {limit:.0f} s", name=name, told=told, limit=limit),
            _("wait for longer: --{option} {value:.0f}", option=option, value=2 * limit),
        )

    def _broken(self, word: str) -> StreamCut:
        return left_incomplete(
            _("{name} ended the reply early: {reason}", name=self._engine.name, reason=word)
        )

    def _cut(self) -> StreamCut:
        return left_incomplete(_("{name} left the reply without an end", name=self._engine.name))
