"""Many replies of the local engine at once: each is what it would be alone. Real models."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from r1local.conversation import Conversation, Message, Reply
from r1local.engine.sampler import SamplerSettings
from r1local.errors import PromptTooLong, R1LocalError
from r1local.events.reply import Finished
from r1local.events.reply_builder import ReplyBuilder
from r1local.gguf.file import read_gguf
from r1local.machine.calibration import PLAIN, keep
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.engine import Engine, Happening, ManyReplies, generate
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from testing.command import ROOT
from testing.replies import never

NANO = ROOT / "r1local" / "nano.gguf"
LIKELIEST = ReplySettings(SamplerSettings(temperature=0, seed=1), max_tokens=60)


def asking(text: str) -> Conversation:
    return (Message("user", text),)


SUMS = [asking(f"What is {n} * 48?") for n in (37, 5, 112)]


@contextmanager
def opened(at_once: int = 2) -> Iterator[Engine]:
    with closing(LocalEngine.open(NANO, LoadOptions(sequences=at_once), never)) as engine:
        yield engine


def alone(engine: Engine, conversation: Conversation) -> str:
    kept = ReplyBuilder("m")
    for event in generate(engine, conversation, LIKELIEST, Control()):
        kept.handle(event)
    return text_of(kept.reply())


def text_of(reply: Reply) -> str:
    return f"{reply.thinking}|{reply.answer}|{reply.reason}"


class Kept:
    """What became of the replies so far, by their numbers."""

    def __init__(self) -> None:
        self.happenings: dict[int, list[Happening]] = {}

    def steps(self, replies: ManyReplies, most: int = 10_000) -> None:
        """Let at most so many steps be taken, until all of those known have ended."""
        for _ in range(most):
            for number, happening in replies.step():
                self.happenings[number].append(happening)
            if self.ended == set(self.happenings):
                return

    def add(self, engine: Engine, replies: ManyReplies, conversation: Conversation) -> int:
        prompt = engine.prepare(conversation, LIKELIEST)
        number = replies.add(prompt, LIKELIEST, Control())
        self.happenings[number] = []
        return number

    @property
    def ended(self) -> set[int]:
        return {number for number, each in self.happenings.items() if self.end(each)}

    def end(self, happenings: list[Happening]) -> Finished | None:
        last = happenings[-1] if happenings else None
        return last if isinstance(last, Finished) else None

    def text(self, number: int) -> str:
        kept = ReplyBuilder("m")
        for happening in self.happenings[number]:
            if not isinstance(happening, str | R1LocalError):
                kept.handle(happening)
        return text_of(kept.reply())


@pytest.fixture(autouse=True)
def one_attention() -> None:
    """Keep one attention at all depths, so that replies together are rounded as they are alone."""
    for sequences in (1, 2, 4, 8):
        keep(read_gguf(NANO), sequences, PLAIN)


def test_replies_to_different_prompts_are_as_if_alone() -> None:
    with opened() as engine:
        expected = [alone(engine, each) for each in SUMS]
        kept = Kept()
        with closing(engine.together()) as replies:
            numbers = [kept.add(engine, replies, each) for each in SUMS]
            kept.steps(replies)
        assert [kept.text(number) for number in numbers] == expected
        assert all(kept.happenings[number][0] == "started" for number in numbers)
        assert [alone(engine, each) for each in SUMS] == expected, "the model is whole"


def test_a_request_may_come_while_others_run() -> None:
    with opened() as engine:
        expected = [alone(engine, each) for each in SUMS]
        kept = Kept()
        with closing(engine.together()) as replies:
            numbers = [kept.add(engine, replies, SUMS[0])]
            kept.steps(replies, 10)
            numbers.append(kept.add(engine, replies, SUMS[1]))
            kept.steps(replies)
            numbers.append(kept.add(engine, replies, SUMS[2]))
            kept.steps(replies)
        assert [kept.text(number) for number in numbers] == expected


def test_each_reply_can_be_cancelled() -> None:
    with opened(1) as engine:
        expected = alone(engine, SUMS[2])
        kept = Kept()
        with closing(engine.together()) as replies:
            first, second, third = (kept.add(engine, replies, each) for each in SUMS)
            kept.steps(replies, 20)
            replies.cancel(first)
            replies.cancel(second)
            kept.steps(replies)
            replies.cancel(first)
            assert not [*replies.step()]
        for number in (first, second):
            end = kept.end(kept.happenings[number])
            assert end and end.reason == "cancelled"
        assert len(kept.happenings[first]) > 1 and len(kept.happenings[second]) == 1
        assert kept.text(third) == expected


def test_a_control_ends_its_own_reply() -> None:
    with opened() as engine, closing(engine.together()) as replies:
        prompt, control = engine.prepare(SUMS[0], LIKELIEST), Control()
        stopped = replies.add(prompt, LIKELIEST, control)
        other = replies.add(prompt, LIKELIEST, Control())
        kept = Kept()
        kept.happenings = {stopped: [], other: []}
        kept.steps(replies, 10)
        control.cancel()
        kept.steps(replies)
        ends = [kept.end(kept.happenings[number]) for number in (stopped, other)]
    assert [end and end.reason == "cancelled" for end in ends] == [True, False]


def test_a_prompt_without_room_is_refused() -> None:
    with opened() as engine, closing(engine.together()) as replies:
        prompt = engine.prepare(asking("word " * 9_000), LIKELIEST)
        with pytest.raises(PromptTooLong):
            replies.add(prompt, LIKELIEST, Control())
