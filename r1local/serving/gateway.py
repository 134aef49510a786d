"""Replies for requests: taken on within limits, made by the model's thread, heard in this loop."""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TypeAlias

from r1local.errors import R1LocalError
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, Reading, ThinkingDelta, Usage
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteResult
from r1local.replies.abilities import within
from r1local.replies.control import Control
from r1local.replies.engine import Happening, prepared
from r1local.replies.settings import ReplySettings, reply_settings
from r1local.replies.structured_output import judged
from r1local.serving.asked import Asked, Ended, settings_for
from r1local.serving.failures import NotFound, TooBusy, Unavailable
from r1local.serving.metrics import Metrics
from r1local.serving.models import Loaded, Models
from r1local.serving.stops import Stops
from r1local.serving.voters import SharedReplier
from r1local.voting.election import hold_vote
from r1local.voting.settings import vote_settings

#: Seconds of silence after which a stream says that it is still there.
SILENCE_S = 15.0
#: What the engine's thread, or a vote's, tells of a reply.
Told: TypeAlias = Happening | VoteResult


class Gateway:
    """Lets the models reply, to so many requests at once as there is room for.

    Args:
        models: the models that may reply.
        at_once: the replies of one model that are made at the same time.
        queue: how many more may wait.
    """

    def __init__(self, models: Models, at_once: int, queue: int) -> None:
        self.models = models
        self.metrics = Metrics()
        self._at_once = at_once
        self.most = at_once + queue
        self._taken = 0
        self._controls: dict[str, list[Control]] = {}
        self._closing = False

    @property
    def gauges(self) -> dict[str, tuple[str, float]]:
        """What is going on now, by the names of metrics, each with its help."""
        return {
            "r1local_replies_in_progress": ("Replies that are written or wait.", self._taken),
            "r1local_models_loaded": ("Models in memory.", len(self.models.loaded)),
            "r1local_commands": (
                "This user's own commands that have a model open.",
                sum(len(each.door.clients) for each in self.models.loaded.values() if each.door),
            ),
        }

    @asynccontextmanager
    async def replies(self, asked: Asked) -> "AsyncIterator[Replies]":
        """Begin the replies that are asked for; leaving ends those that haven't ended.

        Raises:
            R1LocalError: they can't be made; nothing of them was given yet.
        """
        started = time.monotonic()
        with self._admitted(asked.count):
            selected = await asyncio.to_thread(self.models.find, asked.model)
            async with self.models.using(selected, asked.keep_alive) as loaded:
                of_model = reply_settings(loaded.settings)
                settings = await asyncio.to_thread(settings_for, asked, of_model)
                replies = Replies(asked, loaded, settings, self._at_once)
                self._controls[replies.id] = replies.controls
                try:
                    await replies.begin()
                    yield replies
                finally:
                    replies.cancel()
                    del self._controls[replies.id]
                    self._count(replies, started)

    def answer_now(self, reply_id: str) -> None:
        """Let a reply end its thought, and answer.

        Raises:
            NotFound: no reply that is being written has that id.
        """
        if (controls := self._controls.get(reply_id)) is None:
            raise NotFound("no reply that is being written has this id", "it may have ended", "id")
        for control in controls:
            control.answer_now()

    @contextmanager
    def ending(self, control: Control) -> Iterator[None]:
        """Have a control that is no reply's, such as a download's, cancelled with the replies'."""
        key = secrets.token_hex(12)
        self._controls[key] = [control]
        try:
            yield
        finally:
            del self._controls[key]

    def refuse_more(self) -> None:
        """Take on nothing more."""
        self._closing = True

    def end_all(self) -> None:
        """End all replies between two tokens."""
        for controls in self._controls.values():
            for control in controls:
                control.cancel()

    @contextmanager
    def _admitted(self, count: int) -> Iterator[None]:
        if self._closing:
            raise Unavailable("the server is stopping", "ask again when it runs")
        if self._taken + count > self.most:
            raise TooBusy(f"{self._taken} replies are being written or wait", "ask again later")
        self._taken += count
        try:
            yield
        finally:
            self._taken -= count

    def _count(self, replies: "Replies", started: float) -> None:
        add = self.metrics.add
        if replies.first_token is not None:
            add("r1local_first_token_seconds_sum", replies.first_token - started)
            add("r1local_first_token_seconds_count")
        for ended in replies.ended:
            usage = ended.finished.usage
            add("r1local_replies_total", reason=ended.finished.reason)
            add("r1local_tokens_total", usage.prompt_tokens, kind="prompt")
            add("r1local_tokens_total", usage.cached_tokens, kind="cached")
            add("r1local_tokens_total", usage.thinking_tokens, kind="thinking")
            add("r1local_tokens_total", usage.answer_tokens, kind="answer")
            add("r1local_tokens_total", usage.draft_tokens, kind="drafted")
            add("r1local_tokens_total", usage.accepted_tokens, kind="accepted")


class Replies:
    """The replies to one request.

    Args:
        asked: what was asked for.
        loaded: the model that makes them.
        settings: how they are made.
        at_once: the voters that reply at the same time.
    """

    def __init__(self, asked: Asked, loaded: Loaded, settings: ReplySettings, at_once: int) -> None:
        self.id = asked.id_prefix + secrets.token_hex(12)
        self.model = loaded.name
        self.first_token: float | None = None
        self._asked = asked
        self._loaded = loaded
        self._settings = settings
        self._at_once = at_once
        self.controls = [Control() for _ in range(asked.count)]
        self._parts = [_Part(asked, loaded.name, control) for control in self.controls]
        self._mailbox = Mailbox()

    @property
    def ended(self) -> list[Ended]:
        """Those that have ended, in their order."""
        return [part.ended for part in self._parts if part.ended]

    async def begin(self) -> None:
        """Have the engine take the replies on.

        Raises:
            R1LocalError: it can't.
        """
        if self._asked.votes is not None:
            voting = threading.Thread(target=self._vote, args=(self._asked.votes,), daemon=True)
            voting.start()
            await self._mailbox.first()
            return
        runner, engine = self._loaded.runner, self._loaded.runner.engine
        settings, notices = within(self._settings, engine.abilities, engine.name)
        asked = self._asked
        prompt = await asyncio.wrap_future(
            runner.call(lambda e: prepared(e, asked.conversation, settings, asked.begun))
        )
        first = settings.sampler.with_seed()
        for number, part in enumerate(self._parts):
            part.notices += notices
            listener = partial(self._mailbox.put, number)
            own = replace(settings, sampler=first.later(number))
            taken = runner.reply(lambda _: prompt, own, part.control, listener)
            await asyncio.wrap_future(taken)

    def cancel(self) -> None:
        """End the replies between two tokens."""
        for control in self.controls:
            control.cancel()

    async def events(self) -> AsyncIterator[tuple[int, Event | Ended] | None]:
        """Yield what happens in each reply, by its number, and None after a while of silence.

        Raises:
            R1LocalError: the engine failed.
        """
        while len(self.ended) < len(self._parts):
            told = await self._mailbox.get(SILENCE_S)
            if not told:
                yield None
            for number, happening in merged(told):
                if isinstance(happening, R1LocalError):
                    raise happening
                async for event in self._parts[number].heard(happening):
                    if self.first_token is None and isinstance(event, ThinkingDelta | AnswerDelta):
                        self.first_token = time.monotonic()
                    yield number, event

    def _vote(self, votes: int) -> None:
        """Hold a vote, in a thread of its own; the winner's reply is the one that is given."""
        put = partial(self._mailbox.put, 0)
        settings = vote_settings(votes, self._settings, self._loaded.settings)
        replier = SharedReplier(self._loaded.runner, self._at_once)
        conversation, control = self._asked.conversation, self.controls[0]
        try:
            for event in hold_vote(replier, conversation, settings, control, self.model):
                if not isinstance(event, Reading):
                    put(event if isinstance(event, Notice | VoteResult) else "started")
        except R1LocalError as error:
            put(error)


class _Part:
    """One reply of a request: its stop texts, its text, its end."""

    def __init__(self, asked: Asked, model: str, control: Control) -> None:
        self.control = control
        self.notices: list[Notice] = []
        self.ended: Ended | None = None
        self._schema = asked.schema
        self._stops = Stops(asked.stops)
        self._kept = ReplyBuilder(model)

    async def heard(self, told: Told) -> AsyncIterator[Event | Ended]:
        """Yield what to pass on of what was told, and in the end the whole reply."""
        if isinstance(told, VoteResult):
            for event in _of_winner(told):
                async for each in self._passed_on(event, told):
                    yield each
        elif not isinstance(told, str | R1LocalError):
            for event in self._stops.handle(told):
                async for each in self._passed_on(event):
                    yield each
            if self._stops.found:
                self.control.cancel()

    async def _passed_on(
        self, event: Event, vote: VoteResult | None = None
    ) -> AsyncIterator[Event | Ended]:
        if isinstance(event, Finished):
            schema = None if vote else self._schema
            for each in await _judged(event, self._kept, schema):
                self._handle(each)
                yield each
                if isinstance(each, Finished):
                    texts = self._kept.text("thinking"), self._kept.text("answer")
                    notices = tuple(dict.fromkeys(self.notices))
                    self.ended = Ended(*texts, each, notices, vote)
                    yield self.ended
        else:
            self._handle(event)
            yield event

    def _handle(self, event: Event) -> None:
        self._kept.handle(event)
        if isinstance(event, Notice):
            self.notices.append(event)


async def _judged(event: Finished, kept: ReplyBuilder, schema: str | None) -> Iterable[Event]:
    """Return the last events of a reply; validating takes a process, and time."""
    if schema is None:
        return (event,)
    return await asyncio.to_thread(judged, event, kept, schema)


def _of_winner(result: VoteResult) -> Iterator[Event]:
    """Yield the reply that won, with the usage of all voters."""
    reply = result.winner.reply if result.winner else None
    ballots = [each.reply for each in result.ballots]
    if reply and reply.thinking:
        yield ThinkingDelta(reply.thinking, reply.thinking_tokens)
    if reply and reply.answer:
        yield AnswerDelta(reply.answer, reply.answer_tokens)
    usage = Usage(
        result.prompt_tokens,
        result.cached_tokens,
        sum(each.thinking_tokens for each in ballots),
        sum(each.answer_tokens for each in ballots),
        0.0,
        result.prompt_s,
        0.0,
        result.voting_s,
        draft_tokens=sum(each.draft_tokens for each in ballots),
        accepted_tokens=sum(each.accepted_tokens for each in ballots),
    )
    reason = reply.reason if reply and reply.reason != "lost" else "cancelled"
    yield Finished(reason, usage, reply.seed if reply else 0, False, reply.valid if reply else None)


class Mailbox:
    """What other threads tell of replies, until it is read in the event loop.

    It holds no more than the replies themselves: what isn't read is told in larger pieces.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._told: list[tuple[int, Told]] = []
        self._new = asyncio.Event()

    def put(self, number: int, told: Told) -> None:
        """Tell something of a reply; from any thread. HTTP has no words for a prompt being read."""
        if isinstance(told, Reading):
            return
        with self._lock:
            self._told.append((number, told))
            first = len(self._told) == 1
        if first:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._new.set)

    async def first(self) -> None:
        """Wait until something was told.

        Raises:
            R1LocalError: it is an error.
        """
        await self._new.wait()
        if isinstance(error := self._told[0][1], R1LocalError):
            raise error

    async def get(self, seconds: float) -> list[tuple[int, Told]]:
        """Return what was told, waiting at most so long for anything."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._new.wait()
        with self._lock:
            self._new.clear()
            told, self._told = self._told, []
        return told


def merged(told: Iterable[tuple[int, Told]]) -> Iterator[tuple[int, Told]]:
    """Yield what was told, with pieces of text that follow each other as one."""
    for (number, kind), group in groupby(told, key=lambda each: (each[0], type(each[1]))):
        things = [thing for _number, thing in group]
        if kind in (ThinkingDelta, AnswerDelta):
            deltas = [each for each in things if isinstance(each, ThinkingDelta | AnswerDelta)]
            yield number, kind("".join(each.text for each in deltas), deltas[-1].tokens)
        else:
            yield from ((number, thing) for thing in things)
