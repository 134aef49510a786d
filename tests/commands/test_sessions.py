"""`r1local sessions`, as people and programs use it."""

import json
import os
import re
import time
from datetime import datetime
from pathlib import Path

import pytest

from r1local.config.paths import sessions_folder
from r1local.conversation import Reply
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.records import Question, UsedModel, ended
from r1local.sessions.session import Session
from testing.command import COMMAND
from testing.homes import r1local
from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

SKY = Reply("Rayleigh, perhaps.", "**Scattering**, \\(x\\).", "stop", False, "nano", 7, 5, 20, 1.25)
HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe"


def keep(name: str, question: str, *replies: Reply) -> None:
    session = Session.create(name)
    session.append(UsedModel("nano"))
    for reply in replies:
        session.append(Question(question))
        session.append(ended(reply, streamed=False))
    session.close()


@pytest.fixture
def kept() -> None:
    keep("sky", "Why is the sky blue?", SKY, SKY)
    keep("数学", "１２＋３は？", Reply("", "15です。", "length", False, "nano"))


def terminal(
    *arguments: str, columns: int = 80, term: str = "xterm-256color", pager: str = ""
) -> PseudoTerminal:
    command = [*COMMAND, "sessions", *arguments]
    return PseudoTerminal(command, columns=columns, TERM=term, PAGER=pager)


def last_used_days_ago(name: str, days: float) -> None:
    then = time.time() - days * 24 * 3600
    os.utime(sessions_folder() / f"{name}.jsonl", (then, then))


def test_there_are_none(home: Path) -> None:
    result = r1local("sessions")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("no conversation is kept here")
    assert r1local("sessions", "list", "--format", "json").stdout == "[]\n"
    assert not list(home.iterdir()), "looking leaves nothing behind"


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_the_list_in_a_pipe(arguments: list[str]) -> None:
    head, *rows = r1local("sessions", *arguments).stdout.splitlines()
    assert head == "NAME\tTITLE\tLAST USED\tMODEL\tTURNS\tSIZE"
    fields = [row.split("\t") for row in rows]
    assert [row[:2] for row in fields] == [
        ["数学", "１２＋３は？"],
        ["sky", "Why is the sky blue?"],
    ]
    assert [row[3:5] for row in fields] == [["nano", "1"], ["nano", "2"]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row[2]) for row in fields)


@pytest.mark.usefixtures("kept")
def test_the_list_for_programs() -> None:
    newest, older = json.loads(r1local("sessions", "list", "--format", "json").stdout)
    assert (newest["name"], older["name"], older["turns"]) == ("数学", "sky", 2)
    assert datetime.fromisoformat(older["started"]) <= datetime.fromisoformat(older["last_used"])


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("columns", [30, 80, 200])
def test_the_list_on_a_terminal(columns: int) -> None:
    with terminal(columns=columns) as screen:
        assert screen.finish() == 0
    rows = screen.text().splitlines()
    assert len(rows) == 3 and rows[2].startswith("sky")
    assert ("Why is the sky blue?" in rows[2]) and ("nano" in rows[2]) == (columns > 30)


@pytest.mark.usefixtures("kept")
def test_show_in_a_pipe_is_markdown() -> None:
    result = r1local("sessions", "show", "sky")
    assert result.stdout.startswith("# Why is the sky blue?\n\nModel: nano\n\n## Question\n")
    assert "**Scattering**, \\(x\\)." in result.stdout and "Rayleigh" not in result.stdout
    assert "> Rayleigh, perhaps." in r1local("sessions", "show", "sky", "--thoughts").stdout


@pytest.mark.usefixtures("kept")
def test_show_on_a_terminal() -> None:
    with terminal("show", "sky") as screen:
        assert screen.finish() == 0
    question, thought, gap, answer, *_ = screen.text().splitlines()
    assert (question, thought) == ("❯ Why is the sky blue?", "thought for 1.2 s · 7 tokens")
    assert gap == "" and answer.startswith("Scattering")
    with terminal("show", "--thoughts", "sky", term="dumb") as screen:
        assert screen.finish() == 0
    assert "Rayleigh, perhaps." in screen.text() and "**Scattering**" in screen.text()


@pytest.mark.parametrize(
    "arguments",
    [["list"], ["show", "x"], ["show", "--thoughts", "x"], ["search", "gnp"], ["export", "x"]],
    ids=" ".join,
)
def test_nothing_in_a_file_moves_the_terminal(arguments: list[str]) -> None:
    keep("x", HOSTILE, Reply(HOSTILE, HOSTILE, "stop", False, HOSTILE))
    with terminal(*arguments, columns=200) as screen:
        assert screen.finish() == 0
    assert "\x1b]" not in screen.stream and "\x1b[2J" not in screen.stream
    assert "\u202e" not in screen.stream and "<U+202E>gnp.exe" in screen.plain


@pytest.mark.usefixtures("kept")
def test_export(tmp_path: Path) -> None:
    file = tmp_path / "sky.md"
    result = r1local("sessions", "export", "sky", "-o", file)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert file.read_text(encoding="utf-8") == r1local("sessions", "export", "sky").stdout
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("mine")
    again = r1local("sessions", "export", "sky", "-o", file)
    assert again.returncode == 1
    assert "sky.md exists\nhint: give another name, or --force" in again.stderr
    assert file.read_text() == "mine"
    assert r1local("sessions", "export", "sky", "-o", file, "--force").returncode == 0
    assert "Rayleigh" in file.read_text(encoding="utf-8")
    assert "Rayleigh" not in r1local("sessions", "export", "sky", "--no-thoughts").stdout
    data = json.loads(r1local("sessions", "export", "sky", "--format", "json").stdout)
    assert [turn["reply"]["answer"] for turn in data["turns"]] == [SKY.answer] * 2
    result = r1local("sessions", "export", "sky", "-o", tmp_path / "no" / "where.md")
    assert result.returncode == 1 and "where.md can't be written: No such file" in result.stderr


@pytest.mark.usefixtures("kept")
def test_search() -> None:
    result = r1local("sessions", "search", "rayleigh", "PERHAPS")
    assert result.stdout == (
        "sky\t1\tthinking\tRayleigh, perhaps.\nsky\t2\tthinking\tRayleigh, perhaps.\n"
    )
    (hit,) = json.loads(r1local("sessions", "search", "12+3", "--format", "json").stdout)
    place = {"session": "数学", "turn": 1, "voter": None, "part": "question", "shown": True}
    assert hit == place | {"excerpt": "１２＋３は？"}
    with terminal("search", "15") as screen:
        assert screen.finish() == 0
    assert screen.text().splitlines() == ["数学 · turn 1 · answer", "  15です。"]
    nothing = r1local("sessions", "search", "sky", "15")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "nothing was found\n"
    assert r1local("sessions", "search", "").returncode == 2


@pytest.mark.usefixtures("kept")
def test_rm() -> None:
    result = r1local("sessions", "rm", "sky")
    assert result.returncode == 2 and "r1local sessions rm --yes sky" in result.stderr
    session = Session.open("sky")
    result = r1local("sessions", "rm", "--yes", "sky")
    assert result.returncode == 1 and "session sky is open in another r1local" in result.stderr
    session.close()
    result = r1local("sessions", "rm", "--yes", "sky")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.startswith("removed session sky; ")
    assert [each.name for each in saved_sessions()] == ["数学"]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(("key", "code", "left"), [("\n", 1, 2), ("y\n", 0, 1)])
def test_rm_asks(key: str, code: int, left: int) -> None:
    with terminal("rm", "sky") as screen:
        screen.wait_for(
            lambda: 'remove session sky ("Why is the sky blue?")? [y/N]' in screen.text()
        )
        screen.type(key)
        assert screen.finish() == code
    assert len(saved_sessions()) == left


@pytest.mark.usefixtures("kept")
def test_rm_of_several_asks_once_and_goes_on_after_one_that_is_open() -> None:
    keep("third", "Why?", SKY)
    assert r1local("sessions", "rm", "--yes", "sky", "missing").returncode == 1
    assert len(saved_sessions()) == 3, "nothing is removed where one of the names is wrong"
    result = r1local("sessions", "rm", "sky", "third")
    assert result.returncode == 2 and "r1local sessions rm --yes sky third" in result.stderr
    with terminal("rm", "sky", "third", "sky") as screen:
        screen.wait_for(lambda: "remove these 2 sessions for good? [y/N]" in screen.text())
        assert re.search('sky  "Why is the sky blue\\?", last used 20', screen.text())
        screen.type("n\n")
        assert screen.finish() == 1
    session = Session.open("sky")
    result = r1local("sessions", "rm", "--yes", "sky", "third")
    session.close()
    assert result.returncode == 1 and "session sky is open in another r1local" in result.stderr
    assert "removed session third" in result.stderr
    assert {each.name for each in saved_sessions()} == {"sky", "数学"}


@pytest.mark.usefixtures("kept")
def test_rm_of_those_not_used_for_long() -> None:
    last_used_days_ago("sky", 31)
    last_used_days_ago("数学", 29)
    assert "no session is as old" in r1local("sessions", "rm", "--older-than", "60d").stderr
    with terminal("rm", "--older-than", "30d") as screen:
        screen.wait_for(lambda: "remove session sky" in screen.text())
        screen.type("y\n")
        assert screen.finish() == 0
    assert [each.name for each in saved_sessions()] == ["数学"]
    for wrong in (
        ["--older-than", "none"],
        ["--older-than", "soon"],
        ["数学", "--older-than", "1d"],
    ):
        assert r1local("sessions", "rm", "--yes", *wrong).returncode == 2
    assert r1local("sessions", "rm", "--yes").returncode == 2
    assert r1local("sessions", "rm", "--yes", "--older-than", "1d").returncode == 0
    assert not saved_sessions()


@pytest.mark.usefixtures("kept")
def test_rename() -> None:
    result = r1local("sessions", "rename", "sky", "blue sky")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "session sky is blue sky now\n"
    assert read_session("blue sky").title == "Why is the sky blue?"
    result = r1local("sessions", "rename", "blue sky", "数学")
    assert result.returncode == 1 and "there is a session 数学 already" in result.stderr
    session = Session.open("数学")
    result = r1local("sessions", "rename", "数学", "maths")
    session.close()
    assert result.returncode == 1 and "open in another r1local" in result.stderr
    assert r1local("sessions", "rename", "数学", "../maths").returncode == 2
    assert {each.name for each in saved_sessions()} == {"blue sky", "数学"}


@pytest.mark.usefixtures("kept")
def test_show_goes_through_the_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(f"#!/bin/sh\necho LESS=$LESS; tee '{tmp_path}/seen'\n")
    pager.chmod(0o755)
    keep("x", HOSTILE, Reply(HOSTILE, f"{HOSTILE} 👩‍👩‍👧 **end**", "stop", False, HOSTILE))
    with terminal("show", "--thoughts", "x", pager=str(pager)) as screen:
        assert screen.finish() == 0
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "LESS=FRX" in screen.text() and "<U+202E>gnp.exe" in seen and "👩‍👩‍👧" in seen
    assert "\x1b[1mend" in seen
    assert set(re.findall(r"\x1b\[[\d;]*(.)", seen)) == {"m"}, "a pager moves no cursor"
    assert "\x1b]" not in seen
    with terminal("show", "sky", pager="/nowhere/less -R") as screen:
        assert screen.finish() == 0
    assert "Scattering" in screen.text()
    with terminal("show", "sky", pager="true") as screen:
        assert screen.finish() == 0
    assert "Traceback" not in screen.text()


def test_a_pager_that_is_left_early_is_no_error() -> None:
    keep("long", "Why?", *[Reply("", "x" * 100_000, "stop", False, "nano")] * 5)
    with terminal("show", "long", pager="head -n 3") as screen:
        assert screen.finish() == 0
    assert "Why?" in screen.text() and "rror" not in screen.text()


@pytest.mark.parametrize("arguments", [["show"], ["export"], ["rm"], ["rename", "missing"]])
@pytest.mark.parametrize(
    ("name", "code", "sentence"),
    [
        ("missing", 1, "error: there is no session missing\n"),
        ("../x", 2, "error: '../x' can't be a session's name\n"),
    ],
)
def test_a_name_that_is_none(arguments: list[str], name: str, code: int, sentence: str) -> None:
    result = r1local("sessions", *arguments, name)
    assert (result.returncode, result.stdout) == (code, "")
    assert result.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nonsense"], "see r1local sessions"),
        (["show"], "see r1local sessions"),
        (["search"], "see r1local sessions"),
        (["export", "x", "--format", "pdf"], "it must be markdown or json"),
    ],
)
def test_wrong_usage(arguments: list[str], hint: str) -> None:
    result = r1local("sessions", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"hint: {hint}" in result.stderr
