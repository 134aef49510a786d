"""Somebody asks something long and looks elsewhere: what a terminal, or a program, is told."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from testing.chats import ChatTerminal, steps
from testing.command import COMMAND, Scripted
from testing.models import smollm2

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

KEEP, RESTORE = "\x1b[22;0t", "\x1b[23;0t"
GHOSTTY: dict[str, Any] = {"TERM_PROGRAM": "ghostty", "R1LOCAL_NOTIFY_AFTER": "0"}
#: Slow enough for a thought of three seconds.
_FFN = 100_000


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run in any terminal."""
    for name in ("TMUX", "STY", "KITTY_WINDOW_ID", "WEZTERM_PANE", "VTE_VERSION", "WT_SESSION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def thoughtful(scripted: Scripted) -> Path:
    return scripted(
        f"{steps(90)}</think>\x1b]0;evil\x07 four", context_length=6_144, feed_forward=_FFN
    )


def run_on(model: Path, *arguments: str) -> list[str]:
    return [*COMMAND, "run", "hi", "-m", str(model), "--draft", "none", *arguments]


def test_a_thought_is_in_the_title_and_its_end_is_told(thoughtful: Path) -> None:
    command = run_on(thoughtful, "--think-budget", "6000")
    with PseudoTerminal(command, **GHOSTTY) as terminal:
        assert terminal.finish() == 0
    stream = terminal.stream
    assert stream.count(KEEP) == stream.count(RESTORE) == 1
    assert KEEP + "\x1b]2;r1local: thinking " in stream and " %\x07" in stream
    assert "\x1b]9;4;1;" in stream and "\x1b]9;4;0;0\x07" in stream
    told = "\x1b]9;r1local: answered after "
    assert told in stream and "␛]0;evil␇ four\x07" in stream[stream.index(told) :]
    assert stream.rindex(RESTORE) > stream.rindex("\x1b]2;")


def test_quick_replies_and_dumb_terminals_are_left_alone(scripted: Scripted) -> None:
    model = scripted("a</think>b")
    with PseudoTerminal(run_on(model), TERM_PROGRAM="ghostty") as terminal:
        assert terminal.finish() == 0
    assert "\x1b]" not in terminal.stream and KEEP not in terminal.stream
    with PseudoTerminal(run_on(model), TERM="dumb", R1LOCAL_NOTIFY_AFTER="0") as terminal:
        assert terminal.finish() == 0
    assert "\x1b" not in terminal.stream and "\x07" not in terminal.stream


def test_a_program_is_run_in_a_pipe_as_well(scripted: Scripted, tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = f"{sys.executable} -c \"import sys, os; open(sys.argv[1], 'x').write(sys.argv[2])\""
    done = subprocess.run(
        [
            *run_on(scripted("a</think>$(touch owned); b")),
            *("--notify-after", "0", "--notify", f"{program} {told} {{text}}"),
        ],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 20
    while not told.exists() or not told.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert told.read_text().endswith(": $(touch owned); b")
    assert done.stdout == "$(touch owned); b\n" and done.stderr == ""
    assert not (tmp_path / "owned").exists()


def test_a_program_that_is_not_there_is_said_before_anything_is_loaded(scripted: Scripted) -> None:
    command = [*run_on(scripted("a</think>b")), "--notify", "atuo"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "there is no program 'atuo'" in done.stderr and "auto" in done.stderr


def test_a_long_prompt_tells_its_percentage(tmp_path: Path) -> None:
    document = tmp_path / "long.txt"
    document.write_text("There was a word. " * 1_400)
    command = run_on(smollm2(), "-f", str(document), "--threads", "1", "--context", "8192")
    with PseudoTerminal(command, **GHOSTTY) as terminal:
        terminal.wait_for(lambda: "reading the prompt: " in terminal.shown)
        terminal.wait_for(lambda: " left … " in terminal.shown)
        terminal.wait_for(lambda: "\x1b]2;r1local: reading " in terminal.stream)
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert terminal.stream.count(KEEP) == terminal.stream.count(RESTORE) == 1


def test_a_chat_that_is_looked_at_stays_silent(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("a</think>b"), **GHOSTTY) as terminal:
        terminal.wait_for(lambda: "\x1b[?1004h" in terminal.stream)
        terminal.type("\x1b[I")
        terminal.send("hi")
        terminal.wait_for_text("❯ hi", "b", "tokens/s")
        assert "\x1b]9;" not in terminal.stream
        terminal.type("\x1b[O")
        terminal.send("hi")
        terminal.wait_for(
            lambda: re.search("\x1b\\]9;r1local: answered after .* s: b\x07", terminal.stream)
        )
        assert "[I" not in terminal.shown and "[O" not in terminal.shown
        assert terminal.leave() == 0
    assert terminal.stream.rindex("\x1b[?1004l") > terminal.stream.rindex("\x1b[?1004h")


def test_a_killed_chat_leaves_the_terminal_its_title(thoughtful: Path) -> None:
    with ChatTerminal("-m", thoughtful, "--draft", "none", **GHOSTTY) as terminal:
        terminal.send("hi")
        terminal.wait_for(lambda: "\x1b]2;r1local: " in terminal.stream)
        os.kill(terminal.child.pid, signal.SIGKILL)
        terminal.finish()
        assert terminal.restored
    end = terminal.stream[terminal.stream.rindex("\x1b]2;r1local: ") :]
    assert RESTORE in end and "\x1b]9;4;0;0\x07" in end and "\x1b[?1004l" in end


def test_in_the_scrollback_a_thought_is_told_of(thoughtful: Path) -> None:
    with ChatTerminal("--inline", "-m", thoughtful, "--draft", "none", **GHOSTTY) as terminal:
        terminal.send("hi")
        terminal.wait_for(lambda: "\x1b]9;r1local: answered after " in terminal.stream, 120)
        terminal.wait_for(lambda: "\x1b]2;r1local: answered\x07" in terminal.stream)
        terminal.wait_for_text("evil␇ four\n")
        assert terminal.leave() == 0
    assert terminal.stream.count(KEEP) == terminal.stream.count(RESTORE) == 1


def test_the_end_of_a_vote_is_told(scripted: Scripted) -> None:
    command = run_on(scripted(r"Hm.</think>\boxed{4}"), "--votes", "3")
    with PseudoTerminal(command, **GHOSTTY) as terminal:
        assert terminal.finish() == 0
    told = terminal.stream.partition("\x1b]9;r1local: ")[2].partition("\x07")[0]
    assert " votes after " in told and told.endswith(": 4")
