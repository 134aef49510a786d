"""Sessions: what was said comes back the same, whatever ended the program that wrote it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.config.paths import sessions_folder
from r1local.conversation import Reply, Turn
from r1local.errors import InvalidSetting, SessionInUse, SessionNotFound
from r1local.events.reply import AnswerDelta, Notice, Rewound, ThinkingDelta
from r1local.sessions.folder import delete_session, find_session, read_session, saved_sessions
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.records import (
    Continued,
    Dropped,
    OfVoter,
    Question,
    Retry,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
    decode,
    ended,
)
from r1local.sessions.session import Session

REPLY = Reply("Because. Yes.", "Blue 🫐", "stop", False, "nano", 3, 2, 9, 0.5, 0.25, 7)


def stream(reply: Reply) -> list[ThinkingDelta | AnswerDelta]:
    """A reply's deltas, word by word."""
    words = reply.thinking.split(" "), reply.answer.split(" ")
    thinking = [ThinkingDelta(f" {word}"[n == 0 :], n + 1) for n, word in enumerate(words[0])]
    answer = [AnswerDelta(f" {word}"[n == 0 :], n + 1) for n, word in enumerate(words[1])]
    return [*thinking, *answer]


def say(session: Recorder, question: str, reply: Reply = REPLY) -> None:
    session.append(Question(question))
    for event in stream(reply):
        session.append(event)
    session.append(ended(reply, streamed=True))


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def child(code: str, *arguments: str | Path) -> "subprocess.Popen[str]":
    """Python in a process of its own, in this home."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# --- What is written, and what comes back ----------------------------------------------


def test_nothing_is_on_the_disk_before_the_first_question() -> None:
    session = Session.create()
    session.append(UsedModel("nano"))
    session.append(Setting("temperature", "0.5"))
    assert not session.path.exists()
    session.close()
    assert not sessions_folder().exists()


def test_all_of_a_conversation_comes_back() -> None:
    session = Session.create("talk")
    session.append(UsedModel("nano"))
    session.append(SystemPromptChange("Be brief."))
    session.append(Setting("temperature", "0.5"))
    say(session, "document\n\nWhy is the sky blue?")
    session.append(Question("a long document: why?", "why?"))
    session.append(ended(replace(REPLY, answer="So."), streamed=False))
    session.append(Dropped(1))
    turns = session.transcript.turns
    session.close()
    again = Session.open("talk")
    read = again.transcript
    assert read.turns == turns == read_session("talk").turns
    assert read.turns[0] == Turn("document\n\nWhy is the sky blue?", REPLY)
    assert read.turns[1].typed == "why?" and read.turns[1].reply == replace(REPLY, answer="So.")
    assert (read.system, read.model, read.dropped) == ("Be brief.", "nano", 1)
    assert read.settings == {"temperature": "0.5"}
    assert read.title == "document Why is the sky blue?"
    again.close()


def test_the_file_is_as_the_documents_say() -> None:
    session = Session.create("talk")
    say(session, "Why?")
    session.close()
    lines = records(session.path)
    assert lines[0]["type"] == "session" and lines[0]["version"] == 1
    assert [line["type"] for line in lines] == [
        "session",
        "question",
        "thinking",
        "answer",
        "ended",
    ]
    assert all("at" in line for line in lines)
    assert lines[2]["text"] == REPLY.thinking
    assert "thinking" not in lines[4], "the text stands there once"


def test_undo_retry_and_going_on() -> None:
    session = Session.create("talk")
    say(session, "one")
    say(session, "two", replace(REPLY, answer="cut", reason="length"))
    session.append(Continued())
    session.append(AnswerDelta(" off", 1))
    assert session.transcript.turns[-1].reply == replace(
        REPLY, answer="cut off", reason="lost", answer_tokens=3
    )
    session.append(ended(replace(REPLY, answer="cut off"), streamed=False))
    session.append(Undo())
    session.append(Retry())
    assert session.transcript.turns == (Turn("one"),)
    session.append(AnswerDelta("anew", 1))
    session.append(ended(replace(REPLY, thinking="", answer="anew"), streamed=False))
    session.close()
    assert read_session("talk").turns == (Turn("one", replace(REPLY, thinking="", answer="anew")),)


def test_a_loop_is_left_out() -> None:
    session = Session.create("talk")
    session.append(Question("?"))
    session.append(ThinkingDelta("sense nonsense", 2))
    session.append(Rewound("thinking", 9))
    session.append(Notice("loop", "a loop"))
    session.append(ThinkingDelta(", sense", 3))
    session.append(session.transcript.ended(None, "nano"))
    session.close()
    (turn,) = read_session("talk").turns
    assert turn.reply and turn.reply.thinking == "sense, sense"


def test_the_replies_of_a_vote() -> None:
    first, second = replace(REPLY, seed=8), replace(REPLY, thinking="No, sense", reason="lost")
    session = Session.create("talk")
    session.append(Question("Vote!"))
    for event in stream(first):
        session.append(OfVoter(1, event))
        other = "No, nonsense" if isinstance(event, AnswerDelta) else ""
        session.append(OfVoter(2, ThinkingDelta(other, 1)))
    session.append(OfVoter(2, Rewound("thinking", 20)))
    session.append(OfVoter(2, Notice("loop", "a loop")))
    session.append(OfVoter(2, ThinkingDelta("sense", 3)))
    session.append(OfVoter(1, ended(first, streamed=True)))
    cut_off = read_session("talk").turns[0]
    assert cut_off.reply is None and cut_off.voters[1] == first
    session.append(ended(first, streamed=False))
    session.append(OfVoter(2, AnswerDelta(second.answer, 2)))
    session.close()
    (turn,) = read_session("talk").turns
    assert turn == session.transcript.turns[0]
    assert turn.reply == turn.voters[1] == first
    assert turn.voters[2].thinking == "No, sense" and turn.voters[2].reason == "lost"
    assert saved_sessions()[0].turns == 1
    streamed = [line for line in records(session.path) if line["type"] in ("thinking", "answer")]
    assert {line["voter"] for line in streamed} == {1, 2}


def test_names_drawn_are_sortable_and_unique() -> None:
    first, second = Session.create(), Session.create()
    say(first, "1")
    say(second, "2")
    assert first.name != second.name
    assert {first.name, second.name} == {each.name for each in saved_sessions()}
    first.close()
    second.close()


def test_text_that_is_no_text() -> None:
    session = Session.create("talk")
    say(session, "lone \udce9 surrogate\x1b[2J\n\x00", replace(REPLY, answer="\u2028\r\n"))
    session.close()
    assert read_session("talk").turns[0].question == "lone ? surrogate\x1b[2J\n\x00"
    assert len(saved_sessions()) == 1


def test_nothing_is_kept_where_nothing_is_to_be_kept(home: Path) -> None:
    recorder: Recorder = NoSession()
    say(recorder, "secret")
    recorder.append(Undo())
    recorder.close()
    assert recorder.transcript.turns == ()
    assert not list(home.rglob("*"))


def test_only_the_owner_can_read_it() -> None:
    session = Session.create("talk")
    say(session, "secret")
    session.close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in sessions_folder().rglob("*")}
    assert modes == {"talk.jsonl": 0o600, ".locks": 0o700, "talk.lock": 0o600}
    assert sessions_folder().stat().st_mode & 0o777 == 0o700


# --- Any conversation, as an independent account of it has it ---------------------------

texts = st.text(min_size=1, max_size=8)
replies = st.builds(
    Reply, texts, texts, st.sampled_from(["stop", "length", "cancelled"]), st.booleans(), texts
)
steps = st.one_of(
    st.tuples(st.just("ask"), texts, replies),
    st.tuples(st.just("retry"), replies),
    st.tuples(st.just("undo")),
    st.tuples(st.just("drop")),
    st.tuples(st.just("system"), st.none() | texts),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=12))
def test_replay_is_what_was_said(plan: list[tuple[object, ...]]) -> None:
    told: list[Turn] = []
    system: object = None
    dropped = 0
    session = Session.create()
    for kind, *rest in plan:
        match kind, rest:
            case "ask", [str(question), Reply() as reply]:
                told.append(Turn(question, reply))
                say(session, question, reply)
            case "retry", [Reply() as reply] if told:
                told[-1] = replace(told[-1], reply=reply)
                session.append(Retry())
                session.append(ended(reply, streamed=False))
            case "undo", [] if told:
                told.pop()
                dropped = min(dropped, len(told))
                session.append(Undo())
            case "drop", [] if dropped < len(told):
                dropped += 1
                session.append(Dropped(1))
            case "system", [None | str() as text]:
                system = text
                session.append(SystemPromptChange(text))
    session.close()
    assert session.transcript.turns == tuple(told)
    if session.path.exists():
        again = read_session(session.name)
        assert again.turns == tuple(told)
        assert (again.system, again.dropped) == (system, dropped)
        delete_session(session.name)
    else:
        assert not any(kind == "ask" for kind, *_ in plan)


# --- Ends that nobody chose -------------------------------------------------------------


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


RECORDING = """
import sys, time
from r1local.events.reply import ThinkingDelta
from r1local.sessions.records import Question
from r1local.sessions.session import Session
pause = float(sys.argv[1])
session = Session.create("talk")
session.append(Question("?"))
for number in range(1_000_000):
    session.append(ThinkingDelta(f"{number} ", number))
    print(number, time.monotonic(), flush=True)
    time.sleep(pause)
"""


@pytest.mark.parametrize(("pause", "seconds"), [(0.001, 1.3), (0.001, 1.8), (3.0, 1.0)])
def test_a_kill_loses_a_second_at_most(pause: float, seconds: float) -> None:
    process = child(RECORDING, str(pause))
    assert process.stdout
    begun = process.stdout.readline()
    time.sleep(seconds)
    killed = time.monotonic()
    process.send_signal(signal.SIGKILL)
    printed = [line.split() for line in (begun + process.communicate()[0]).splitlines()]
    safe = [int(number) for number, at in printed if float(at) <= killed - 1]
    (turn,) = read_session("talk").turns
    assert turn.reply and turn.reply.reason == "lost" and turn.reply.thinking_open
    kept = [int(number) for number in turn.reply.thinking.split()]
    assert kept == list(range(len(kept)))
    assert safe and kept[-1] >= safe[-1]


def test_a_question_is_safe_at_once() -> None:
    code = (
        "import os, signal; from r1local.sessions.session import Session\n"
        "from r1local.sessions.records import Question\n"
        "Session.create('talk').append(Question('Why?')); os.kill(os.getpid(), signal.SIGKILL)"
    )
    process = child(code)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert read_session("talk").turns == (Turn("Why?"),)


def test_a_full_disk_ends_nothing() -> None:
    # A file that may not grow fails as on a full disk does, and here it may again.
    code = """
import resource
from r1local.conversation import Reply
from r1local.errors import SessionNotSaved
from r1local.events.reply import AnswerDelta
from r1local.sessions.folder import read_session
from r1local.sessions.records import Question, ended
from r1local.sessions.session import Session
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
def ask(answer):
    session.append(Question("?"))
    session.append(AnswerDelta(answer, 1))
    try:
        session.append(ended(Reply("", answer, "stop", False, "m"), streamed=True))
    except SessionNotSaved as error:
        print("told:", error.message)
session = Session.create("talk")
ask("one")
limit(1000)
ask("two" * 1000)
ask("three")
assert session.path.read_bytes().endswith(b"}\\n"), "nothing is torn"
assert len(session.path.read_bytes()) <= 1000
limit(resource.RLIM_INFINITY)
ask("four")
limit(1000)
ask("five" * 1000)
limit(resource.RLIM_INFINITY)
session.close()
assert read_session("talk").turns == session.transcript.turns
print([turn.reply.answer[:5] for turn in session.transcript.turns])
"""
    output, _ = child(code).communicate(timeout=60)
    told, again, turns = output.splitlines()
    assert told == again == "told: session talk can't be saved: File too large"
    assert turns == "['one', 'twotw', 'three', 'four', 'fivef']"


def test_a_folder_that_cant_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    session = Session.create("talk", folder=tmp_path / "file" / "sessions")
    session.append(Question("?"))
    with pytest.raises(Exception, match="session talk can't be saved: Not a directory"):
        session.append(ended(REPLY, streamed=False))
    session.append(AnswerDelta("goes on", 1))
    session.append(ended(REPLY, streamed=False))
    with pytest.raises(Exception, match="session talk can't be saved"):
        session.close()
    session.close()
    assert session.transcript.turns == (Turn("?", REPLY),)


# --- One writer -------------------------------------------------------------------------

HOLDING = """
import sys
from r1local.sessions.session import Session
session = Session.open("talk")
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held() -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the session `talk` open."""
    session = Session.create("talk")
    say(session, "Why?")
    session.close()
    process = child(HOLDING)
    assert process.stdout and process.stdout.readline() == "open\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_never_write_one_session(held: "subprocess.Popen[str]") -> None:
    refused: list[Callable[[], object]] = [
        lambda: Session.open("talk"),
        lambda: delete_session("talk"),
    ]
    for attempt in refused:
        with pytest.raises(SessionInUse, match="session talk is open in another chat"):
            attempt()
    assert read_session("talk").turns, "it can be read all the same"
    copy = Session.copy_of("talk")
    assert (copy.name, copy.transcript.turns) == ("talk-2", read_session("talk").turns)
    copy.close()
    held.kill()
    held.wait()
    Session.open("talk").close()


def test_a_name_that_another_chat_was_faster_to_take() -> None:
    first, second = Session.create("talk"), Session.create("talk")
    say(second, "second")
    say(first, "first")
    first.close()
    second.close()
    assert read_session("talk").turns[0].question == "second"
    assert (first.name, read_session("talk-2").turns[0].question) == ("talk-2", "first")


def test_a_session_is_renamed_while_it_goes_on() -> None:
    session = Session.create("talk")
    say(session, "one")
    other = Session.create("taken")
    say(other, "?")
    other.close()
    with pytest.raises(InvalidSetting, match="there is a session taken already"):
        session.rename("taken")
    session.rename("übung")
    say(session, "two")
    with pytest.raises(SessionInUse):
        Session.open("übung")
    with pytest.raises(SessionNotFound):
        read_session("talk")
    session.close()
    assert [turn.question for turn in read_session("übung").turns] == ["one", "two"]
    session = Session.create("talk")  # the old name is free
    session.rename("other")
    say(session, "three")
    session.close()
    assert find_session("other").turns == 1


def test_a_session_that_cant_be_opened_is_not_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session.create("talk")
    say(session, "Why?")
    session.close()
    with monkeypatch.context() as wrong:
        wrong.setenv("R1LOCAL_SESSION_KV_MIB", "many")
        with pytest.raises(InvalidSetting):
            Session.open("talk")
    Session.open("talk").close()


def test_the_hint_of_a_session_in_use_copies_it() -> None:
    session = Session.create("my talk")
    say(session, "Why?")
    with pytest.raises(SessionInUse) as refused:
        Session.open("my talk")
    subprocess.run(refused.value.hint.partition("copy it: ")[2], shell=True, check=True)
    with closing(Session.open("my talk-2")) as copy:
        assert copy.transcript.turns == session.transcript.turns
    session.close()
