"""Models, chats and votes as programs use them, on scripted models and nano."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import r1local
from r1local.errors import (
    GrammarError,
    InvalidSetting,
    ModelNotInstalled,
    PromptInputError,
    PromptTooLong,
    UsageError,
)
from r1local.sessions.folder import saved_sessions
from testing.command import ROOT, Scripted

LONG = "".join(f"Case {n}: {n * n} is {n} squared. " for n in range(60)) + "</think>done"


def tokens(reply: r1local.Reply) -> int:
    return reply.thinking_tokens + reply.answer_tokens


@pytest.fixture
def nano() -> Iterator[r1local.Model]:
    with r1local.load("nano", temperature=0) as model:
        yield model


def test_a_file_is_loaded_by_its_path(scripted: Scripted) -> None:
    with r1local.load(scripted("Two and two.</think>4")) as model:
        reply = model.reply("What is 2 + 2?")
    assert (reply.thinking, reply.answer, reply.reason) == ("Two and two.", "4", "stop")


def test_options_of_a_reply_go_before_those_of_the_model(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG, context_length=8_192), max_tokens=20) as model:
        assert tokens(model.reply("Go")) == 20
        assert tokens(model.reply("Go", max_tokens=5)) == 5
        assert tokens(model.reply("Go", max_tokens=None)) == 20


def test_a_twin_given_later_counts(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG, context_length=8_192), think_budget=10) as model:
        assert model.reply("Go").thinking_tokens < 200
        assert model.reply("Go", effort="high").thinking_tokens > 1_000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperatur": 1}, "there is no option temperatur here"),
        ({"context": 4096}, "there is no option context here"),
        ({"temperature": -1}, "temperature"),
        ({"effort": "some"}, "effort"),
        ({"system": 5}, "system"),
    ],
)
def test_meaningless_options_are_refused(
    nano: r1local.Model, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidSetting, match=message):
        nano.reply("What is 1 + 1?", **options)  # type: ignore[arg-type]


def test_bad_prompts_are_refused(nano: r1local.Model) -> None:
    with pytest.raises(UsageError, match="ends with the user's message"):
        nano.reply([r1local.Message("assistant", "hello")])
    with pytest.raises(UsageError, match="ends with the user's message"):
        nano.reply([])
    with pytest.raises(PromptInputError):
        nano.reply("\ud800")
    with pytest.raises(PromptTooLong):
        nano.reply("word " * 20_000)
    assert r1local.final_answer(nano.reply("What is 1 + 1?").answer) == "2"


def test_schemas_may_be_objects_and_grammars_text(nano: r1local.Model) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert nano.reply("What is 1 + 1?", schema=schema, max_tokens=400).valid
    assert nano.reply("What is 1 + 1?", grammar='root ::= "yes" | "no"').answer in ("yes", "no")
    with pytest.raises(GrammarError):
        nano.reply("What is 1 + 1?", grammar="root ::= (")
    with pytest.raises(UsageError, match="exclude each other"):
        nano.reply("What is 1 + 1?", schema=schema, grammar='root ::= "yes"')


def test_events_come_one_by_one_and_end_with_finished(nano: r1local.Model) -> None:
    with nano.stream("What is 12 + 30?") as stream:
        events = list(stream)
    assert isinstance(events[-1], r1local.Finished)
    thought = "".join(each.text for each in events if isinstance(each, r1local.ThinkingDelta))
    assert stream.reply.thinking == thought


def test_a_stream_can_be_steered_from_another_thread(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG, context_length=8_192)) as model, model.stream("Go") as stream:
        next(stream)
        steering = threading.Thread(target=stream.answer_now)
        steering.start()
        steering.join()
        stream.finish()
        assert stream.reply.thinking_tokens < 100
        assert stream.reply.answer  # a script goes on where it was


def test_a_cancelled_stream_ends_regularly(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG, context_length=8_192)) as model, model.stream("Go") as stream:
        next(stream)
        stream.cancel()
        assert stream.finish().reason == "cancelled"


def test_asking_while_a_stream_is_open_is_an_error(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG, context_length=8_192)) as model:
        stream = model.stream("Go")
        next(stream)
        with pytest.raises(UsageError, match="is still replying"):
            model.reply("Go")
        stream.close()
        assert stream.reply.reason == "lost"
        assert model.reply("Go").answer == "done"


def test_votes_name_the_winner(nano: r1local.Model) -> None:
    result = nano.vote("What is 17 * 3?", 5, temperature=0.6, seed=1)
    assert result.answer == "51"
    stream = nano.stream_vote("What is 17 * 3?", 3, temperature=0.6, seed=1)
    assert stream.result is None
    events = list(stream)
    assert events[-1] == stream.result
    assert any(isinstance(each, r1local.VoterEvent) for each in events)


def test_a_chat_remembers_and_takes_back(nano: r1local.Model) -> None:
    with nano.chat() as chat:
        assert "7" in chat.ask("What is 3 + 4?").answer
        alone = nano.count_tokens("What is 5 + 6?")
        reply = chat.ask("What is 5 + 6?")
        assert alone is not None
        assert reply.prompt_tokens > alone
        assert chat.retry().prompt_tokens == reply.prompt_tokens
        assert chat.undo().question == "What is 5 + 6?"
        chat.drop_oldest(1)
        assert chat.ask("What is 5 + 6?").prompt_tokens == alone
        with pytest.raises(UsageError, match="no 5 turns"):
            chat.drop_oldest(5)
    assert saved_sessions() == []


def test_a_chat_goes_on_from_a_given_thought(nano: r1local.Model) -> None:
    with nano.chat() as chat:
        with pytest.raises(UsageError, match="nothing has been asked"):
            chat.rethink("So 3+4=9.\n")
        before = chat.ask("What is 3 + 4?")
        last_line = before.thinking.rindex("So")
        thought = before.thinking[:last_line] + "So 3+4=9."
        reply = chat.rethink(thought)
        assert reply.thinking.startswith(thought) and reply == chat.turns[0].reply
        assert [reply.thinking[a:b] for a, b in reply.edited] == ["9"]
        assert "7" in before.answer and reply.answer


def test_a_chat_goes_on_after_a_vote(nano: r1local.Model) -> None:
    chat = nano.chat()
    assert "7" in chat.ask("What is 3 + 4?").answer
    assert nano.vote("What is 1 + 1?", 2).answer == "2"
    assert "11" in chat.ask("What is 5 + 6?").answer


def test_an_empty_chat_has_nothing_to_retry(nano: r1local.Model) -> None:
    chat = nano.chat()
    for action in (chat.retry, chat.undo):
        with pytest.raises(UsageError, match="nothing has been asked"):
            action()


def test_a_chat_says_when_it_is_full() -> None:
    with r1local.load("nano", context=512, temperature=0) as model, model.chat() as chat:
        chat.ask("What is 1 + 1? " * 20)
        with pytest.raises(PromptTooLong) as caught:
            chat.ask("What is 2 + 2? " * 20)
        assert caught.value.hint.startswith("drop_oldest(1)")
        chat.drop_oldest(1)
        assert chat.ask("What is 2 + 2? " * 20).answer


def test_a_chat_is_saved_only_when_asked(nano: r1local.Model, tmp_path: Path) -> None:
    notes = tmp_path / "notes.md"
    notes.write_text("Apples: 3", encoding="utf-8")
    with nano.chat(save="sums", system="Be brief.") as chat:
        chat.ask("What is 3 + 4?", files=[notes])
        assert chat.turns[0].documents == ("notes.md",)
    assert [each.name for each in saved_sessions()] == ["sums"]
    with pytest.raises(InvalidSetting):
        nano.chat(save="sums")


def test_models_are_listed_and_missing_ones_named() -> None:
    assert "nano" in [each.name for each in r1local.installed()]
    with pytest.raises(ModelNotInstalled):
        r1local.load("7b")


def test_the_library_is_quiet_and_leaves_signals_alone(scripted: Scripted) -> None:
    code = f"""
import signal, r1local
before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
with r1local.load({str(scripted("Hm.</think>yes"))!r}) as model:
    model.reply("Go")
    model.vote("Go", 2)
    model.chat().ask("Go")
assert before == [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
