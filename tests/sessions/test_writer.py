"""Ends that nobody chose: what was written is there, and what a disk refuses waits."""

import signal
import time
from pathlib import Path

import pytest

from r1local.conversation import Turn
from r1local.events.reply import AnswerDelta
from r1local.sessions.folder import read_session
from r1local.sessions.records import Question, ended
from r1local.sessions.session import Session
from testing.sessions import REPLY, child, say
from testing.waiting import PATIENCE_S

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


@pytest.mark.slow
@pytest.mark.parametrize(("pause", "seconds"), [(0.001, 2.3), (0.001, 2.8), (6.0, 2.0)])
def test_a_kill_loses_a_second_at_most(pause: float, seconds: float) -> None:
    process = child(RECORDING, str(pause))
    assert process.stdout
    begun = process.stdout.readline()
    time.sleep(seconds)
    killed = time.monotonic()
    process.send_signal(signal.SIGKILL)
    printed = [line.split() for line in (begun + process.communicate()[0]).splitlines()]
    # On a busy machine, the thread that writes has its turn later than it asked for.
    safe = [int(number) for number, at in printed if float(at) <= killed - 2]
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
    process.communicate(timeout=PATIENCE_S)
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
    output, _ = child(code).communicate(timeout=PATIENCE_S)
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


def test_a_name_that_another_chat_was_faster_to_take() -> None:
    first, second = Session.create("talk"), Session.create("talk")
    say(second, "second")
    say(first, "first")
    first.close()
    second.close()
    assert read_session("talk").turns[0].question == "second"
    assert (first.name, read_session("talk-2").turns[0].question) == ("talk-2", "first")
