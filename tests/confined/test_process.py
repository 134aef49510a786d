"""Processes for untrusted data: what they can't do, and how it is known what ended them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from r1local.confined import limits
from r1local.confined import process as process_room
from r1local.confined.process import Ended, Watch, lacked, run, start
from testing.waiting import PATIENCE_S

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
Written = Callable[..., "subprocess.Popen[bytes]"]
EndedWith = Callable[..., tuple[bytes, int]]
LINE = os.linesep.encode()
HEAD = """
import sys
from r1local.confined.limits import forbid_contact, forbid_files, limited
def main():
    forbid_files()
    forbid_contact()
    with limited(2**28, {seconds}):
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Start a process that runs some statements within limits."""
    monkeypatch.syspath_prepend(tmp_path)

    def begin(*statements: str, seconds: float = 1.0) -> "subprocess.Popen[bytes]":
        body = "".join(f"        {each}\n" for each in statements)
        (tmp_path / "strange_work.py").write_text(HEAD.format(seconds=seconds) + body)
        return start("strange_work")

    return begin


@pytest.fixture
def ended(written: Written) -> EndedWith:
    """Run some statements in such a process; return what it printed and its exit code."""

    def work(*statements: str, seconds: float = 1.0) -> tuple[bytes, int]:
        with written(*statements, seconds=seconds) as process:
            printed, _errors = process.communicate(timeout=PATIENCE_S)
        return printed, process.returncode

    return work


def test_it_gives_what_it_prints(ended: EndedWith) -> None:
    assert ended("print(sys.stdin.read() + 'done', end='', flush=True)") == (b"done", 0)
    assert ended("import os", "assert not {'HOME', 'PATH'} & os.environ.keys()") == (b"", 0)


@pytest.mark.parametrize(
    "statement",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import subprocess; subprocess.run([sys.executable, '-c', ''])",
        "import os; os.system('true')",
    ],
)
def test_it_reaches_nobody(ended: EndedWith, statement: str) -> None:
    told = "print(error, end='', flush=True)"
    printed, code = ended(f"try: exec({statement!r})", f"except PermissionError as error: {told}")
    assert printed.endswith(b"is forbidden here") and code == 0


@posix_only
def test_it_writes_no_file(ended: EndedWith, tmp_path: Path) -> None:
    path = tmp_path / "written"
    _printed, code = ended(f"open({str(path)!r}, 'w').write('x' * 100_000)")
    assert code != 0 and path.stat().st_size == 0


@posix_only
def test_what_it_used_up_is_known(ended: EndedWith) -> None:
    assert lacked(ended("while True: pass")[1]) == "time"
    assert lacked(ended("bytearray(2**29)")[1]) == "memory"
    assert lacked(ended("raise KeyError")[1]) is None


def test_waiting_takes_no_time_until_it_never_ends(ended: EndedWith) -> None:
    sleep = "import time; time.sleep({}); print('up', flush=True)"
    assert ended(sleep.format(1.5), seconds=0.1) == (b"up" + LINE, 0)
    head = "import r1local.confined.limits as limits; limits._CLOCK_S = 0.1"
    begun = f"{head}\n        with limited(2**28, 0.01): {sleep.format(600)}"
    assert lacked(ended(begun)[1]) == "time"


def test_what_a_process_prints_and_what_it_lacks(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outcome(statement: str, memory: float, seconds: float) -> Ended:
        process = written(statement, seconds=600)
        return run(process, b"x" * 10**6, Watch(process, memory, seconds))

    monkeypatch.setattr(process_room, "_GRACE_S", 0.0)
    assert outcome("print(len(sys.stdin.read()))", 2**30, 60) == (b"1000000" + LINE, None)
    slow = "import time; time.sleep(0.5); print(len(sys.stdin.read()))"
    assert outcome(slow, 2**30, 60) == (b"1000000" + LINE, None)
    assert outcome("raise KeyError", 2**30, 60) == (b"", None)
    assert outcome("while True: pass", 2**30, 0.2) == (b"", "time")
    assert outcome("while True: pass", 1, 60) == (b"", "memory")
    monkeypatch.setattr(process_room, "clock_for", lambda _seconds: 0.3)
    assert outcome("import time; time.sleep(600)", 2**30, 60) == (b"", "time")


def test_on_a_busy_machine_work_has_the_processor_time_that_it_may_take(written: Written) -> None:
    assert limits.clock_for(5) >= 60
    process = written("pass")
    watch = Watch(process, 2**30, 0.5)
    process.communicate(timeout=PATIENCE_S)
    assert watch.lack() is None, "one that is gone takes no more"
