"""Which model runs when none, or one of several, is meant."""

from pathlib import Path

import pytest

from r1local.config.paths import config_folder, hub_cache_folder, user_models
from r1local.config.preferences import value_of
from r1local.errors import InvalidSetting, ModelNotInstalled
from r1local.models.catalog import load_catalog, read_catalog
from r1local.models.selection import select
from r1local.models.store import own_models
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


@pytest.mark.parametrize(
    ("said", "chosen"),
    [
        ({"general.name": "SmolLM2 135M Instruct"}, "nano"),
        ({"general.name": "Qwen3 8B"}, "nano"),
        ({"general.name": "DeepSeek R1 Distill Qwen 7B"}, "mine"),
        ({"general.name": "x", "general.basename": "DeepSeek-R1-0528-Qwen3"}, "mine"),
        ({"general.base_model.0.name": "DeepSeek R1 Distill Llama 8B"}, "mine"),
    ],
)
def test_an_imported_model_is_the_default_if_its_file_is_of_r1s_family(
    tmp_path: Path, said: dict[str, str], chosen: str
) -> None:
    own_models.register(write_scripted_model(tmp_path / "m.gguf", "x", metadata=said), "mine")
    assert select(None, read_catalog(user_models())).name == chosen
    assert select("mine", read_catalog(user_models())).name == "mine"


def test_a_users_own_repository_is_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    cached("1.5B", "Q8_0")
    config_folder().mkdir(parents=True)
    repository = "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
    user_models().write_text(
        f'[models.other]\nrepo_id = "{repository}"\n[models.r1-distill-qwen-7b]\nrepo_id = "x/y"\n'
    )
    cached("7B", "Q8_0")
    catalog = read_catalog(user_models())
    assert catalog.own == {"other"}
    assert select(None, catalog).name == "r1-distill-qwen-1.5b"
    monkeypatch.setenv("R1LOCAL_MODEL", "other")
    assert select(None, catalog).name == "other"


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
        ("model = ", "not valid TOML"),
        ("model = 3", "must be text"),
        ("connections = true", "'true' is not a whole number"),
        ("modle = 'x'", "unknown setting, modle"),
    ],
)
def test_a_wrong_config_is_reported(text: str, words: str) -> None:
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
