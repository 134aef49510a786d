"""An engine that plays recorded replies, and can do little else: as unlike llama.cpp as can be."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from r1local.conversation import Conversation
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, ThinkingDelta, Usage
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import (
    Begun,
    Engine,
    Happening,
    PreparedPrompt,
    PromptSize,
    ToldNotices,
    never,
    never_begun,
)
from r1local.replies.settings import ReplySettings

#: Only what can be had from every server that streams.
LITTLE = Abilities(
    budgets=False,
    efforts=False,
    min_think=False,
    no_think=False,
    answer_now=False,
    think_more=False,
    seeds=False,
    sampler=frozenset({"temperature", "top-p"}),
    grammar=False,
    schema=False,
    loops=False,
    continues=False,
    continues_thoughts=False,
    counts=False,
    resizes=False,
    keeps_state=False,
)


def recording(thought: str, answer: str) -> tuple[Event, ...]:
    """Return the events of a reply whose words come one by one, each as a token."""
    words = [f"{word} " for word in thought.split()], [f"{word} " for word in answer.split()]
    usage = Usage(9, 0, len(words[0]), len(words[1]), 0.0, 0.1, 1.0, 1.0)
    return (
        *(ThinkingDelta(word, count) for count, word in enumerate(words[0], 1)),
        *(AnswerDelta(word, count) for count, word in enumerate(words[1], 1)),
        Finished("stop", usage, 0, False),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt of the recorded engine: what it was asked."""

    conversation: Conversation
    size: PromptSize | None = None
    notices: tuple[Notice, ...] = ()


class RecordedEngine:
    """An `Engine` that plays its recordings in turn, whatever it is asked.

    Attributes:
        asked: the conversations and settings of the replies, in their order.
    """

    name = "the recording"
    details = "recorded"
    load_s = 0.0
    kv_state = None
    notices = (Notice("engine", "this is a recording"),)

    def __init__(
        self,
        *recordings: Sequence[Event],
        abilities: Abilities = LITTLE,
        context_window: int | None = None,
        prompt_size: PromptSize | None = None,
    ) -> None:
        self.abilities = abilities
        self.context_window = context_window
        self.position = None
        self.at_once = 2
        self.closed = False
        self.asked: list[tuple[Conversation, ReplySettings]] = []
        self._prompt_size = prompt_size
        self._recordings = recordings
        self._told = ToldNotices()

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,  # noqa: ARG002
        begun: Begun | None = None,  # noqa: ARG002
        cancelled: Callable[[], bool] = never,  # noqa: ARG002
    ) -> Asked:
        return Asked(conversation, self._prompt_size)

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        for event in self.next_recording(prompt, settings):
            if not control.cancelled():
                yield event
            elif isinstance(event, Finished):
                yield replace(event, reason="cancelled")

    def together(self) -> "RecordedReplies":
        return RecordedReplies(self)

    def new_notices(self, notices: Sequence[Notice]) -> list[Notice]:
        return self._told.new(notices)

    def larger(self, enough: Callable[[int], bool]) -> int | None:  # noqa: ARG002
        return None

    def reopened(
        self,
        cancelled: Callable[[], bool],  # noqa: ARG002
        *,
        context: int | None = None,  # noqa: ARG002
        at_once: int | None = None,  # noqa: ARG002
    ) -> Engine:
        self.closed = False
        return self

    def close(self) -> None:
        self.closed = True

    def next_recording(self, prompt: PreparedPrompt, settings: ReplySettings) -> Sequence[Event]:
        """Return the events of the next reply, and remember what it was asked for."""
        assert isinstance(prompt, Asked)
        self.asked.append((prompt.conversation, settings))
        return self._recordings[(len(self.asked) - 1) % len(self._recordings)]


class RecordedReplies:
    """`ManyReplies` that play an event of each reply at a step."""

    def __init__(self, engine: RecordedEngine) -> None:
        self._engine = engine
        self._waiting: dict[int, tuple[PreparedPrompt, ReplySettings]] = {}
        self._playing: dict[int, deque[Event]] = {}
        self._ended: list[tuple[int, Happening]] = []
        self._added = 0

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:  # noqa: ARG002
        self._added += 1
        self._waiting[self._added] = prompt, settings
        return self._added

    def step(self) -> Iterator[tuple[int, Happening]]:
        ended, self._ended = self._ended, []
        yield from ended
        while self._waiting and len(self._playing) < self._engine.at_once:
            number = next(iter(self._waiting))
            played = self._engine.next_recording(*self._waiting.pop(number))
            self._playing[number] = deque(played)
            yield number, "started"
        for number, events in [*self._playing.items()]:
            yield number, events.popleft()
            if not events:
                del self._playing[number]

    def cancel(self, number: int) -> None:
        waiting = self._waiting.pop(number, None)
        playing = self._playing.pop(number, None)
        if waiting:
            self._ended.append((number, never_begun(waiting[1])))
        elif playing:
            last = playing[-1]
            assert isinstance(last, Finished)
            self._ended.append((number, replace(last, reason="cancelled")))

    def close(self, keep: PreparedPrompt | None = None) -> None:  # noqa: ARG002
        self._waiting.clear()
        self._playing.clear()
