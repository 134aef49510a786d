"""The engine on a server elsewhere."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TypeVar

from r1local.config.endpoints import Endpoint
from r1local.config.preferences import Settings, value_in
from r1local.conversation import Conversation
from r1local.endpoints.asking import Asking
from r1local.endpoints.client import Client
from r1local.endpoints.discovery import Found, context_of, find
from r1local.endpoints.replies import RemoteReplies
from r1local.endpoints.reply import RemoteReply
from r1local.endpoints.wire import effort_of
from r1local.errors import LoadingCancelled, R1LocalError
from r1local.events.reply import Event, Finished, Notice
from r1local.hub.limits import call_within
from r1local.language import _
from r1local.prompts.chat_template import SHORT_THOUGHT
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import Begun, Engine, PreparedPrompt, PromptSize, ToldNotices, never
from r1local.replies.settings import ReplySettings

T = TypeVar("T")

#: Replies that are asked for at the same time, where the server doesn't say how many it makes.
_AT_ONCE = 8
#: Characters of a token, on average: in English, and in writing that isn't ASCII.
_ASCII_PER_TOKEN, _OTHERS_PER_TOKEN = 4, 1.5
#: Tokens that a template adds to each message, about.
_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class RemotePrompt:
    """What is to be replied to elsewhere; its tokens are an estimate."""

    conversation: Conversation
    size: PromptSize
    notices: tuple[Notice, ...] = ()
    begun: Begun | None = None


class RemoteEngine:
    """An `Engine` on a server elsewhere.

    Args:
        client: asks the server; closing the engine closes it.
        found: what the server is.
        model: the model's name there.
        context_window: tokens of its context, if they are known.
        settings: those in force, of which time-outs and `effort` concern it.
        at_once: the number of replies to ask for at the same time.
        load_s: seconds of finding that out.
    """

    kv_state = None

    def __init__(
        self,
        client: Client,
        found: Found,
        model: str,
        context_window: int | None,
        settings: Settings,
        at_once: int,
        load_s: float,
    ) -> None:
        endpoint = client.endpoint
        self.client = client
        self.name = endpoint.title
        self.abilities: Abilities = found.server.abilities
        self.details = _(
            "{model} on {name} at {host}", model=model, name=found.server.name, host=endpoint.host
        )
        self.model = model
        self.load_s = load_s
        self.context_window = context_window
        self.position: int | None = None
        self.at_once = at_once
        self.closed = False
        self.notices = tuple(_warnings(client))
        self._found = found
        self._settings = settings
        self._told = ToldNotices()

    @classmethod
    def open(
        cls,
        endpoint: Endpoint,
        model: str | None,
        settings: Settings,
        cancelled: Callable[[], bool],
        at_once: int = 1,
    ) -> "RemoteEngine":
        """Ask an endpoint what it is and has, and choose a model of it.

        Raises:
            R1LocalError: it can't be reached, refuses, or has no such model.
            LoadingCancelled: `cancelled` returned True.
        """
        started = time.monotonic()
        client = Client(endpoint)
        try:
            found = _cancellable(lambda: find(client), cancelled)
            entry = found.entry(endpoint, model)
            window = _cancellable(lambda: context_of(client, found, entry), cancelled)
        except BaseException:
            client.close()
            raise
        if window and (wanted := value_in(settings, "context")):
            window = min(window, wanted)
        most = endpoint.parallel or found.at_once or max(at_once, _AT_ONCE)
        took = time.monotonic() - started
        return cls(client, found, entry.name, window, settings, most, took)

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,
        begun: Begun | None = None,
        cancelled: Callable[[], bool] = never,  # noqa: ARG002
    ) -> RemotePrompt:
        """Estimate a prompt, whose text the server makes."""
        server = self._found.server
        if begun is not None and not (begun.thinking or begun.answer):
            begun = None  # nothing had come
        if begun is None and settings.thinking.off and not server.switch:
            begun = Begun(SHORT_THOUGHT, "", thinking_open=False)
        size = PromptSize(estimated_tokens(conversation, begun), exact=False)
        return RemotePrompt(conversation, size, tuple(self._notices(settings)), begun)

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        """Let the server reply to a prompt.

        Raises:
            R1LocalError: it doesn't, or not to the end.
        """
        with closing(self.together()) as replies:
            replies.add(prompt, settings, control)
            while True:
                for _number, happening in replies.step():
                    if isinstance(happening, R1LocalError):
                        raise happening
                    if isinstance(happening, str):
                        continue
                    if isinstance(happening, Finished):
                        self._count(happening)
                    yield happening
                    if isinstance(happening, Finished):
                        return

    def together(self) -> RemoteReplies:
        """Begin to make many replies."""
        first_byte = value_in(self._settings, "first-byte-timeout")
        return RemoteReplies(self, first_byte, value_in(self._settings, "silence-timeout"))

    def makes_many(self, prompt: PreparedPrompt) -> bool:
        """Return whether one request can ask for several replies to a prompt."""
        assert isinstance(prompt, RemotePrompt)
        return self._found.server.many and prompt.begun is None

    def begin(
        self, number: int, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> RemoteReply:
        """Return a reply that is about to be asked for."""
        assert isinstance(prompt, RemotePrompt)
        if self.abilities.seeds:
            settings = replace(settings, sampler=settings.sampler.with_seed())
        asking = Asking(
            self.client,
            self._found,
            self.model,
            self.context_window,
            self._effort(settings),
            prompt.conversation,
            prompt.size.tokens,
            settings,
        )
        return RemoteReply(number, asking, control, prompt.begun, self.load_s, prompt.notices)

    def new_notices(self, notices: Sequence[Notice]) -> list[Notice]:
        """Return those notices that haven't been returned before."""
        return self._told.new(notices)

    def larger(self, enough: Callable[[int], bool]) -> int | None:  # noqa: ARG002
        """Return None: the server decides on its context."""
        return None

    def reopened(
        self,
        cancelled: Callable[[], bool],
        *,
        context: int | None = None,  # noqa: ARG002
        at_once: int | None = None,
    ) -> Engine:
        """Ask the server anew."""
        self.close()
        endpoint = self.client.endpoint
        return RemoteEngine.open(endpoint, self.model, self._settings, cancelled, at_once or 1)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
        self.closed = True

    def _effort(self, settings: ReplySettings) -> str | None:
        """Return the word for how hard to think, if effort was asked for by one."""
        budget, chosen = settings.thinking.budget, self._settings.get("effort")
        if budget is None:
            return "high" if chosen and chosen.value is None else None
        return effort_of(budget) if budget in (1_024, 4_096) else None

    def _notices(self, settings: ReplySettings) -> Iterator[Notice]:
        budget = settings.thinking.budget
        if budget is not None and not self.abilities.budgets:
            told = _(
                "{name} can't end a thought after {budget:,} tokens; it is asked to think",
                name=self.name,
                budget=budget,
            )
            yield Notice(
                "budget", _("{told} with {budget} effort", told=told, budget=effort_of(budget))
            )

    def _count(self, finished: Finished) -> None:
        usage = finished.usage
        if usage.prompt_tokens:
            self.position = usage.prompt_tokens + usage.thinking_tokens + usage.answer_tokens


def estimated_tokens(conversation: Conversation, begun: Begun | None = None) -> int:
    """Return about as many tokens as a prompt has."""
    texts = [each.content for each in conversation]
    texts += [begun.thinking, begun.answer] if begun else []
    total = sum(map(len, texts))
    of_ascii = sum(sum(map(str.isascii, text)) for text in texts)
    tokens = of_ascii / _ASCII_PER_TOKEN + (total - of_ascii) / _OTHERS_PER_TOKEN
    return round(tokens) + _PER_MESSAGE * (len(conversation) + 1)


def _warnings(client: Client) -> Iterator[Notice]:
    endpoint = client.endpoint
    secret = client.key or endpoint.headers
    if secret and endpoint.url.startswith("http://") and not endpoint.is_here:
        told = _(
            "the key and all that is said go to {host} unencrypted: use https", host=endpoint.host
        )
        yield Notice("engine", told)


def _cancellable(work: Callable[[], T], cancelled: Callable[[], bool]) -> T:
    def poll() -> None:
        if cancelled():
            raise LoadingCancelled

    return call_within(work, poll=poll)
