"""Session files and names that anybody may have made: nothing is obeyed, and nothing hangs."""

import json
import os
import threading
from pathlib import Path

import pytest

from r1local.conversation import Turn
from r1local.errors import (
    InvalidSetting,
    SessionDamaged,
    SessionError,
    SessionNotFound,
    SessionTooNew,
    UsageError,
)
from r1local.sessions.folder import delete_session, find_session, read_session, saved_sessions
from r1local.sessions.records import Question
from r1local.sessions.session import Session
from testing.sessions import ANSWER, HEAD, QUESTION, write_session
from testing.waiting import PATIENCE_S


def test_the_least_a_file_may_say(tmp_path: Path) -> None:
    write_session(tmp_path, HEAD + QUESTION + ANSWER)
    transcript = read_session("talk", tmp_path)
    (turn,) = transcript.turns
    assert turn.question == "Why?"
    assert turn.reply and (turn.reply.answer, turn.reply.reason) == ("So.", "lost")
    assert transcript.started and transcript.started.isoformat() == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize(
    "record",
    [
        {"type": "retry"},
        {"type": "undo"},
        {"type": "continued"},
        {"type": "answer", "text": "x", "tokens": 1},
        {"type": "rewound", "part": "answer", "characters": 2**62},
        {"type": "ended", "reason": "stop", "thinking_open": False, "model": "m"},
        {"type": "dropped", "count": 2**62},
        {"type": "answer", "text": "x", "tokens": 1, "voter": 2},
        {"type": "answer", "text": "x", "tokens": 1, "voter": "second"},
        {"type": "ended", "reason": "stop", "thinking_open": False, "model": "m", "voter": 1},
    ],
    ids=lambda record: str(record["type"]),
)
def test_records_that_fit_nothing_before_them(tmp_path: Path, record: dict[str, object]) -> None:
    line = json.dumps(record).encode() + b"\n"
    write_session(tmp_path, HEAD + line + QUESTION + line * 2)
    transcript = read_session("talk", tmp_path)
    assert transcript.dropped <= len(transcript.turns) <= 1


def test_a_file_without_its_head(tmp_path: Path) -> None:
    write_session(tmp_path, HEAD[30:] + QUESTION)
    assert read_session("talk", tmp_path).turns == (Turn("Why?"),)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\x00" * 100, b"%PDF-1.7\n", HEAD[:-9]])
def test_a_file_with_nothing_to_be_read(tmp_path: Path, data: bytes) -> None:
    path = write_session(tmp_path, data)
    with pytest.raises(SessionDamaged, match="nothing in session talk can be read"):
        Session.open("talk", folder=tmp_path)
    assert path.read_bytes() == data
    assert [(each.name, each.title, each.turns) for each in saved_sessions(tmp_path)] == [
        ("talk", "", 0)
    ]
    delete_session("talk", tmp_path)
    assert not path.exists()


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    path = write_session(tmp_path, HEAD.replace(b'"version": 1', b'"version": 2') + QUESTION)
    for attempt in (read_session, lambda name, folder: Session.open(name, folder=folder)):
        with pytest.raises(SessionTooNew, match="version 2 of the format") as caught:
            attempt("talk", tmp_path)
        assert "upgrade" in caught.value.hint
    assert path.read_bytes().count(b"\n") == 2


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    text = "x" * 10_000_000
    write_session(
        tmp_path, HEAD + QUESTION + json.dumps({"type": "question", "text": text}).encode()
    )
    assert [len(turn.question) for turn in read_session("talk", tmp_path).turns] == [4, 10_000_000]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "sessions"
    folder.mkdir()
    target = write_session(tmp_path, HEAD + QUESTION + b"torn", "precious")
    (folder / "talk.jsonl").symlink_to(target)
    with pytest.raises(SessionDamaged, match="session talk can't be read"):
        Session.open("talk", folder=folder)
    assert [(each.title, each.turns) for each in saved_sessions(folder)] == [("", 0)]
    delete_session("talk", folder)
    assert target.read_bytes() == HEAD + QUESTION + b"torn"
    (folder / "new.jsonl").symlink_to(tmp_path / "made-by-a-link")
    with pytest.raises(InvalidSetting, match="there is a session new already"):
        Session.create("new", folder=folder)


def test_a_pipe_and_a_folder_block_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    found: list[str] = []

    def attempt() -> None:
        found.extend(each.name for each in saved_sessions(tmp_path))
        for name in ("pipe", "folder"):
            with pytest.raises(SessionDamaged):
                read_session(name, tmp_path)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive() and sorted(found) == ["folder", "pipe"]
    with pytest.raises(SessionError, match="session folder can't be removed"):
        delete_session("folder", tmp_path)


BAD_NAMES = [
    *("", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "-option", "a:b", "a*", "?"),
    *(" space", "space ", "dot.", "a\nb", "a\x1bb", "a\x00b", "a\u202eb", "a\u2028b", "\udce9"),
    *("con", "NUL.txt", "x" * 201),
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_names_that_cant_be(tmp_path: Path, name: str) -> None:
    session = Session.create("talk", folder=tmp_path)
    session.append(Question("?"))
    attempts = (
        lambda: Session.create(name, folder=tmp_path),
        lambda: Session.open(name, folder=tmp_path),
        lambda: Session.copy_of("talk", name, folder=tmp_path),
        lambda: session.rename(name),
        lambda: read_session(name, tmp_path),
        lambda: find_session(name, tmp_path),
        lambda: delete_session(name, tmp_path),
    )
    for attempt in attempts:
        with pytest.raises(UsageError, match="can't be a session's name"):
            attempt()
    session.close()


@pytest.mark.parametrize("name", ["a", "数学", "über uns", "v1.2", "x" * 200, "あ" * 66])
def test_names_that_can_be(tmp_path: Path, name: str) -> None:
    session = Session.create(name, folder=tmp_path)
    session.append(Question("?"))
    session.close()
    assert [each.name for each in saved_sessions(tmp_path)] == [name]
    copy = Session.copy_of(name, folder=tmp_path)
    assert copy.name in (f"{name}-2", f"{name[:190]}-2", f"{name[:63]}-2")
    copy.close()


def test_one_name_for_both_ways_to_write_it(tmp_path: Path) -> None:
    session = Session.create("ba\u0308r", folder=tmp_path)
    session.append(Question("?"))
    session.close()
    assert (
        read_session("b\u00e4r", tmp_path).turns
        == read_session("ba\u0308r", tmp_path).turns
        == (Turn("?"),)
    )


def test_a_session_that_is_not_there(tmp_path: Path) -> None:
    for attempt in (
        read_session,
        find_session,
        delete_session,
        lambda name, _: Session.open(name, folder=tmp_path),
    ):
        with pytest.raises(SessionNotFound, match="there is no session talk"):
            attempt("talk", tmp_path / "nowhere")
    assert saved_sessions(tmp_path / "nowhere") == []
    assert not list(tmp_path.iterdir())
