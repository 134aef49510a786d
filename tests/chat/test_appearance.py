"""Colours, keys and width of config.toml in chats and in `run`, as a person sees them."""

import re

import pytest

from r1local.config.paths import config_file
from testing import chats
from testing.chats import ChatTerminal
from testing.command import COMMAND, Scripted
from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

CONFIG = """
max_width = 40
[theme]
base = "dark"
thinking = "#123456"
[keys]
answer_now = "ctrl-t"
leave = "ctrl-q"
toggle_thought = "alt-t"
"""
#: `thinking` above, as terminals with all colours get it, and `accent` of the theme.
THINKING, ACCENT = "38;2;18;52;86m", "38;2;95;215;255m"
WORDS = " ".join(f"word{number}" for number in range(30))


def left(terminal: ChatTerminal) -> int:
    """Leave with the key that is bound to it, once the prompt takes it; return the exit code."""
    terminal.wait_for(lambda: terminal.rows[terminal.screen.cursor.y].startswith("❯"))
    terminal.type("\x11")
    return terminal.finish()


@pytest.fixture(autouse=True)
def _config() -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text(CONFIG)


def widest(shown: str) -> int:
    return max(len(row.partition("│")[0].rstrip()) for row in shown.split("\n") if "word" in row)


def test_the_full_screen(scripted: Scripted) -> None:
    model = scripted(f"Let me see.</think>`code`\n\n{WORDS}")
    with ChatTerminal("-m", model, columns=160, lines=80, COLORTERM="truecolor") as terminal:
        terminal.wait_for_text("Ctrl-Q leaves.")
        terminal.send("How many?")
        terminal.wait_for_text("code", "word1 word2")
        assert widest(terminal.shown) <= 40
        terminal.type("\x1bt")
        terminal.wait_for_text("Thought for", "Let me see.")
        assert THINKING in terminal.stream and ACCENT in terminal.stream
        terminal.type(chats.F1)
        keys = r"Alt-t +opens or folds the thought[^\0]*Ctrl-T +answer now"
        terminal.wait_for(lambda: re.search(keys, terminal.text()))
        terminal.type(chats.ESCAPE)
        assert left(terminal) == 0


def test_the_scrollback(scripted: Scripted) -> None:
    model = scripted(f"{WORDS}</think>`code`\n\n{WORDS}")
    with ChatTerminal("-m", model, "--inline", columns=120, COLORTERM="truecolor") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("thought for", "code")
        terminal.wait_for(lambda: terminal.shown.count("❯") == 2)
        terminal.send("/think 1")
        terminal.wait_for(lambda: terminal.shown.count("thought for") == 2)
        assert widest(terminal.shown) <= 40
        assert THINKING in terminal.stream and ACCENT in terminal.stream
        terminal.type(chats.CTRL_D)
        terminal.send("/help leave")
        terminal.wait_for_text("there is no /leave")
        assert left(terminal) == 0


@pytest.mark.parametrize("variable, value", [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_color_and_dumb_terminals_win(variable: str, value: str, scripted: Scripted) -> None:
    environ = {variable: value}
    with ChatTerminal("-m", scripted(chats.REPLY), prompt="leaves.", **environ) as terminal:  # type: ignore[arg-type]
        terminal.send("How many?")
        terminal.wait_for_text("four", "print")
        terminal.send("/quit")
        assert terminal.finish() == 0
    assert not re.search(r"\x1b\[[\d;]*\b(3[0-8]|4[0-8]|9[0-7])\b[\d;]*m", terminal.stream)


@pytest.mark.parametrize("arguments, most", [((), 40), (("--max-width", "60"), 60)])
def test_run(arguments: tuple[str, ...], most: int, scripted: Scripted) -> None:
    model = str(scripted(f"{WORDS}</think>{WORDS}"))
    command = [*COMMAND, "run", "-m", model, *arguments, "How many?"]
    with PseudoTerminal(command, columns=120, COLORTERM="truecolor") as terminal:
        assert terminal.finish() == 0
        assert most - 5 < widest(terminal.text()) <= most
        assert THINKING in terminal.stream


@pytest.mark.parametrize("command", [("show", "--thoughts"), ("export",)])
def test_sessions(command: tuple[str, ...], scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(f"{WORDS}</think>{WORDS}"), "--session", "one") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("▸ thought for")
        assert left(terminal) == 0
    shown = [*COMMAND, "sessions", command[0], "one", *command[1:]]
    with PseudoTerminal(shown, columns=120) as terminal:
        assert terminal.finish() == 0
        assert 35 < widest(terminal.text()) <= 40
