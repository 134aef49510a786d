"""Where a reply's settings come from, and changing them by name."""

import json
from collections.abc import Mapping

import pytest

from r1local.config.options import settable
from r1local.config.paths import config_folder
from r1local.config.preferences import OfModel, settings_in_force
from r1local.errors import InvalidSetting
from r1local.replies.settings import ReplySettings, changed, reply_settings, shown
from testing.command import Run, Scripted

MODEL = OfModel(
    ("m",), {"temperature": 0.4, "max-tokens": 65_536, "effort": "low"}, "models.toml, m"
)


def merged(given: Mapping[str, object], model: OfModel | None = None) -> ReplySettings:
    return reply_settings(settings_in_force(given, model))


def write_config(text: str) -> None:
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)


# --- Precedence -----------------------------------------------------------------


def test_built_in_settings_are_deepseeks() -> None:
    settings = merged({})
    assert settings == ReplySettings()
    assert (settings.sampler.temperature, settings.sampler.top_p) == (0.6, 0.95)
    assert settings.max_tokens == 32_768


def test_flag_before_environment_before_config_before_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def temperature(**flags: float) -> float:
        return merged(flags, MODEL).sampler.temperature

    assert merged({}, MODEL).max_tokens == 65_536
    assert temperature() == 0.4
    write_config("temperature = 0.5\n")
    assert temperature() == 0.5
    monkeypatch.setenv("R1LOCAL_TEMPERATURE", "0.7")
    assert temperature() == 0.7
    assert temperature(temperature=0.8) == 0.8


def test_effort_and_budget_are_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert merged({}, MODEL).thinking.budget == 1_024
    write_config("think_budget = 300\neffort = 'medium'\n")
    assert merged({}, MODEL).thinking.budget == 300
    assert merged({"effort": None}, MODEL).thinking.budget is None
    assert merged({"think-budget": 50, "effort": None}, MODEL).thinking.budget == 50
    monkeypatch.setenv("R1LOCAL_THINK_BUDGET", "none")
    assert merged({}, MODEL).thinking.budget is None


def test_config_can_forgo_thinking() -> None:
    write_config("no_think = true\nanswer_reserve = 100\nloop_repeats = 0\n")
    settings = merged({})
    assert settings.thinking.off
    assert settings.thinking.reserve(32_768) == 100
    assert settings.loops.least_repeats == 0


@pytest.mark.parametrize("context_window, reserve", [(256, 512), (4_096, 1_024), (32_768, 8_192)])
def test_the_answers_reserve_is_a_quarter(context_window: int, reserve: int) -> None:
    assert ReplySettings().thinking.reserve(context_window) == reserve


def test_wrong_values_name_their_place(run: Run, scripted: Scripted) -> None:
    write_config("min_p = 7\n")
    result = run("hi", "-m", scripted("x</think>y"))
    assert result.returncode == 1
    assert "config.toml: min-p 7 is out of range" in result.stderr


def test_wrong_value_of_a_model_names_it() -> None:
    with pytest.raises(InvalidSetting, match=r"models\.toml, m: effort 'huge' is unknown"):
        merged({}, OfModel(("m",), {"effort": "huge"}, "models.toml, m"))


def test_wrong_environment_names_its_variable(
    run: Run, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R1LOCAL_MAX_TOKENS", "many")
    result = run("hi", "-m", scripted("x</think>y"))
    assert result.returncode == 1
    assert "R1LOCAL_MAX_TOKENS: max-tokens 'many' is not a whole number" in result.stderr


def test_unknown_keys_of_config_are_refused() -> None:
    write_config("temprature = 1\n")
    with pytest.raises(InvalidSetting, match="temprature"):
        merged({})


def test_a_models_own_settings_count(run: Run, scripted: Scripted) -> None:
    path = scripted("".join(f"{n} " for n in range(300)), context_length=2_048)
    folder = config_folder()
    folder.mkdir(parents=True, exist_ok=True)
    entry = f'[models.mine]\nfile = "{path.as_posix()}"\nthink_budget = 40\n'
    (folder / "models.toml").write_text(entry)
    result = run("hi", "-m", "mine", "--format", "json")
    assert "40" in result.stderr or "56" in result.stderr
    assert json.loads(result.stdout)["usage"]["thinking_tokens"] < 200


# --- By name --------------------------------------------------------------------

VALUES = {
    "temperature": "0.9",
    "top-p": "0.5",
    "top-k": "40",
    "min-p": "0.1",
    "seed": "7",
    "max-tokens": "100",
    "effort": "medium",
    "think-budget": "1000",
    "min-think": "20",
    "max-waits": "2",
    "no-think": "true",
    "answer-reserve": "700",
    "loop-repeats": "4",
    "loop-tokens": "200",
    "loop-period": "100",
    "loop-patience": "1000",
}


def test_every_setting_has_a_value_here() -> None:
    assert VALUES.keys() == settable().keys()


@pytest.mark.parametrize("name", settable())
def test_every_setting_can_be_changed_and_read_back(name: str) -> None:
    settings = changed(ReplySettings(), name, f" {VALUES[name]} ")
    assert settings != ReplySettings()
    assert shown(settings, name) == VALUES[name]
    default = shown(ReplySettings(), name)
    assert changed(settings, name, default) == ReplySettings()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("temperature", "hot", "temperature 'hot' is not a number"),
        ("temperature", "-1", "temperature -1 is out of range"),
        ("temperature", "nan", "temperature nan is out of range"),
        ("top-k", "1.5", "top-k '1.5' is not a whole number"),
        ("think-budget", "0", "think-budget 0 is out of range"),
        ("effort", "huge", "effort 'huge' is unknown"),
        ("no-think", "maybe", "no-think 'maybe' is not true or false"),
        ("max-tokens", "99999999999", "max-tokens 99999999999 is out of range"),
        ("loop-repeats", "1", "loop-repeats 1 is out of range"),
        ("loop-patience", "9", "loop-patience 9 is out of range"),
        ("max-waits", "-1", "max-waits -1 is out of range"),
        ("warmth", "1", "there is no setting 'warmth'"),
    ],
)
def test_values_that_mean_nothing(name: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        changed(ReplySettings(), name, value)
    assert words in caught.value.message
    assert caught.value.hint


def test_reading_an_unknown_setting() -> None:
    with pytest.raises(InvalidSetting):
        shown(ReplySettings(), "warmth")
