"""Sessions for tests: what is said in them, and other processes that have them."""

import json
import subprocess
import sys
from pathlib import Path

from r1local.conversation import Reply, Turn
from r1local.events.reply import AnswerDelta, ThinkingDelta
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Question, ended

REPLY = Reply("Because. Yes.", "Blue 🫐", "stop", False, "nano", 3, 2, 9, 0.5, 0.25, 7)


#: Lines of a session's file as anybody may write them.
HEAD = b'{"type": "session", "version": 1, "r1local": "1.0", "started": "2026-01-02T03:04:05Z"}\n'
QUESTION = b'{"type": "question", "text": "Why?"}\n'
ANSWER = b'{"type": "answer", "text": "So.", "tokens": 2}\n'


def write_session(folder: Path, data: bytes, name: str = "talk") -> Path:
    """Put a file where a session's is."""
    path = folder / f"{name}.jsonl"
    path.write_bytes(data)
    return path


def turn(question: str, thinking: str = "", answer: str = "") -> Turn:
    return Turn(question, Reply(thinking, answer, "stop", False, "nano"))


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
