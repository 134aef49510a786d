"""`r1local run` on a terminal: what a person sees."""

import re
import sys
from pathlib import Path

import pytest

from testing.command import COMMAND, Scripted
from testing.models import smollm2

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

REPLY = "Ones: 7 + 8 = 15.\nWait, check.</think>\n\nIt is **85**:\n\n- `27`\n- 58"
HOSTILE = "\x1b]0;evil\x07\x1b[2J\x9b31m\r\u202eabc\x1b[?1049h"


@pytest.fixture(autouse=True)
def untitled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """Have the title alone, which is r1local's own where a reply takes long."""
    monkeypatch.setenv("R1LOCAL_NOTIFY", "off")


def run_on(model: Path, *arguments: str) -> list[str]:
    return [*COMMAND, "run", "hi", "-m", str(model), *arguments]


def test_thinking_is_dim_and_the_answer_rendered(scripted: Scripted) -> None:
    with PseudoTerminal(run_on(scripted(REPLY))) as terminal:
        assert terminal.finish() == 0
    lines = terminal.text().splitlines()
    assert lines[:3] == ["Thinking", "Ones: 7 + 8 = 15.", "Wait, check."]
    assert re.fullmatch(r"thought for \d+\.\d s · 30 tokens", lines[3])
    answer = [line.strip() for line in lines[4:] if line]
    assert answer == ["It is 85:", "• 27", "• 58"]
    assert "\x1b[2m" in terminal.stream
    row = next(y for y, line in enumerate(terminal.screen.display) if "It is 85" in line)
    assert terminal.screen.buffer[row][terminal.screen.display[row].index("85")].bold


def test_formulas_are_drawn_and_the_box_set_apart(scripted: Scripted) -> None:
    reply = r"Hm.</think>So \(x^2 \leq \frac{a+b}{2}\) is \boxed{85}."
    with PseudoTerminal(run_on(scripted(reply), "--thinking", "hide"), NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    assert terminal.text().strip() == "So x² ≤ (a + b)/2 is ▐85▌."
    row = next(y for y, line in enumerate(terminal.screen.display) if "85" in line)
    assert terminal.screen.buffer[row][terminal.screen.display[row].index("85")].reverse


def test_folded_thinking_is_one_line(scripted: Scripted) -> None:
    with PseudoTerminal(run_on(scripted(REPLY), "--thinking", "fold")) as terminal:
        assert terminal.finish() == 0
    lines = terminal.text().splitlines()
    assert lines[0].startswith("thought for")
    assert "Ones" not in terminal.text()


def test_hidden_thinking_leaves_no_trace(scripted: Scripted) -> None:
    with PseudoTerminal(run_on(scripted(REPLY), "--thinking", "hide")) as terminal:
        assert terminal.finish() == 0
    assert terminal.text().lstrip().startswith("It is 85")
    assert "thought" not in terminal.text()


def test_the_models_control_characters_are_shown_not_obeyed(scripted: Scripted) -> None:
    reply = f"before {HOSTILE} after</think>before {HOSTILE} after\n\n```\n{HOSTILE}\n```"
    with PseudoTerminal(run_on(scripted(reply))) as terminal:
        assert terminal.finish() == 0
    assert terminal.screen.title == ""
    for forbidden in ("\x1b]", "\x07", "\x9b", "\u202e", "\x1b[2J", "\x1b[?1049h", "\x1b[31m"):
        assert forbidden not in terminal.stream
    assert terminal.text().count("after") == 2
    assert terminal.text().count("␛]0;evil␇") == 3


def test_control_characters_in_errors_are_shown_not_obeyed(tmp_path: Path) -> None:
    with PseudoTerminal(run_on(tmp_path / f"{HOSTILE}.gguf")) as terminal:
        assert terminal.finish() == 1
    assert terminal.screen.title == ""
    assert "␛]0;evil␇" in terminal.text()


@pytest.mark.parametrize(
    "arguments", [["--thinking", HOSTILE], [f"--{HOSTILE}"], ["--context", HOSTILE]]
)
def test_control_characters_in_wrong_usage_are_shown_not_obeyed(arguments: list[str]) -> None:
    with PseudoTerminal([*COMMAND, "run", *arguments]) as terminal:
        assert terminal.finish() == 2
    assert terminal.screen.title == ""
    assert "\x1b]" not in terminal.stream


def test_control_characters_in_the_log_are_shown_not_obeyed(scripted: Scripted) -> None:
    model = scripted(REPLY, metadata={"general.name": HOSTILE})
    with PseudoTerminal(run_on(model, "--verbose")) as terminal:
        assert terminal.finish() == 0
    assert terminal.screen.title == ""
    assert "\x1b]" not in terminal.stream
    assert "general.name" in terminal.text()


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_wide_characters_at_any_width(columns: int, scripted: Scripted) -> None:
    text = "日本語の長い文です。中文也可以。" * 6
    command = run_on(scripted(f"{text}</think>{text}"), "--loop-repeats", "0")
    with PseudoTerminal(command, columns=columns) as terminal:
        assert terminal.finish() == 0
    shown = re.sub(r"\s", "", terminal.text())
    assert shown.count(text) == 2


def test_no_color(scripted: Scripted) -> None:
    with PseudoTerminal(run_on(scripted(REPLY)), NO_COLOR="1") as terminal:
        assert terminal.finish() == 0
    assert not re.search(r"\x1b\[[\d;]*(3\d|4\d|9\d)m", terminal.stream)
    assert "85" in terminal.text()


def test_dumb_terminal_gets_plain_text(scripted: Scripted) -> None:
    with PseudoTerminal(run_on(scripted(REPLY)), TERM="dumb") as terminal:
        assert terminal.finish() == 0
    assert "\x1b" not in terminal.stream
    assert "It is **85**" in terminal.text()


def test_ctrl_c_keeps_what_there_is(scripted: Scripted) -> None:
    model = scripted("word " * 4000 + "</think>y", context_length=24_000)
    with PseudoTerminal(run_on(model)) as terminal:
        terminal.wait_for(lambda: "word" in terminal.plain)
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert "stopped" in terminal.text()
    assert not terminal.screen.cursor.hidden


def test_ctrl_c_twice_ends_at_once(scripted: Scripted) -> None:
    model = scripted("word " * 4000 + "</think>y", context_length=24_000)
    with PseudoTerminal(run_on(model)) as terminal:
        terminal.wait_for(lambda: "word" in terminal.plain)
        terminal.type("\x03\x03")
        assert terminal.finish() == 130


def test_a_long_prompt_is_said_to_be_read(tmp_path: Path) -> None:
    document = tmp_path / "long.txt"
    document.write_text("word " * 6000)
    command = run_on(smollm2(), "-f", str(document), "--max-tokens", "1")
    with PseudoTerminal(command, columns=60) as terminal:
        terminal.wait_for(lambda: "reading the prompt: 0 % of " in terminal.text())
        terminal.type("\x03")
        assert terminal.finish() == 130
    assert "reading" not in terminal.text()


def test_resizing_while_streaming_loses_nothing(scripted: Scripted) -> None:
    sentence = "The lighthouse stood. "
    model = scripted(
        "Well.</think>" + f"{sentence * 6}\n\n" * 80 + "The end.", context_length=16_000
    )
    with PseudoTerminal(run_on(model, "--loop-repeats", "0"), columns=100) as terminal:
        terminal.wait_for(lambda: terminal.text().count("lighthouse") > 20)
        terminal.resize(50, 24)
        terminal.wait_for(lambda: terminal.text().count("lighthouse") > 200)
        terminal.resize(120, 30)
        assert terminal.finish() == 0
    assert terminal.text().rstrip().endswith("The end.")
