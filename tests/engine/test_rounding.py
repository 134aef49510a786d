"""Whether several tokens at once are computed as one at a time."""

import ctypes
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.config.loading_options import KVType
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.engine.rounding import alike_up_to, rounds_alike
from r1local.gguf.file import GGML_TYPES, read_gguf
from testing.command import ROOT
from testing.models import smollm2
from testing.replies import never

NANO = ROOT / "r1local/nano.gguf"


@pytest.mark.parametrize("path", [NANO, smollm2()], ids=["nano", "SmolLM2"])
@pytest.mark.parametrize(
    ("kv_cache", "threads", "held"),
    [("f16", 2, 30), ("f16", 1, 30), ("f16", 2, 240), ("f16", 1, 300), ("q8_0", 2, 300)],
)
def test_the_logits_are_the_same_with_flash_attention(
    path: Path, kv_cache: KVType, threads: int, held: int
) -> None:
    assert rounds_alike(read_gguf(path))
    settings = LoadSettings(512, gpu_layers=0, threads=threads, kv_cache=kv_cache)
    assert held + 16 <= alike_up_to(settings)
    with Model(path, settings, never) as model:
        alone, together = logits(model, held)
        for count, drafted in together.items():
            assert drafted == alone[:count]


def test_beyond_that_threads_share_a_token_s_attention() -> None:
    settings = LoadSettings(512, gpu_layers=0, threads=2, kv_cache="f16")
    assert alike_up_to(settings) == 256
    with Model(smollm2(), settings, never) as model:
        alone, together = logits(model, 300)
    assert together[8] != alone[:8]


def logits(model: Model, held: int) -> tuple[list[bytes], dict[int, list[bytes]]]:
    """Return the logits of 16 tokens one by one, and those of several at once by their number."""
    text = "What is 17 + 25? First I add the tens, 10 and 20, and then the units. "
    tokens = model.vocabulary.tokenise([text * 30])
    prompt, rest = tokens[:held], tokens[held : held + 16]

    def row(number: int) -> bytes:
        numbers = model._llama.llama_get_logits_ith(model._context, number)
        return ctypes.string_at(numbers, 4 * model.vocabulary.size)

    model.evaluate(prompt, never)
    alone = []
    for token in rest:
        model.advance(token)
        alone.append(row(-1))
    together = {}
    for count in (2, 3, 4, 6, 8, 12, 16):
        model.rewind(len(prompt))
        model.speculate(rest[0], rest[1:count])
        together[count] = [row(number) for number in range(count)]
    return alone, together


@pytest.mark.parametrize("name", ["F16", "BF16", "Q4_K", "Q6_K", "IQ4_NL"])
def test_types_that_are_multiplied_in_two_ways_do_not(name: str) -> None:
    gguf = read_gguf(NANO)
    (other,) = (each for each in GGML_TYPES.values() if each.name == name)
    tensors = (replace(gguf.tensors[0], type=other), *gguf.tensors[1:])
    assert not rounds_alike(replace(gguf, tensors=tensors))


def test_it_was_measured_on_one_kind_of_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    assert not rounds_alike(read_gguf(NANO))
