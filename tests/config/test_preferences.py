"""Where settings come from, and which place counts."""

from pathlib import Path

import pytest

from r1local.config.paths import config_file
from r1local.config.preferences import (
    OfModel,
    as_set,
    read_config,
    settings_in_force,
    value_of,
)
from r1local.errors import InvalidSetting, R1LocalError, UsageError
from r1local.models.catalog import load_catalog
from r1local.models.preferred import of_model
from r1local.models.selection import select


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text)


def place_of(name: str, model: OfModel | None = None) -> tuple[object, str] | None:
    setting = settings_in_force(model=model).get(name)
    return (setting.value, setting.place) if setting else None


def test_each_place_counts_more_than_the_ones_before(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OfModel(("7b:q5_k_m", "7b"), {"top-k": 1}, "models.toml, 7b")
    assert place_of("top-k") is None
    assert place_of("top-k", model) == (1, "models.toml, 7b")
    write_config("top_k = 2\n")
    assert place_of("top-k", model) == (2, "config.toml")
    write_config("top_k = 2\n[models.7B]\ntop_k = 3\n")
    assert place_of("top-k") == (2, "config.toml")
    assert place_of("top-k", model) == (3, 'config.toml [models."7B"]')
    write_config('[models."7b:q5_k_m"]\ntop_k = 4\n[models.7b]\ntop_k = 3\n')
    assert place_of("top-k", model) == (4, 'config.toml [models."7b:q5_k_m"]')
    monkeypatch.setenv("R1LOCAL_TOP_K", "5")
    assert place_of("top-k", model) == (5, "R1LOCAL_TOP_K")
    assert settings_in_force({"top-k": 6}, model)["top-k"].value == 6


def test_the_twin_set_in_the_stronger_place_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config("think_budget = 300\neffort = 'low'\n")
    assert (place_of("think-budget"), place_of("effort")) == ((300, "config.toml"), None)
    monkeypatch.setenv("R1LOCAL_EFFORT", "medium")
    assert (place_of("think-budget"), place_of("effort")) == (None, (4_096, "R1LOCAL_EFFORT"))


def test_a_switch_can_be_turned_off_again() -> None:
    write_config("vi = true\nno_think = true\n")
    assert value_of("vi")
    assert not value_of("vi", {"vi": False})
    assert settings_in_force({"no-think": False})["no-think"].value is False


def test_a_file_lies_beside_config() -> None:
    write_config("chat_template = 'mine.jinja'\n")
    assert place_of("chat-template") == (config_file().parent / "mine.jinja", "config.toml")


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("temprature = 1\n", "config.toml has an unknown setting, temprature", "temperature?"),
        ("think-budget = 1\n", "unknown setting, think-budget", "did you mean think_budget?"),
        ("votes = 8\n", "unknown setting, votes", ""),
        ("[models.7b]\nvi = true\n", 'config.toml [models."7b"] has an unknown setting, vi', ""),
        ("[models.7b]\ntop_k = -1\n", 'config.toml [models."7b"]: top-k -1 is out of', "0 or more"),
        ("models = 3\n", "config.toml: models must be tables", '[models."7b"]'),
        ("[models]\n7b = 3\n", "config.toml: models must be tables", '[models."7b"]'),
        ("system = 3\n", "config.toml: system must be text, not 3", "quotes"),
        ("answer_pattern = '('\n", "answer-pattern '(' is not a regular expression", "Python's re"),
        ("kv_cache = 16\n", "config.toml: kv-cache '16' is unknown", "f16, q8_0 or q4_0"),
        ("vi = 1\n", "config.toml: vi '1' is not true or false", "true or false"),
    ],
)
def test_wrong_values_are_told_with_their_place(text: str, words: str, hint: str) -> None:
    write_config(text)
    with pytest.raises(InvalidSetting) as caught:
        settings_in_force()
    assert words in caught.value.message
    assert str(config_file()) in caught.value.message
    assert hint in caught.value.hint


def test_a_model_is_known_by_what_is_typed_and_by_the_catalogs_names(tmp_path: Path) -> None:
    file = tmp_path / "Some.gguf"
    file.touch()
    assert {str(file.resolve()), "Some"} <= set(select(str(file), load_catalog()).preferred.names)
    known = load_catalog().find("7b")
    assert known
    of_it = of_model(["7B:Q5_K_M"], known)
    assert of_it.names[:2] == ("7B:Q5_K_M", known.name)
    assert "7b" in of_it.names
    assert of_it.entry["temperature"] == 0.6
    write_config("[models.7b]\ncontext = 8_192\n")
    assert place_of("context", of_it) == (8_192, 'config.toml [models."7b"]')


def test_two_tables_of_one_model_are_refused() -> None:
    write_config('[models."nano"]\ntop_k = 3\n[models."NANO"]\ntop_k = 4\n')
    with pytest.raises(InvalidSetting, match=r'\[models\."nano"\] and \[models\."NANO"\]'):
        settings_in_force()


def test_the_file_is_understood_once_until_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config("top_k = 2\n[presets.a]\ntop_k = 3\n")
    read = read_config()
    with monkeypatch.context() as without:
        without.setattr("tomllib.loads", None)
        assert read_config() is read
        assert place_of("top-k") == (2, "config.toml")
    write_config("top_k = 4\n")  # as another terminal may, during a chat, within the same second
    assert place_of("top-k") == (4, "config.toml")
    assert not read_config().presets
    write_config("top_k = 'many'\n")
    for _again in range(2):
        with pytest.raises(InvalidSetting):
            read_config()


@pytest.mark.parametrize(
    ("given", "error", "begins"),
    [
        ({"notify": "nosuch"}, UsageError, "notify: no program"),
        ({}, InvalidSetting, "R1LOCAL_NOTIFY: notify: no program"),
    ],
)
def test_a_value_that_is_wrong_when_it_is_used_is_told_like_one_that_is_read(
    given: dict[str, str],
    error: type[R1LocalError],
    begins: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("R1LOCAL_NOTIFY", "nosuch")
    settings = settings_in_force(given)
    with pytest.raises(error, match=f"^{begins}$"), as_set(settings, "notify"):
        raise InvalidSetting("notify: no program", "name one")
