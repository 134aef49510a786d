"""Drafts of replies that are written together: the same tokens as without, in fewer steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.conversation import Conversation, Message
from r1local.events.reply import Event, Usage
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.generation import tokenised_prompt
from r1local.replies.scheduler import Scheduler
from r1local.replies.settings import ReplySettings
from testing.command import ROOT
from testing.drafts import Forced, replies, told
from testing.models import write_scripted_model
from testing.replies import finished, loaded

NANO = ROOT / "r1local/nano.gguf"
THOUGHT = "The sum of 12 and 30 is 42. Let me check: 30 and 12 is 42 again. "
REPLY = f"{THOUGHT}So it is {THOUGHT}</think>\n\n{THOUGHT}So the answer is 42. {THOUGHT}"
LOOP = f"{THOUGHT}{'I am going in circles again and again. ' * 40}</think>\n\nNo answer."
QUESTION: Conversation = (Message("user", "What is 17 + 25? Think, and check it twice."),)


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted models are quicker than looking for drafts."""
    for module in ("pace", "shared_pace"):
        monkeypatch.setattr(f"r1local.engine.{module}.QUICK_S", 0.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LoadedModel]]:
    """Models that copy, that loop, that think, and one with a cache too small for its replies.

    With a quantized KV cache, a token is computed in the same way whatever a step has besides.
    """
    folder = tmp_path_factory.mktemp("models")
    copying = write_scripted_model(folder / "copying.gguf", REPLY)
    looping = write_scripted_model(folder / "looping.gguf", LOOP)
    short = write_scripted_model(folder / "short.gguf", REPLY, context_length=512)
    with (
        loaded(copying, sequences=3, kv_cache="q8_0") as one,
        loaded(looping, sequences=3, kv_cache="q8_0") as two,
        loaded(NANO, context=1024, sequences=3, kv_cache="q8_0") as three,
        loaded(short, context=512, sequences=3, kv_cache="q8_0") as four,
    ):
        four.model.kv_tokens = 512
        yield {"copying": one, "looping": two, "nano": three, "short": four}


def with_drafts(model: LoadedModel, length: int = 7, seed: int = 0) -> LoadedModel:
    return replace(model, drafts=Forced(length, seed, model.model.vocabulary.size))


def without(model: LoadedModel) -> LoadedModel:
    return replace(model, drafts=None)


def together(
    model: LoadedModel, reply: ReplySettings, count: int = 4, question: Conversation = QUESTION
) -> list[list[Event]]:
    """The events of several replies to one question, whose seeds differ."""
    model.model.rewind(0)
    prompt = tokenised_prompt(model, question, reply)
    events: dict[int, list[Event]] = {}
    with Scheduler(model) as scheduler:
        for number in range(count):
            own = replace(reply, sampler=reply.sampler.later(number))
            events[scheduler.add(prompt, own, Control())] = []
        while scheduler.busy:
            for number, happening in scheduler.step():
                if not isinstance(happening, str):
                    assert not isinstance(happening, Exception)
                    events[number].append(happening)
    return [*events.values()]


def usages(events: Sequence[list[Event]]) -> list[Usage]:
    return [finished(each).usage for each in events]


@pytest.mark.parametrize("name", ["copying", "looping", "nano", "short"])
@given(reply=replies(), length=st.integers(1, 15), seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_votes_have_the_same_tokens_with_and_without_drafts(
    models: dict[str, LoadedModel], name: str, reply: ReplySettings, length: int, seed: int
) -> None:
    model = models[name]
    plain = together(without(model), reply)
    drafted = together(with_drafts(model, length, seed), reply)
    assert [told(each) for each in drafted] == [told(each) for each in plain]
    assert not any(each.draft_tokens for each in usages(plain))
