"""Replies with drafts: the same tokens as without, whatever the drafts and the settings."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.engine.contexts import FlashStart
from r1local.engine.drafts import Drafts
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.engine.speculation import Speculation
from r1local.events.reply import AnswerDelta
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings
from testing.command import ROOT, Scripted
from testing.drafts import Forced, replies, told
from testing.models import smollm2, write_scripted_model
from testing.replies import HI, events_of, finished, generate, loaded, never, text_of

NANO = ROOT / "r1local/nano.gguf"
THOUGHT = "The sum of 12 and 30 is 42. Let me check: 30 and 12 is 42 again. "
REPLY = f"{THOUGHT}So it is {THOUGHT}</think>\n\n{THOUGHT}So the answer is 42. {THOUGHT}"
LOOP = f"{THOUGHT}{'I am going in circles again and again. ' * 40}</think>\n\nNo answer."
QUESTION: tuple[Message, ...] = (Message("user", "What is 17 + 25? Think, and check it twice."),)


@pytest.fixture(autouse=True)
def _steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step takes as long as any other, as in a large model on an idle machine.

    Scripted models are quicker than looking for drafts.
    """
    clock = partial(next, count(step=0.01))
    monkeypatch.setattr("r1local.replies.generation.Speculation", partial(Speculation, clock=clock))
    monkeypatch.setattr("r1local.engine.pace.QUICK_S", 0.0)


def with_drafts(model: LoadedModel, length: int = 7, seed: int = 0) -> LoadedModel:
    return replace(model, drafts=Forced(length, seed, model.model.vocabulary.size))


def without(model: LoadedModel) -> LoadedModel:
    return replace(model, drafts=None)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LoadedModel]]:
    """Models that copy, that loop, and that think about small problems.

    A quantized KV cache has flash attention, which computes one token as it computes several.
    """
    folder = tmp_path_factory.mktemp("models")
    copying = write_scripted_model(folder / "copying.gguf", REPLY)
    looping = write_scripted_model(folder / "looping.gguf", LOOP)
    with (
        loaded(copying) as one,
        loaded(looping) as two,
        loaded(NANO, context=1024, kv_cache="q8_0") as three,
    ):
        yield {"copying": one, "looping": two, "nano": three}


@pytest.mark.parametrize("name", ["copying", "looping", "nano"])
@given(reply=replies(), length=st.integers(1, 15), seed=st.integers(0, 99))
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_a_reply_has_the_same_tokens_with_and_without_drafts(
    models: dict[str, LoadedModel], name: str, reply: ReplySettings, length: int, seed: int
) -> None:
    model = models[name]
    model.model.rewind(0)  # a prompt of which a part is kept is computed in other steps
    plain = events_of(without(model), QUESTION, reply)
    tokens = model.model.state()[0]
    model.model.rewind(0)
    drafted = events_of(with_drafts(model, length, seed), QUESTION, reply)
    assert told(drafted) == told(plain)
    assert model.model.state()[0] == tokens  # the KV cache has nothing of a draft
    assert finished(plain).usage.draft_tokens == 0


def test_what_was_copied_was_drafted(models: dict[str, LoadedModel]) -> None:
    usage = finished(events_of(with_drafts(models["copying"]))).usage
    assert usage.draft_tokens > usage.accepted_tokens > len(THOUGHT)


def test_drafts_pay_where_text_is_repeated(scripted: Scripted) -> None:
    with loaded(scripted(THOUGHT * 20)) as model:
        usage = finished(events_of(model)).usage
    assert usage.accepted_tokens > usage.thinking_tokens / 2


def test_without_repetition_nothing_is_drafted(scripted: Scripted) -> None:
    with loaded(scripted(bytes(range(32, 127)).decode())) as model:
        assert finished(events_of(model)).usage.draft_tokens == 0


REPEATED = THOUGHT * 20


def test_a_model_that_is_quicker_than_looking_for_drafts_has_none(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.engine.pace.QUICK_S", 10.0)
    with loaded(scripted(REPEATED)) as model:
        assert not drafted(model, SamplerSettings())
        assert not drafted(model, SamplerSettings())


REPEATABLE = [SamplerSettings(seed=1), SamplerSettings(temperature=0)]


def drafted(model: LoadedModel, sampler: SamplerSettings) -> bool:
    return finished(events_of(model, HI, ReplySettings(sampler))).usage.draft_tokens > 0


@pytest.mark.parametrize("sampler", REPEATABLE)
def test_a_repeatable_reply_has_no_drafts_where_they_round_otherwise(
    scripted: Scripted, sampler: SamplerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.models.drafting.rounds_alike", lambda _gguf: False)
    with loaded(scripted(REPEATED)) as model:
        assert not drafted(model, sampler)
        assert not drafted(model, sampler.with_seed())
        assert drafted(model, SamplerSettings())
        assert drafted(model, SamplerSettings().with_seed().later(1))


@pytest.mark.parametrize("sampler", REPEATABLE)
def test_a_repeatable_reply_has_drafts_where_they_round_alike(
    scripted: Scripted, sampler: SamplerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.models.drafting.rounds_alike", lambda _gguf: True)
    with loaded(scripted(REPEATED), kv_cache="q8_0") as model:
        assert drafted(model, sampler)


@pytest.mark.parametrize("flash", [False, True])
def test_they_round_alike_with_flash_attention_only(
    scripted: Scripted, flash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.models.drafting.rounds_alike", lambda _gguf: True)
    monkeypatch.setattr(Model, "flash", flash)
    with loaded(scripted(REPEATED)) as model:
        assert drafted(model, REPEATABLE[0]) == flash
        assert drafted(model, SamplerSettings())


def test_no_draft_goes_beyond_where_attention_changes(scripted: Scripted) -> None:
    path = scripted(REPEATED)
    for until in (256, 512):
        start = FlashStart(until, until, 512)
        wanted = LoadSettings(1024, 0, 1, "f16", flash_attention=False, flash_start=start)
        with Model(path, wanted, never) as model:
            tokens = model.vocabulary.tokenise([REPEATED])[:until]
            model.evaluate(tokens[:-3], never)
            assert model.room == 3
            model.speculate(tokens[-3], tokens[-2:])
            assert model.flash
            assert model.accept(tokens[-2:])
            assert model.room == 0
            model.advance(tokens[0])
            assert not model.flash
            assert model.room == 1024 - until - 1


@pytest.mark.parametrize("sampler", REPEATABLE)
def test_drafts_that_were_asked_for_are_in_all_replies(
    scripted: Scripted, sampler: SamplerSettings
) -> None:
    with loaded(scripted(REPEATED), draft="ngram") as model:
        assert drafted(model, sampler)
    with loaded(scripted(REPEATED), draft="none") as model:
        assert not drafted(model, sampler)


def test_a_cancelled_reply_leaves_no_draft(models: dict[str, LoadedModel]) -> None:
    model, control = models["copying"], Control()
    events = generate(with_drafts(model), HI, ReplySettings(), control)
    seen = [next(events) for _ in range(100)]
    control.cancel()
    seen += events
    usage = finished(seen).usage
    assert model.model.position <= usage.prompt_tokens + usage.thinking_tokens
    state, content = model.model.state()
    assert model.model.put_state(state, bytearray(content))


def test_an_abandoned_reply_leaves_no_draft(models: dict[str, LoadedModel]) -> None:
    model = models["copying"]
    seeded = ReplySettings(SamplerSettings(seed=1))
    plain = told(events_of(without(model), HI, seeded))
    events = generate(with_drafts(model), HI, seeded, Control())
    for _ in range(90):
        next(events)
    events.close()
    assert told(events_of(without(model), HI, seeded)) == plain


def test_a_reply_goes_on_with_drafts(models: dict[str, LoadedModel]) -> None:
    model = models["nano"]
    cut = ReplySettings(SamplerSettings(seed=3), max_tokens=40)
    begun = Begun(text_of(events_of(model, QUESTION, cut), AnswerDelta) or "Let me", "", True)
    both = [
        told([*generate(each, QUESTION, cut, Control(), begun)])
        for each in (without(model), with_drafts(model))
    ]
    assert both[0] == both[1]


def test_a_full_context_leaves_no_room_for_drafts(scripted: Scripted) -> None:
    with loaded(scripted(THOUGHT * 4, context_length=256)) as model:
        events = events_of(with_drafts(model, 15))
    assert finished(events).reason == "length"


def test_later_replies_know_earlier_ones(scripted: Scripted) -> None:
    with loaded(scripted("Sphinx of black quartz, judge my vow.</think>Ok")) as model:
        first = finished(events_of(model)).usage
        second = finished(events_of(model)).usage
    assert second.accepted_tokens > first.accepted_tokens


@pytest.mark.slow
def test_smollm2_writes_the_same_with_flash_attention() -> None:
    # llama.cpp's plain attention adds up in another order for several tokens than for one.
    model_settings = LoadSettings(1024, gpu_layers=0, threads=2, kv_cache="f16")
    random = Random(1)
    with Model(Path(smollm2()), model_settings, never) as model:
        prompt = model.vocabulary.tokenise(["Once upon a time, there was a lighthouse. "])

        def tokens(draft_length: int, temperature: float) -> list[int]:
            model.evaluate(prompt, never)
            drafter, text = Drafts().drafter(prompt), list[int]()
            with Sampler(SamplerSettings(temperature=temperature, seed=5)) as sampler:
                while len(text) < 60:
                    token = model.sample(sampler)
                    text.append(token)
                    drafter.feed([token])
                    if model.accept([token]):
                        continue
                    draft = [*drafter.propose(draft_length), random.randrange(1000)]
                    if draft_length:
                        model.speculate(token, draft)
                    else:
                        model.advance(token)
            return text

        for temperature in (0.0, 0.8):
            assert tokens(6, temperature) == tokens(0, temperature)
