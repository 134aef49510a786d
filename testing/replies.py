"""Replies in this process: a model loaded for a test, and the results of its events."""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from r1local.conversation import Conversation, Message
from r1local.engine.library import load_llama
from r1local.engine.vocabulary import Vocabulary
from r1local.events.reply import AnswerDelta, Event, Finished, ThinkingDelta
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.generation import reply_to, tokenised_prompt
from r1local.replies.settings import ReplySettings
from r1local.replies.stream import ReplyStream
from r1local.thinking.dialects import R1, Dialect
from r1local.thinking.splitter import Start

PROMPT = (0,)
HI: Conversation = (Message("user", "hi"),)


def never() -> bool:
    return False


@contextmanager
def loaded(path: Path, **options: object) -> Iterator[LoadedModel]:
    model = load(path, LoadOptions(**options), never)  # type: ignore[arg-type]
    with closing(model):
        yield model


def generate(
    model: LoadedModel,
    conversation: Conversation,
    settings: ReplySettings,
    control: Control,
    begun: Begun | None = None,
) -> Generator[Event, None, None]:
    """Generate the reply of a loaded model, without an engine around it."""
    prompt = tokenised_prompt(model, conversation, settings, begun)
    yield from reply_to(model, prompt, settings, control)


def events_of(
    model: LoadedModel,
    conversation: Conversation = HI,
    settings: ReplySettings | None = None,
    control: Control | None = None,
) -> list[Event]:
    settings = settings or ReplySettings()
    return list(generate(model, conversation, settings, control or Control()))


@contextmanager
def vocabulary_of(path: Path) -> Iterator[Vocabulary]:
    """Yield a model file's vocabulary, without its weights."""
    llama = load_llama()
    params = llama.llama_model_default_params()
    params.vocab_only = True
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    try:
        yield Vocabulary(llama.llama_model_get_vocab(model))
    finally:
        llama.llama_model_free(model)


def stream_of(
    vocabulary: Vocabulary,
    settings: ReplySettings | None = None,
    *,
    dialect: Dialect = R1,
    start: Start = "open",
    control: Control | None = None,
) -> ReplyStream:
    """Return a reply whose tokens the test draws itself."""
    return ReplyStream(
        vocabulary,
        dialect,
        PROMPT,
        start,
        8_192,
        settings or ReplySettings(),
        control or Control(),
    )


def fed(stream: ReplyStream, script: Sequence[int]) -> list[Event]:
    """Return the events of a reply that draws its tokens from a script, like scripted models."""
    events: list[Event] = []
    position = 0
    while not stream.finished and position < len(script):
        events += stream.feed(script[position])
        assert stream.finished or stream.next_tokens, "there is nothing to evaluate"
        if stream.rewind_to is not None:
            position = stream.rewind_to - len(PROMPT)
        position += len(stream.next_tokens)
    return [*events, *stream.finish(cached_tokens=0, load_s=0.0, prompt_s=0.0)]


def text_of(events: list[Event], kind: type[ThinkingDelta] | type[AnswerDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def finished(events: list[Event]) -> Finished:
    (last,) = (event for event in events if isinstance(event, Finished))
    assert events[-1] is last
    return last
