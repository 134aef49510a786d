"""The chat among a shell's jobs: Ctrl-Z and signals stop it, `fg` brings it back whole."""

import os
import shlex
import signal
from collections.abc import Iterator

import psutil
import pytest

from testing import chats
from testing.command import COMMAND, Scripted
from testing.tmux import Tmux, running_tmux
from testing.waiting import PATIENCE_S


@pytest.fixture
def tmux(scripted: Scripted) -> Iterator[Tmux]:
    """A shell in which a chat runs."""
    model = scripted(chats.THOUGHT + "</think>Well, four.")
    with running_tmux() as tmux:
        tmux.start("PS1=READY bash --norc", 80)
        tmux.wait_for("READY")
        tmux.tell("send-keys", "-l", f"clear; {shlex.join([*COMMAND, 'chat', '-m', str(model)])}\r")
        tmux.wait_for("❯")
        tmux.tell("send-keys", "-l", "How many?\r")
        tmux.wait_for("Well, four.")
        yield tmux


def come_back(tmux: Tmux) -> None:
    """Look at the shell, and go back to the chat."""
    tmux.wait_for("Stopped")
    assert "Well, four." not in tmux.shown
    tmux.tell("send-keys", "-l", "echo $((6*7))-is-said\r")
    tmux.wait_for("42-is-said")
    tmux.tell("send-keys", "-l", "fg\r")
    tmux.wait_for("Well, four.")
    shown = tmux.after("-l", "typed")
    assert "❯ typed" in shown and "READY" not in shown
    assert tmux.after("C-l") == shown


@pytest.mark.slow
def test_it_is_suspended_and_comes_back(tmux: Tmux) -> None:
    tmux.tell("send-keys", "C-z")
    come_back(tmux)


@pytest.mark.slow
@pytest.mark.parametrize("shown", ["/help", "/sessions"])
def test_it_is_suspended_whatever_it_shows(tmux: Tmux, shown: str) -> None:
    tmux.after("-l", f"{shown}\r")
    tmux.tell("send-keys", "C-z")
    tmux.wait_for("Stopped")
    tmux.tell("send-keys", "-l", "fg\r")
    tmux.wait_for("Esc ")
    tmux.tell("send-keys", "Escape")
    tmux.wait_for("❯ How many?")


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["started", "child", "group"])
def test_a_signal_from_outside_leaves_the_shell_whole(tmux: Tmux, whom: str) -> None:
    shell = psutil.Process(int(tmux.tell("display-message", "-p", "#{pane_pid}")))
    (started,) = shell.children()
    (child,) = started.children()
    if whom == "group":
        os.killpg(started.pid, signal.SIGTSTP)
    else:
        os.kill((child if whom == "child" else started).pid, signal.SIGTSTP)
    come_back(tmux)


def test_a_kill_from_outside_leaves_the_screen_to_the_shell(tmux: Tmux) -> None:
    shell = psutil.Process(int(tmux.tell("display-message", "-p", "#{pane_pid}")))
    (started,) = shell.children()
    (child,) = started.children()
    started.kill()
    child.wait(PATIENCE_S)
    # The shell may have written its prompt before the child gave back the screen.
    tmux.tell("send-keys", "Enter")
    tmux.wait_for("READY")
    assert not [each for each in ("scripted", "saved;", "❯", "error") if each in tmux.shown]
