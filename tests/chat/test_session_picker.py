"""`/sessions`: a picker on the screen, a list with numbers in the scrollback, a list in a pipe."""

import subprocess
from pathlib import Path

import pytest

from r1local.chat.session_picker import about
from r1local.config.paths import sessions_folder
from r1local.conversation import Reply
from r1local.sessions.browser import Match
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.records import Question, Undo, UsedModel, ended
from r1local.sessions.session import Session
from testing import chats
from testing.chats import ChatTerminal, steps
from testing.command import COMMAND, Scripted

pytestmark = pytest.mark.slow

HOSTILE = "\x1b]0;evil\x07\x1b[2J\x9b31m\r\u202eabc\u2066\x1b[?1049l"


def keep(name: str, question: str, answer: str, thinking: str = "Hm.") -> None:
    session = Session.create(name)
    session.append(UsedModel("nano"))
    session.append(Question(question))
    session.append(ended(Reply(thinking, answer, "stop", False, "nano"), streamed=False))
    session.close()


@pytest.fixture
def kept() -> None:
    keep("2026-11-24-1807-42", "Why is the sky blue?", "It scatters **light**.", "Rayleigh!")
    keep("primes", "How many are below 30?", "Ten of them.")


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_session_is_found_previewed_and_gone_on_with(scripted: Scripted, columns: int) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), columns=columns) as terminal:
        terminal.send("/sessions")
        terminal.wait_for_text("search ❯", "2 sessions", " primes ", " Why is the sky blue?")
        terminal.wait_for_text("❯ How many are below 30?", "Ten of them.")
        terminal.type(chats.DOWN)
        terminal.wait_for_text("It scatters light.")
        terminal.type("rayl")
        terminal.wait_for_text("1 session ·", "thought 1: Rayleigh!")
        terminal.wait_without(" primes ")
        terminal.type("\r")
        terminal.wait_for_text("this is session 2026-11-24-1807-42", "❯ Why is the sky blue?")
        terminal.send("Really?")
        terminal.wait_for_text("Yes.")
        assert terminal.leave() == 0
    assert [len(read_session(each.name).turns) for each in saved_sessions()] == [2, 1]


@pytest.mark.usefixtures("kept")
def test_words_behind_it_are_searched_and_enter_waits_for_them(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes.")) as terminal:
        terminal.type("/sessions sky\r\r")
        terminal.wait_for_text("this is session 2026-11-24-1807-42")
        terminal.send("/sessions zebra")
        terminal.wait_for_text("0 sessions")
        terminal.type("\r")  # there is nothing to take
        for _ in "zebra":
            terminal.type("\x7f")
        terminal.wait_for_text("2 sessions", "open here")
        terminal.type("\r")  # the one that is open
        terminal.wait_without("search ❯")
        terminal.wait_for_text("❯ Why is the sky blue?")
        assert terminal.leave() == 0


@pytest.mark.usefixtures("kept")
def test_what_is_picked_while_a_reply_is_written_waits_for_it(scripted: Scripted) -> None:
    model = scripted(f"{steps(120)}</think>Done.", context_length=16_000, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("Well?")
        terminal.wait_for_text("Step 3")
        terminal.send("/sessions primes")
        terminal.wait_for_text("1 session ·")
        terminal.type("\r")
        terminal.wait_for_text("waits: /resume primes")
        terminal.wait_for_text("this is session primes", "Ten of them.")
        assert terminal.leave() == 0
    (asked,) = (each for each in saved_sessions() if each.title == "Well?")
    reply = read_session(asked.name).turns[0].reply
    assert reply and (reply.answer, reply.reason) == ("Done.", "stop")


@pytest.mark.usefixtures("kept")
def test_the_mouse_and_the_ways_out(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), columns=120) as terminal:
        for key in (chats.ESCAPE, chats.CTRL_C, chats.CTRL_D):
            terminal.send("/sessions")
            terminal.wait_for_text("Ten of them.")
            terminal.type(key)
            terminal.wait_without("search ❯")
        terminal.send("/sessions")
        terminal.wait_for_text("Ten of them.")
        terminal.type("\x1b[<65;5;2M")  # the wheel
        terminal.wait_for_text("It scatters light.")
        terminal.press(5, 0)
        terminal.wait_for_text("Ten of them.")
        terminal.press(5, 1)
        terminal.wait_for_text("this is session primes")
        assert terminal.leave() == 0


def test_a_session_that_is_open_elsewhere_or_gone_changes_nothing(scripted: Scripted) -> None:
    keep("busy", "Busy?", "Yes.")
    keep("gone", "Gone?", "Yes.")
    session = Session.open("busy")
    with ChatTerminal("-m", scripted("Hm.</think>Mine.")) as terminal:
        terminal.send("Still here?")
        terminal.wait_for_text("Mine.")
        terminal.type("/sessions busy\r\r")
        terminal.wait_for_text("session busy is open in another r1local")
        terminal.send("/sessions gone?")
        terminal.wait_for_text("1 session ·")
        (sessions_folder() / "gone.jsonl").unlink()
        terminal.type("\r")
        terminal.wait_for_text("there is no session gone")
        terminal.wait_for_text("Mine.")
        assert terminal.leave() == 0
    session.close()


@pytest.mark.parametrize("arguments", [(), ("--inline",)])
def test_nothing_in_a_session_moves_the_terminal(
    scripted: Scripted, arguments: tuple[str, ...]
) -> None:
    keep("evil", HOSTILE + "q", HOSTILE + "a", HOSTILE + "t")
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), *arguments, columns=120) as terminal:
        before = len(terminal.stream)
        terminal.send("/sessions evil")
        terminal.wait_for_text("<U+202E>abc")
        terminal.type(chats.ESCAPE)
        seen = terminal.stream[before:]
    assert "\x1b]0" not in seen and "\x1b[2J" not in seen and "\u202e" not in seen
    assert "\x1b[?1049l" not in seen and "\x9b" not in seen


@pytest.mark.usefixtures("kept")
def test_in_the_scrollback_a_number_goes_on_with_one(scripted: Scripted) -> None:
    model = scripted("Hm.</think>Yes.")
    with ChatTerminal("-m", model, "--inline", "--reply-numbers", prompt="1 ❯") as terminal:
        terminal.send("/sessions nothing of the kind")
        terminal.wait_for_text("no session matches: nothing of the kind")
        terminal.send("/sessions")
        terminal.wait_for_text("Type a number", "1  primes", "2  Why is the sky blue?")
        terminal.send("2")
        terminal.wait_for_text("this is session 2026-11-24-1807-42", "1 ❯ Why is the sky", "2 ❯")
        assert terminal.leave() == 0


def test_a_session_without_turns_is_not_called_unreadable() -> None:
    keep("back", "Why is the sky blue?", "It scatters light.")
    session = Session.open("back")
    session.append(Undo())
    session.close()
    (sessions_folder() / "broken.jsonl").write_text("\x00")
    told = {each.name: about(Match(each)) for each in saved_sessions()}
    assert told == {"back": "nano · 0 turns", "broken": "can't be read"}


@pytest.mark.usefixtures("kept")
def test_in_a_pipe_it_is_a_list_and_numbers_are_questions(scripted: Scripted) -> None:
    command = [*COMMAND, "chat", "-m", str(scripted("Hm.</think>Yes."))]
    typed = "/sessions\n1\n/find yes\n"
    result = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0 and result.stdout == "Yes.\n"
    assert "primes  20" in result.stderr and "Why is the sky blue?  20" in result.stderr
    assert "answer 1 holds: yes" in result.stderr
    assert saved_sessions()[0].title == "1"


def test_a_thousand_sessions_hold_up_no_key(scripted: Scripted) -> None:
    keep("first", "Needle?", "Hay " * 1000)
    (original,) = sessions_folder().glob("*.jsonl")
    data = original.read_bytes()
    for number in range(1_000):
        path = Path(sessions_folder(), f"2026-01-01-0000-00-{number + 2}.jsonl")
        path.write_bytes(data.replace(b"Needle?", f"Straw {number}?".encode()))
    with ChatTerminal("-m", scripted("Hm.</think>Yes.")) as terminal:
        terminal.send("/sessions")
        terminal.wait_for_text("Straw", seconds=2)
        terminal.type("needle?")
        terminal.wait_for_text("search ❯ needle?", seconds=1)
        terminal.wait_for_text("1 session ·", " first ", seconds=10)
        terminal.type("\r")
        terminal.wait_for_text("this is session first")
        assert terminal.leave() == 0
