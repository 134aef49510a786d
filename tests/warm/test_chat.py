"""A chat whose engine's process is stuck: it stays usable."""

import signal

import pytest

from testing.chats import CTRL_C, ChatTerminal
from testing.warm import kill, pids

pytestmark = pytest.mark.slow

#: The beginning of the answer; what comes after it may be part of the session's name, a time.
ANSWER = "17 + 25 = "


@pytest.mark.parametrize("form", [(), ("--inline",)])
def test_ctrl_c_ends_the_wait_for_a_stuck_process(form: tuple[str, ...]) -> None:
    with ChatTerminal("-m", "nano", "--keep-alive", "1m", *form) as terminal:
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        terminal.send("What is 17 + 25?")
        terminal.wait_for_text("reading the question")
        terminal.type(CTRL_C)
        terminal.wait_for_text("the question wasn't asked", "❯ What is 17 + 25?")
        kill(pid, signal.SIGCONT)
        terminal.type("\r")
        terminal.wait_for_text(ANSWER)
        assert terminal.leave() == 0


def test_a_stuck_process_is_told_in_the_end() -> None:
    with ChatTerminal("-m", "nano", "--keep-alive", "1m") as terminal:
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        terminal.send("What is 17 + 25?")
        terminal.wait_for_text("doesn't answer", "r1local stop --all")
        kill(pid, signal.SIGCONT)
        terminal.send("What is 17 + 25?")
        terminal.wait_for_text(ANSWER)
        assert terminal.leave() == 0
