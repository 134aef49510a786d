"""Files that end llama.cpp's process: tried in another one first, and only once if they don't."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.engine import probe as probing
from r1local.engine.probe import needs_probe, probe
from r1local.errors import LoadingCancelled, MalformedGGUF, ModelLoadError
from r1local.gguf.file import GGUFFile, read_gguf
from testing.architectures import write_llama_like
from testing.command import Run
from testing.gguf_writer import MetadataValue, array_bytes
from testing.models import write_scripted_model, write_small_model

NO_SECTIONS = array_bytes(5, 4, bytes(16))  # four 32-bit integers
QKV = ("attn_q", "attn_k", "attn_v")


def never() -> bool:
    return False


def mistral(folder: Path) -> GGUFFile:
    """A whole model of an architecture that headers aren't checked for."""
    return read_gguf(write_llama_like(folder / "m.gguf", "mistral3"))


@pytest.mark.parametrize("tokenizer", ["gpt2", "rwkv"])
def test_only_the_family_is_known(tokenizer: str, tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf", {"tokenizer.ggml.model": tokenizer})
    assert needs_probe(read_gguf(path)) == (tokenizer == "rwkv")


def test_other_architectures_are_not_known(tmp_path: Path) -> None:
    assert needs_probe(mistral(tmp_path))


def test_a_model_that_survives_replies(tmp_path: Path, run: Run) -> None:
    model = mistral(tmp_path).path
    result = run("hi", "-m", model, "--max-tokens", "4", "--seed", "1")
    assert (result.returncode, "error" in result.stderr) == (0, False)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["qwen2vl", "paddleocr"])
def test_a_model_that_crashes_llama_cpp_is_an_error(
    architecture: str, tmp_path: Path, run: Run
) -> None:
    changes: dict[str, MetadataValue] = {".rope.dimension_sections": NO_SECTIONS}
    model = write_llama_like(tmp_path / "bad.gguf", architecture, changes, biases=QKV)
    result = run("hi", "-m", model)
    assert result.returncode == 1
    assert "llama.cpp crashes on bad.gguf" in result.stderr
    assert "GGML_ASSERT(sections[0] > 0" in result.stderr


def test_a_mixture_without_experts_is_an_error(tmp_path: Path) -> None:
    changes: dict[str, MetadataValue] = {".expert_feed_forward_length": 64}
    path = write_llama_like(tmp_path / "m.gguf", "smallthinker", changes)
    with pytest.raises(ModelLoadError, match="crashes") as caught:
        probe(read_gguf(path), 1, never)
    assert "n_expert must be > 0" in caught.value.hint


@pytest.mark.skipif(sys.platform != "linux", reason="memory that Linux limits")
def test_a_vocabulary_that_grows_for_ever_is_an_error(tmp_path: Path, run: Run) -> None:
    model = write_small_model(tmp_path / "bad.gguf", {"tokenizer.ggml.model": "rwkv"})
    result = run("hi", "-m", model)
    assert result.returncode == 1
    assert "llama.cpp crashes on bad.gguf" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("architecture", "biases"), [("llada", ()), ("dream", QKV)])
def test_diffusion_does_not_write_token_after_token(
    architecture: str, biases: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    model = write_llama_like(tmp_path / "m.gguf", architecture, biases=biases)
    result = run("hi", "-m", model)
    assert result.returncode == 1
    assert "doesn't write text token by token" in result.stderr


def test_text_read_as_a_whole_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(MalformedGGUF, match="can't write"):
        read_gguf(write_llama_like(tmp_path / "m.gguf", "llama", {".attention.causal": False}))


def test_a_refusal_is_passed_on(tmp_path: Path) -> None:
    gguf = read_gguf(write_llama_like(tmp_path / "m.gguf", "qwen3moe"))
    with pytest.raises(ModelLoadError) as caught:
        probe(gguf, 1, never)
    assert "attn_k_norm.weight' not found" in caught.value.hint


def test_what_has_survived_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gguf = mistral(tmp_path)
    probe(gguf, 1, never)
    started = []

    def start(*_command: object, **_options: object) -> None:
        started.append(True)
        raise OSError("no process")

    monkeypatch.setattr(subprocess, "Popen", start)
    probe(gguf, 1, never)
    assert not started
    os.utime(gguf.path, (0, 0))
    with pytest.raises(OSError, match="no process"):
        probe(gguf, 1, never)


def test_trying_can_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(LoadingCancelled):
        probe(mistral(tmp_path), 1, lambda: True)


def test_what_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "_TIME_LIMIT_S", 0.0)
    with pytest.raises(ModelLoadError, match=r"hangs on m\.gguf"):
        probe(replace(mistral(tmp_path), model_size=0), 1, never)


def test_a_known_model_is_loaded_at_once(tmp_path: Path, home: Path, run: Run) -> None:
    run("hi", "-m", write_scripted_model(tmp_path / "m.gguf", "t</think>a"))
    assert not list(home.rglob("survived"))


def test_modules_in_the_folder_it_is_started_in_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "hashlib", "tempfile", "random"):
        (tmp_path / f"{name}.py").write_text("open('taken', 'w')\nraise SystemExit(3)\n")
    model = mistral(tmp_path).path
    monkeypatch.chdir(tmp_path)
    probe(read_gguf(model), 1, never)
    assert not (tmp_path / "taken").exists()
