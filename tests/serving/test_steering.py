"""Replies that are steered, left, too many, or ended with the server."""

import http.client
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from r1local.conversation import Message
from r1local.events.reply import AnswerDelta, ThinkingDelta
from r1local.replies.control import Control
from r1local.replies.engine import generate
from r1local.replies.settings import ReplySettings
from testing.endpoints import remote
from testing.models import END_THINK, write_scripted_model
from testing.servers import Server, serving
from testing.waiting import PATIENCE_S, eventually

QUESTION: Any = [{"role": "user", "content": "What is 27 + 58?"}]
ASKED = (Message("user", QUESTION[0]["content"]),)
#: A thought that lasts some seconds, and an answer.
LONG = "".join(f"Thought {number} of many. " for number in range(700)) + END_THINK + "Enough."


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose replies last, with room for one and one that waits."""
    folder = tmp_path_factory.mktemp("slow")
    path = write_scripted_model(folder / "slow.gguf", LONG, slow=True)
    arguments = ("-m", path, "--parallel", "1", "--queue", "1", "--loop-repeats", "0")
    with serving(folder, *arguments, "--loop-patience", "0") as running:
        yield running


class Stream:
    """A stream of a reply that is read step by step."""

    def __init__(self, server: Server, kind: str = "chat/completions", **fields: object) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
        self.unmarked = kind == "responses"  # its last event says so itself
        asked = "input" if self.unmarked else "messages"
        body = {asked: QUESTION, "stream": True, **fields}
        self.connection.request("POST", f"/v1/{kind}", json.dumps(body))
        self.response = self.connection.getresponse()

    def event(self) -> dict[str, Any] | None:
        """The next event; None at the end."""
        while not (line := self.response.readline()).startswith(b"data:"):
            if not line:
                assert self.unmarked
                return None
        return None if b"[DONE]" in line else json.loads(line[6:])

    def rest(self) -> list[dict[str, Any]]:
        events = []
        while event := self.event():
            events.append(event)
        return events

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@pytest.mark.slow
def test_answer_now_ends_a_thought(slow: Server) -> None:
    with closing(Stream(slow)) as stream:
        first = stream.event()
        assert first
        while not (event := stream.event()) or "reasoning_content" not in json.dumps(event):
            pass
        control = {"id": first["id"], "action": "reasoning_end"}
        assert slow.ask("/v1/chat/completions/control", control).json == {"success": True}
        events = stream.rest()
    assert any(event["choices"][0]["delta"].get("content") for event in events)
    thought = "".join(e["choices"][0]["delta"].get("reasoning_content", "") for e in events)
    assert "Thought 600" not in thought
    assert slow.ask("/v1/chat/completions/control", control).error["code"] == "not_found"


@pytest.mark.slow
def test_answer_now_ends_the_thought_of_a_response(slow: Server) -> None:
    with closing(Stream(slow, "responses")) as stream:
        first = stream.event()
        assert first
        while not (event := stream.event()) or event["type"] != "response.reasoning_text.delta":
            assert event
        control = {"id": first["response"]["id"], "action": "reasoning_end"}
        assert slow.ask("/v1/chat/completions/control", control).json == {"success": True}
        *_events, last = stream.rest()
    thought, message = last["response"]["output"]
    assert "Thought 600" not in thought["content"][0]["text"]
    assert message["content"][0]["text"]


@pytest.mark.slow
def test_another_r1local_has_it_answer_now(slow: Server) -> None:
    control = Control()
    thought, answer = "", ""
    with remote(slow.url, "slow") as engine:
        for event in generate(engine, ASKED, ReplySettings(), control):
            if isinstance(event, ThinkingDelta):
                if not thought:
                    control.answer_now()
                thought += event.text
            elif isinstance(event, AnswerDelta):
                answer += event.text
    assert "Thought 600" not in thought
    assert answer


def test_a_client_that_leaves_cancels_its_reply(slow: Server) -> None:
    stream = Stream(slow)
    stream.event()
    assert slow.metric("r1local_replies_in_progress") == 1
    stream.close()
    eventually(lambda: slow.metric("r1local_replies_in_progress") == 0)
    waiting = http.client.HTTPConnection("127.0.0.1", slow.port)
    waiting.request("POST", "/v1/chat/completions", json.dumps({"messages": QUESTION}))
    eventually(lambda: slow.metric("r1local_replies_in_progress") == 1)
    waiting.close()
    eventually(lambda: slow.metric("r1local_replies_in_progress") == 0)
    eventually(lambda: [e["status"] for e in slow.log if e.get("method") == "POST"][-1] == 499)


def test_more_than_may_wait_are_told_to_come_again(slow: Server) -> None:
    with closing(Stream(slow)) as first, closing(Stream(slow)) as second:
        assert first.event() and second.event()
        refused = slow.chat()
        assert refused.status == 429
        assert refused.error["code"] == "too_many_requests"
        assert refused.headers["retry-after"]
    eventually(lambda: slow.metric("r1local_replies_in_progress") == 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals", [(signal.SIGTERM,), (signal.SIGHUP, signal.SIGINT)], ids=["once", "twice"]
)
def test_stopping_ends_streams_and_closes_sockets(
    tmp_path: Path, signals: tuple[signal.Signals, ...]
) -> None:
    path = write_scripted_model(tmp_path / "slow.gguf", LONG * 3, slow=True)
    with serving(tmp_path, "-m", path, "--loop-repeats", "0", "--loop-patience", "0") as server:
        with closing(Stream(server)) as stream:
            stream.event()
            for number in signals:
                server.process.send_signal(number)
                eventually(lambda: not listens(server))
            events = stream.rest()
            assert events[-1]["choices"][0]["finish_reason"] == "length"
        assert server.process.wait(PATIENCE_S) == 0
        assert server.log[-1]["event"] == "stopped"
        assert not listens(server)


def listens(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), 5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_reader_that_stops_reading_keeps_nobody_waiting(server: Server) -> None:
    with closing(Stream(server, n=16, think_budget=200)):
        assert server.chat().status == 200
