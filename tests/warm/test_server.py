"""Programs that have engines of their own share them; whatever comes through a socket is borne."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.conversation import Conversation, Message
from r1local.engine.draft_model import DraftsOfModel
from r1local.errors import InferenceError, WarmEngineError
from r1local.events.reply import AnswerDelta, Event, Finished
from r1local.machine.memory import Machine
from r1local.machine.this_machine import survey_machine
from r1local.replies.control import Control
from r1local.replies.engine import Engine, PreparedPrompt, generate
from r1local.replies.runner import Runner
from r1local.replies.settings import ReplySettings
from r1local.warm import kept, loading
from r1local.warm.client import Connection, EngineGone
from r1local.warm.engine import WarmEngine
from r1local.warm.host import Host
from r1local.warm.kept import kept_engines
from r1local.warm.messages import our_versions
from r1local.warm.places import Place, lock
from r1local.warm.server import sharing
from r1local.warm.starting import NoneKept, Wanted
from r1local.warm.task import Task
from testing.models import write_scripted_model
from testing.recorded_engine import RecordedEngine, RecordedReplies, recording
from testing.replies import never
from testing.waiting import PATIENCE_S, eventually
from testing.warm import NANO, run_kept, statuses, wanted

HI: Conversation = (Message("user", "hi"),)
RECORDING = recording("a thought", "the answer")
#: What a program that hosts an engine wants of it: to use it if it is there.
USED = Wanted("recorded", NANO, {}, 1, None)


class _FailingReplies(RecordedReplies):
    def step(self):  # type: ignore[no-untyped-def]
        raise InferenceError("llama.cpp failed", "ask again")


class _FailingEngine(RecordedEngine):
    def together(self) -> RecordedReplies:
        return _FailingReplies(self)


class _BrokenEngine(RecordedEngine):
    def prepare(self, *_arguments: object, **_more: object):  # type: ignore[no-untyped-def]
        raise KeyError("what was asked")


@contextmanager
def hosted(engine: Engine, place: Place | None = None) -> Iterator[Future[None]]:
    """Share an engine from another thread's event loop; yield what is done when it is to stop."""
    stopped: Future[None] = Future()
    ready, done = threading.Event(), threading.Event()

    async def share() -> None:
        host = Host("recorded", NANO, lambda: stopped.set_result(None))
        runner = Runner(engine)
        runner.start()
        host.open(runner)
        async with sharing(place or USED.place, host):
            ready.set()
            await asyncio.to_thread(done.wait)
        await asyncio.to_thread(runner.close)

    thread = threading.Thread(target=lambda: asyncio.run(share()))
    thread.start()
    assert ready.wait(PATIENCE_S)
    try:
        yield stopped
    finally:
        done.set()
        thread.join()


def replied(engine: Engine) -> list[Event]:
    return list(generate(engine, HI, ReplySettings(), Control()))


def test_an_engine_of_another_program_is_used_if_it_is_there() -> None:
    with pytest.raises(NoneKept):
        WarmEngine.open(USED, never)
    recorded = RecordedEngine(RECORDING)
    with hosted(recorded) as stopped:
        with closing(WarmEngine.open(USED, never)) as engine:
            assert engine.abilities == recorded.abilities
            assert engine.name == recorded.name
            events = replied(engine)
            assert "".join(e.text for e in events if isinstance(e, AnswerDelta)) == "the answer "
            assert isinstance(events[-1], Finished)
        (status,) = statuses()
        assert (status.model, status.until, status.versions) == ("recorded", None, our_versions())
        ((place, _status),) = kept_engines()
        with kept.connected(place) as connection:
            assert connection
            connection.greeting()
            connection.ask("stop")
            stopped.result(10)
    assert recorded.closed
    assert statuses() == []


def test_an_engine_that_fails_ends_replies_and_not_itself() -> None:
    with hosted(_FailingEngine(RECORDING)), closing(WarmEngine.open(USED, never)) as engine:
        for _attempt in range(2):
            with pytest.raises(InferenceError, match=r"llama\.cpp failed"):
                replied(engine)


def test_a_bug_is_an_error_without_what_was_asked(caplog: pytest.LogCaptureFixture) -> None:
    with hosted(_BrokenEngine(RECORDING)), closing(WarmEngine.open(USED, never)) as engine:
        with pytest.raises(InferenceError, match="the engine has a bug: KeyError") as failed:
            replied(engine)
        assert statuses()[0].state == "open"
    assert "what was asked" not in failed.value.message + caplog.text


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"{}\n",
        b'{"do": "dance"}\n',
        b'{"do": "reply", "id": 1}\n',
        b'{"do": "prepare", "id": 1, "prompt": {"conversation": 1}}\n',
        b'{"do": "open", "id": 1}\n',
        b'{"do": "open", "id": 1, "keep_alive": NaN}\n',
        b'{"do": "larger", "id": 1, "least": 1%s}\n' % (b"0" * 30),
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_message_ends_that_connection_alone(line: bytes) -> None:
    with hosted(RecordedEngine(RECORDING)), closing(WarmEngine.open(USED, never)) as engine:
        with socket.socket(socket.AF_UNIX) as intruder:
            intruder.settimeout(PATIENCE_S)
            intruder.connect(str(USED.place.socket))
            intruder.sendall(line)
            answer = b""
            while data := intruder.recv(65_536):
                answer += data
        assert json.loads(answer)["versions"]["r1local"]
        assert replied(engine)


@pytest.mark.parametrize(
    "said", [b"", b"\n", b"{}\n", b'{"versions": {"r1local": "1", "llama_cpp": "1"}, "pid": "1"}\n']
)
def test_somebody_who_doesn_t_greet_as_an_engine_does_is_none(
    said: bytes, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setattr("r1local.warm.client._PATIENCE_S", 0.5)
    with _listening(lambda connection: connection.sendall(said)):
        with closing(Connection(USED.place)) as connection, pytest.raises(EngineGone):
            connection.greeting()
        assert statuses() == []


def test_somebody_who_says_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1local.warm.client._PATIENCE_S", 0.2)
    silence = threading.Event()
    with _listening(lambda _connection: silence.wait(PATIENCE_S)):
        with pytest.raises(WarmEngineError, match="doesn't answer"):
            WarmEngine.open(USED, never)
        silence.set()


@contextmanager
def _listening(serve: Callable[[socket.socket], object]) -> Iterator[None]:
    """Listen at the engine's place, and serve whoever comes."""
    path = str(USED.place.socket)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        server.settimeout(1)

        def accept() -> None:
            try:
                while True:
                    connection, _address = server.accept()
                    with connection:
                        serve(connection)
            except OSError:
                pass

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def test_a_place_is_one_process_s() -> None:
    place = wanted().place
    held = lock(place)
    assert held is not None
    assert lock(place) is None
    place.lock.unlink()  # as a process that ends does
    again = lock(place)
    assert again is not None


# --- Memory -----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("enough", [True, False])
def test_an_idle_engine_is_given_up_if_memory_doesn_t_hold_both(
    enough: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run_kept("-m", "nano", "--seed", "3", "2+2?")
    (other,) = statuses()

    def surveyed() -> Machine:
        """Memory that holds one model, or two."""
        found = survey_machine()
        return found if enough or not statuses() else replace(found, memory=2**20)

    monkeypatch.setattr("r1local.models.drafting.survey_machine", surveyed)
    place = Place(tmp_path / "new.sock")
    task = Task(str(place.socket), "nano", str(NANO), {"context": "512"}, 1, 60.0)
    with closing(loading.load(task, place, never)) as engine:
        assert engine.at_once == loading.SHARED_BY
        if enough:
            assert [each.pid for each in statuses()] == [other.pid]
        else:
            eventually(lambda: not statuses())


def test_an_engine_that_stays_has_its_draft_model(tmp_path: Path) -> None:
    small = write_scripted_model(tmp_path / "small.gguf", "Hi")
    large = write_scripted_model(tmp_path / "large.gguf", "Hi", slow=True)
    socket, settings = str(tmp_path / "new.sock"), {"draft": str(small)}
    task = Task(socket, "large", str(large), settings, 1, 60.0, str(small))
    with closing(loading.load(task, Place(Path(socket)), never)) as engine:
        assert engine.at_once == loading.SHARED_BY
        assert isinstance(engine.loaded.drafts, DraftsOfModel)


def test_a_reply_is_prepared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[Conversation] = []
    recorded = RecordedEngine(RECORDING)
    original = recorded.prepare

    def prepare(conversation: Conversation, *arguments: object) -> PreparedPrompt:
        prepared.append(conversation)
        return original(conversation, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(recorded, "prepare", prepare)
    with hosted(recorded), closing(WarmEngine.open(USED, never)) as engine:
        replied(engine)
        replied(engine)
    assert prepared == [HI]
