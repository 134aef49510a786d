"""Drafts of replies that are written together: the same tokens as without, in fewer steps."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.conversation import Conversation, Message
from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.sampler import SamplerSettings
from r1local.engine.shared_pace import SharedPace
from r1local.events.reply import Event, Finished, ThinkingDelta, Usage
from r1local.events.vote import VoteResult
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.generation import TokenisedPrompt, tokenised_prompt
from r1local.replies.local import LocalEngine
from r1local.replies.request import Request
from r1local.replies.scheduler import Scheduler
from r1local.replies.settings import ReplySettings
from r1local.replies.shared_drafts import leads
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.command import ROOT, Scripted
from testing.drafts import Always, Forced, replies, told
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


@pytest.mark.parametrize("name", ["copying", "looping", "short"])
@given(reply=replies(), length=st.integers(1, 15), seed=st.integers(0, 99))
@settings(max_examples=12, suppress_health_check=list(HealthCheck))
def test_votes_have_the_same_tokens_with_and_without_drafts(
    models: dict[str, LoadedModel], name: str, reply: ReplySettings, length: int, seed: int
) -> None:
    model = models[name]
    plain = together(without(model), reply)
    drafted = together(with_drafts(model, length, seed), reply)
    assert [told(each) for each in drafted] == [told(each) for each in plain]
    assert not any(each.draft_tokens for each in usages(plain))


@pytest.mark.parametrize("length", [1, 7, 15])
def test_votes_of_nano_at_temperature_0_have_the_same_tokens(
    models: dict[str, LoadedModel], length: int
) -> None:
    greedy = ReplySettings(SamplerSettings(temperature=0), max_tokens=300)
    plain = together(without(models["nano"]), greedy)
    drafted = together(with_drafts(models["nano"], length), greedy)
    assert [told(each) for each in drafted] == [told(each) for each in plain]
    assert sum(each.accepted_tokens for each in usages(drafted)) > 50


def test_voters_draft_from_each_other(scripted: Scripted) -> None:
    # Nothing in the text occurs twice: what is drafted well was written by the other one.
    text = bytes(range(32, 127)).decode()
    with loaded(scripted(f"{text}</think>Ok"), sequences=2, draft="ngram") as loaded_model:
        model, reply = with_drafts(loaded_model, 3), ReplySettings()
        prompt = tokenised_prompt(model, QUESTION, reply)
        with Scheduler(model) as scheduler:
            first = scheduler.add(prompt, reply, Control())
            happened = [each for _ in range(40) for each in scheduler.step()]
            scheduler.add(prompt, reply, Control())
            while scheduler.busy:
                happened += scheduler.step()
    ended = {n: what.usage.accepted_tokens for n, what in happened if isinstance(what, Finished)}
    assert ended.pop(first) < 10
    assert next(iter(ended.values())) > 30


@pytest.mark.parametrize("sampler", [SamplerSettings(seed=1), SamplerSettings(temperature=0)])
def test_repeatable_votes_have_drafts_only_if_they_were_asked_for(
    models: dict[str, LoadedModel], sampler: SamplerSettings
) -> None:
    model, reply = with_drafts(models["copying"]), ReplySettings(sampler)
    assert model.drafts
    assert any(each.draft_tokens for each in usages(together(model, reply)))
    model.drafts.asked_for = False
    assert not any(each.draft_tokens for each in usages(together(model, reply)))
    unseeded = ReplySettings(SamplerSettings().with_seed())
    assert any(each.draft_tokens for each in usages(together(model, unseeded)))


def test_a_vote_says_what_was_drafted(models: dict[str, LoadedModel]) -> None:
    engine = LocalEngine(NANO, with_drafts(models["copying"]))
    *_events, last = hold_vote(engine, QUESTION, VoteSettings(3, ReplySettings()), Control())
    assert isinstance(last, VoteResult)
    assert all(ballot.reply.accepted_tokens > 0 for ballot in last.ballots)


def test_a_cancelled_voter_leaves_nothing_of_its_draft(models: dict[str, LoadedModel]) -> None:
    model = with_drafts(models["copying"])
    prompt, control = tokenised_prompt(model, QUESTION, ReplySettings()), Control()
    with Scheduler(model) as scheduler:
        numbers = [scheduler.add(prompt, ReplySettings(), each) for each in (control, Control())]
        while scheduler.busy:
            for number, happening in scheduler.step():
                if number == numbers[0] and isinstance(happening, ThinkingDelta):
                    control.cancel()
                if number == numbers[1] and isinstance(happening, Finished):
                    assert happening.reason == "stop"
    assert model.model.position <= len(prompt.tokens)


def test_voters_that_began_together_are_compared() -> None:
    prompts = [TokenisedPrompt([1], "none") for _ in range(2)]
    requests = [Request(0, prompts[n > 4], ReplySettings(), Control()) for n in range(7)]
    for request, length in zip(requests, (100, 103, 110, 20, 25, 500, 510), strict=True):
        request.tokens = [1] * length
    assert [*leads(requests)] == [0, 3, 10, 0, 5, 0, 10]


def test_a_full_cache_pauses_no_voter_for_a_draft(models: dict[str, LoadedModel]) -> None:
    model = with_drafts(models["short"], 15)
    assert all(each.accepted_tokens for each in usages(together(model, ReplySettings(), 6)))


def test_models_that_are_quicker_than_looking_for_drafts_have_none(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.engine.shared_pace.QUICK_S", 10.0)
    with loaded(scripted(THOUGHT * 20), sequences=3, draft="ngram") as model:
        assert not any(each.draft_tokens for each in usages(together(model, ReplySettings(), 3)))


class Wide(SharedPace):
    """A machine to which more tokens in a step are no work."""

    def took(self, replies: int, seconds: float) -> None:  # noqa: ARG002
        super().took(replies, 1.0)

    def drafted(self, replies: int, length: int, seconds: float, written: int) -> None:  # noqa: ARG002
        super().drafted(replies, length, 1 + length / 100, written)


def test_drafts_pay_where_votes_repeat_themselves(scripted: Scripted) -> None:
    with loaded(scripted(THOUGHT * 20), sequences=3, draft="ngram") as model:
        assert model.drafts
        model.drafts.shared_pace = Wide()
        usage = usages(together(model, ReplySettings(), 3))
    assert all(each.accepted_tokens > each.thinking_tokens / 2 for each in usage)


def test_a_draft_model_drafts_for_a_reply_that_is_alone(scripted: Scripted) -> None:
    path = scripted(f"{bytes(range(32, 127)).decode()}</think>Ok")
    with loaded(path, sequences=2) as model, loaded(path) as smaller:
        drafts = DraftsOfModel(smaller.model, model.model.vocabulary.size)
        drafts.pace = drafts.drafting.pace = Always(7)
        both = replace(model, drafts=drafts)
        (alone,) = usages(together(both, ReplySettings(), 1))
        assert alone.accepted_tokens > 60
        assert told_of(both, 2) == told_of(without(model), 2)


def told_of(model: LoadedModel, count: int) -> list[list[object]]:
    return [told(each) for each in together(model, ReplySettings(SamplerSettings(seed=1)), count)]
