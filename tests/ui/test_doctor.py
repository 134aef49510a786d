"""Findings on terminals of all widths, and in pipes."""

import io

import pytest

from r1local.events.finding import Finding, broken, ok, warning
from r1local.ui.console import console_for
from r1local.ui.doctor import print_advice, print_findings
from testing.terminals import Terminal, console_on

COMMAND = 'CMAKE_ARGS="-DGGML_CUDA=on" /home/me/.venv/bin/python -m pip install llama-cpp-python'
FINE = ok("cores", "8 physical, 16 logical, 4 allowed · r1local uses 4 · no cgroup limit")
SLOW = warning("GPUs", "NVIDIA H200 · not used", "build it with support", COMMAND)
BAD = broken("hub", "the token is refused", "hf auth login", "get a new token")


def shown(columns: int, monkeypatch: pytest.MonkeyPatch, *found: Finding, **env: str) -> Terminal:
    terminal = Terminal(columns, 60)
    console = console_on(terminal, monkeypatch, **env)
    print_findings(console, found)
    print_advice(console, found)
    return terminal


def test_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(200, monkeypatch, FINE, SLOW, BAD).rows == [
        f"ok   cores     {FINE.text}",
        "warn GPUs      NVIDIA H200 · not used",
        "               hint: build it with support",
        "FAIL hub       the token is refused",
        "               hint: get a new token",
        "               run: hf auth login",
        "1 broken, 1 to improve. What to do:",
        "hub: get a new token",
        "  hf auth login",
        "GPUs: build it with support",
        f"  {COMMAND}",
    ]


def test_lines_are_wrapped_beside_their_area(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(70, monkeypatch, FINE).rows == [
        "ok   cores     8 physical, 16 logical, 4 allowed · r1local uses 4 · no",
        "               cgroup limit",
        "Everything works.",
    ]


def test_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = shown(40, monkeypatch, FINE, SLOW)
    assert terminal.rows[:5] == [
        "ok   cores",
        "  8 physical, 16 logical, 4 allowed ·",
        "  r1local uses 4 · no cgroup limit",
        "warn GPUs",
        "  NVIDIA H200 · not used",
    ]


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_commands_are_whole_in_one_line(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = shown(columns, monkeypatch, SLOW, NO_COLOR="1")
    assert COMMAND in terminal.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_states_are_words_besides_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = shown(80, monkeypatch, FINE, SLOW, BAD)
    plain = shown(80, monkeypatch, FINE, SLOW, BAD, NO_COLOR="1")
    assert coloured.rows == plain.rows
    assert "\x1b[32mok" in coloured.getvalue()
    assert "\x1b[33mwarn" in coloured.getvalue()
    assert "\x1b[1;31mFAIL" in coloured.getvalue()
    assert "\x1b[3" not in plain.getvalue()


def test_a_dumb_terminal_gets_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    written = shown(40, monkeypatch, FINE, TERM="dumb").getvalue()
    assert written == f"ok   cores     {FINE.text}\nEverything works.\n"


def test_a_pipe_gets_whole_lines() -> None:
    stream = io.StringIO()
    print_findings(console_for(stream), [FINE, BAD])
    assert stream.getvalue().splitlines() == [
        f"ok   cores     {FINE.text}",
        "FAIL hub       the token is refused",
        "               hint: get a new token",
        "               run: hf auth login",
    ]


def test_a_command_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    again = broken("self-test", "it crashes", COMMAND, "build it again")
    rows = shown(200, monkeypatch, SLOW, again).rows
    assert rows[-2:] == ["self-test: build it again", f"  {COMMAND}"]


def test_what_programs_say_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    evil = warning("GPUs", "\x1b]0;title\x07\x1b[2J \u202e name\nok   GPUs", "hi\x1b[31m")
    terminal = shown(80, monkeypatch, evil, NO_COLOR="1")
    for sequence in ("\x1b]", "\x1b[2J", "\x1b[31m", "\u202e", "\nok"):
        assert sequence not in terminal.getvalue()
