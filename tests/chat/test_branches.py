"""Branches of a conversation: other replies, other questions, and going from one to another."""

import errno
import re
import subprocess
from pathlib import Path

import pytest

from r1local.errors import SessionNotSaved
from r1local.events.reply import Event, Finished
from r1local.replies.control import Control
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.session import Session
from testing.chats import REPLY, ChatTerminal, of_type
from testing.command import COMMAND, Scripted
from testing.dialogues import ask, talking
from testing.models import R1_TEMPLATE
from testing.waiting import PATIENCE_S

ALT_LEFT, ALT_RIGHT = "\x1b[1;3D", "\x1b[1;3C"


def _last_mark(terminal: ChatTerminal) -> str:
    return str(re.findall(r"‹ \d/\d ›", terminal.text())[-1])


def answered(terminal: ChatTerminal, count: int) -> None:
    terminal.wait_for(lambda: len(of_type("ended")) == count)


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--inline",)])
def test_keys_go_through_the_replies_that_there_were(
    scripted: Scripted, form: tuple[str, ...]
) -> None:
    with ChatTerminal("-m", scripted(REPLY), *form, "--session", "talk") as terminal:
        terminal.send("How many?")
        answered(terminal, 1)
        assert "‹" not in terminal.shown
        for count in (2, 3):
            terminal.send("/retry")
            answered(terminal, count)
            terminal.wait_for_text(f"‹ {count}/{count} ›")
        for key, place in ((ALT_LEFT, "‹ 2/3 ›"), (ALT_LEFT, "‹ 1/3 ›"), (ALT_RIGHT, "‹ 2/3 ›")):
            terminal.type(key)
            # In the scrollback the last turn is printed again.
            terminal.wait_for(lambda place=place: _last_mark(terminal) == place)  # type: ignore[misc]
        terminal.type(f"one two{ALT_LEFT}X")
        terminal.wait_for_text("❯ one Xtwo")
        terminal.type("\x03")
        terminal.wait_for(lambda: terminal.rows[terminal.screen.cursor.y].strip() == "❯")
        assert terminal.leave() == 0
    kept = read_session("talk")
    assert kept.alternatives == ((2, 3),)
    with ChatTerminal("--resume", *form) as terminal:
        terminal.wait_for_text("❯ How many?", "‹ 2/3 ›")
        assert terminal.leave() == 0


@pytest.mark.slow
def test_an_edited_question_begins_a_branch_and_nothing_is_lost(
    scripted: Scripted, tmp_path: Path
) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--session", "talk", lines=60) as terminal:
        for count, question in enumerate(("first", "second"), 1):
            terminal.send(question)
            answered(terminal, count)
        terminal.send("/edit")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ second"))
        terminal.type(" and a half\r")
        answered(terminal, 3)
        terminal.wait_for_text("❯ second and a half", "‹ 2/2 ›")
        terminal.send("/undo")
        terminal.wait_for_text("taken back: second and a half; /redo brings it back")
        terminal.send("/undo")
        terminal.wait_for_text("taken back: first;")
        terminal.command_shows("/redo", "❯ first")
        terminal.send("/redo")
        terminal.wait_for_text("❯ second and a half", "‹ 2/2 ›")
        terminal.command_shows("/redo", "nothing was taken back here")
        terminal.command_shows(
            "/branches",
            "1  2 turns: second → There are **four** primes below 10: |",
            "2  2 turns (shown): second and a half → There",
        )
        terminal.send("1")
        terminal.wait_for(lambda: "❯ second\n" in terminal.shown)
        terminal.command_shows("/branches previous", "this is the first of 2")
        terminal.send("/branches 2")
        terminal.wait_for_text("❯ second and a half")
        terminal.command_shows("/branches 3", "there is no branch 3")
        for name in ("all.md --all-branches", "shown.md", "all.json --all-branches"):
            terminal.command_shows(f"/export {tmp_path}/{name}", "written to")
        assert terminal.leave() == 0
    document = (tmp_path / "all.md").read_text()
    shown = (tmp_path / "shown.md").read_text()
    assert document.startswith(shown.rstrip()) and "> second\n" not in shown
    assert "# Another branch, from question 2 on\n\n## Question\n\n> second\n" in document


def test_a_pipe_has_branches_too(scripted: Scripted) -> None:
    typed = (
        "/redo\n/branches\nfirst\n/retry\n/branches previous\nsecond\n/branches\n1\n"
        "/branches 2\n/branches 1\n/branches 9\n"
    )
    result = subprocess.run(
        [*COMMAND, "chat", "-m", str(scripted(REPLY, context_length=2048)), "--session", "talk"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    for words in (
        "nothing was taken back here",
        "there are no other branches",
        "‹ 2/2 ›",
        "1  1 turn: first",
        "2  2 turns (shown): second",
        "1 turn came before:",
        "there is no branch 9",
    ):
        assert words in result.stderr, result.stderr
    kept = read_session("talk")
    assert [turn.question for turn in kept.turns] == ["first"]
    assert kept.branches == ((2,), (1, 3)) and kept.alternatives == ((2, 2),)


@pytest.mark.slow
def test_what_is_shown_survives_kill_9(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--session", "talk") as terminal:
        terminal.send("How many?")
        answered(terminal, 1)
        terminal.send("/retry")
        terminal.type(ALT_LEFT)  # which waits for the end of the reply
        terminal.wait_for_text("‹ 1/2 ›")
        terminal.child.kill()
        terminal.finish()
    assert saved_sessions()[0].turns == 1
    assert read_session("talk").alternatives == ((1, 2),)


def prompts_of(events: list[Event]) -> tuple[int, int]:
    finished = events[-1]
    assert isinstance(finished, Finished)
    return finished.usage.prompt_tokens, finished.usage.cached_tokens


def test_another_branch_is_evaluated_from_where_it_differs(scripted: Scripted) -> None:
    model = scripted(REPLY * 9, prompt=90, chat_template=R1_TEMPLATE, context_length=8192)
    with talking(model) as dialogue:
        ask(dialogue, "A question that both branches have")
        first = dialogue.recorder.transcript.numbers
        ask(dialogue, "One branch goes on so")
        dialogue.show(first[-1])
        before = dialogue.context_used
        tokens, cached = prompts_of([*ask(dialogue, "The other does not")])
        # All is kept but for the last question, of which both have the first token, and its tag.
        assert cached > tokens - len("The other does not") - 8, (tokens, cached)
        assert before is not None and tokens > before


def test_what_cant_be_written_is_shown_all_the_same(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session.create("talk")
    with talking(scripted(REPLY), session) as dialogue:
        ask(dialogue, "first")
        list(dialogue.retry(Control()))
        ask(dialogue, "second")
        with monkeypatch.context() as patch, pytest.raises(SessionNotSaved, match="can't be saved"):
            patch.setattr(session._writer._file, "append", _refuse)
            dialogue.show(1)
        assert [turn.question for turn in dialogue.turns] == ["first"]
        assert dialogue.recorder.transcript.alternatives == ((1, 2),)
        session.save()
    assert read_session("talk").alternatives == ((1, 2),)
    assert read_session("talk").branches == ((1,), (2, 3))


def _refuse(_lines: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
