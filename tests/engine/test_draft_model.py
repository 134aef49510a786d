"""A smaller model that drafts: it keeps up with the text, and is right where it can be."""

import itertools
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.engine.draft_model import DraftModel, ModelDrafter
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.errors import InferenceError
from testing.models import write_scripted_model
from testing.replies import never

TEXT = "One, two, three, four, five, six, seven."
PROMPT = list(b"The first line of a prompt that is longer than what a draft can be behind. ")


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Writes the text from behind the prompt on, whatever there is before."""
    path = tmp_path_factory.mktemp("smaller") / "smaller.gguf"
    write_scripted_model(path, TEXT, prompt=len(PROMPT))
    with Model(path, LoadSettings(512, gpu_layers=0, threads=1, kv_cache="f16"), never) as model:
        yield model


@pytest.fixture
def drafting(smaller: Model) -> DraftModel:
    smaller.rewind(0)
    return DraftModel(smaller, eager=True)


def drafter_of(drafting: DraftModel, prompt: list[int] = PROMPT) -> ModelDrafter:
    return ModelDrafter(drafting, prompt, 10_000, never)


def test_it_proposes_what_the_smaller_model_would_write(drafting: DraftModel) -> None:
    drafter = drafter_of(drafting)
    assert bytes(drafter.propose(8)) == TEXT[:8].encode()
    drafter.feed(TEXT[:5].encode())
    assert bytes(drafter.propose(8)) == TEXT[5:13].encode()
    drafter.feed(b"xyz")
    assert bytes(drafter.propose(4)) == TEXT[8:12].encode()


def test_a_draft_ends_with_the_reply(drafting: DraftModel) -> None:
    drafter = drafter_of(drafting)
    drafter.feed(TEXT.encode())
    (end,) = drafter.propose(8)
    assert drafting.model.vocabulary.ends_reply(end)


def test_tokens_that_the_larger_model_lacks_are_not_proposed(drafting: DraftModel) -> None:
    drafter = ModelDrafter(drafting, PROMPT, ord("n"), never)
    assert bytes(drafter.propose(8)) == b"O"  # and then an n


def test_there_is_no_draft_without_room(
    drafting: DraftModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafting.model, "context_window", len(PROMPT) + 2)
    drafter = drafter_of(drafting)
    assert len(drafter.propose(8)) == 2
    drafter.feed(b"ab")
    assert drafter.confidence == 0


@given(st.lists(st.integers(0, 30) | st.sampled_from(["right", "wrong", "draft"]), max_size=25))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_whatever_happens_to_the_text_the_smaller_model_follows(
    drafting: DraftModel, steps: list[int | str]
) -> None:
    drafter, text = drafter_of(drafting), [*PROMPT]
    for step in steps:
        if isinstance(step, int):
            del text[max(1, len(text) - step) :]
            drafter.rewind(len(text))
        elif step == "draft":
            drafter.propose(3)
        else:
            right = TEXT.encode()[len(text) - len(PROMPT)] if len(text) >= len(PROMPT) else 65
            text.append(right if step == "right" else 66)
            drafter.feed(text[-1:])
    drafter.propose(3)
    assert drafting.model.evaluated[: len(text)] == text


def test_a_later_prompt_is_read_from_where_it_differs(
    drafting: DraftModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafter_of(drafting).propose(4)
    read: list[int] = []
    evaluate = Model.evaluate

    def counting(model: Model, tokens: list[int], cancelled: Callable[[], bool]) -> object:
        read.append(len(tokens) - model.position)
        return evaluate(model, tokens, cancelled)

    monkeypatch.setattr(Model, "evaluate", counting)
    again = DraftModel(drafting.model, eager=True)
    drafter_of(again, [*PROMPT, *TEXT[:2].encode(), *[65] * 50])
    assert read == [49]  # without the last one, with which a draft begins


def test_experience_decides_and_fades(drafting: DraftModel) -> None:
    drafter = drafter_of(drafting)
    begun = drafter.confidence
    for wrong in b"zzzzzzzz":
        drafter.propose(2)
        drafter.feed([wrong])
    low = drafter.confidence
    assert low < begun
    drafter.feed(b"zzzz")
    assert low < drafter.confidence < begun


def test_nobody_waits_for_one_that_was_not_asked_for(smaller: Model) -> None:
    smaller.rewind(0)
    drafting = DraftModel(smaller, eager=False)
    drafting.seconds_a_token = 1.0
    drafter = drafter_of(drafting)
    drafter.feed(b"a")
    assert drafter.confidence == 0
    assert smaller.position == 0


def test_one_that_was_not_asked_for_catches_up_in_time(
    smaller: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = itertools.count(0, 3_600)
    monkeypatch.setattr("r1local.engine.draft_model.time.perf_counter", lambda: next(hours))
    smaller.rewind(0)
    drafter = drafter_of(DraftModel(smaller, eager=False))
    assert drafter.confidence == 0  # an hour's reading needs a hundred hours
    for _ in range(2_000):
        drafter.feed(b"")
    assert drafter.confidence > 0


def test_reading_can_be_cancelled(smaller: Model) -> None:
    smaller.rewind(0)
    drafter = ModelDrafter(DraftModel(smaller, eager=True), PROMPT, 300, lambda: True)
    assert drafter.confidence == 0


@pytest.mark.parametrize("method", ["advance", "evaluate"])
def test_a_smaller_model_that_fails_drafts_no_more(
    drafting: DraftModel, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise InferenceError("memory ran out", "")

    monkeypatch.setattr(Model, method, fail)
    drafter = drafter_of(drafting)
    assert not drafter.propose(3)
    assert drafter.confidence == 0
    drafter.feed(b"a")
