"""`run` and its votes on an engine that isn't llama.cpp: the same commands, other abilities."""

import json
from collections.abc import Generator, Sequence
from dataclasses import replace

import pytest

from r1local.commands.asking import RunOptions
from r1local.commands.run import run
from r1local.commands.vote import vote
from r1local.errors import EXIT_NO_ANSWER, EXIT_OK, StreamCut
from r1local.events.reply import AnswerDelta, Event, ThinkingDelta
from r1local.replies.control import Control
from r1local.replies.engine import PreparedPrompt
from r1local.replies.settings import ReplySettings
from testing.recorded_engine import RecordedEngine, recording

REPLY = recording("It is even.", r"So \boxed{4}.")
OPTIONS = RunOptions(
    "How many?", (), "nano", "hide", "text", False, False, {"top-k": 9}, reads_stdin=False
)


class _BreakingOff(RecordedEngine):
    """A server whose stream is cut after its recording."""

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        yield from super().reply(prompt, settings, control)
        raise StreamCut("it broke off", "try again")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> RecordedEngine:
    made = RecordedEngine(REPLY)
    monkeypatch.setattr("r1local.commands.run.open_engine", lambda *_, **__: made)
    return made


def test_run_prints_the_answer_and_says_what_had_no_effect(
    engine: RecordedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(OPTIONS) == EXIT_OK
    shown = capsys.readouterr()
    assert shown.out.strip() == r"So \boxed{4}."
    assert "this is a recording" in shown.err
    assert "top-k has no effect: the recording has nothing like it" in shown.err
    assert engine.closed


def test_an_answer_that_was_not_held_to_its_schema_is_checked(
    engine: RecordedEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(replace(OPTIONS, json_schema='{"type": "number"}')) == EXIT_NO_ANSWER
    told = capsys.readouterr().err
    assert "can't hold the answer to the schema; it is checked at its end" in told
    assert "does not match the schema" in told
    assert engine.asked[0][1].schema is None


def test_votes_are_counted(engine: RecordedEngine, capsys: pytest.CaptureFixture[str]) -> None:
    assert vote(replace(OPTIONS, output_format="json"), 3) == EXIT_OK
    shown = capsys.readouterr()
    assert json.loads(shown.out)["final_answer"] == "4"
    assert "top-k has no effect" in shown.err or "top-k has no effect" in shown.out
    assert len(engine.asked) == 2, "two of three decide it"


@pytest.mark.parametrize("came", [REPLY[:2], REPLY[:-1]])
def test_what_came_of_a_reply_that_broke_off_is_written(
    came: Sequence[Event], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("r1local.commands.run.open_engine", lambda *_, **__: _BreakingOff(came))
    with pytest.raises(StreamCut):
        run(replace(OPTIONS, output_format="json", thinking="show"))
    reply = json.loads(capsys.readouterr().out)
    assert reply["thinking"] == "".join(e.text for e in came if isinstance(e, ThinkingDelta))
    assert reply["answer"] == "".join(e.text for e in came if isinstance(e, AnswerDelta))
    assert (reply["finish_reason"], reply["usage"], reply["seed"]) == ("lost", None, None)


def test_a_reply_that_never_began_has_no_object(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("r1local.commands.run.open_engine", lambda *_, **__: _BreakingOff([]))
    with pytest.raises(StreamCut):
        run(replace(OPTIONS, output_format="json"))
    assert capsys.readouterr().out == ""
