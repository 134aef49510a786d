"""Engines on servers elsewhere, and what comes of a reply by one."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from r1local.config.endpoints import Endpoint
from r1local.config.preferences import Setting
from r1local.conversation import Conversation, Message, Reply
from r1local.endpoints.engine import RemoteEngine
from r1local.events.reply import Event, Finished, Notice
from r1local.events.reply_builder import ReplyBuilder
from r1local.replies.control import Control
from r1local.replies.engine import Begun, Engine, generate
from r1local.replies.settings import ReplySettings
from testing.replies import never

QUESTION: Conversation = (Message("user", "How many?"),)


@contextmanager
def remote(
    url: str, model: str | None = None, given: Mapping[str, Any] | None = None, **facts: Any
) -> Iterator[RemoteEngine]:
    """An engine at an address; `given` are settings."""
    settings = {name: Setting(value, "a test") for name, value in (given or {}).items()}
    endpoint = Endpoint("lab", url, **facts)
    with closing(RemoteEngine.open(endpoint, model, settings, never)) as engine:
        yield engine


@dataclass
class Heard:
    """A reply, its events, and what was said beside it."""

    reply: Reply
    events: list[Event] = field(default_factory=list)

    @property
    def notices(self) -> list[str]:
        return [each.message for each in self.events if isinstance(each, Notice)]

    @property
    def finished(self) -> Finished:
        last = self.events[-1]
        assert isinstance(last, Finished)
        return last


def hear(
    engine: Engine,
    settings: ReplySettings | None = None,
    control: Control | None = None,
    begun: Begun | None = None,
    conversation: Conversation = QUESTION,
) -> Heard:
    """Let an engine reply to the end."""
    built = ReplyBuilder("m")
    heard = Heard(built.reply())
    asked = settings or ReplySettings()
    for event in generate(engine, conversation, asked, control or Control(), begun):
        built.handle(event)
        heard.events.append(event)
    heard.reply = built.reply()
    return heard
