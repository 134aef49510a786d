"""Sequences evaluated together say what each would say alone."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.engine.batch import Batch, Part, as_evaluated, shared_prefix
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
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


def evaluate(batch: Batch, *parts: tuple[int, Sequence[int]]) -> None:
    assert batch.evaluate([Part(sequence, tokens) for sequence, tokens in parts])


def share_all(batch: Batch) -> None:
    """Let every sequence begin with what the model's own holds."""
    for sequence in range(1, batch.sequences):
        assert batch.share(0, sequence, batch.position(0)) == batch.position(0)


@pytest.mark.slow
def test_each_says_what_it_says_alone(model: Model) -> None:
    shared = tokens_of(model, "Continue. ")
    own = [tokens_of(model, prompt) for prompt in PROMPTS]
    expected = [alone(model, shared + tokens, 12) for tokens in own]
    model.evaluate(shared, never)
    drawn: list[list[int]] = [[], [], []]
    with model.batch() as batch, Sampler(GREEDY) as sampler:
        share_all(batch)
        evaluate(batch, *enumerate(own))
        for _ in range(12):
            for sequence in range(3):
                drawn[sequence].append(batch.sample(sequence, sampler))
            evaluate(batch, *((sequence, drawn[sequence][-1:]) for sequence in range(3)))
    assert drawn == expected
    assert model.position == len(shared)


def test_the_model_goes_on_where_it_was(model: Model) -> None:
    tokens = tokens_of(model, "The capital of France is")
    expected = alone(model, tokens, 8)
    model.evaluate(tokens, never)
    with model.batch() as batch:
        evaluate(batch, (0, tokens_of(model, "a rabbit")), (2, tokens_of(model, "and")))
    assert model.position == len(tokens)
    assert alone(model, tokens, 8) == expected


def test_the_models_sequence_gets_back_what_another_one_still_has(model: Model) -> None:
    tokens = tokens_of(model, "The capital of France is")
    expected = alone(model, tokens, 8)
    model.evaluate(tokens, never)
    batch = model.batch()
    share_all(batch)
    batch.rewind(0, 0)
    evaluate(batch, (0, tokens_of(model, "a rabbit")), (2, tokens_of(model, " not")))
    batch.close(keep=[*tokens, 5])
    assert model.position == len(tokens)
    assert alone(model, tokens, 8) == expected


def test_one_is_rewound_and_the_others_are_not(model: Model) -> None:
    shared = tokens_of(model, "Continue. ")
    france, python, _ = (tokens_of(model, prompt) for prompt in PROMPTS)
    expected = [alone(model, shared + tokens, 8) for tokens in (france, python)]
    model.evaluate(shared, never)
    drawn: list[list[int]] = [[], []]
    with model.batch() as batch, Sampler(GREEDY) as sampler:
        share_all(batch)
        evaluate(batch, (0, france), (1, python[:1]))
        evaluate(batch, (1, tokens_of(model, " something else entirely")))
        assert batch.rewind(1, len(shared) + 1) == batch.position(1) == len(shared) + 1
        batch.rewind(0, len(shared) + len(france) - 1)
        evaluate(batch, (1, python[1:]), (0, france[-1:]))
        for _ in range(8):
            for sequence in range(2):
                drawn[sequence].append(batch.sample(sequence, sampler))
            evaluate(batch, *((sequence, drawn[sequence][-1:]) for sequence in range(2)))
    assert drawn == expected


def test_the_longest_common_beginning_is_found(model: Model) -> None:
    with model.batch() as batch:
        batch.rewind(0, 0)
        evaluate(batch, (0, [5, 6, 7]), (1, [5, 6, 8, 9]), (2, [4]))
        assert batch.longest_shared([5, 6, 8, 1, 1]) == (1, 3)
        assert batch.longest_shared([4, 4]) == (2, 1)
        assert batch.longest_shared([1])[1] == 0
        assert batch.share(1, 2, 3) == 3
        assert batch.longest_shared([4, 4])[1] == 0


@pytest.mark.slow
def test_what_is_shared_is_stored_once_and_room_comes_back(model: Model) -> None:
    model.evaluate(tokens_of(model, "word " * 400), never)
    with model.batch() as batch:
        share_all(batch)
        # Three copies would need more than the cache holds.
        assert batch.room == model.kv_tokens - model.position
        assert 3 * model.position > model.kv_tokens
        full, shared = batch.room, model.position
        evaluate(batch, (0, [5] * 100), (1, [6] * 100), (2, [7] * 100))
        assert batch.room == full - 300
        batch.rewind(1, shared)
        assert batch.room == full - 200
        evaluate(batch, (1, [6] * 200))
        evaluate(batch, (1, [6] * batch.room))
        assert batch.room == 0
        with pytest.raises(InferenceError, match="full"):
            evaluate(batch, (2, [8]))
        batch.rewind(1, shared)
        evaluate(batch, (2, [8]))


@pytest.mark.slow
def test_an_evaluation_that_is_cancelled_leaves_no_trace(model: Model) -> None:
    tokens = tokens_of(model, "The capital of France is")
    expected = alone(model, tokens, 8)
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 50

    with model.batch() as batch:
        batch.rewind(0, 0)
        room = batch.room
        assert not batch.evaluate([Part(0, tokens), Part(1, [6] * 400)], cancelled)
        assert (batch.position(0), batch.position(1), batch.room) == (0, 0, room)
        evaluate(batch, (0, tokens))
        with Sampler(GREEDY) as sampler:
            assert batch.sample(0, sampler) == expected[0]


# --- Tokens that a KV cache has, in place of those that a tokenizer makes of the same text ---

#: A vocabulary in which most texts can be spelled in several ways; 0 is a control token.
PIECES = (b"", b"a", b"b", b"ab", b"ba", b"aab")
tokens = st.lists(st.integers(0, len(PIECES) - 1), max_size=12)


def text_of(some: Sequence[int]) -> list[bytes]:
    """The text between control tokens."""
    texts = [b""]
    for token in some:
        texts[-1] += PIECES[token]
        texts += [b""] * (not PIECES[token])
    return texts


@given(tokens, tokens)
def test_the_text_is_the_same_and_never_less_is_kept(made: list[int], evaluated: list[int]) -> None:
    result = as_evaluated(made, evaluated, PIECES.__getitem__)
    assert text_of(result) == text_of(made)
    kept = shared_prefix(result, evaluated)
    assert kept >= shared_prefix(made, evaluated)
    assert as_evaluated(result, evaluated, PIECES.__getitem__) == result
    # No token of the cache that ends where one of the tokenizer's does is given up.
    ends = {sum(len(PIECES[t]) for t in made[:n]) for n in range(len(made) + 1)}
    if 0 not in (*made, *evaluated):
        for count in range(kept + 1, len(evaluated) + 1):
            text = b"".join(PIECES[t] for t in evaluated[:count])
            assert not (text_of(made)[0].startswith(text) and len(text) in ends)


def test_a_text_that_was_spelled_otherwise_is_kept() -> None:
    assert as_evaluated([3, 3, 1], [1, 2, 1, 2, 5], PIECES.__getitem__) == [1, 2, 1, 2, 1]
    assert as_evaluated([0, 3], [0, 1, 2, 0], PIECES.__getitem__) == [0, 1, 2]
