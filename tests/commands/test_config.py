"""`r1local config`, as a person would start it."""

import json
import subprocess
import sys

import pytest

from r1local.config.keys import ACTIONS
from r1local.config.options import preferences
from r1local.config.paths import config_file
from r1local.config.preferences import settings_in_force
from r1local.config.theme import ROLES
from r1local.models.catalog import load_catalog
from r1local.models.loading import load, load_options
from r1local.models.selection import select
from testing.command import COMMAND, Completed, Run, Scripted
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


def config(*arguments: str) -> Completed:
    return subprocess.run(
        [*COMMAND, "config", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text)


def listed(*arguments: str) -> dict[str, tuple[object, str]]:
    entries = json.loads(config(*arguments, "--format", "json").stdout)
    return {entry["key"]: (entry["value"], entry["from"]) for entry in entries}


def test_every_setting_is_listed_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    write_config("think_budget = 300\n[models.7b]\ncontext = 8192\n")
    monkeypatch.setenv("R1LOCAL_VI", "on")
    rows = [line.split("\t") for line in config().stdout.splitlines()]
    assert rows[0] == ["SETTING", "VALUE", "FROM"]
    tables = [f"theme.{key}" for key in ("base", *ROLES)] + [f"keys.{name}" for name in ACTIONS]
    assert [row[0] for row in rows[1:]] == [*(option.key for option in preferences()), *tables]
    assert ["think_budget", "300", "config.toml"] in rows
    assert ["effort", "", "think_budget"] in rows
    assert ["vi", "true", "R1LOCAL_VI"] in rows
    assert ["top_p", "0.95", "built in"] in rows
    assert listed()["context"] == ("auto", "built in")
    assert listed("--model", "7b:q6_k")["context"] == (8_192, 'config.toml [models."7b"]')
    assert listed("--model", "7b")["top_p"] == (0.95, "models.toml, r1-distill-qwen-7b")


def test_set_and_unset() -> None:
    assert config("set", "think-budget", "2,000").returncode == 0
    assert config("set", "no_think", "yes").returncode == 0
    assert config("set", "context", "8192", "--model", "7b").returncode == 0
    written = "think_budget = 2000\nno_think = true\n\n[models.7b]\ncontext = 8192\n"
    assert config_file().read_text() == written
    assert config("unset", "no-think").returncode == 0
    assert config("unset", "context", "--model", "7b").returncode == 0
    assert config_file().read_text().strip() == "think_budget = 2000"
    again = config("unset", "no-think")
    assert (again.returncode, again.stderr) == (0, f"{config_file()} doesn't set no_think\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["loop-period", "0"], 2, "loop-period 0 is out of range", "it must be from 1 to 4,096"),
        (["lop-period", "1"], 2, "there is no setting 'lop-period'", "did you mean loop_period?"),
        (["votes", "8"], 2, "there is no setting 'votes'", ""),
        (["vi", "on", "--model", "7b"], 2, "vi can't be set for one model", "config set vi VALUE"),
        (["notify", "nosuch"], 2, "notify: there is no program 'nosuch'", "auto, off"),
        (["presets.a.notify", "nosuch"], 2, "notify: there is no program 'nosuch'", "auto, off"),
        (["context", "512", "--model", "7bb"], 1, "no model is called '7bb'", "7b"),
    ],
)
def test_nothing_wrong_is_written(arguments: list[str], code: int, message: str, hint: str) -> None:
    result = config("set", *arguments)
    assert result.returncode == code
    assert f"error: {message}" in result.stderr and hint in result.stderr.splitlines()[1]
    assert not config_file().exists()


def test_one_sentence_for_a_wrong_value_wherever_it_is(run: Run, scripted: Scripted) -> None:
    sentence = "loop-period 5000 is out of range\nhint: it must be from 1 to 4,096\n"
    model = scripted("x</think>y")
    flag = run("hi", "-m", model, "--loop-period", "5000")
    assert (flag.returncode, flag.stderr) == (2, f"error: {sentence}")
    assert config("set", "loop-period", "5000").stderr == f"error: {sentence}"
    write_config("loop_period = 5000\n")
    file = run("hi", "-m", model)
    assert (file.returncode, file.stderr) == (1, f"error: {config_file()}: {sentence}")


def test_a_variable_that_counts_more_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("R1LOCAL_EFFORT", "low")
    result = config("set", "think-budget", "300")
    assert result.returncode == 0
    assert "R1LOCAL_EFFORT is set and overrides config.toml" in result.stderr


def test_options_before_a_command_are_refused() -> None:
    result = config("--model", "7b", "set", "context", "512")
    assert result.returncode == 2 and "write --model last" in result.stderr
    assert not config_file().exists()


@pytest.mark.skipif(sys.platform == "win32", reason="an editor that is a shell script")
def test_edit_opens_the_editor_and_checks_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sh -c 'echo lop = 1 >> \"$0\"'")
    result = config("edit")
    assert result.returncode == 1
    assert "unknown setting, lop" in result.stderr
    assert config_file().read_text().startswith("# Preferences of r1local")
    monkeypatch.setenv("EDITOR", "no-such-editor")
    missing = config("edit")
    assert missing.returncode == 1
    assert missing.stderr == (
        "error: the editor no-such-editor can't be run\nhint: set VISUAL or EDITOR to another one\n"
    )
    monkeypatch.setenv("VISUAL", "false -x")
    failing = config("edit")
    assert failing.returncode == 1 and "the editor false ended with code 1" in failing.stderr


def test_a_default_model_that_nobody_knows_is_told_with_its_place(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = config("set", "model", "nope")
    assert told.returncode == 0 and "no model is called 'nope'" in told.stderr
    refused = run("hi")
    assert refused.returncode == 1
    assert "error: config.toml sets model: no model is called 'nope'" in refused.stderr
    monkeypatch.setenv("R1LOCAL_MODEL", "nix")
    assert "error: R1LOCAL_MODEL sets model: no model is called 'nix'" in run("hi").stderr


def test_path() -> None:
    assert config("path").stdout == f"{config_file()}\n"


def test_preferences_reach_a_reply(run: Run, scripted: Scripted) -> None:
    path = scripted("x</think>y", context_length=2_048)
    write_config(
        f'context = 1024\nthinking = "only"\nseed = 5\n[models."{path.stem}"]\nmax_tokens = 3\n'
    )
    cut = json.loads(run("hi", "-m", path, "--format", "json", "--thinking", "show").stdout)
    assert (cut["finish_reason"], cut["seed"]) == ("length", 5)
    assert run("hi", "-m", path, "--max-tokens", "50").stdout == "x\n"
    assert run("hi", "-m", path, "--max-tokens", "50", "--thinking", "show").stdout == "y\n"
    asked = run("hi", "-m", path, "--max-tokens", "50", "--answer-only")
    assert (asked.returncode, asked.stdout) == (3, ""), "the flag says more than the preference"


def test_what_is_listed_is_what_is_loaded() -> None:
    write_config('context = 1024\n[models."nano:q8_0"]\ncontext = 512\n')
    result = subprocess.run(
        [*COMMAND, "list", "--format", "json"],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=True,
    )
    windows = {entry["name"]: entry["context_window"] for entry in json.loads(result.stdout)}
    selected = select("nano", load_catalog())
    options = load_options(settings_in_force(model=selected.preferred))
    loaded = load(selected.path, options, lambda: False)
    with loaded.model as model:
        assert model.context_window == windows["nano"] == 512


def chat(*arguments: str, typed: str) -> list[str]:
    """All lines of a chat in a session of one name, which has a turn after it."""
    result = subprocess.run(
        [*COMMAND, "chat", "-m", "nano", "--session", "s", *arguments],
        input=f"{typed}\n2 + 2\n",
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=True,
    )
    return (result.stdout + result.stderr).splitlines()


def test_a_flag_counts_more_than_what_a_session_was_set_to() -> None:
    assert "think-budget is 500" in chat(typed="/set think-budget 500")
    assert "think-budget is 500" in chat(typed="/set think-budget")
    assert "effort is low" in chat("--effort", "low", typed="/set effort")


def test_a_new_chat_has_the_preferred_system_prompt_and_an_old_one_its_own() -> None:
    def system_of(*arguments: str) -> str | None:
        lines = chat(*arguments, typed="/system")
        return next((line for line in lines if "system prompt" in line), None)

    write_config('system = "Be brief."\n')
    assert system_of() == "system prompt: Be brief."
    write_config('system = "Be long."\n')
    assert system_of() == "system prompt: Be brief."
    assert system_of("--system", "Be kind.") == "system prompt: Be kind."


def test_colours_and_keys_are_set_and_unset() -> None:
    write_config("# mine\n[theme]\nbase = 'dark'  # at night\n")
    assert config("set", "theme.error", "bold #f00").returncode == 0
    assert config("set", "keys.answer-now", "ctrl-t, f10").returncode == 0
    assert listed()["theme.base"] == ("dark", "config.toml [theme]")
    assert listed()["theme.error"] == ("bold #ff0000", "config.toml [theme]")
    assert listed()["theme.string"] == ("#87d787", "built in")
    assert listed()["keys.answer_now"] == ("ctrl-t, f10", "config.toml [keys]")
    assert "keys.help" not in listed("--model", "nano")
    assert config("unset", "keys.answer_now").returncode == 0
    assert "doesn't set keys.answer_now" in config("unset", "keys.answer_now").stderr
    text = config_file().read_text().rstrip() + "\n"
    assert text == "# mine\n[theme]\nbase = 'dark'  # at night\nerror = \"bold #f00\"\n"


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("theme.base", "drak"), "base 'drak' is unknown\nhint: did you mean dark?"),
        (("theme.eror", "red"), "no setting 'theme.eror' in [theme]\nhint: did you mean error?"),
        (("keys.help", "ctrl-i"), "help = 'ctrl-i': terminals send the same for Ctrl-I as tab"),
        (("keys.help", "f2"), "F2 would do both help and toggle_thought"),
        (("keys.help", "f1", "--model", "nano"), "keys.help isn't for one model alone"),
    ],
)
def test_senseless_colours_and_keys_are_refused(arguments: tuple[str, ...], told: str) -> None:
    refused = config("set", *arguments)
    assert refused.returncode == 2
    assert told in refused.stderr
    assert not config_file().exists()


def test_a_fault_in_a_table_names_file_table_and_key() -> None:
    write_config("[keys]\nhelp = 'f2'\n")
    failed = config()
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"error: {config_file()} [keys]: F2 would do both help and")
    assert config("set", "theme.base", "dark").returncode == 0
