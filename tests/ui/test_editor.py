"""The user's editor, on a file."""

import io
from pathlib import Path

import pytest

from r1local.errors import EditorError
from r1local.ui.editor import check_editor, edit_file, missing_editor


@pytest.fixture(autouse=True)
def without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("r1local.ui.editor._TERMINAL", Path("nowhere"))


def test_the_editor_that_is_set_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDITOR", "touch")
    assert missing_editor() is None
    check_editor()
    edit_file(tmp_path / "a file")
    assert (tmp_path / "a file").exists()


@pytest.mark.parametrize(
    ("editor", "told"),
    [
        ("nowhere", "the editor nowhere can't be run"),
        ("'nowhere", "the editor 'nowhere can't be run"),
        ("", "there is no terminal for an editor"),
    ],
)
def test_what_is_missing_is_said_beforehand(
    editor: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(EditorError) as caught:
        check_editor()
    assert told in caught.value.message or "there is no editor" in caught.value.message


def test_an_editor_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDITOR", "false")
    with pytest.raises(EditorError, match="the editor false ended with code 1") as caught:
        edit_file(tmp_path / "draft.md")
    assert str(tmp_path / "draft.md") in caught.value.hint
