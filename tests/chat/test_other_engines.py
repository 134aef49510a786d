"""The dialogue and the chat on an engine that isn't llama.cpp, and knows little of its context."""

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from r1local.chat.dialogue import Dialogue
from r1local.commands.chat import ChatOptions, chat
from r1local.engine.sampler import SamplerSettings
from r1local.errors import UsageError
from r1local.events.reply import Notice
from r1local.models.loading import LoadOptions
from r1local.models.selection import Selected
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import PromptSize
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.sessions.folder import read_session
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.records import Question
from r1local.sessions.session import Session
from testing.command import Scripted
from testing.dialogues import ask, used
from testing.recorded_engine import LITTLE, RecordedEngine, recording
from testing.replies import never

REPLY = recording("It is even.", r"So \boxed{4}.")


@contextmanager
def talking(
    engine: RecordedEngine,
    recorder: Recorder | None = None,
    settings: ReplySettings | None = None,
) -> Iterator[Dialogue]:
    selected = Selected("recorded", Path("recorded"))
    made = Dialogue(selected, engine, settings or ReplySettings(), recorder or NoSession())
    with closing(made) as dialogue:
        yield dialogue


def test_a_dialogue_is_kept_whoever_replies() -> None:
    engine = RecordedEngine(REPLY)
    settings = ReplySettings(SamplerSettings(top_k=9))
    with talking(engine, Session.create("talk"), settings) as dialogue:
        first, second = ask(dialogue), ask(dialogue, "And now?")
        assert (dialogue.context_used, dialogue.shortage(dialogue.prepare(Question("?")))) == (
            None,
            None,
        )
    assert [each.message for each in first if isinstance(each, Notice)] == [
        "top-k has no effect: the recording has nothing like it"
    ]
    assert not [each for each in second if isinstance(each, Notice)], "it is said once"
    assert engine.closed
    replies = [turn.reply for turn in read_session("talk").turns]
    assert [reply and reply.thinking for reply in replies] == ["It is even. "] * 2
    assert [message.role for message in engine.asked[1][0]] == ["user", "assistant", "user"]


def test_what_it_cant_do_is_an_error_where_that_was_asked_for() -> None:
    with talking(RecordedEngine(REPLY)) as dialogue:
        control = Control()
        for _event in dialogue.ask(dialogue.prepare(Question("?")), control):
            control.cancel()
        with pytest.raises(UsageError, match="can't let a reply go on"):
            list(dialogue.go_on(Control()))
        with pytest.raises(UsageError, match="can't be opened with another context"):
            dialogue.reload(never, context=1024)
        assert ask(dialogue), "it goes on replying"


def test_an_estimate_counts_where_nothing_better_is_known() -> None:
    engine = RecordedEngine(REPLY, context_window=1024, prompt_size=PromptSize(900, exact=False))
    with talking(engine) as dialogue:
        shortage = dialogue.shortage(dialogue.prepare(Question("?")))
        assert shortage and (shortage.context_window, shortage.larger) == (1024, None)


def test_another_engine_replies_in_mid_conversation(scripted: Scripted) -> None:
    recorded = RecordedEngine(REPLY)
    local = Selected("scripted", scripted("Hm.</think>\n\nFour.", context_length=2048))
    with talking(recorded, Session.create("talk")) as dialogue:
        ask(dialogue)
        dialogue.switch(local, lambda _: LocalEngine.open(local.path, LoadOptions(), never))
        assert recorded.closed and used(dialogue) > 0
        ask(dialogue)
        dialogue.switch(Selected("recorded", Path("recorded")), lambda _: RecordedEngine(REPLY))
        ask(dialogue)
        answers = [turn.reply.answer.strip() for turn in dialogue.turns if turn.reply]
    assert answers == [r"So \boxed{4}.", "Four.", r"So \boxed{4}."]


@pytest.mark.parametrize("able", [False, True])
def test_the_chat_shows_what_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, able: bool
) -> None:
    engine = RecordedEngine(REPLY, abilities=Abilities() if able else LITTLE)
    typed = "How many?\n/context\n/set top-k 9\n/vote 3 And now?\n/context 1024\n/stats\n"
    monkeypatch.setattr("r1local.commands.chat.open_engine", lambda *_: engine)
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    options = ChatOptions("nano", None, False, False, True, False, False, {})
    assert chat(options) == 0
    shown = capsys.readouterr()
    assert shown.out.count(r"So \boxed{4}.") == 2
    assert "this is a recording" in shown.err and "? of ? tokens of context" in shown.err
    assert ("top-k has no effect" in shown.err) == (not able)
    assert ("can't be opened with another context" in shown.err) == (not able)
