"""Sequences evaluated together say what each would say alone."""

from collections.abc import Iterator

import pytest

from r1local.engine.model import LoadSettings, Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import InferenceError
from testing.models import smollm2

GREEDY = SamplerSettings(temperature=0)
PROMPTS = ["The capital of France is", "def add(a, b):", "Once upon a time"]


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    settings = LoadSettings(512, 0, 1, "f16", sequences=3, kv_tokens=1024)
    with Model(smollm2(), settings, never) as model:
        yield model


def alone(model: Model, tokens: list[int], count: int) -> list[int]:
    model.evaluate(tokens, never)
    with Sampler(GREEDY) as sampler:
        drawn = []
        for _ in range(count):
            drawn.append(model.sample(sampler))
            model.advance(drawn[-1])
    return drawn


def tokens_of(model: Model, *parts: str) -> list[int]:
    return model.vocabulary.tokenise(parts)


@pytest.mark.slow
def test_each_says_what_it_says_alone(model: Model) -> None:
    shared = tokens_of(model, "Continue. ")
    own = [tokens_of(model, prompt) for prompt in PROMPTS]
    expected = [alone(model, shared + tokens, 12) for tokens in own]
    model.evaluate(shared, never)
    drawn: list[list[int]] = [[], [], []]
    with model.batch() as batch, Sampler(GREEDY) as sampler:
        batch.evaluate(list(enumerate(own)))
        for _ in range(12):
            for sequence in range(3):
                drawn[sequence].append(batch.sample(sequence, sampler))
            batch.evaluate([(sequence, drawn[sequence][-1:]) for sequence in range(3)])
    assert drawn == expected
    assert model.position == len(shared)


def test_the_model_goes_on_where_it_was(model: Model) -> None:
    tokens = tokens_of(model, "The capital of France is")
    expected = alone(model, tokens, 8)
    model.evaluate(tokens, never)
    with model.batch() as batch:
        batch.evaluate([(0, tokens_of(model, "a rabbit")), (2, tokens_of(model, "and"))])
    assert alone(model, tokens, 8) == expected


def test_one_is_rewound_and_the_others_are_not(model: Model) -> None:
    shared = tokens_of(model, "Continue. ")
    france, python, _ = (tokens_of(model, prompt) for prompt in PROMPTS)
    expected = [alone(model, shared + tokens, 8) for tokens in (france, python)]
    model.evaluate(shared, never)
    drawn: list[list[int]] = [[], []]
    with model.batch() as batch, Sampler(GREEDY) as sampler:
        batch.evaluate([(0, france), (1, python[:1])])
        batch.evaluate([(1, tokens_of(model, " something else entirely"))])
        batch.rewind(1, len(shared) + 1)
        assert batch.position(1) == len(shared) + 1
        batch.rewind(0, len(shared) + len(france) - 1)
        batch.evaluate([(1, python[1:]), (0, france[-1:])])
        for _ in range(8):
            for sequence in range(2):
                drawn[sequence].append(batch.sample(sequence, sampler))
            batch.evaluate([(sequence, drawn[sequence][-1:]) for sequence in range(2)])
    assert drawn == expected


@pytest.mark.slow
def test_what_is_shared_is_stored_once_and_room_comes_back(model: Model) -> None:
    model.evaluate(tokens_of(model, "word " * 400), never)
    with model.batch() as batch:
        # Three copies would need more than the cache holds.
        assert batch.room == model.kv_tokens - model.position
        assert 3 * model.position > model.kv_tokens
        full = batch.room
        batch.evaluate([(0, [5] * 100), (1, [6] * 100), (2, [7] * 100)])
        assert batch.room == full - 300
        batch.restart(1)
        assert batch.room == full - 200
        batch.evaluate([(1, [6] * 200)])
        batch.evaluate([(1, [6] * batch.room)])
        assert batch.room == 0
        with pytest.raises(InferenceError, match="full"):
            batch.evaluate([(2, [8])])
        batch.restart(1)
        batch.evaluate([(2, [8])])
