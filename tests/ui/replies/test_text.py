"""Replies as text for people: on terminals, in pipes, and whatever ends them."""

import errno
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest

from r1local.events.reply import AnswerDelta, Event, Notice, Rewound, ThinkingDelta
from r1local.ui.console import console_for
from testing.renderings import REPLY, finished, pipes, play, renderer_for, written
from testing.terminals import Clock, Terminal, console_on


def shown(
    monkeypatch: pytest.MonkeyPatch,
    events: Sequence[Event] = REPLY,
    terminal: Terminal | None = None,
    environ: dict[str, str] | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> str:
    """Return the screen of a terminal that both streams write to."""
    terminal = terminal or Terminal()
    console = console_on(terminal, monkeypatch, **(environ or {}))
    play(renderer_for(console, console, clock=clock or Clock(), **options), events)
    return terminal.shown


# Text on a terminal ---------------------------------------------------------------------


def test_thinking_then_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch) == (
        "Thinking\nHmm, *yes*.\nthought for 0.0 s · 2 tokens\n\nIt is ▐4▌"
    )


def test_thinking_is_dim_and_the_answer_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    shown(monkeypatch, terminal=terminal)
    assert "\x1b[2mHmm, \x1b[0m\x1b[2m*yes*.\x1b[0m" in terminal.getvalue()
    assert terminal.getvalue().rindex("\x1b[2m") < terminal.getvalue().index("It is")


def test_no_color_leaves_out_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    screen = shown(monkeypatch, terminal=terminal, environ={"NO_COLOR": "1"})
    assert screen.startswith("Thinking\nHmm, *yes*.\n")
    assert "\x1b[2m" not in terminal.getvalue()


def test_dumb_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("show", "fold"):
        terminal = Terminal()
        shown(monkeypatch, terminal=terminal, environ={"TERM": "dumb"}, thinking=mode)
        assert terminal.getvalue() == (
            "Thinking\nHmm, *yes*.\nthought for 0.0 s · 2 tokens\n\nIt is **\\(\\boxed{4}\\)**\n"
        )


def test_no_header_without_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [AnswerDelta("4", 1), finished()]) == "4"
    assert shown(monkeypatch, [AnswerDelta("4", 1), finished()], thinking="fold") == "4"


def test_hidden_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, thinking="hide") == "It is ▐4▌"


def test_thinking_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, thinking="only") == "Hmm, *yes*."


def test_folded_thinking_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(20, 6)
    console = console_on(terminal, monkeypatch)
    clock = Clock()
    renderer = renderer_for(console, console, thinking="fold", clock=clock)
    renderer.handle(ThinkingDelta("a\n", 1))
    assert terminal.shown == "thinking … 0.0 s ·"
    clock.now = 12.4
    renderer.handle(ThinkingDelta("b\n", 2))
    assert terminal.shown == "thinking … 12 s · 2"
    clock.now = 12.45
    renderer.handle(ThinkingDelta("c\n", 3))
    assert terminal.shown == "thinking … 12 s · 2"
    renderer.handle(AnswerDelta("4", 1))
    renderer.handle(finished())
    assert terminal.rows[-1] == "4"
    assert "".join(terminal.rows[:2]) == "thought for 12 s · 3 tokens"


@pytest.mark.parametrize(
    ("seconds", "tokens", "reading"),
    [
        (3.44, 1, "3.4 s · 1 token"),
        (9.96, 812, "10 s · 812 tokens"),
        (59.4, 999, "59 s · 999 tokens"),
        (125, 12_345, "2 min 5 s · 12,345 tokens"),
    ],
)
def test_footer(seconds: float, tokens: int, reading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    console = console_on(terminal, monkeypatch)
    clock = Clock()
    renderer = renderer_for(console, console, clock=clock)
    renderer.handle(ThinkingDelta("a", tokens))
    clock.now = seconds
    renderer.handle(AnswerDelta("b", 1))
    assert f"\nthought for {reading}\n" in terminal.shown


@pytest.mark.parametrize("mode", ["show", "fold"])
def test_a_reply_that_ends_inside_its_thought_says_so(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = [ThinkingDelta("Hmm\n", 1), finished("length", thinking_open=True)]
    rows = shown(monkeypatch, events, thinking=mode).split("\n")
    assert "thought for 0.0 s · 1 token, without coming to an end" in rows
    assert rows[-1] == "stopped at the token limit"


def test_cancelled_answer_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = [AnswerDelta("Half an ans", 3), finished("cancelled")]
    assert shown(monkeypatch, events) == "Half an ans\nstopped"


@pytest.mark.parametrize("mode", ["show", "fold"])
def test_notices_have_lines_of_their_own(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = Notice("context", "the context \x1b[2Jis full")
    events: list[Event] = [
        notice,
        ThinkingDelta("Hmm", 1),
        notice,
        ThinkingDelta(" yes", 2),
        AnswerDelta("It is ", 1),
        notice,
        AnswerDelta("4", 2),
        finished(),
    ]
    rows = shown(monkeypatch, events, thinking=mode).split("\n")
    assert rows.count("the context ␛[2Jis full") == 3
    assert rows[-1] == "It is 4"


def test_hostile_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a\x1b]0;owned\x07\x1b[2J\x9b2J\r\u202eb"
    harmless = "a␛]0;owned␇␛[2J<U+009B>2J␍<U+202E>b"
    for mode in ("show", "only"):
        terminal = Terminal()
        events: list[Event] = [ThinkingDelta(text, 1), AnswerDelta(text, 1), finished()]
        assert harmless in shown(monkeypatch, events, terminal=terminal, thinking=mode)
        assert terminal.screen.title == ""
    boxed: list[Event] = [AnswerDelta(rf"\boxed{{{text}}}", 1), finished()]
    assert shown(monkeypatch, boxed, answer_only=True) == harmless
    for output_format in ("json", "jsonl"):
        assert "\\u001b" in shown(monkeypatch, boxed, output_format=output_format)
        assert "\\u009b" in shown(monkeypatch, boxed, output_format=output_format)


def test_closing_after_an_interruption_leaves_the_terminal_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for events in (REPLY[:1], REPLY[:3]):
        for mode in ("show", "fold", "hide", "only"):
            terminal = Terminal()
            console = console_on(terminal, monkeypatch)
            renderer = renderer_for(console, console, thinking=mode)
            for event in events:
                renderer.handle(event)
            renderer.close()
            before = terminal.getvalue()
            renderer.close()
            assert terminal.getvalue() == before
            assert terminal.screen.cursor.x == 0
            assert not terminal.screen.cursor.hidden
            assert terminal.screen.cursor.attrs.fg == "default"


def test_closing_a_failed_stream_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    console = console_on(terminal, monkeypatch)
    renderer = renderer_for(console, console)
    renderer.handle(REPLY[2])

    def broken(_: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(terminal, "write", broken)
    with pytest.raises(OSError, match="No space"):
        renderer.handle(finished())
    renderer.close()


# Text in a pipe -------------------------------------------------------------------------


def test_pipe_gets_the_answer_as_generated() -> None:
    out, err = pipes()
    text = "**a**\r\n\x1b[1m\u202e\\(x\\)"
    play(renderer_for(out, err), [*REPLY[:2], AnswerDelta(text, 3), finished("length")])
    assert written(out) == text + "\n"
    assert written(err) == "stopped at the token limit\n"


def test_pipe_gets_one_final_newline() -> None:
    for text, expected in (("a\n", "a\n"), ("a\n\n", "a\n\n"), ("a", "a\n")):
        out, err = pipes()
        play(renderer_for(out, err), [AnswerDelta(text, 1), finished()])
        assert written(out) == expected


def test_pipe_stays_empty_without_an_answer() -> None:
    out, err = pipes()
    play(renderer_for(out, err), [ThinkingDelta("a", 1), finished()])
    assert written(out) == written(err) == ""


def test_pipe_stays_exact_whatever_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out, err = pipes()
    play(renderer_for(out, err))
    assert written(out) == "It is **\\(\\boxed{4}\\)**\n"


def test_thinking_goes_to_a_terminal_beside_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    out = console_for(io.StringIO())
    terminal = Terminal()
    play(renderer_for(out, console_on(terminal, monkeypatch), clock=Clock()))
    assert terminal.shown == "Thinking\nHmm, *yes*.\nthought for 0.0 s · 2 tokens"
    assert written(out) == "It is **\\(\\boxed{4}\\)**\n"


def test_thinking_alone_in_a_pipe_is_exact() -> None:
    out, err = pipes()
    events: list[Event] = [ThinkingDelta("a\x1b", 1), Notice("context", "n"), *REPLY[1:]]
    play(renderer_for(out, err, thinking="only"), events)
    assert written(out) == "a\x1b*yes*.\n"
    assert written(err) == "n\n"


# The final answer -----------------------------------------------------------------------


def test_answer_only(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = pipes()
    play(renderer_for(out, err, answer_only=True))
    assert (written(out), written(err)) == ("4\n", "")
    assert shown(monkeypatch, answer_only=True).endswith("2 tokens\n\n4")


@pytest.mark.parametrize("events", [[AnswerDelta("four", 1), finished()], [finished()]])
def test_answer_only_without_one(events: list[Event]) -> None:
    out, err = pipes()
    play(renderer_for(out, err, answer_only=True), events)
    assert written(out) == ""
    assert written(err) == "no final answer: the reply has no \\boxed{}\n"


@pytest.mark.parametrize("output_format", ["text", "json", "jsonl"])
def test_a_final_answer_within_a_loop_is_none(output_format: Any) -> None:
    out, err = pipes()
    box = r"\boxed{4}"
    events: list[Event] = [AnswerDelta("So ", 1), AnswerDelta(box, 2), Rewound("answer", len(box))]
    options = {"output_format": output_format, "answer_only": output_format == "text"}
    play(renderer_for(out, err, **options), [*events, finished("loop")])
    if output_format == "text":
        assert written(out) == ""
        assert written(err) == "no final answer: the reply has no \\boxed{}\n"
    else:
        assert json.loads(written(out).splitlines()[-1])["final_answer"] is None


# Cost, real terminals --------------------------------------------------------------------


@pytest.mark.parametrize("output_format", ["text", "jsonl"])
def test_the_ten_thousandth_token_costs_what_the_first_did(
    output_format: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    console = console_on(terminal, monkeypatch)
    monkeypatch.setattr(terminal, "write", len)
    renderer = renderer_for(console, console, output_format=output_format)
    seconds = []
    for part in (ThinkingDelta, AnswerDelta):
        for count in range(10):
            began = time.process_time()
            for token in range(1_000):
                renderer.handle(part(" token", count * 1_000 + token + 1))
            seconds.append(time.process_time() - began)
    assert min(seconds[7:10]) < 3 * max(seconds[:3])
    assert min(seconds[17:20]) < 3 * max(seconds[10:13])


_SCRIPT = """
import sys
from contextlib import closing
from r1local.events.reply import *
from r1local.ui.console import console_for
from r1local.ui.replies.text import text_renderer
out, err = console_for(sys.stdout), console_for(sys.stderr)
with closing(text_renderer(out, err)) as renderer:
    renderer.handle(ThinkingDelta("Hmm", 1))
    for number in range(1, 41):
        renderer.handle(AnswerDelta(f"{number}. item **{number}**\\n", number))
    renderer.handle(Finished("stop", Usage(1, 0, 1, 40, 0, 0, 0, 0), 1, False))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_on_a_real_terminal() -> None:
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 40, 0, 0))
    environ = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _SCRIPT]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as run:
        os.close(theirs)
        terminal = Terminal(40, 12)
        terminal.write(_read_to_end(ours).replace("\r\n", "\n"))
    assert run.returncode == 0
    assert terminal.rows[:4] == ["Thinking", "Hmm", "thought for 0.0 s · 1 token", ""]
    assert terminal.rows[4:] == [f"{number}. item {number}" for number in range(1, 41)]


def _read_to_end(descriptor: int) -> str:
    received = b""
    with open(descriptor, "rb", buffering=0) as file:
        # Linux reports the other side's end as an error, macOS as an end.
        try:
            while piece := file.read(4096):
                received += piece
        except OSError as error:
            assert error.errno == errno.EIO
    return received.decode()
