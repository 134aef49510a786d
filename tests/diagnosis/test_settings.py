"""What is set where, and faults of the user's files and variables."""

import pytest

from r1local.config.paths import config_file, user_models
from r1local.diagnosis.settings import settings


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text)


def test_nothing_is_set() -> None:
    (found,) = settings()
    assert (found.state, found.text) == ("ok", f"no {config_file()} · all as built in")


def test_settings_with_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(
        f'vi = true\nsystem = "{"s" * 99}"\n[models.7b]\ncontext = 8192\n'
        "[theme]\nbase = 'dark'\n[keys]\nhelp = ['f1', 'f10']\n"
    )
    monkeypatch.setenv("R1LOCAL_THREADS", "2")
    (found,) = settings()
    assert found.state == "ok"
    assert found.text.startswith(f"{config_file()} · ")
    for words in (
        "vi true (config.toml)",
        f"system {'s' * 40}… (config.toml)",
        "threads 2 (R1LOCAL_THREADS)",
        'context 8192 (config.toml [models."7b"])',
        "theme.base dark (config.toml [theme])",
        "keys.help f1, f10 (config.toml [keys])",
    ):
        assert words in found.text
    assert {"key": "threads", "value": 2, "from": "R1LOCAL_THREADS"} in found.facts["settings"]  # type: ignore[operator]


def test_a_config_that_is_no_toml() -> None:
    write_config("vi = \n")
    (found,) = settings()
    assert (found.state, found.command) == ("broken", "r1local config edit")


def test_a_value_that_can_not_be() -> None:
    write_config("vi = 3\n")
    (found,) = settings()
    assert found.state == "broken"
    assert str(config_file()) in found.text


@pytest.mark.parametrize("text", ["models = \n", "[models.mine]\nparameters = 'many'\n"])
def test_a_models_file_that_can_not_be(text: str) -> None:
    user_models().parent.mkdir(parents=True)
    user_models().write_text(text)
    found, _in_force = settings()
    assert found.state == "warning"
    assert str(user_models()) in found.text
    assert found.command.endswith(str(user_models()))


def test_a_variable_that_can_not_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1LOCAL_VI", "maybe")
    (found,) = settings()
    assert (found.state, found.command) == ("broken", "unset R1LOCAL_VI")
    assert found.text == "R1LOCAL_VI: vi 'maybe' is not true or false"


def test_a_variable_that_sets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1LOCAL_VII", "on")
    unknown, _in_force = settings()
    assert (unknown.state, unknown.text) == ("warning", "R1LOCAL_VII is no setting")
    assert unknown.hint == "did you mean R1LOCAL_VI?"


def test_what_all_variables_begin_with_makes_none_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1LOCAL_FOO", "on")
    monkeypatch.setenv("R1LOCAL_NOTIFY_TEXT", "of a reply that has told of itself")
    unknown, _in_force = settings()
    assert unknown.text == "R1LOCAL_FOO is no setting"
    assert unknown.hint == "r1local config lists what there is"


def test_an_alias_that_hides_a_model() -> None:
    write_config('[aliases]\nnano = "7b"\n')
    (found,) = settings()
    assert (found.state, found.command) == ("broken", "r1local config edit")
    assert "nano is the name of a model already" in found.text


def test_faults_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config("vi = 3\n")
    monkeypatch.setenv("R1LOCAL_VI", "maybe")
    assert [each.state for each in settings()] == ["broken", "broken"]


@pytest.mark.parametrize("model", ["7b", "none-such", "/none/such.gguf"])
@pytest.mark.parametrize("in_variable", [True, False])
def test_a_model_that_is_not_here(
    model: str, in_variable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_variable:
        monkeypatch.setenv("R1LOCAL_MODEL", model)
    else:
        write_config(f'model = "{model}"\n')
    fault, _in_force = settings()
    assert fault.state == "broken"
    assert model in fault.text
    assert fault.command == ("unset R1LOCAL_MODEL" if in_variable else "r1local config unset model")


def test_a_model_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1LOCAL_MODEL", "nano")
    assert [each.state for each in settings()] == ["ok"]
