"""Chats that end as nobody wished, go on later, leave nothing behind, or meet one another."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from r1local.config.paths import sessions_folder
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.records import Ended, Question
from r1local.sessions.session import Session
from testing import chats
from testing.chats import ANSWER, REPLY, ChatTerminal, of_type, steps
from testing.command import COMMAND, Scripted
from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

LONG_THOUGHT = steps(600)


@pytest.fixture
def endless(scripted: Scripted) -> Path:
    """A model that thinks for several seconds."""
    return scripted(f"{LONG_THOUGHT}</think>Done.", context_length=30_000, slow=True)


def streaming(terminal: ChatTerminal) -> None:
    """Ask, and wait until some of the thought is on the disk."""
    terminal.send("How many?")
    terminal.wait_for(lambda: bool(saved_sessions()) and bool(of_type("thinking")))


def test_a_conversation_goes_on_where_it_was(scripted: Scripted) -> None:
    model = scripted(REPLY)
    with ChatTerminal("-m", model, "--session", "primes") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │")
        assert terminal.leave() == 0
        assert "saved; r1local chat --resume primes goes on" in terminal.shown
    with ChatTerminal("--resume") as terminal:
        terminal.wait_for_text("❯ How many?", "▸ thought for", "│ 4 │", "240/768", "· primes")
        terminal.type(chats.F2)
        terminal.wait_for_text("─ Thought for", "Let me list the primes")
        terminal.send("And now?")
        terminal.wait_for(
            lambda: terminal.shown.count("│ 4 │") == 2 or "And now?" in terminal.shown
        )
        terminal.wait_for(lambda: len(of_type("ended")) == 2)
        assert terminal.leave() == 0
    assert [turn.question for turn in read_session("primes").turns] == ["How many?", "And now?"]


# --- Whatever ends it, the terminal is whole ---------------------------------------------

Ending = Callable[[ChatTerminal], object]
ENDINGS: dict[str, tuple[Ending, int]] = {
    "Ctrl-D": (lambda terminal: terminal.type(chats.CTRL_D), 0),
    "SIGTERM": (lambda terminal: os.kill(terminal.pid, signal.SIGTERM), 0),
    "SIGHUP": (lambda terminal: os.kill(terminal.pid, signal.SIGHUP), 0),
    "kill -9 of the one that chats": (lambda terminal: terminal.child.kill(), 128 + 9),
    "a crash in llama.cpp": (
        lambda terminal: terminal.child.send_signal(signal.SIGSEGV),
        128 + signal.SIGSEGV,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_terminal_is_restored_and_what_was_said_is_kept(ending: str, endless: Path) -> None:
    end, code = ENDINGS[ending]
    with ChatTerminal("-m", endless) as terminal:
        streaming(terminal)
        assert not terminal.restored
        end(terminal)
        assert terminal.finish() == code
        assert terminal.restored
        assert_left_whole(terminal)
        told = " ".join(terminal.shown.split())
        assert (f"error: the chat was ended by signal {code - 128} " in told) == bool(code)
        assert ("hint: r1local chat --resume goes on with what was said" in told) == bool(code)
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.reply and LONG_THOUGHT.startswith(turn.reply.thinking)
    assert turn.reply.reason == ("lost" if code else "cancelled")


def test_kill_9_of_the_one_that_looks_on(endless: Path) -> None:
    with ChatTerminal("-m", endless) as terminal:
        streaming(terminal)
        child = terminal.child
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.finish()
        child.wait(20)
        assert terminal.restored
        assert_left_whole(terminal)
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.reply and turn.reply.thinking


def assert_left_whole(terminal: PseudoTerminal) -> None:
    """Every mode that was set has been reset after it."""
    for mode in ("1049", "1000", "1006", "2004"):
        on, off = f"\x1b[?{mode}h", f"\x1b[?{mode}l"
        assert terminal.stream.rfind(off) > terminal.stream.rfind(on) > -1, mode
    assert terminal.stream.rfind("\x1b[?25h") > terminal.stream.rfind("\x1b[?25l")


def test_a_bug_is_told_on_a_whole_terminal(scripted: Scripted) -> None:
    code = """
import sys
from r1local.ui.chat.view import ChatView
from r1local.__main__ import main
def handle(self, event): raise RuntimeError("on purpose")
ChatView.handle = handle
sys.argv = ["r1local", "chat", "-m", sys.argv[1]]
main()
"""
    with PseudoTerminal([sys.executable, "-c", code, str(scripted(REPLY))]) as terminal:
        terminal.wait_for(lambda: "❯" in terminal.shown)
        terminal.type("How many?\r")
        assert terminal.finish() == 70
        assert terminal.restored
        assert_left_whole(terminal)
        assert "r1local has a bug: RuntimeError" in terminal.text()
        assert "Traceback" not in terminal.text()


def test_after_kill_9_it_goes_on(endless: Path) -> None:
    with ChatTerminal("-m", endless) as terminal:
        streaming(terminal)
        terminal.child.kill()
        terminal.finish()
    with ChatTerminal("--resume") as terminal:
        terminal.wait_for_text("❯ How many?", "cut off with the program; /continue lets it go on")
        kept = of_type("thinking")
        terminal.send("/continue")
        terminal.wait_for(lambda: len(of_type("thinking")) > len(kept))
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("stopped; /continue")
        assert terminal.leave() == 0


# --- What stays behind, and who else is there --------------------------------------------


def test_no_save_leaves_nothing_anywhere(scripted: Scripted, home: Path) -> None:
    model = scripted(REPLY)
    with ChatTerminal("-m", model, "--no-save") as terminal:
        terminal.send("a secret")
        terminal.wait_for_text("│ 4 │", "not saved")
        terminal.command_shows("/save", "nothing is saved")
        terminal.command_shows("/resume other", "--no-save keeps no session to go on with")
        terminal.command_shows("/undo", "taken back: a secret")
        terminal.command_shows("/new", "a new session")
        terminal.send("/set temperature 0.5")
        terminal.type(chats.F2 + chats.F9)
        terminal.send("another secret")
        terminal.wait_for_text("│ 4 │")
        assert terminal.leave() == 0
        assert "saved;" not in terminal.shown
    assert not [path for path in home.rglob("*") if path.is_file()]


def test_only_its_owner_can_read_what_was_typed(scripted: Scripted, home: Path) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        terminal.type(chats.F8)
        terminal.send("a secret")
        terminal.wait_for_text("│ 4 │")
        terminal.leave()
    holding = [
        path for path in home.rglob("*") if path.is_file() and b"secret" in path.read_bytes()
    ]
    assert {path.name for path in holding} >= {"history"} and len(holding) >= 2
    assert {path.stat().st_mode & 0o077 for path in holding} == {0}


def test_two_chats_never_write_one_session(scripted: Scripted) -> None:
    model = scripted(REPLY)
    with ChatTerminal("-m", model, "--session", "shared") as first:
        first.send("from the first")
        first.wait_for_text("│ 4 │")
        with ChatTerminal("-m", model, "--resume", "shared", prompt="copy of it?") as second:
            second.send("n")
            assert second.finish() == 1
            assert "session shared is open in another r1local" in " ".join(second.shown.split())
        with ChatTerminal("-m", model, "--resume", "shared", prompt="copy of it?") as second:
            second.send("y")
            second.wait_for_text("❯ from the first", "└───┘", "shared-2")
            second.send("from the second")
            second.wait_for(lambda: second.shown.count("└───┘") == 2)
            second.command_shows(
                "/resume shared", "session shared is open in another r1local", "copy it: cp"
            )
            assert second.leave() == 0
        first.send("again")
        first.wait_for_text("❯ again")
        first.wait_for(lambda: len(of_type("ended", "shared")) == 2)
        assert first.leave() == 0
    assert [turn.question for turn in read_session("shared").turns] == ["from the first", "again"]
    assert [turn.question for turn in read_session("shared-2").turns] == [
        "from the first",
        "from the second",
    ]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--resume"], 1), (["--resume", "nowhere"], 1), (["--resume", "../../etc/passwd"], 2)],
)
def test_a_session_that_is_not_there(arguments: list[str], code: int) -> None:
    result = subprocess.run(
        [*COMMAND, "chat", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == code and result.stderr.startswith("error: ")
    assert not sessions_folder().exists()


def test_a_session_whose_model_is_gone_names_the_way_on(scripted: Scripted) -> None:
    model = scripted(REPLY)
    with ChatTerminal("-m", model, "--session", "my talk") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │")
        assert terminal.leave() == 0
        assert "saved; r1local chat --resume 'my talk' goes on" in terminal.shown
    model.rename(model.with_name("elsewhere.gguf"))
    result = subprocess.run(
        [*COMMAND, "chat", "--resume"], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1 and "the session's model is gone: " in result.stderr
    assert "r1local chat --resume 'my talk' -m MODEL goes on with another" in result.stderr


def test_wrong_usage() -> None:
    twice = ["--resume", "x", "--session", "y"]
    for arguments in (twice, ["--no-save", "--resume"], ["--no-save", "--session", "x"]):
        result = subprocess.run(
            [*COMMAND, "chat", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 2 and "hint: see r1local chat --help" in result.stderr
    for option, value, told in (
        ("--session", "a/b", "'a/b' can't be a session's name"),
        ("--resume", "a/b", "'a/b' can't be a session's name"),
        ("--notify", "nosuch", "notify: there is no program 'nosuch'"),
    ):
        result = subprocess.run(
            [*COMMAND, "chat", option, value],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr.startswith(f"error: {told}\n")


@pytest.mark.parametrize("arguments", [[], ["--inline"]])
def test_what_cant_be_saved_is_lost_only_if_the_user_says_so(
    scripted: Scripted, arguments: list[str]
) -> None:
    sessions_folder().mkdir(parents=True)
    (sessions_folder() / ".locks").write_text("in the way")
    with ChatTerminal("-m", scripted(REPLY), "--session", "blocked", *arguments) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("session blocked can't be saved")
        terminal.wait_for(lambda: terminal.rows[terminal.screen.cursor.y].startswith("❯"))
        terminal.type(chats.CTRL_D)
        terminal.wait_for_text("/export PATH writes the conversation elsewhere", "2  leave, and")
        terminal.send("3")
        terminal.wait_for_text("there is no choice 3", "type 1 to 2")
        terminal.send("2")
        assert terminal.finish() == 1
        told = " ".join(terminal.shown.split())
        assert "what its file does not have yet is lost" in told and "saved; r1local" not in told


def test_a_session_whose_file_was_deleted_is_not_called_saved(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--session", "gone") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │")
        terminal.wait_for(lambda: bool(of_type("ended")))
        (sessions_folder() / "gone.jsonl").unlink()
        terminal.type(chats.CTRL_D)
        terminal.wait_for_text("can't be saved: its file was deleted; /export PATH writes", "2  ")
        terminal.send("2")
        assert terminal.finish() == 1
        told = " ".join(terminal.shown.split())
        assert "session gone can't be saved: its file was deleted" in told and "saved;" not in told


def test_nobody_is_asked_in_a_pipe(scripted: Scripted) -> None:
    sessions_folder().mkdir(parents=True)
    (sessions_folder() / ".locks").write_text("in the way")
    command = [*COMMAND, "chat", "-m", str(scripted(REPLY))]
    result = subprocess.run(
        command, input="How many?\n", capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 1 and ANSWER in result.stdout
    assert "Type a number" not in result.stderr and "have yet is lost" in result.stderr


def test_a_full_disk_keeps_no_other_session_locked(scripted: Scripted) -> None:
    model = scripted(REPLY)
    other = Session.create("other")
    other.append(Question("from before"))
    other.append(Ended("stop", False, "m", thinking="", answer="4"))
    other.close()
    with ChatTerminal("-m", model, "--session", "blocked") as terminal:
        (sessions_folder() / ".locks/blocked.lock").mkdir()
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │", "session blocked can't be saved")
        terminal.command_shows("/resume other", "session blocked can't be saved")
        Session.open("other").close()
        (sessions_folder() / ".locks/blocked.lock").rmdir()
        terminal.command_shows("/resume other", "❯ from before", "this is session other")
        assert terminal.leave() == 0
    assert [turn.question for turn in read_session("blocked").turns] == ["How many?"]


def test_a_full_disk_is_told_and_the_chat_goes_on(scripted: Scripted) -> None:
    """A folder stands where the session's file is to be."""
    with ChatTerminal("-m", scripted(REPLY), "--session", "blocked") as terminal:
        sessions_folder().mkdir(parents=True)
        (sessions_folder() / ".locks").write_text("in the way")
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │", "session blocked can't be saved", "waits in memory until")
        terminal.command_shows("/save", "session blocked can't be saved")
        terminal.command_shows("/new", "session blocked can't be saved")
        terminal.type(chats.CTRL_D)
        terminal.wait_for_text("1  try again to save it, and leave", "2  leave, and lose what")
        terminal.send("1")
        terminal.wait_for(lambda: terminal.shown.count("1  try again") == 2)
        (sessions_folder() / ".locks").unlink()
        terminal.command_shows("/save", "it is saved as it happens, in")
        terminal.send("And now?")
        terminal.wait_for_text("❯ And now?")
        terminal.wait_for(lambda: len(of_type("ended")) == 2)
        assert terminal.leave() == 0
    replies = [turn.reply for turn in read_session("blocked").turns]
    assert [reply.answer for reply in replies if reply] == [ANSWER, ANSWER]
