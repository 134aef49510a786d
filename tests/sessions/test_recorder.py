"""Whoever takes down a conversation: here nobody."""

from pathlib import Path

from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.records import Undo
from testing.sessions import say


def test_nothing_is_kept_where_nothing_is_to_be_kept(home: Path) -> None:
    recorder: Recorder = NoSession()
    say(recorder, "secret")
    recorder.append(Undo())
    recorder.close()
    assert recorder.transcript.turns == ()
    assert not list(home.rglob("*"))
