"""A reply's events, and the renderers of replies that are given them."""

import io
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from rich.console import Console

from r1local.conversation import FinishReason
from r1local.events.reply import AnswerDelta, Event, Finished, ThinkingDelta, Usage
from r1local.events.reply_builder import ReplyBuilder
from r1local.ui.console import console_for
from r1local.ui.replies import text as renderers
from r1local.ui.replies.text import Renderer

USAGE = Usage(
    prompt_tokens=11,
    cached_tokens=4,
    thinking_tokens=2,
    answer_tokens=3,
    load_s=0.123456,
    prompt_s=0.25,
    thinking_s=1.0,
    answer_s=1.0,
)


def finished(reason: FinishReason = "stop", thinking_open: bool = False) -> Finished:
    return Finished(reason, USAGE, 42, thinking_open)


REPLY: list[Event] = [
    ThinkingDelta("Hmm, ", 1),
    ThinkingDelta("*yes*.", 2),
    AnswerDelta("It is ", 1),
    AnswerDelta(r"**\(\boxed{4}\)**", 3),
    finished(),
]


class Kept:
    """A renderer whose reply takes each event before it does, as in `run`."""

    def __init__(self, reply: ReplyBuilder, renderer: Renderer) -> None:
        self._reply = reply
        self._renderer = renderer
        self.close = renderer.close

    def handle(self, event: Event) -> None:
        self._reply.handle(event)
        self._renderer.handle(event)


def renderer_for(out: Console, err: Console, *, model: str = "nano", **options: Any) -> Renderer:
    reply = ReplyBuilder(model)
    return Kept(reply, renderers.renderer_for(out, err, reply, **options))


def play(renderer: Renderer, events: Sequence[Event] = REPLY) -> None:
    with closing(renderer):
        for event in events:
            renderer.handle(event)


def pipes() -> tuple[Console, Console]:
    return console_for(io.StringIO()), console_for(io.StringIO())


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
