"""Processes for untrusted data: what they can't do, and how it is known what ended them."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from r1local.confined.process import lacked, memory_of, start

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
Ended = Callable[..., tuple[bytes, int]]
HEAD = """
import sys
from r1local.confined.limits import forbid_contact, forbid_files, limited
def main():
    forbid_files()
    forbid_contact()
    with limited(2**28, 1.0):
"""


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ended:
    """Run some statements in such a process; return what it printed and its exit code."""
    monkeypatch.syspath_prepend(tmp_path)

    def work(*statements: str) -> tuple[bytes, int]:
        body = "".join(f"        {each}\n" for each in statements)
        (tmp_path / "strange_work.py").write_text(HEAD + body)
        with start("strange_work") as process:
            printed, _errors = process.communicate(timeout=30)
        return printed, process.returncode

    return work


def test_it_gives_what_it_prints(ended: Ended) -> None:
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
def test_it_reaches_nobody(ended: Ended, statement: str) -> None:
    told = "print(error, end='', flush=True)"
    printed, code = ended(f"try: exec({statement!r})", f"except PermissionError as error: {told}")
    assert printed.endswith(b"is forbidden here") and code == 0


@posix_only
def test_it_writes_no_file(ended: Ended, tmp_path: Path) -> None:
    path = tmp_path / "written"
    _printed, code = ended(f"open({str(path)!r}, 'w').write('x' * 100_000)")
    assert code != 0 and path.stat().st_size == 0


@posix_only
def test_what_it_used_up_is_known(ended: Ended) -> None:
    assert lacked(ended("while True: pass")[1]) == "time"
    assert lacked(ended("import time; time.sleep(20)")[1]) == "time"
    assert lacked(ended("bytearray(2**29)")[1]) == "memory"
    assert lacked(ended("raise KeyError")[1]) is None


def test_memory_of_a_process_that_is_gone_is_none() -> None:
    with start("r1local.no_such_module") as process:
        process.communicate(timeout=30)
    assert memory_of(process) == 0
