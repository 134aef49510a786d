"""The file of a session: whole lines, whatever tore the last one."""

import json
from pathlib import Path

import pytest

from r1local.sessions.folder import read_session
from r1local.sessions.records import Undo, decode
from r1local.sessions.session import Session
from r1local.sessions.session_file import SessionFile, read_content
from testing.sessions import HEAD, QUESTION, say, write_session


def test_a_line_torn_at_any_byte_is_mended(tmp_path: Path) -> None:
    session = Session.create("talk", folder=tmp_path)
    say(session, "Why?")
    whole = session.transcript.turns
    session.append(Undo())
    session.close()
    data = session.path.read_bytes()
    last = data.splitlines(keepends=True)[-1]
    for cut in range(len(last)):
        session.path.write_bytes(data[: len(data) - len(last) + cut])
        undone = cut == len(last) - 1  # nothing but its line break is gone
        assert read_session("talk", tmp_path).turns == (() if undone else whole)
        opened = Session.open("talk", folder=tmp_path)
        say(opened, "And?")
        opened.close()
        lines = session.path.read_bytes().splitlines()
        assert all(decode(line) for line in lines)
        assert [turn.question for turn in opened.transcript.turns] == ["Why?", "And?"][undone:]
        assert read_session("talk", tmp_path).turns == opened.transcript.turns


def test_a_long_torn_line_leaves_nothing_behind_a_short_one(tmp_path: Path) -> None:
    path = write_session(
        tmp_path, HEAD + QUESTION + b'{"type": "question", "text": "' + b"x" * 5000
    )
    session = Session.open("talk", folder=tmp_path)
    session.append(Undo())
    session.close()
    *_, undo = path.read_bytes().splitlines()
    assert json.loads(undo)["type"] == "undo" and path.read_bytes().endswith(b"}\n")


def test_the_file_is_made_with_its_first_line_for_its_owner_alone(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "talk.jsonl")
    assert not file.exists and not file.path.exists()
    file.append(HEAD)
    file.append(QUESTION)
    file.close()
    assert file.path.read_bytes() == HEAD + QUESTION
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_what_was_torn_is_written_over(tmp_path: Path) -> None:
    path = write_session(tmp_path, HEAD + QUESTION + b'{"type": "ans')
    content = read_content(path)
    assert content.lines == [HEAD[:-1], QUESTION[:-1]] and content.torn == b'{"type": "ans'
    file = SessionFile(path, content.end)
    file.append(QUESTION)
    file.close()
    assert path.read_bytes() == HEAD + QUESTION * 2


def test_another_file_of_its_name_is_left_alone(tmp_path: Path) -> None:
    write_session(tmp_path, HEAD)
    file = SessionFile(tmp_path / "talk.jsonl")
    with pytest.raises(FileExistsError):
        file.append(QUESTION)
    file.close()
    assert file.path.read_bytes() == HEAD


def test_it_goes_on_under_another_name(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "talk.jsonl")
    file.append(HEAD)
    file.move(tmp_path / "other.jsonl")
    file.append(QUESTION)
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["other.jsonl"]
    assert read_content(file.path).end == len(HEAD + QUESTION)


def test_an_empty_file_goes(tmp_path: Path) -> None:
    file = SessionFile(tmp_path / "talk.jsonl")
    file.append(b"")
    assert file.exists
    file.close()
    assert not file.exists and list(tmp_path.iterdir()) == []
