"""Emoji, flags and syllables on the chat's screen: each stands where it is meant to.

Terminals disagree about their width. pyte takes a flag for four cells and a heart for one,
tmux a flag for two and a skin colour for two more; on both, whatever way the screen came
about, it is what a fresh paint shows, and no letter or digit beside them is lost.
"""

import re
import shlex
import time

import psutil
import pytest

from testing import chats
from testing.chats import ChatTerminal
from testing.command import COMMAND, Scripted
from testing.tmux import running_tmux

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
    """What is shown once keys were pressed and the screen stands still.

    One that waits for a processor is about to write.
    """
    terminal.type(keys)
    chat, began, written = terminal.child, time.monotonic(), 0

    def stands_still() -> bool:
        nonlocal began, written
        if len(terminal.stream) > written or chat.status() != psutil.STATUS_SLEEPING:
            began, written = time.monotonic(), len(terminal.stream)
        return time.monotonic() > began + 0.15

    terminal.wait_for(stands_still)
    return terminal.shown


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_what_was_scrolled_in_tmux_is_what_a_fresh_paint_shows(
    scripted: Scripted, columns: int
) -> None:
    model = scripted(REPLY, context_length=16_000)
    with running_tmux() as tmux:
        tmux.start(shlex.join([*COMMAND, "chat", "-m", str(model)]), columns)
        tmux.wait_for("❯")
        tmux.tell("send-keys", "-l", "Who?\r")
        tmux.wait_for("Done.")
        for key in KEYS:
            scrolled = tmux.after("-l", key)
            assert_whole(scrolled)
            assert scrolled == tmux.after("C-l")
