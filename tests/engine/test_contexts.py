"""A KV cache passes from flash to plain attention and back, and the model goes on as before."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from r1local.engine.batch import Batch, Part
from r1local.engine.contexts import Contexts, FlashStart
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import InferenceError, ModelLoadError
from testing.models import smollm2
from tools.nano.evaluate import SHIPPED

GREEDY = SamplerSettings(temperature=0)
PLAIN = LoadSettings(2048, 0, 1, "f16", flash_attention=False, micro_batch=64)
FLASH = replace(PLAIN, flash_attention=True)
STARTED = replace(PLAIN, flash_start=FlashStart(128, 128, 64))


def never() -> bool:
    return False


def opened(settings: LoadSettings, path: Path = SHIPPED) -> Model:
    return Model(path, settings, never)


def attention(model: Model) -> str:
    return "flash" if model._contexts._flash_tokens else "plain"


def foreseen(model: Model, prompt: list[int], tokens: Sequence[int]) -> list[int]:
    """The likeliest token after a prompt and after each of the tokens that follow it."""
    model.evaluate(prompt, never)
    likeliest = []
    with Sampler(GREEDY) as sampler:
        for token in tokens:
            likeliest.append(model.sample(sampler))
            model.advance(token)
    return likeliest


def agree(left: list[int], right: list[int]) -> bool:
    """Whether two attentions foresee the same, but for rounding where two tokens are likely."""
    assert len(left) == len(right)
    return sum(a == b for a, b in zip(left, right, strict=True)) >= 0.9 * len(left)


def question(model: Model, repeated: int = 1) -> list[int]:
    return model.vocabulary.tokenise(["What is 36 + 49? Explain it to me. " * repeated])


def test_a_reply_goes_on_across_the_crossing() -> None:
    with opened(PLAIN) as plain, opened(STARTED) as started:
        prompt = question(plain)
        tokens = question(plain, 40)[:200]
        expected = foreseen(plain, prompt, tokens)
        assert attention(started) == "flash"
        assert agree(foreseen(started, prompt, tokens), expected)
        assert attention(started) == "plain"
        assert started.position == len(prompt) + 200
        # The next short prompt is read with flash attention again.
        assert agree(foreseen(started, prompt, tokens[:20]), expected[:20])
        assert attention(started) == "flash"


def test_the_crossing_is_at_a_fixed_depth() -> None:
    with opened(STARTED) as model:
        model.evaluate(question(model), never)
        seen = []
        while model.position < 200:
            model.advance(5)
            seen.append((model.position, attention(model)))
    assert [b for a, b in pairwise(seen) if a[1] != b[1]] == [(129, "plain")]


@pytest.mark.parametrize(
    ("start", "read_with"),
    [
        (FlashStart(128, 128, 64), "plain"),
        (FlashStart(128, 2048, 64), "flash"),
        (FlashStart(0, 2048, 64), "flash"),
        (FlashStart(128, 512, 64), "plain"),
    ],
    ids=["plain", "flash", "flash for prompts alone", "too long for flash"],
)
def test_a_long_prompt_is_read_where_that_is_fastest(start: FlashStart, read_with: str) -> None:
    with opened(PLAIN) as plain, opened(replace(PLAIN, flash_start=start)) as model:
        prompt = question(plain, 60)[:800]
        tokens = question(plain, 40)[:30]
        expected = foreseen(plain, prompt, tokens)
        model.evaluate(prompt, never)
        assert attention(model) == read_with
        assert agree(foreseen(model, prompt, tokens), expected)
        assert attention(model) == "plain"


def test_little_that_is_new_is_read_where_the_cache_is() -> None:
    with opened(replace(PLAIN, flash_start=FlashStart(128, 2048, 64))) as model:
        prompt = question(model, 60)
        foreseen(model, prompt, [5, 6])
        assert model.evaluate([*prompt, 9, 8, 7], never) == len(prompt)
        assert attention(model) == "plain"


@pytest.mark.parametrize("saved_with", [PLAIN, FLASH, STARTED], ids=["plain", "flash", "start"])
@pytest.mark.parametrize("put_into", [PLAIN, STARTED], ids=["into plain", "into start"])
@pytest.mark.parametrize("tokens", [40, 300])
def test_a_saved_cache_is_put_back_with_either_attention(
    saved_with: LoadSettings, put_into: LoadSettings, tokens: int
) -> None:
    with opened(saved_with) as source, opened(put_into) as target:
        prompt = question(source, 60)[:tokens]
        rest = question(source, 40)[:30]
        expected = foreseen(source, prompt, rest)
        source.evaluate(prompt, never)
        held, content = source.state()
        assert target.put_state(held, bytearray(content))
        short = tokens <= 128 and put_into is STARTED
        assert attention(target) == ("flash" if short else "plain")
        assert target.position == tokens
        assert agree(foreseen(target, [*prompt, rest[0]], rest[1:]), expected[1:])


@pytest.mark.slow
def test_sequences_pass_together(monkeypatch: pytest.MonkeyPatch) -> None:
    passed = []
    settings = replace(STARTED, sequences=3, kv_tokens=2048)

    def spy(self: Contexts, tokens: int) -> None:
        passed.append(tokens)
        real(self, tokens)

    real = Contexts._make
    monkeypatch.setattr(Contexts, "_make", spy)
    seen = []
    for each in (replace(settings, flash_start=None), settings):
        with opened(each, smollm2()) as model:
            prompt = model.vocabulary.tokenise(["The capital of France is"])
            rest = [model.vocabulary.tokenise([f"{word}, a city. " * 20]) for word in WORDS]
            model.evaluate(prompt[:-1], never)
            with model.batch() as batch:
                batch.share(0, 1, len(prompt) - 1)
                batch.share(0, 2, len(prompt) - 1)
                seen.append(foreseen_together(batch, prompt[-1], [each[:60] for each in rest]))
    assert passed == [0, 128, 0]
    assert agree(*seen)


WORDS = ("Paris", "London", "Lyon")


def foreseen_together(batch: Batch, last: int, texts: list[list[int]]) -> list[int]:
    """The likeliest tokens after each of several texts, evaluated together."""
    batch.evaluate([Part(n, [last], 1) for n in range(len(texts))])
    likeliest = []
    with Sampler(GREEDY) as sampler:
        for row in zip(*texts, strict=True):
            likeliest += [batch.sample(n, sampler) for n in range(len(texts))]
            batch.evaluate([Part(n, [token], 1) for n, token in enumerate(row)])
    return likeliest


def test_a_model_without_room_for_the_next_context_stays_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Contexts, tokens: int) -> None:
        if not tokens:
            raise ModelLoadError("no room", "close something")
        real(self, tokens)

    real = Contexts._make
    with opened(STARTED) as model:
        prompt = question(model)
        expected = foreseen(model, prompt, [5, 6, 7])
        model.evaluate([*prompt, *range(5, 5 + 128 - len(prompt))], never)
        monkeypatch.setattr(Contexts, "_make", refuse)
        with pytest.raises(InferenceError, match="no room"):
            model.advance(5)
        assert model.position == 128
        assert foreseen(model, prompt, [5, 6, 7]) == expected
