"""The clipboard's programs: the next is tried where one fails, and none is believed unseen."""

from pathlib import Path

import pytest

from r1local.ui.chat.clipboard import copied_by_program


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
