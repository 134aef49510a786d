"""The same for `asyncio`: a model works in a thread of its own, and never blocks the loop."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, ParamSpec, Self, TypeVar, Unpack

from r1local.api.chat import Chat
from r1local.api.model import Model, Prompt, opened
from r1local.api.options import ModelOptions, ReplyOptions, VoteOptions
from r1local.api.shared_engine import Schema
from r1local.api.stream import EventStream, Stream, VoteStream, result_of
from r1local.conversation import Reply, Turn
from r1local.errors import UsageError
from r1local.events.reply import Event, Notice
from r1local.events.vote import VoteEvent, VoteResult

EventT = TypeVar("EventT")
ResultT = TypeVar("ResultT")
P = ParamSpec("P")


class _Worker:
    """The one thread in which a model is used."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "r1local")
        self.closed = False

    async def call(
        self, function: Callable[P, ResultT], *args: P.args, **kwargs: P.kwargs
    ) -> ResultT:
        """Call a function in the thread.

        Raises:
            UsageError: the model was closed, and the thread with it.
        """
        if self.closed:
            raise UsageError("the model is closed", "load it again")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: function(*args, **kwargs))

    def leave(self, function: Callable[[], object]) -> None:
        """Have a function called after what is under way, without waiting for it."""
        with suppress(RuntimeError):  # it was closed, and everything with it
            self._executor.submit(function)

    def close(self) -> None:
        """End the thread after what is under way."""
        self.closed = True
        self._executor.shutdown(wait=False)


class AsyncEventStream(Generic[EventT]):
    """Events as they come. A task that is cancelled while it waits for one ends the reply too."""

    def __init__(self, worker: _Worker, stream: EventStream[EventT]) -> None:
        self._worker = worker
        self._events = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> EventT:
        try:
            event = await self._worker.call(next, self._events, None)
        except asyncio.CancelledError:
            self._events.cancel()
            self._worker.leave(self._events.close)
            raise
        if event is None:
            raise StopAsyncIteration
        return event

    def answer_now(self) -> None:
        """Close the thought at the next token; outside a thought this does nothing."""
        self._events.answer_now()

    def think_more(self) -> None:
        """Put off the thought's next end, once per call; outside a thought this does nothing."""
        self._events.think_more()

    def cancel(self) -> None:
        """End before the next token; the events go on to a regular end."""
        self._events.cancel()

    async def aclose(self) -> None:
        """End without further events; what came so far stays."""
        self._events.cancel()
        await self._worker.call(self._events.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()


class AsyncStream(AsyncEventStream[Event]):
    """The events of one reply, of which `Finished` is the last."""

    def __init__(self, worker: _Worker, stream: Stream) -> None:
        super().__init__(worker, stream)
        self._stream = stream

    @property
    def reply(self) -> Reply:
        """The reply so far; its `reason` is `lost` until it has finished."""
        return self._stream.reply

    async def finish(self) -> Reply:
        """Wait for the end, and return the whole reply."""
        async for _event in self:
            pass
        return self.reply


class AsyncVoteStream(AsyncEventStream[VoteEvent]):
    """The events of a vote, of which `VoteResult` is the last."""

    def __init__(self, worker: _Worker, stream: VoteStream) -> None:
        super().__init__(worker, stream)
        self._stream = stream

    @property
    def result(self) -> VoteResult | None:
        """How the vote went; None until it has ended."""
        return self._stream.result

    async def finish(self) -> VoteResult:
        """Wait for the end, and return how the vote went; as `VoteStream.finish`."""
        async for _event in self:
            pass
        return result_of(self._stream)


async def load_async(
    model: str | os.PathLike[str] | None = None, **options: Unpack[ModelOptions]
) -> "AsyncModel":
    """Load a model without blocking the loop; the arguments and errors are those of `load`."""
    worker, given_up = _Worker(), threading.Event()
    try:
        return AsyncModel(await worker.call(opened, model, options, given_up.is_set), worker)
    except BaseException:
        given_up.set()
        worker.close()
        raise


class AsyncModel:
    """A `Model` for `asyncio`; `load_async` makes it. Leave it with `async with`, or `aclose`."""

    def __init__(self, model: Model, worker: _Worker) -> None:
        self._model = model
        self._worker = worker

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._model.name

    @property
    def details(self) -> str:
        """How and where it runs, in a few words, such as its quantization."""
        return self._model.details

    @property
    def context_window(self) -> int | None:
        """Most tokens of prompt and reply together; None if an engine elsewhere doesn't say."""
        return self._model.context_window

    @property
    def notices(self) -> Sequence[Notice]:
        """What a user should know about how it was loaded."""
        return self._model.notices

    async def count_tokens(self, prompt: Prompt, *, system: str | None = None) -> int | None:
        """Return how many tokens a prompt has, as `Model.count_tokens`."""
        return await self._worker.call(self._model.count_tokens, prompt, system=system)

    async def reply(
        self,
        prompt: Prompt,
        *,
        schema: Schema | None = None,
        grammar: str | None = None,
        **options: Unpack[ReplyOptions],
    ) -> Reply:
        """Return the model's reply, as `Model.reply`."""
        return await self.stream(prompt, schema=schema, grammar=grammar, **options).finish()

    def stream(
        self,
        prompt: Prompt,
        *,
        schema: Schema | None = None,
        grammar: str | None = None,
        **options: Unpack[ReplyOptions],
    ) -> AsyncStream:
        """Return the model's reply as a stream of events, as `Model.stream`."""
        stream = self._model.stream(prompt, schema=schema, grammar=grammar, **options)
        return AsyncStream(self._worker, stream)

    async def vote(
        self,
        prompt: Prompt,
        votes: int,
        *,
        schema: Schema | None = None,
        **options: Unpack[VoteOptions],
    ) -> VoteResult:
        """Let replies vote on an answer, as `Model.vote`."""
        return await self.stream_vote(prompt, votes, schema=schema, **options).finish()

    def stream_vote(
        self,
        prompt: Prompt,
        votes: int,
        *,
        schema: Schema | None = None,
        **options: Unpack[VoteOptions],
    ) -> AsyncVoteStream:
        """Let replies vote on an answer and return the events, as `Model.stream_vote`."""
        stream = self._model.stream_vote(prompt, votes, schema=schema, **options)
        return AsyncVoteStream(self._worker, stream)

    def chat(
        self,
        *,
        save: str | None = None,
        schema: Schema | None = None,
        **options: Unpack[ReplyOptions],
    ) -> "AsyncChat":
        """Begin a conversation, as `Model.chat`."""
        return AsyncChat(self._model.chat(save=save, schema=schema, **options), self._worker)

    async def aclose(self) -> None:
        """Free the model; further calls do nothing. A reply under way is cancelled first."""
        if not self._worker.closed:
            await self._worker.call(self._model.close)
            self._worker.close()

    async def __aenter__(self) -> "AsyncModel":
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()


class AsyncChat:
    """A `Chat` for `asyncio`; `AsyncModel.chat` begins it."""

    def __init__(self, chat: Chat, worker: _Worker) -> None:
        self._chat = chat
        self._worker = worker

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The questions and replies so far."""
        return self._chat.turns

    async def ask(
        self,
        question: str,
        *,
        files: Sequence[str | os.PathLike[str]] = (),
        **options: Unpack[ReplyOptions],
    ) -> Reply:
        """Return the model's reply, as `Chat.ask`."""
        return await self.stream(question, files=files, **options).finish()

    def stream(
        self,
        question: str,
        *,
        files: Sequence[str | os.PathLike[str]] = (),
        **options: Unpack[ReplyOptions],
    ) -> AsyncStream:
        """Ask a question and return the reply as a stream of events, as `Chat.stream`."""
        return AsyncStream(self._worker, self._chat.stream(question, files=files, **options))

    async def retry(self, **options: Unpack[ReplyOptions]) -> Reply:
        """Return another reply to the last question, as `Chat.retry`."""
        return await AsyncStream(self._worker, self._chat.stream_retry(**options)).finish()

    async def rethink(self, thought: str, **options: Unpack[ReplyOptions]) -> Reply:
        """Return another reply, which goes on from a given thought, as `Chat.rethink`."""
        stream = self._chat.stream_rethink(thought, **options)
        return await AsyncStream(self._worker, stream).finish()

    async def undo(self) -> Turn:
        """Remove the last question and its reply, as `Chat.undo`."""
        return await self._worker.call(self._chat.undo)

    async def drop_oldest(self, turns: int) -> None:
        """Stop giving the model the oldest turns, as `Chat.drop_oldest`."""
        await self._worker.call(self._chat.drop_oldest, turns)

    async def aclose(self) -> None:
        """Close the session, if it is saved; the model stays open."""
        await self._worker.call(self._chat.close)

    async def __aenter__(self) -> "AsyncChat":
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.aclose()
