"""One declaration of an option: whoever adds one writes it once, and it is everywhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from r1local.config import options
from r1local.config.number_kinds import Number
from r1local.config.option import Option
from r1local.config.options import OPTIONS, settable
from r1local.config.paths import config_file
from r1local.config.preferences import OfModel, settings_in_force
from r1local.engine.limits import CONTEXT_STEP
from r1local.engine.sampler import SEED_LIMIT
from r1local.errors import InvalidSetting
from r1local.models.loading import LoadOptions
from r1local.replies.settings import ReplySettings, changed, reply_settings, shown
from testing.command import ROOT
from testing.waiting import PATIENCE_S
from tools.docs import config_page

WARMTH = Option(
    "warmth",
    Number(0, 5),
    "How warm it is.",
    0.6,
    group="reply",
    commands=("run", "chat"),
    per_model=True,
    field="sampler.temperature",
)
#: Declares it in a process of its own, before the command line is made, and goes on as r1local.
DECLARED = """
import sys
from r1local.config import options
from r1local.config.number_kinds import Number
from r1local.config.option import Option
options.OPTIONS += (Option("warmth", Number(0, 5), "How warm it is.", 0.6, group="reply",
    commands=("run", "chat"), per_model=True, field="sampler.temperature"),)
from r1local.__main__ import main
main()
"""


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "OPTIONS", (*OPTIONS, WARMTH))


def r1local(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", DECLARED, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
        cwd=ROOT,
    )


def warmth(given: dict[str, object] | None = None) -> float:
    chosen = settings_in_force(given, OfModel(("7b",)))
    return reply_settings(chosen).sampler.temperature


@pytest.mark.usefixtures("declared")
def test_a_declared_option_is_set_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert warmth() == 0.6
    config_file().parent.mkdir(parents=True)
    config_file().write_text("warmth = 1\n")
    assert warmth() == 1
    config_file().write_text('warmth = 1\n[models."7B"]\nwarmth = 2\n')
    assert warmth() == 2
    monkeypatch.setenv("R1LOCAL_WARMTH", "3")
    assert warmth() == 3
    assert warmth({"warmth": 4.0}) == 4


@pytest.mark.usefixtures("declared")
def test_a_declared_option_is_set_in_a_chat_and_documented() -> None:
    assert "warmth" in settable()
    assert shown(changed(ReplySettings(), "warmth", "0.9"), "warmth") == "0.9"
    with pytest.raises(InvalidSetting, match="warmth 9 is out of range"):
        changed(ReplySettings(), "warmth", "9")
    assert "| `warmth` | How warm it is | from 0 to 5 | 0.6 | `run`, `chat` |" in config_page()


@pytest.mark.slow
def test_a_declared_option_is_on_the_command_line_and_in_config() -> None:
    assert "--warmth <float>" in r1local("run", "--help").stdout
    wrong = r1local("run", "hi", "--warmth", "9")
    assert wrong.returncode == 2
    assert wrong.stderr == "error: warmth 9 is out of range\nhint: it must be from 0 to 5\n"
    assert r1local("config", "set", "warmth", "2").returncode == 0
    assert config_file().read_text() == "warmth = 2.0\n"
    listed = json.loads(r1local("config", "--format", "json").stdout)
    assert {"key": "warmth", "value": 2.0, "from": "config.toml"} in listed


def test_bounds_are_the_engines() -> None:
    by_name = {option.name: option for option in OPTIONS}
    assert by_name["seed"].kind.range.startswith(f"from 0 to {SEED_LIMIT - 1:,}")
    assert by_name["context"].kind.range.startswith(f"from {CONTEXT_STEP} to")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_declarations_are_whole(option: Option) -> None:
    if option.group == "reply":
        assert shown(ReplySettings(), option.name) == option.show(option.default)
    if option.group == "loading":
        value = getattr(LoadOptions(), option.field or option.key)
        assert value == option.default or (not value and option.default is None)
    if option.twin:
        assert {each.name: each for each in OPTIONS}[option.twin].twin == option.name
    assert option.help.endswith(".")
