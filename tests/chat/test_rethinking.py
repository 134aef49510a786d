"""Editing a thought, and going on from there."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.chat.dialogue import Dialogue
from r1local.config.paths import sessions_folder
from r1local.conversation import Reply
from r1local.errors import UsageError
from r1local.events.reply import Finished
from r1local.replies.control import Control
from r1local.replies.engine import check_going_on
from r1local.sessions.draft import edited_passages
from r1local.sessions.folder import read_session
from r1local.sessions.records import Question
from testing import chats
from testing.chats import ANSWER, REPLY, THOUGHT, ChatTerminal, of_type
from testing.command import COMMAND, Scripted
from testing.dialogues import ask, talking
from testing.recorded_engine import LITTLE, RecordedEngine
from testing.waiting import PATIENCE_S

EditorWriter = Callable[[str], str]

#: What the editor makes of the thought: as long as its beginning was, so that the model, which
#: looks at nothing but positions, goes on with what came behind.
EDITED = "Let me list the square: 2, 3, 5, 7."
CUT = "\nWait, is 9 one? It is 3 × 3, so no."
PYTHON_EDIT = f"""\
text = path.read_text()
assert text == {THOUGHT!r}, text
path.write_text({EDITED!r} + "\\n")
"""


@pytest.fixture
def editor(tmp_path_factory: pytest.TempPathFactory) -> EditorWriter:
    """Writes an editor that does something with `path`; returns its command."""
    folder = tmp_path_factory.mktemp("an editor")

    def write(code: str) -> str:
        script = folder / "edit.py"
        script.write_text(
            f"import sys, time\nfrom pathlib import Path\npath = Path(sys.argv[1])\n{code}"
        )
        return f"{COMMAND[0]} '{script}'"

    return write


def drafts() -> list[Path]:
    return sorted(sessions_folder().glob("*.md"))


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--inline",)])
def test_the_model_goes_on_from_an_edited_thought(
    scripted: Scripted, editor: EditorWriter, form: tuple[str, ...], tmp_path: Path
) -> None:
    command = editor(PYTHON_EDIT)
    with ChatTerminal(
        "-m", scripted(REPLY), *form, "--session", "talk", lines=60, EDITOR=command
    ) as terminal:
        terminal.send("How many?")
        terminal.wait_for(lambda: len(of_type("ended")) == 1)
        terminal.send("/rethink")
        terminal.wait_for(lambda: len(of_type("ended")) == 2)
        terminal.wait_for_text("from an edited beginning" if not form else "square:", "‹ 2/2 ›")
        if not form:
            terminal.type(chats.F2)
            terminal.wait_for_text("Let me list the square: 2", "Wait, is 9 one?")
            rows = terminal.screen.buffer.values()
            underlined = "".join(
                cell.data for row in rows for cell in row.values() if cell.underscore
            )
            assert underlined == "square[edited]"
        terminal.send(f"/export {tmp_path}/talk.md")
        terminal.wait_for_text("written to")
        assert terminal.leave() == 0
    kept = read_session("talk")
    before, after = kept.turn(1).reply, kept.turn(2).reply
    assert before and after and kept.alternatives == ((2, 2),)
    assert (before.thinking, before.answer, before.edited) == (THOUGHT, ANSWER, ())
    assert (after.thinking, after.answer) == (EDITED + CUT, ANSWER)
    assert [after.thinking[a:b] for a, b in after.edited] == ["square", ""]
    assert not drafts()
    document = (tmp_path / "talk.md").read_text()
    assert "*Edited in this thought:*\n\n> square\n" in document
    assert (
        "*Something was cut out of this thought after:*\n\n> Let me list the square: 2, 3, 5, 7."
        in document
    )


def test_a_pipe_can_have_an_editor_that_works_by_itself(
    scripted: Scripted, editor: EditorWriter, tmp_path: Path
) -> None:
    def chat(typed: str, **environment: str) -> str:
        result = subprocess.run(
            [*COMMAND, "chat", "-m", str(scripted(REPLY)), "--no-save"],
            input=typed,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            start_new_session=True,  # no terminal, whatever the tests run on
            env={**os.environ, "VISUAL": "", **environment},
        )
        assert result.returncode == 0
        return result.stdout + result.stderr

    asking = f"/rethink\nHow many?\n/rethink\n/export {tmp_path}/there.json\n"
    told = chat(asking, EDITOR=editor(PYTHON_EDIT))
    assert "the last reply has no thought to edit" in told and told.count("four** primes") == 2
    (turn,) = json.loads((tmp_path / "there.json").read_text())["turns"]
    assert turn["reply"]["thinking"].startswith(EDITED)
    assert turn["reply"]["edited"] == [[16, 22], [35, 35]]
    assert "there is no terminal for an editor" in chat(asking, EDITOR="")
    assert "the editor nowhere can't be run" in chat(asking, EDITOR="nowhere")
    nothing = chat("?\n/rethink\n", EDITOR=editor(""))
    assert "nothing was changed: the reply stays as it is" in nothing
    emptied = chat("?\n/rethink\n", EDITOR=editor("path.write_text(' ')"))
    assert "the thought was emptied: the reply stays" in emptied


@pytest.mark.slow
def test_a_draft_survives_kill_9_and_an_editor_that_fails(
    scripted: Scripted, editor: EditorWriter
) -> None:
    writes = f"path.write_text({EDITED!r})\n"
    command = editor(f"{writes}time.sleep(20)")
    with ChatTerminal("-m", scripted(REPLY), "--session", "talk", EDITOR=command) as terminal:
        terminal.send("How many?")
        terminal.wait_for(lambda: len(of_type("ended")) == 1)
        terminal.send("/rethink")
        terminal.wait_for(lambda: [each.read_text() for each in drafts()] == [EDITED])
        for child in terminal.child.children():
            if "edit.py" in " ".join(child.cmdline()):
                child.kill()
        terminal.wait_for_text("ended with code -9", "what it wrote is kept in")
        terminal.send("/rethink")
        terminal.wait_for(lambda: bool(terminal.child.children()))
        children = terminal.child.children()
        terminal.child.kill()
        for child in children:
            child.kill()
        terminal.finish()
    assert [each.name for each in drafts()] == ["talk.thought-1.md"]
    assert drafts()[0].stat().st_mode & 0o777 == 0o600
    with ChatTerminal("--resume", EDITOR=editor("")) as terminal:
        terminal.send("/rename other")
        terminal.wait_for_text("this session is other now")
        assert [each.name for each in drafts()] == ["other.thought-1.md"]
        terminal.send("/rethink")
        terminal.wait_for_text("what you edited earlier is opened again", "‹ 2/2 ›")
        assert terminal.leave() == 0
    assert not drafts()
    reply = read_session("other").turns[0].reply
    assert reply and reply.thinking == EDITED + CUT


def stopped(dialogue: Dialogue, tokens: int) -> None:
    """Ask, and stop the reply after so many events."""
    control = Control()
    for count, _event in enumerate(dialogue.ask(dialogue.prepare(Question("?")), control), 1):
        if count == tokens:
            control.cancel()


def test_the_kv_cache_is_kept_up_to_the_first_change(scripted: Scripted) -> None:
    with talking(scripted(REPLY)) as dialogue:
        ask(dialogue)
        reply = dialogue.turns[0].reply
        assert reply
        at = THOUGHT.index("7")
        thought = THOUGHT[:at] + "9" + THOUGHT[at + 1 : at + 2]
        edited = edited_passages(reply, thought)
        kept: list[None] = []
        *_, end = dialogue.rethink(thought, edited, lambda: kept.append(None), Control())
        again = dialogue.turns[0].reply
    assert isinstance(end, Finished) and again and kept == [None]
    # The scripted prompt has five tokens, and each character of the thought is one.
    assert end.usage.cached_tokens == 5 + at
    assert end.usage.prompt_tokens == 5 + len(thought)
    assert again.thinking == thought + THOUGHT[len(thought) :] and again.answer == ANSWER
    assert again.edited == edited


def test_a_reply_that_ended_in_its_thought_goes_on_in_it(scripted: Scripted) -> None:
    with talking(scripted(REPLY)) as dialogue:
        stopped(dialogue, 7)
        cut = dialogue.turns[0].reply
        assert cut and cut.thinking_open
        thought = cut.thinking[:3]
        list(dialogue.rethink(thought, edited_passages(cut, thought), lambda: None, Control()))
        *_, end = dialogue.go_on(Control())
        whole = dialogue.turns[0].reply
    assert isinstance(end, Finished) and whole
    assert (whole.thinking, whole.answer) == (THOUGHT, ANSWER)
    assert whole.edited == ((3, 3),)


def test_what_an_engine_cant_do_is_said_before_the_editor_opens() -> None:
    for abilities, told in (
        (LITTLE, "can't let a reply go on"),
        (replace(LITTLE, continues=True), "can't go on inside a thought"),
    ):
        with pytest.raises(UsageError, match=told):
            check_going_on(RecordedEngine((), abilities=abilities), inside=True)
    able = replace(LITTLE, continues=True, continues_thoughts=True)
    check_going_on(RecordedEngine((), abilities=able), inside=True)
    check_going_on(
        RecordedEngine((), abilities=replace(able, continues_thoughts=False)), inside=False
    )


def test_a_vote_of_before_is_no_vote_after_an_edit(scripted: Scripted) -> None:
    with talking(scripted(REPLY, context_length=2048), sequences=2) as dialogue:
        list(dialogue.vote(Question("How many?", votes=2), Control()))
        reply = dialogue.turns[0].reply
        assert isinstance(reply, Reply)
        list(dialogue.rethink("Hm.", edited_passages(reply, "Hm."), lambda: None, Control()))
        assert dialogue.turns[0].voted == 0
        dialogue.show(1)
        assert dialogue.turns[0].voted == 2
