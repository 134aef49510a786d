"""This user's own commands use the models that a server has in memory."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path

import pytest

from r1local.config.paths import engines_folder
from r1local.warm.engine import WarmEngine
from testing.command import COMMAND, Scripted
from testing.endpoints import hear
from testing.replies import never
from testing.servers import Server, serving
from testing.waiting import PATIENCE_S, eventually
from testing.warm import alive, command, kill_all, run_kept, statuses, wanted

pytestmark = pytest.mark.slow
QUESTION = ("run", "-m", "nano", "--seed", "3", "--format", "json", "2+2?")
LONG = " ".join(f"The square of {n} is {n * n}." for n in range(800))


@pytest.fixture
def server(home: Path) -> Iterator[Server]:
    """A server of this user's that has nano in memory."""
    with serving(home, "-m", "nano") as running:
        assert running.chat("Hi", max_tokens=1).status == 200
        yield running
    kill_all()


def cached(*more: str) -> int:
    """Tokens of the question's prompt that were in memory."""
    done = command(*QUESTION, *more)
    assert (done.returncode, done.stderr) == (0, "")
    found: int = json.loads(done.stdout)["usage"]["cached_tokens"]
    return found


def loads(server: Server) -> int:
    return sum(each["event"] == "loaded" for each in server.log)


def test_a_command_uses_the_server_s_model_unless_that_is_refused(server: Server) -> None:
    for more in ((), ("--keep-alive", "1m")):
        cached(*more)
        assert cached(*more) > 0
        (status,) = statuses()
        assert (status.pid, status.of_server) == (server.process.pid, True)
    assert cached("--no-daemon") == 0
    assert loads(server) == 1


def test_other_options_of_loading_need_another_engine(server: Server) -> None:
    assert cached("--context", "512") == 0
    assert loads(server) == 1


def test_an_answer_is_the_same_by_either_way(server: Server) -> None:
    texts = [
        json.loads(command(*QUESTION, *more).stdout)["answer"] for more in ((), ("--no-daemon",))
    ]
    asked = server.chat("2+2?", seed=3).json["choices"][0]["message"]["content"]
    assert {text.strip() for text in texts} == {asked.strip()}


def test_ps_says_whose_it_is_and_stop_leaves_the_server(server: Server) -> None:
    (listed,) = json.loads(command("ps", "--json").stdout)
    assert (listed["model"], listed["of_serve"]) == ("nano", True)
    assert "serve" in command("ps").stdout
    stopped = command("stop", "nano")
    assert stopped.returncode == 0
    assert f"unloaded nano from r1local serve (process {server.process.pid})" in stopped.stderr
    assert statuses() == []
    eventually(lambda: server.log[-1]["event"] == "unloaded")
    assert server.chat("Hi", max_tokens=1).status == 200
    assert command("stop", "--all").returncode == 0
    assert alive(server.process.pid)


def test_commands_and_requests_reply_together(home: Path, scripted: Scripted) -> None:
    path = scripted(f"</think>\n\n{LONG}", slow=True)
    with serving(home, "-m", path) as server:

        def ask() -> None:
            with suppress(OSError, HTTPException):  # the server's end ends it
                server.chat("hi")

        asking = threading.Thread(target=ask)
        asking.start()
        eventually(lambda: bool(statuses()) and statuses()[0].state == "replying")
        with _started("run", "-m", str(path), "hi") as process:
            assert process.stdout
            assert process.stdout.read(10)
            assert server.metric("r1local_commands") == 1
            assert server.metric("r1local_replies_in_progress") == 1
            assert asking.is_alive()
            refused = command("stop")
            assert refused.returncode == 1
            assert f"kill {server.process.pid}" in refused.stderr
            server.process.send_signal(signal.SIGKILL)
            _out, err = process.communicate(timeout=PATIENCE_S)
        asking.join()
    assert process.returncode == 1
    assert b"ended in the middle of the reply" in err


def test_the_server_s_end_is_noticed(server: Server) -> None:
    used = replace(wanted(), keep_alive=None)
    with closing(WarmEngine.open(used, never)) as engine:
        assert hear(engine).reply.answer
        assert statuses()[0].clients == 1
        server.process.terminate()
        assert server.process.wait(PATIENCE_S) == 0
        assert hear(engine).reply.answer
        (status,) = statuses()
        assert (status.of_server, status.pid != server.process.pid) == (False, True)
    eventually(lambda: not statuses())


def test_a_server_that_ends_leaves_nothing(server: Server) -> None:
    server.process.terminate()
    assert server.process.wait(PATIENCE_S) == 0
    assert [*engines_folder().iterdir()] == []
    assert cached() == 0


def test_a_killed_server_leaves_nothing_that_hinders(home: Path) -> None:
    for _attempt in range(2):
        with serving(home, "-m", "nano") as server:
            assert server.chat("Hi", max_tokens=1).status == 200
            assert [each.pid for each in statuses()] == [server.process.pid]
            server.process.kill()
            server.process.wait()
            assert statuses() == []
    assert cached() == 0


def test_a_model_that_a_process_keeps_idly_moves_to_the_server(home: Path) -> None:
    run_kept("-m", "nano", "2+2?")
    (before,) = statuses()
    with serving(home, "-m", "nano") as server:
        assert server.chat("Hi", max_tokens=1).status == 200
        (status,) = statuses()
        assert status.pid == server.process.pid
        eventually(lambda: not alive(before.pid))


def _started(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
