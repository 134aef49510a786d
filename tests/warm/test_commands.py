"""`run --keep-alive`, `ps` and `stop`, as people use them, with real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from r1local.errors import InvalidSetting
from r1local.warm.client import Connection
from testing.command import COMMAND, Scripted
from testing.waiting import PATIENCE_S, eventually
from testing.warm import (
    NANO,
    alive,
    command,
    kill,
    older_process,
    pids,
    run_kept,
    statuses,
    wanted,
    warm,
)

pytestmark = pytest.mark.slow
QUESTION = ("-m", "nano", "--seed", "3", "2+2?")
LONG = " ".join(f"The square of {n} is {n * n}." for n in range(800))


def events(text: str) -> list[object]:
    """The events of `--format jsonl`, without what depends on the time."""
    found = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in each.items() if k not in {"timing", "usage"}} for each in found]


def test_the_second_run_finds_the_model_in_memory() -> None:
    first = run_kept(*QUESTION, "--format", "jsonl")
    (pid,) = pids()
    second = run_kept(*QUESTION, "--format", "jsonl")
    local = command("run", *QUESTION, "--format", "jsonl", "--no-daemon")
    assert first.returncode == second.returncode == 0
    assert (first.stderr, second.stderr) == ("", "")
    assert events(first.stdout) == events(second.stdout) == events(local.stdout)
    assert pids() == [pid]


def test_without_the_option_a_model_that_is_in_memory_is_used_unless_that_is_refused() -> None:
    command("run", *QUESTION)
    assert pids() == []
    run_kept(*QUESTION)
    used = json.loads(command("run", *QUESTION, "--format", "json").stdout)
    assert used["usage"]["cached_tokens"] > 0
    alone = json.loads(command("run", *QUESTION, "--format", "json", "--no-daemon").stdout)
    assert alone["usage"]["cached_tokens"] == 0


def test_without_the_option_nothing_of_it_is_imported() -> None:
    asked = [sys.executable, "-X", "importtime", "-m", "r1local", "run", *QUESTION]
    told = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, check=True).stderr
    assert b"r1local.opening" in told
    assert b"r1local.warm" not in told
    assert b"asyncio" not in told


def test_the_process_is_nobody_s_and_says_nothing(engines: Path) -> None:
    result = run_kept("-m", "nano", "17+25?")
    (pid,) = pids()
    (log,) = engines.glob("*.log")
    (socket,) = engines.glob("*.sock")
    assert os.getsid(pid) == pid
    assert Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] == "0"  # no tty
    assert log.stat().st_mode & 0o777 == socket.stat().st_mode & 0o777 == 0o600
    assert engines.stat().st_mode & 0o777 == 0o700
    written = log.read_text(encoding="utf-8")
    assert "loaded in" in written
    assert "42" in result.stdout
    assert not {"17", "25", "42"} & set(written.replace("+", " ").split())
    assert os.readlink(f"/proc/{pid}/fd/2") == str(log)  # noqa: PTH115


def test_it_ends_when_its_time_is_up_and_leaves_nothing(engines: Path) -> None:
    with warm() as _engine:  # as long as it is in use, it stays
        run_kept(*QUESTION, keep_alive="1s")
        (pid,) = pids()
    eventually(lambda: not alive(pid))
    assert [*engines.iterdir()] == []


def test_its_time_runs_from_the_last_program_s_end() -> None:
    with warm() as _engine:
        run_kept(*QUESTION, keep_alive="1s")
        eventually(lambda: statuses()[0].clients == 1)
        time.sleep(1.5)
        (status,) = statuses()
        assert (status.clients, status.until) == (1, None)
    eventually(lambda: not pids())


def test_a_killed_process_is_replaced_silently() -> None:
    first = run_kept(*QUESTION)
    (pid,) = pids()
    kill(pid)
    second = run_kept(*QUESTION)
    assert (second.stdout, second.stderr) == (first.stdout, "")
    assert pids() != [pid]


def test_one_killed_in_the_middle_leaves_what_came(scripted: Scripted) -> None:
    path = scripted(f"</think>\n\n{LONG}", slow=True)
    process = _started("run", "-m", str(path), "--keep-alive", "1m", "hi")
    assert process.stdout
    assert process.stdout.read(10)
    kill(pids()[0])
    _out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert b"ended in the middle of the reply" in err
    assert b"Traceback" not in err
    again = run_kept("-m", path, "--max-tokens", "20", "--temperature", "0", "hi")
    assert (again.returncode, again.stdout != "") == (0, True)


def test_ctrl_c_ends_the_reply_and_not_the_engine(scripted: Scripted) -> None:
    path = scripted(f"</think>\n\n{LONG}", slow=True)
    process = _started("run", "-m", str(path), "--keep-alive", "1m", "hi")
    assert process.stdout
    assert process.stdout.read(10)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    (pid,) = pids()
    eventually(lambda: (statuses()[0].state, statuses()[0].clients) == ("idle", 0))
    assert pids() == [pid]


def test_a_program_that_is_killed_takes_its_reply_along(scripted: Scripted) -> None:
    path = scripted(f"</think>\n\n{LONG}", slow=True)
    process = _started("run", "-m", str(path), "--keep-alive", "1m", "hi")
    assert process.stdout
    assert process.stdout.read(10)
    (pid,) = pids()
    process.kill()
    process.communicate()
    eventually(lambda: statuses()[0].state == "idle")
    assert pids() == [pid]


def test_two_first_runs_at_once_start_one_engine() -> None:
    arguments = ("run", *QUESTION, "--keep-alive", "1m")
    processes = [_started(*arguments) for _ in range(3)]
    outputs = {process.communicate(timeout=PATIENCE_S) for process in processes}
    assert outputs == {(b"**2 + 2 = \\boxed{4}**\n", b"")}
    assert len(pids()) == 1


def test_a_folder_that_others_may_enter_isn_t_used(engines: Path) -> None:
    engines.mkdir(parents=True)
    engines.chmod(0o755)
    result = run_kept(*QUESTION)
    assert result.returncode == 0
    assert "others may enter" in result.stderr
    assert "isn't kept in memory" in result.stderr
    assert [*engines.iterdir()] == []
    listed = command("ps")
    assert listed.returncode == 1
    assert f"chmod 700 {engines}" in listed.stderr


def test_an_idle_engine_of_another_version_is_replaced() -> None:
    older_process(wanted())
    (before,) = pids()
    assert command("run", *QUESTION).stderr == ""
    assert pids() == [before]
    result = run_kept(*QUESTION)
    assert "the model was in memory for r1local 0.0.9" in result.stderr
    assert result.stdout == "**2 + 2 = \\boxed{4}**\n"
    assert before not in pids()


def test_an_engine_of_another_version_that_is_in_use_is_left_alone() -> None:
    older_process(wanted())
    before = pids()
    with closing(Connection(wanted().place)) as other:
        other.greeting()
        other.answer(other.ask("open", keep_alive=60), lambda: False)
        result = run_kept(*QUESTION)
        assert "in memory for r1local 0.0.9" in result.stderr
        assert result.returncode == 0
        assert pids() == before
    quiet = command("run", *QUESTION)
    assert quiet.stderr == ""


def test_votes_and_replies_share_an_engine() -> None:
    result = run_kept("-m", "nano", "--votes", "5", "--seed", "1", "17+25?")
    assert "42" in result.stdout
    (pid,) = pids()
    run_kept(*QUESTION)
    assert pids() == [pid]


def test_other_options_of_loading_need_another_engine() -> None:
    run_kept(*QUESTION)
    run_kept(*QUESTION, "--context", "512")
    assert len(pids()) == 2


def test_ps_lists_and_stop_frees() -> None:
    assert "no model is kept in memory" in command("ps").stderr
    assert json.loads(command("ps", "--json").stdout) == []
    assert command("stop").returncode == 1
    run_kept(*QUESTION)
    (listed,) = json.loads(command("ps", "--json").stdout)
    assert (listed["model"], listed["path"], listed["state"]) == ("nano", str(NANO), "idle")
    assert listed["memory_bytes"] > 10 * 2**20
    assert listed["idle_since"] < listed["until"]
    headings, row = command("ps").stdout.splitlines()
    assert headings.split("\t")[:2] == ["MODEL", "MEMORY"]
    assert row.split("\t")[0] == "nano"
    run_kept(*QUESTION, "--context", "512")
    assert command("stop").returncode == 2
    assert "isn't kept in memory" in command("stop", "7b").stderr
    assert command("stop", "NANO").stderr.count("stopped nano") == 2
    assert pids() == []


def test_stop_all_stops_even_one_that_is_stuck() -> None:
    run_kept(*QUESTION)
    (pid,) = pids()
    kill(pid, signal.SIGSTOP)
    result = command("stop", "--all")
    assert (result.returncode, "stopped 1 of 1" in result.stderr) == (0, True)
    assert not alive(pid)
    assert command("stop", "nano", "--all").returncode == 2


@pytest.mark.parametrize("value", ["soon", "5", "-5m", "5m5"])
def test_a_time_is_written_with_its_unit(value: str) -> None:
    result = command("run", *QUESTION, "--keep-alive", value)
    assert (result.returncode == 2) == (value != "5")
    assert InvalidSetting.__name__ not in result.stderr


def _started(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
