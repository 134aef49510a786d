"""Replies in this process: a model loaded for a test, and what its events come to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from r1local.conversation import Conversation, Message
from r1local.events.reply import AnswerDelta, Event, Finished, ThinkingDelta
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import generate
from r1local.replies.settings import ReplySettings
from r1local.replies.stream import ReplyStream

PROMPT = (0,)
HI: Conversation = (Message("user", "hi"),)


def never() -> bool:
    return False


@contextmanager
def loaded(path: Path, **options: int) -> Iterator[LoadedModel]:
    model = load(path, LoadOptions(**options), never)  # type: ignore[arg-type]
    with model.model:
        yield model


def events_of(
    model: LoadedModel,
    conversation: Conversation = HI,
    settings: ReplySettings | None = None,
    control: Control | None = None,
) -> list[Event]:
    settings = settings or ReplySettings()
    return list(generate(model, conversation, settings, control or Control()))


def stream_of(model: LoadedModel, settings: ReplySettings | None = None) -> ReplyStream:
    """A reply whose tokens the test draws itself; it starts in a thought."""
    vocabulary, dialect = model.model.vocabulary, model.template.dialect
    window = model.model.context_window
    return ReplyStream(
        vocabulary, dialect, PROMPT, "open", window, settings or ReplySettings(), Control()
    )


def fed(stream: ReplyStream, script: Sequence[int]) -> list[Event]:
    """The events of a reply with its place in a script as its next token, as scripted models do."""
    events: list[Event] = []
    position = 0
    while not stream.finished and position < len(script):
        events += stream.feed(script[position])
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
