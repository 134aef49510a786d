"""Emoji, flags and syllables on the chat's screen: each stands where it is meant to.

Terminals disagree about their width. pyte takes a flag for four cells and a heart for one,
tmux a flag for two and a skin colour for two more; on both, whatever way the screen came
about, it is what a fresh paint shows, and no letter or digit beside them is lost.
"""

import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing import chats
from testing.chats import ChatTerminal
from testing.command import COMMAND, Scripted

CLUSTERS = (
    "👩‍💻",
    "🇯🇵",
    "नमस्ते",
    "कि",
    "❤️",
    "☁️",
    "1️⃣",
    "👍🏽",
    "👨‍👩‍👧‍👦",
    "日本語",
    "กำ",
    "e\u0301",
)
TABLE = "| who | what | number |\n|---|---|--:|\n" + "".join(
    f"| {cluster} | n{number}{cluster}x | {number} |\n" for number, cluster in enumerate(CLUSTERS)
)
PROSE = "".join(f"- {n}: {CLUSTERS[n % 12]}{n}{CLUSTERS[n * 5 % 12]} end{n}.\n" for n in range(40))
THOUGHT = "".join(f"{CLUSTERS[n % 12]} step {n} {CLUSTERS[n * 7 % 12]}|{n}\n" for n in range(60))
REPLY = f"{THOUGHT}</think>\n\n{TABLE}\n{PROSE}\n{TABLE}\nDone."
KEYS = (
    *(chats.PAGE_UP,) * 3,
    *(chats.PAGE_DOWN,) * 2,
    chats.F2,
    chats.CTRL_HOME,
    chats.CTRL_UP,
    chats.PAGE_DOWN,
    chats.F5,
    chats.PAGE_UP,
    chats.F5,
    chats.CTRL_END,
    chats.F2,
)


def assert_whole(shown: str) -> None:
    """Assert that a table's numbers are what they are."""
    rows = re.findall(r"n(\d+)\S*x\s+(\S+)\s*$", shown, re.MULTILINE)
    assert all(number == last for number, last in rows), shown


def after(keys: str, terminal: ChatTerminal) -> str:
    """What is shown once keys were pressed and the screen stands still."""
    terminal.type(keys)
    began, written = time.monotonic(), 0

    def stands_still() -> bool:
        nonlocal began, written
        if len(terminal.stream) > written:
            began, written = time.monotonic(), len(terminal.stream)
        return time.monotonic() > began + 0.15

    terminal.wait_for(stands_still)
    return terminal.shown


@pytest.mark.parametrize("columns", [40, 120])
def test_what_was_scrolled_is_what_a_fresh_paint_shows(scripted: Scripted, columns: int) -> None:
    model = scripted(REPLY, context_length=16_000)
    with ChatTerminal("-m", model, columns=columns, lines=24) as terminal:
        terminal.send("Who?")
        terminal.wait_for_text("Done.")
        for key in KEYS[2:9]:
            scrolled = after(key, terminal)
            assert scrolled == after("\x0c", terminal)
            assert_whole(scrolled)


@pytest.fixture
def tmux() -> Iterator[list[str]]:
    """A tmux of its own."""
    if not shutil.which("tmux"):
        pytest.skip("there is no tmux here")
    command = ["tmux", "-L", f"r1local-test-{os.getpid()}", "-f", "/dev/null", "-u"]
    yield command
    subprocess.run([*command, "kill-server"], check=False, capture_output=True)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_was_scrolled_in_tmux_is_what_a_fresh_paint_shows(
    scripted: Scripted, tmux: list[str], columns: int
) -> None:
    model: Path = scripted(REPLY, context_length=16_000)

    def told(*arguments: str) -> str:
        return subprocess.run(
            [*tmux, *arguments], check=True, capture_output=True, text=True
        ).stdout

    def after(*keys: str) -> str:
        """What is shown once keys were pressed and the screen stands still."""
        told("send-keys", *keys)
        seen = [""]
        while len(seen) < 4 or len(set(seen[-4:])) > 1:
            time.sleep(0.1)
            seen.append(told("capture-pane", "-p"))
        return seen[-1]

    chat = shlex.join([*COMMAND, "chat", "-m", str(model)])
    told("new", "-d", "-x", str(columns), "-y", "30", chat)
    deadline = time.monotonic() + 60
    for wanted, keys in (("❯", "Who?\r"), ("Done.", "")):
        while wanted not in told("capture-pane", "-p"):
            assert time.monotonic() < deadline, told("capture-pane", "-p")
            time.sleep(0.1)
        if keys:
            told("send-keys", "-l", keys)
    for key in KEYS:
        scrolled = after("-l", key)
        assert_whole(scrolled)
        assert scrolled == after("C-l")
