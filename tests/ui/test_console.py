"""What r1local says: names in it forge no line and hide nothing."""

import io

import pytest
from rich.console import Console

from r1local.ui.cells import guarded
from r1local.ui.console import (
    Pipe,
    can_repaint,
    console_for,
    output_for,
    print_error,
    print_log,
    print_note,
    print_notice,
)
from r1local.ui.live_rows import LiveRows, live_line
from testing.terminals import Terminal, console_on


def test_a_notice_is_one_line_wherever_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "removed a\nerror: forged\u200b"
    pipe = io.StringIO()
    print_notice(console_for(pipe), message)
    assert pipe.getvalue() == "removed a␊error: forged\u200b\n"
    terminal = Terminal()
    print_notice(console_on(terminal, monkeypatch), message)
    assert terminal.rows == ["removed a␊error: forged<U+200B>"]


def test_only_a_terminal_has_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe, terminal = io.StringIO(), Terminal()
    assert isinstance(output_for(pipe), Pipe)
    assert isinstance(output_for(terminal), Console)
    assert not can_repaint(output_for(pipe))
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_notice(output_for(pipe), "gone")
    assert pipe.getvalue() == "gone\n"


def test_a_log_keeps_its_own_line_breaks_only() -> None:
    pipe = io.StringIO()
    for piece in ("\nloading a\nb.gguf", "\n", ".", "\n\n"):
        print_log(console_for(pipe), piece)
    assert pipe.getvalue() == "\nloading a␊b.gguf\n.\n\n"


def test_live_rows_are_steady(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    rows = LiveRows(console_on(terminal, monkeypatch))
    rows.update([], [live_line(console_on(terminal, monkeypatch), "a🇯🇵b")])
    assert guarded("🇯🇵", 2) in terminal.getvalue()
    assert terminal.screen.buffer[0][3].data == "b"


def test_errors_are_exact_in_a_pipe_and_harmless_on_a_terminal() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        print_error(stream, "no file evil\x1b[2J.gguf", "look around")
    assert pipe.getvalue() == "error: no file evil\x1b[2J.gguf\nhint: look around\n"
    assert terminal.shown == "error: no file evil␛[2J.gguf\nhint: look around"


def test_notes_and_errors_of_a_chat_are_broken_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "goes with the next question: one.md, two.md\nもう一度 Ctrl-C を押すと終了します。"
    pipe, terminal = io.StringIO(), Terminal(columns=24)
    print_note(console_for(pipe), text)
    assert pipe.getvalue() == text + "\n"
    print_note(console_on(terminal, monkeypatch), text)
    assert terminal.rows == [
        "goes with the next",
        "question: one.md, two.md",
        "もう一度 Ctrl-C を押すと",
        "終了します。",
    ]
    terminal = Terminal(columns=24)
    print_error(terminal, "there is no session primes", "/sessions lists the others", 24)
    assert terminal.rows == [
        "error: there is no",
        "session primes",
        "hint: /sessions lists",
        "the others",
    ]


def test_consoles_leave_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    console_on(terminal, monkeypatch).print("[bold]:smile: 123 'a' http://a.example")
    assert terminal.getvalue() == "[bold]:smile: 123 'a' http://a.example\n"
    assert not can_repaint(console_on(terminal, monkeypatch, TERM="dumb"))
