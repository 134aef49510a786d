"""Replies in this process: a model loaded for a test, and what its events come to."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from r1local.conversation import Conversation, Message
from r1local.events.reply import AnswerDelta, Event, Finished, ThinkingDelta
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.generation import generate
from r1local.replies.settings import ReplySettings

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


def text_of(events: list[Event], kind: type[ThinkingDelta] | type[AnswerDelta]) -> str:
    return "".join(event.text for event in events if isinstance(event, kind))


def finished(events: list[Event]) -> Finished:
    (last,) = (event for event in events if isinstance(event, Finished))
    assert events[-1] is last
    return last
