"""The self-test: a model that calculates rightly, one that doesn't, one that crashes."""

import pytest

from r1local.diagnosis.children import Died
from r1local.diagnosis.self_test import judged, self_test
from r1local.diagnosis.self_test_process import ask
from r1local.engine.build import Build
from r1local.errors import ModelFileNotFound
from testing.command import ROOT, Scripted

TOLD = {"answer": "27 + 58 = 85", "tokens": 60, "tokens_per_s": 1470.2, "load_s": 0.04}


def test_nano_is_right_on_the_cpu() -> None:
    build = Build("0.3.36", "0.5.0", ("CPU",), (), (), (), False, ())
    (found,) = self_test(build)
    assert found.state == "ok"
    assert found.text.startswith("27 + 58 = 85 · loaded in ")
    assert found.text.endswith(" tokens/s on the CPU")
    assert found.facts["right"] is True


def test_a_question_in_this_process() -> None:
    tried = ask(ROOT / "r1local/nano.gguf", None)
    assert "85" in tried.answer
    assert tried.tokens > 20
    assert tried.tokens_per_s > 10


def test_a_wrong_answer(scripted: Scripted) -> None:
    tried = ask(scripted("hm</think>It is 850."), None)
    told = TOLD | {"answer": tried.answer}
    found = judged(told, "the CPU", on_gpu=False)
    assert found.state == "broken"
    assert found.text == "What is 27 + 58? gets a wrong answer on the CPU: 'It is 850.'"
    assert "--force-reinstall" in found.command


def test_an_error() -> None:
    with pytest.raises(ModelFileNotFound):
        ask(ROOT / "none.gguf", None)
    told = {"error": "llama.cpp failed", "hint": "its reason"}
    found = judged(told, "the CPU", on_gpu=False)
    assert (found.state, found.text) == ("broken", "on the CPU: llama.cpp failed (its reason)")


def test_a_crash_on_a_gpu() -> None:
    found = judged(Died("crashes (SIGSEGV)"), "NVIDIA H200 (CUDA)", on_gpu=True)
    assert found.state == "broken"
    assert found.text == "on NVIDIA H200 (CUDA), llama.cpp crashes (SIGSEGV)"
    assert found.command == "r1local config set gpu-layers 0"


def test_a_gpu_that_is_right() -> None:
    found = judged(TOLD, "NVIDIA H200 (CUDA)", on_gpu=True)
    assert found.state == "ok"
    assert found.text.endswith("loaded in 0.0 s · 1,470 tokens/s on NVIDIA H200 (CUDA)")
