"""Which model runs when none, or one of several, is meant."""

from pathlib import Path

import pytest

from r1local.config.paths import config_folder, hub_cache_folder
from r1local.config.preferences import value_of
from r1local.errors import InvalidSetting, ModelNotInstalled
from r1local.models.catalog import load_catalog
from r1local.models.selection import select
from testing.models import write_scripted_model

QWEN = "models--bartowski--DeepSeek-R1-Distill-Qwen-{}-GGUF"


def cached(size: str, quantization: str) -> Path:
    """A small file in the place of a model in the Hugging Face cache."""
    folder = hub_cache_folder() / QWEN.format(size) / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"DeepSeek-R1-Distill-Qwen-{size}-{quantization}.gguf"
    return write_scripted_model(folder / name, f"{size} {quantization}")


def test_nothing_named_and_nothing_here_is_nano() -> None:
    chosen = select(None, load_catalog())
    assert chosen.name == "nano"
    assert "r1local pull 7b" in (chosen.note or "")


def test_nothing_named_is_the_largest_here() -> None:
    cached("1.5B", "Q8_0")
    cached("7B", "Q4_K_M")
    best = cached("7B", "Q6_K")
    chosen = select(None, load_catalog())
    assert chosen.path.samefile(best)
    assert "using r1-distill-qwen-7b" in (chosen.note or "")


def test_what_does_not_fit_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    cached("7B", "Q6_K")
    monkeypatch.setattr("r1local.machine.hardware.available_memory", lambda: 2**20)
    assert select(None, load_catalog()).name == "nano"


def test_preferences_name_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = cached("1.5B", "Q8_0"), cached("7B", "Q6_K")
    config_folder().mkdir(parents=True)
    (config_folder() / "config.toml").write_text('model = "1.5b"\n')
    assert select(None, load_catalog()).path.samefile(small)
    monkeypatch.setenv("R1LOCAL_MODEL", "7b:q6_k")
    assert select(None, load_catalog()).path.samefile(large)
    assert select("nano", load_catalog()).name == "nano"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model = ", "can't be read"),
        ("model = 3", "must be text"),
        ("connections = true", "'true' is not a whole number"),
        ("modle = 'x'", "unknown setting, modle"),
    ],
)
def test_a_wrong_config_is_told(text: str, words: str) -> None:
    config_folder().mkdir(parents=True)
    (config_folder() / "config.toml").write_text(text)
    with pytest.raises(InvalidSetting, match=words):
        select(None, load_catalog())
    assert select("nano", load_catalog()).name == "nano"


@pytest.mark.parametrize("reference", ["7b", "7b:q8_0", "hf:org/repo"])
def test_what_is_not_here_names_the_command(reference: str) -> None:
    with pytest.raises(ModelNotInstalled) as caught:
        select(reference, load_catalog())
    assert caught.value.hint == f"get it with: r1local pull {reference}"


def test_connections_are_a_preference() -> None:
    assert value_of("connections") == 4
    config_folder().mkdir(parents=True)
    (config_folder() / "config.toml").write_text("connections = 2\n")
    assert value_of("connections") == 2
    (config_folder() / "config.toml").write_text("connections = 99\n")
    with pytest.raises(InvalidSetting, match="connections 99 is out of range"):
        value_of("connections")
