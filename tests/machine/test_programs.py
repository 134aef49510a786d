"""Programs that hang, flood or fail don't hold up whoever runs them."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from r1local.machine import programs
from r1local.machine.programs import first_line, run_program
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")


def shell(script: str, seconds: float = PATIENCE_S) -> programs.Outcome | None:
    return run_program(("/bin/sh", "-c", script), seconds)


def test_what_a_program_prints_and_how_it_ends() -> None:
    assert shell("echo out; echo err >&2; exit 3") == ("out\n", "err\n", 3)
    assert shell("kill -ABRT $$") == ("", "", -6)
    assert shell("printf '\\377'") == ("�", "", 0)


def test_variables_are_added() -> None:
    assert run_program(("/bin/sh", "-c", "echo $A$HOME"), 20, {"A": "1", "HOME": "2"}) == (
        "12\n",
        "",
        0,
    )


def test_it_reads_nothing() -> None:
    assert shell("cat") == ("", "", 0)


def test_a_program_that_is_not_there_or_none(tmp_path: Path) -> None:
    assert run_program((str(tmp_path / "none"),), 1) is None
    assert run_program((str(tmp_path),), 1) is None


def test_what_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    # Its time is up when it has begun.
    clock = SimpleNamespace(monotonic=lambda: float(pid.exists()), sleep=time.sleep)
    monkeypatch.setattr(programs, "time", clock)
    outcome = shell(f"echo begun; sleep 5000 & echo $! > {pid}-; mv {pid}- {pid}; wait", 0.5)
    assert outcome == ("begun\n", "", None)

    def ended() -> bool:  # whoever takes orphans may be slow
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", pid.read_text().strip()], capture_output=True, text=True
        )
        return state.stdout.strip()[:1] in ("", "Z")

    eventually(ended)


def test_endless_output_is_cut_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_MOST_BYTES", 10_000)
    started = time.monotonic()
    outcome = shell("yes")
    assert outcome is not None
    assert (len(outcome.output), outcome.code) == (10_000, None)
    assert time.monotonic() - started < PATIENCE_S


def test_first_line() -> None:
    assert first_line("\n  \n one \ntwo") == "one"
    assert first_line("abcdef", 3) == "abc"
    assert first_line("") == ""
