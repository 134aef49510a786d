"""`r1local tune`: what settings are worth, and keeping the best."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from r1local.commands.tune import TuneOptions, tune
from r1local.config.paths import config_file, state_folder
from r1local.errors import R1LocalError
from r1local.events.benchmark import Trial
from r1local.measuring.tuning import Tuning
from testing.command import COMMAND
from testing.homes import r1local
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


def config(model: str) -> dict[str, tuple[object, str]]:
    rows = json.loads(r1local("config", "--model", model, "--format", "json").stdout)
    return {row["key"]: (row["value"], row["from"]) for row in rows}


def test_the_best_values_are_saved_and_used() -> None:
    result = r1local("tune", "nano", "--quick", "--save", "--json")
    assert result.returncode == 0, result.stderr
    data = json.loads(result.stdout)
    assert (data["complete"], data["saved"]) == (True, True)
    options = {key.replace("_", "-") for key in data["best"]}
    calibrated = {trial["option"] for trial in data["trials"]} - options
    assert "attention" in calibrated <= {"attention", "batch"}
    for option in calibrated:
        tried = [trial for trial in data["trials"] if trial["option"] == option]
        assert [trial["best"] for trial in tried].count(True) == 1
        assert tried[0]["gain"] == 0
    for option in options:
        tried = [trial for trial in data["trials"] if trial["option"] == option]
        (best,) = (trial for trial in tried if trial["best"])
        assert tried[0]["gain"] == 0
        assert best["value"] == str(data["best"][option.replace("-", "_")])
        assert best["gain"] >= 0
        assert all(trial["prompt"] > 0 and trial["generation"] > 0 for trial in tried)
    settings = config("nano")
    for key, value in data["best"].items():
        assert settings[key] == (value, 'config.toml [models."nano"]')
    assert config("7b")["kv_cache"][1] == "built in"
    again = json.loads(r1local("tune", "nano", "--quick", "--json").stdout)
    firsts: dict[str, str] = {}
    for trial in again["trials"]:
        if trial["option"] in options:
            firsts.setdefault(trial["option"], trial["value"])
    assert firsts == {key.replace("_", "-"): str(value) for key, value in data["best"].items()}


def test_a_table_and_nothing_saved() -> None:
    result = r1local("tune", "nano", "--quick", "--threads", "1", "--minutes", "2")
    assert result.returncode == 0, result.stderr
    head, *rows = (line.split("\t") for line in result.stdout.splitlines())
    assert head[:2] == ["SETTING", "VALUE"]
    searched = {row[0] for row in rows} - {"attention", "batch", "prompt-threads"}
    assert searched == {"kv-cache", "draft"}  # the threads were given
    assert [row[5] for row in rows if row[0] in searched].count("best") == 2
    assert "nothing was saved" in result.stderr
    assert config("nano")["kv_cache"][1] == "built in"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_saves_nothing() -> None:
    process = subprocess.Popen(
        [*COMMAND, "tune", "nano", "--save"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("kv-cache"):
            break
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted: nothing was saved" in err
    assert config("nano")["kv_cache"][1] == "built in"


def found(monkeypatch: pytest.MonkeyPatch, best: dict[str, Any]) -> None:
    """Let a tuning find something at once."""
    trial = Trial("threads", "2", 100.0, 10.0, 0.5, best=True)

    def events(tuning: Tuning) -> Iterator[Trial]:
        tuning.best = best
        yield trial

    monkeypatch.setattr(Tuning, "events", events)


def test_what_was_found_is_shown_even_if_it_cannot_be_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, {"threads": 2})
    state_folder().parent.mkdir(parents=True, exist_ok=True)
    state_folder().write_text("")  # where config.toml's lock would be
    with pytest.raises(R1LocalError, match="can't be written"):
        tune(TuneOptions("nano", True, None, True, "text", {}))
    assert "threads\t2\t" in capsys.readouterr().out


def test_what_needs_no_setting_is_not_said_to_be_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found(monkeypatch, {"threads": None})
    assert tune(TuneOptions("nano", True, None, True, "text", {})) == 0
    assert "nothing to save" in capsys.readouterr().err
    assert not config_file().exists()
