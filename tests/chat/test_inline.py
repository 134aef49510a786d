"""The chat without a screen of its own: in the scrollback, on a dumb terminal, in pipes."""

import signal
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest
from prompt_toolkit.completion import DummyCompleter
from prompt_toolkit.history import InMemoryHistory

from r1local.chat.inline import Inline
from r1local.sessions.folder import read_session, saved_sessions
from r1local.ui.chat.prompt import Editing, Pastes
from testing import chats
from testing.chats import ANSWER, REPLY, THOUGHT, ChatTerminal
from testing.command import COMMAND, Scripted
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

HOSTILE = "\x1b]0;evil\x07\x1b[2J\x9b31m\u202eabc"


@pytest.fixture(autouse=True)
def untitled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Have the title alone, which is r1local's own where a reply takes long."""
    monkeypatch.setenv("R1LOCAL_NOTIFY", "off")


def piped(model: Path, typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "chat", "-m", str(model), *arguments]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_conversation_in_the_scrollback(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--inline", lines=60, PATH="/nowhere") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("❯ How many?", "Let me list", "thought for", "│ 4 │")
        assert "prime   square" in terminal.shown and "**" not in terminal.shown
        assert "\x1b[2m" in terminal.stream and "\x1b[?1049h" not in terminal.stream
        terminal.send("/stats")
        terminal.wait_for_text("thinking   74 tokens", "prompts    5 tokens")
        terminal.send("/thinc")
        terminal.wait_for_text("there is no /thinc", "did you mean /think?")
        terminal.send("/think 1")
        terminal.wait_for_text("thought 1:")
        terminal.send("/answer")
        terminal.wait_for_text("no reply is being written")
        terminal.send("/copy")
        terminal.wait_for_text("copy the answer")
        assert terminal.copied == [ANSWER]
        terminal.send("/edit")
        terminal.wait_for(lambda: terminal.shown.count("❯ How many?") == 2)
        terminal.type(" Again\\\rand again?\r")
        terminal.wait_for_text("❯ How many? Again\n  and again?")
        terminal.wait_for(lambda: terminal.text().count("│ 4 │") == 2)
        assert terminal.leave() == 0
        assert terminal.restored
        assert f"saved; r1local chat --resume {saved_sessions()[0].name} goes on" in terminal.shown
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.question == "How many? Again\nand again?"


def test_ctrl_c_stops_and_twice_leaves(scripted: Scripted) -> None:
    thought = "".join(f"Step {n}.\n" for n in range(2000))
    model = scripted(f"{thought}</think>y", context_length=24_000, slow=True)
    with ChatTerminal("-m", model, "--inline", R1LOCAL_LOOP_REPEATS="0") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("Step 2")
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("stopped", "❯")
        terminal.send("/continue")
        terminal.wait_for(lambda: terminal.shown.rstrip().endswith("."))
        terminal.type(chats.CTRL_C)
        terminal.wait_for(lambda: terminal.text().count("stopped") >= 2)
        terminal.wait_for(lambda: "❯" in terminal.shown.rpartition("stopped")[2])
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("Ctrl-C again leaves")
        terminal.type(chats.CTRL_C)
        assert terminal.finish() == 0 and terminal.restored


def test_ctrl_c_while_a_command_is_carried_out_does_not_end_the_chat(
    scripted: Scripted, tmp_path: Path
) -> None:
    program = tmp_path / "xclip"
    program.write_text("#!/bin/sh\nkill -INT $PPID\nexec /bin/cat > /dev/null\n")
    program.chmod(0o755)
    with ChatTerminal("-m", scripted(REPLY), "--inline", PATH=str(tmp_path)) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │")
        terminal.send("/copy")
        terminal.wait_for_text("copied the answer")
        assert terminal.leave() == 0


def test_a_dumb_terminal_is_given_plain_lines(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), TERM="dumb", prompt=">") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("It is 3 × 3", "There are **four** primes", r"\[\boxed{4}\]")
        terminal.send("/stats")
        terminal.wait_for_text("the same tokens at")
        assert terminal.leave() == 0
    assert "\x1b" not in terminal.stream


def test_nothing_a_model_writes_is_obeyed(scripted: Scripted) -> None:
    model = scripted(f"before {HOSTILE} after</think>before {HOSTILE} after")
    with ChatTerminal("-m", model, "--inline") as terminal:
        terminal.send("hi")
        terminal.wait_for(lambda: terminal.text().count("after") == 2)
        terminal.send("/think")
        terminal.wait_for(lambda: terminal.text().count("after") == 3)
        assert terminal.leave() == 0
        assert terminal.screen.title == ""
        for forbidden in ("\x1b]", "\x9b", "\u202e", "\x1b[31m"):
            assert forbidden not in terminal.stream


def test_a_pipe_is_a_conversation_too(scripted: Scripted) -> None:
    result = piped(scripted(REPLY), "How many\\\nare there?\n/think\n/rename piped\n/nonsense\n")
    assert result.returncode == 0
    assert result.stdout == f"{ANSWER}\n"
    assert THOUGHT in result.stderr and "this session is piped now" in result.stderr
    assert "there is no /nonsense" in result.stderr and "Traceback" not in result.stderr
    assert read_session("piped").turns[0].question == "How many\nare there?"
    again = piped(scripted(REPLY), "", "--resume", "piped")
    assert again.stdout == f"❯ How many\nare there?\n{ANSWER}\n" and "thought for" in again.stderr


def test_a_reader_that_leaves_ends_it(scripted: Scripted) -> None:
    command = [*COMMAND, "chat", "-m", str(scripted(REPLY))]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as chat:
        assert chat.stdin and chat.stdout and chat.stderr
        chat.stdin.write(b"How many?\n")
        chat.stdin.flush()
        assert chat.stdout.readline().startswith(b"There are")
        chat.stdout.close()
        chat.stdin.write(b"And now?\n")
        chat.stdin.close()
        assert chat.wait(PATIENCE_S) == 128 + signal.SIGPIPE
        assert b"Traceback" not in chat.stderr.read()
    assert read_session(saved_sessions()[0].name).turns[0].question == "How many?"


def test_no_rows_stay_empty_below_the_prompt(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--inline", lines=14) as terminal:
        terminal.send("How many?")
        terminal.wait_for(lambda: "scripted · " in terminal.rows[13] and "❯" in terminal.rows[12])
        assert "│ 4 │" in terminal.shown


def test_ctrl_c_just_before_the_prompt_counts_as_one_at_the_prompt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    editing = Editing(DummyCompleter(), InMemoryHistory(), Pastes(), vi=False)
    monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: False))
    surface = Inline(editing, Mock())
    monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: True))
    monkeypatch.setattr("signal.signal", Mock())
    monkeypatch.setattr(surface, "show_turns", lambda: None)
    monkeypatch.setattr(surface, "_read", Mock(side_effect=KeyboardInterrupt))
    surface.run(Mock(first="", leave=surface.leave))
    assert capsys.readouterr().err == "Ctrl-C again leaves\n"
