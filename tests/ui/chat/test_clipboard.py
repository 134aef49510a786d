"""The clipboard's programs: the next is tried where one fails, and none is believed unseen."""

from pathlib import Path

import pytest

from r1local.ui.chat.clipboard import clipboard_program, copied_by_program, takes_osc52


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of all programs there are."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TMUX", raising=False)
    return tmp_path


def install(folder: Path, name: str, *, works: bool) -> Path:
    """A program that keeps what it is given, or fails as one without a display does."""
    kept = folder / f"{name}.kept"
    body = f'while IFS= read -r line; do echo "$line"; done >"{kept}"' if works else "exit 1"
    (folder / name).write_text(f"#!/bin/sh\n{body}\n")
    (folder / name).chmod(0o755)
    return kept


def test_the_next_program_is_tried_where_one_fails(programs: Path) -> None:
    assert not copied_by_program("a\n")
    install(programs, "wl-copy", works=False)
    assert not copied_by_program("a\n")
    kept = install(programs, "xsel", works=True)
    assert copied_by_program("two\nlines\n")
    assert kept.read_text() == "two\nlines\n"


def test_in_tmux_it_is_tmux_that_copies(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = install(programs, "tmux", works=True)
    assert not copied_by_program("a\n")
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert copied_by_program("a\n") and kept.read_text() == "a\n"


def test_the_program_that_would_copy(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clipboard_program() == ""
    install(programs, "xsel", works=True)
    install(programs, "tmux", works=True)
    assert clipboard_program() == "xsel"
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    assert clipboard_program() == "tmux"


@pytest.mark.parametrize(
    ("variables", "takes"),
    [
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, True),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, True),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-kitty", "TMUX": "/tmp/tmux-0/default,1,0"}, None),
        ({}, None),
    ],
)
def test_terminals_that_take_a_text(
    variables: dict[str, str], takes: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TERM", "TERM_PROGRAM", "WT_SESSION", "TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert takes_osc52() is takes
