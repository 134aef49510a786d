"""Presets and aliases as people use them: `run -p`, `presets`, `config set`."""

import json
import subprocess

import pytest

from r1local.config.paths import config_file
from testing.command import COMMAND, Completed, Run
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

CONFIG = """\
# mine
[aliases]
tiny = "nano"

[presets.sum]
model = "tiny"
temperature = 0
prompt = "What is {a} + {input}?"

[presets.seven]
prompt = "What is 3 + 4?"

[presets.far]
model = "nowhere"
"""


@pytest.fixture(autouse=True)
def config() -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(CONFIG, encoding="utf-8")


def r1local(*arguments: str) -> Completed:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_preset_is_asked_with_fields_arguments_and_pipes(run: Run) -> None:
    result = run("-p", "sum", "-F", "a=4", "5")
    assert (result.returncode, result.stdout, result.stderr) == (0, "**4 + 5 = \\boxed{9}**\n", "")
    assert "\\boxed{12}" in run("-p", "sum", "--field", "a=4", stdin="8").stdout
    assert "\\boxed{7}" in run("-p", "seven").stdout
    assert "stdin is attached as a document" in run("-p", "seven", stdin="a text").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-p", "smu", "1"], 2, ["there is no preset 'smu'", "did you mean sum?"]),
        (["-p", "sum", "1"], 2, ["needs a value for a", "give it: -F a=…"]),
        (["-p", "sum", "-F", "b=1", "1"], 2, ["has no field b", "there are: a"]),
        (["-p", "sum", "-F", "a", "1"], 2, ["field 'a' is not NAME=VALUE"]),
        (["-p", "sum", "-F", "a=1"], 2, ["needs a text for {input}", "or pipe it in"]),
        (["-p", "far", "1"], 1, ["config.toml [presets.far] sets model: no model is called"]),
        (["-m", "tinny", "1"], 1, ["did you mean tiny?"]),
    ],
)
def test_what_is_wrong_is_told(arguments: list[str], code: int, words: list[str], run: Run) -> None:
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert all(word in result.stderr for word in words)


def test_the_environment_and_the_command_line_count_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = json.loads(run("-p", "far", "-m", "tiny", "1 + 1", "--format", "json").stdout)
    assert reply["model"] == "nano"
    monkeypatch.setenv("R1LOCAL_MODEL", "tiny")
    assert run("-p", "far", "What is 1 + 1?").returncode == 0


def test_an_alias_is_a_model_wherever_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert r1local("show", "tiny").stdout.startswith("nano\n")
    assert r1local("verify", "tiny").returncode == r1local("verify", "nano").returncode
    assert "\\boxed{2}" in r1local("chat", "-m", "TINY", "What is 1 + 1?").stdout
    monkeypatch.setenv("R1LOCAL_MODEL", "tiny")
    assert "\\boxed{2}" in r1local("run", "What is 1 + 1?", "--no-stdin").stdout


def test_an_alias_hides_no_model() -> None:
    config_file().write_text('[aliases]\n7b = "nano"\n', encoding="utf-8")
    for arguments in (["show", "7b"], ["presets"], ["run", "-m", "7B", "hi", "--no-stdin"]):
        result = r1local(*arguments)
        assert result.returncode == 1
        assert f"{config_file()} [aliases]: 7" in result.stderr
        assert "is the name of a model already" in result.stderr
    assert r1local("show", "nano").returncode == 0


def test_presets_lists_both() -> None:
    listed = r1local("presets").stdout
    assert "sum\ttiny · temperature 0.0 · prompt {a} {input}\n" in listed
    assert "tiny\tnano\n" in listed
    found = json.loads(r1local("presets", "--json").stdout)
    assert found["aliases"] == {"tiny": "nano"}
    assert found["presets"][0] == {
        "name": "sum", "model": "tiny", "system": None, "prompt": "What is {a} + {input}?",
        "fields": ["a", "input"], "settings": {"temperature": 0},
    }  # fmt: skip
    config_file().unlink()
    assert "there are none yet" in r1local("presets").stderr


def test_config_sets_and_unsets_them() -> None:
    for key, value in {
        "presets.Sum.system": "Be\nbrief.",
        "presets.sum.think-budget": "10",
        "presets.sum.effort": "low",
        "presets.new.prompt": "{{{input}}}",
        "aliases.big": "7b",
    }.items():
        result = r1local("config", "set", key, value)
        assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(r1local("presets", "--json").stdout)
    assert found["presets"][0]["system"] == "Be\nbrief."
    assert found["presets"][0]["settings"] == {"temperature": 0, "effort": "low"}
    assert [each["name"] for each in found["presets"]] == ["sum", "seven", "far", "new"]
    assert found["aliases"]["big"] == "7b"
    for key in ("presets.sum.system", "presets.sum.effort", "presets.new", "aliases.big"):
        assert r1local("config", "unset", key).returncode == 0
    assert config_file().read_text(encoding="utf-8").strip() == CONFIG.strip()
    assert "doesn't set presets.sum.seed" in r1local("config", "unset", "presets.sum.seed").stderr


def test_a_preset_that_isn_t_allowed_can_be_removed() -> None:
    config_file().write_text("[presets.bad]\ntemprature = 1\n[presets.good]\nseed = 1\n")
    assert r1local("presets").returncode == 1
    assert r1local("config", "unset", "presets.bad").returncode == 0
    assert r1local("presets").returncode == 0
    again = r1local("config", "unset", "presets.bad")
    assert (again.returncode, "doesn't set presets.bad" in again.stderr) == (0, True)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("presets.sum.temprature", "1", ["a preset can't set temprature", "temperature?"]),
        ("presets.sum.top_k", "2.5", ["top-k '2.5' is not a whole number"]),
        ("presets.sum.prompt", "{", ["presets.sum.prompt: the brace at character 1"]),
        ("presets.sum", "x", ["presets.sum is a whole preset", "presets.sum.prompt"]),
        ("presets.no!.seed", "1", ["'no!' can't be a name"]),
        ("aliases.7b", "nano", ["7b is the name of a model already"]),
        ("aliases.other", "tiny", ["tiny is an alias itself"]),
    ],
)
def test_config_refuses_what_it_would_not_read(key: str, value: str, words: list[str]) -> None:
    result = r1local("config", "set", key, value)
    assert result.returncode == 2
    assert all(word in result.stderr for word in words)
    assert config_file().read_text(encoding="utf-8") == CONFIG


def test_an_alias_of_nothing_is_noticed() -> None:
    result = r1local("config", "set", "aliases.x", "no-such-model")
    assert result.returncode == 0 and "no model is called 'no-such-model'" in result.stderr
