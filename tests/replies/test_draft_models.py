"""Replies with a draft model: the same tokens as without, and fewer steps."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.model import Model
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings
from testing.command import ROOT
from testing.drafts import Always, replies, told
from testing.models import write_scripted_model
from testing.replies import HI, events_of, finished, generate, loaded

NANO = ROOT / "r1local/nano.gguf"
QUESTION = (Message("user", "What is 17 + 25? Think, and check it twice."),)
REPLY = "Pack my box with five dozen liquor jugs!</think>\n\nThe quick fox jumps over a lazy dog."
#: Nothing in it occurs twice.
PROSE = bytes(65 + (n * n * 7 + n // 3) % 57 for n in range(500)).decode()
NEARLY = REPLY.replace("five", "four").replace("lazy dog", "lame cat")


@pytest.fixture(autouse=True)
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted models are quicker than looking for drafts."""
    monkeypatch.setattr("r1local.engine.pace.QUICK_S", 0.0)


def drafted(model: LoadedModel, smaller: Model, length: int) -> LoadedModel:
    """Return a model for which another one drafts at each step, whatever that costs."""
    drafts = DraftsOfModel(smaller, model.model.vocabulary.size)
    drafts.pace, drafts.drafting.pace = Always(length), Always(length)
    return replace(model, drafts=drafts)


@pytest.fixture(scope="module")
def pairs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[LoadedModel, Model]]]:
    """Models, each with another one that agrees with it in part, or always."""
    folder = tmp_path_factory.mktemp("models")
    large = write_scripted_model(folder / "large.gguf", REPLY)
    small = write_scripted_model(folder / "small.gguf", NEARLY)
    with (
        loaded(large) as one,
        loaded(small) as its_draft,
        loaded(NANO, context=1024, kv_cache="q8_0") as nano,
        loaded(NANO, context=1024) as itself,
    ):
        yield {"scripted": (one, its_draft.model), "nano": (nano, itself.model)}


@pytest.mark.parametrize("name", ["scripted", "nano"])
@given(reply=replies(), length=st.integers(1, 15))
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_a_reply_has_the_same_tokens_with_and_without_a_draft_model(
    pairs: dict[str, tuple[LoadedModel, Model]], name: str, reply: ReplySettings, length: int
) -> None:
    model, smaller = pairs[name]
    model.model.rewind(0)  # a prompt of which a part is kept is computed in other steps
    plain = events_of(replace(model, drafts=None), QUESTION, reply)
    tokens = model.model.state()[0]
    model.model.rewind(0)
    both = events_of(drafted(model, smaller, length), QUESTION, reply)
    assert told(both) == told(plain)
    assert model.model.state()[0] == tokens


@pytest.mark.parametrize("name", ["scripted", "nano"])
def test_most_of_what_a_similar_model_drafts_is_accepted(
    pairs: dict[str, tuple[LoadedModel, Model]], name: str
) -> None:
    model, smaller = pairs[name]
    greedy = ReplySettings(replace(ReplySettings().sampler, temperature=0.0, seed=1))
    usage = finished(events_of(drafted(model, smaller, 3), QUESTION, greedy)).usage
    assert usage.accepted_tokens > usage.draft_tokens / 2 > 10


def test_what_a_draft_model_is_worth_is_learnt(tmp_path: Path) -> None:
    right = write_scripted_model(tmp_path / "right.gguf", PROSE)
    wrong = write_scripted_model(tmp_path / "wrong.gguf", "?" * len(PROSE))
    worth = []
    with loaded(write_scripted_model(tmp_path / "large.gguf", PROSE)) as large:
        for path in (right, wrong):
            with loaded(path) as smaller:
                both = drafted(large, smaller.model, 3)
                events_of(both)
                assert isinstance(both.drafts, DraftsOfModel)
                worth.append(both.drafts.drafting.accuracy)
    assert worth[0] > 0.8  # the end of the thought, which the sampler writes, is no draft's
    assert worth[1] < 0.2


def test_closing_frees_both(tmp_path: Path) -> None:
    large = write_scripted_model(tmp_path / "large.gguf", REPLY, slow=True)
    small = write_scripted_model(tmp_path / "small.gguf", NEARLY)
    with loaded(large, draft="given", draft_model=small) as model:
        drafts = model.drafts
        assert isinstance(drafts, DraftsOfModel)
        assert not drafts.drafting.model.closed
    assert model.model.closed
    assert drafts.drafting.model.closed


def test_a_cancelled_reply_ends_while_the_draft_model_reads(tmp_path: Path) -> None:
    large = write_scripted_model(tmp_path / "large.gguf", REPLY, slow=True)
    small = write_scripted_model(tmp_path / "small.gguf", NEARLY)
    with (
        loaded(large, draft="given", draft_model=small) as model,
        closing(generate(model, HI, ReplySettings(), (control := Control()))) as events,
    ):
        next(events)
        control.cancel()
        assert finished(list(events)).reason == "cancelled"
