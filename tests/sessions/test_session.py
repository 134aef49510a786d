"""Sessions: what was said comes back the same, whatever ended the program that wrote it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.config.paths import sessions_folder
from r1local.conversation import Reply, Turn
from r1local.errors import InvalidSetting, SessionInUse, SessionNotFound
from r1local.events.reply import AnswerDelta, Notice, Rewound, ThinkingDelta
from r1local.sessions.folder import delete_session, find_session, read_session, saved_sessions
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
from r1local.sessions.transcript import Transcript
from testing.sessions import REPLY, child, records, say, stream

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
    st.tuples(st.just("show"), st.integers(0, 9)),
    st.tuples(st.just("system"), st.none() | texts),
)


def _staying(told: list[Turn], other: list[Turn]) -> int:
    """How many turns are in both branches, or are another reply to what is asked in both."""
    pairs = [*zip(told, other, strict=False)]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] is pair[1], pairs))
    return same + any(one.question == two.question for one, two in pairs[same : same + 1])


@settings(max_examples=60)
@given(st.lists(steps, max_size=12))
def test_replay_is_what_was_said(plan: list[tuple[object, ...]]) -> None:
    told: list[Turn] = []
    ever: list[list[Turn]] = []
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
            case "show", [int(nth)] if ever:
                number = nth % len(ever) + 1
                for record in session.transcript.records_to(number):
                    session.append(record)
                dropped = min(dropped, _staying(told, ever[number - 1]))
                told = [*ever[number - 1]]
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
        if kind in ("ask", "retry") and told:
            ever.append([*told])
    session.close()
    assert session.transcript.turns == tuple(told)
    for number, turns in enumerate(ever, 1):
        assert session.transcript.turn(number) == turns[-1], "nothing is lost"
    if session.path.exists():
        again = read_session(session.name)
        assert again.turns == tuple(told)
        assert (again.system, again.dropped) == (system, dropped)
        # r1local of before 2026-12 knows no numbers of turns, and shows the same.
        kept = map(json.loads, session.path.read_bytes().splitlines())
        older = [{k: v for k, v in each.items() if k != "turn"} for each in kept]
        lines = (json.dumps(each).encode() for each in older)
        assert Transcript(filter(None, map(decode, lines))).turns == tuple(told)
        delete_session(session.name)
    else:
        assert not any(kind == "ask" for kind, *_ in plan)


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
        with pytest.raises(SessionInUse, match="session talk is open in another r1local"):
            attempt()
    assert read_session("talk").turns, "it can be read all the same"
    copy = Session.copy_of("talk")
    assert (copy.name, copy.transcript.turns) == ("talk-2", read_session("talk").turns)
    copy.close()
    held.kill()
    held.wait()
    Session.open("talk").close()


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
