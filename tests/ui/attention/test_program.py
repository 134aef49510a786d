"""The user's own program: it is run with the text, and no shell ever reads it."""

import json
import sys
from pathlib import Path

import pytest

from r1local.errors import InvalidSetting
from r1local.ui.attention.news import of_choice, of_reply
from r1local.ui.attention.program import Program
from testing.waiting import eventually

HOSTILE = "$(touch owned) `touch owned`; touch owned\n'\"\x1b]0;evil\x07\x00{text}"
WRITES = (
    "import json, os, sys;"
    "mine = {k: v for k, v in os.environ.items() if k.startswith('R1LOCAL_NOTIFY_')};"
    "open('new', 'w').write(json.dumps([sys.argv[1:], mine])); os.rename('new', 'told')"
)


def told(folder: Path) -> tuple[list[str], dict[str, str]]:
    """What the program was given, once it has run."""
    eventually((folder / "told").exists)
    words, variables = json.loads((folder / "told").read_text(encoding="utf-8"))
    return words, variables


def test_a_program_gets_the_text_as_one_word_and_in_its_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = Program(f'{sys.executable} -c "{WRITES}" --say "{{text}}" \'*\' ')
    news = of_reply("stop", 65.4, HOSTILE)
    program.tell(news)
    words, variables = told(tmp_path)
    assert words == ["--say", news.text, "*"]
    assert news.text.startswith("answered after 1 min 5 s: $(touch owned)")
    assert variables == {
        "R1LOCAL_NOTIFY_TEXT": news.text,
        "R1LOCAL_NOTIFY_STATE": "answered",
        "R1LOCAL_NOTIFY_SECONDS": "65",
        "R1LOCAL_NOTIFY_ANSWER": HOSTILE.replace("\x1b", "␛")
        .replace("\x07", "␇")
        .replace("\x00", "␀"),
    }
    assert {path.name for path in tmp_path.iterdir()} == {"told"}


@pytest.mark.parametrize("command", ["", "''", "'open", "~nosuchuser/x", "~a\0/x"])
def test_what_is_no_program_is_said(command: str) -> None:
    with pytest.raises(InvalidSetting, match="there is no program"):
        Program(command)


def test_a_program_that_has_gone_meanwhile_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "tell"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o700)
    program = Program(str(path))
    path.unlink()
    program.tell(of_choice("too long", 30))


@pytest.mark.parametrize("command", ["", " ", "'", "/nowhere/tell {text}"])
def test_what_is_no_command_is_refused(command: str) -> None:
    with pytest.raises(InvalidSetting, match="there is no program"):
        Program(command)
