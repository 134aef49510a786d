"""Replies of an engine that isn't llama.cpp, and what is said of what it can't do."""

from dataclasses import replace

import pytest

from r1local.engine.sampler import SamplerSettings
from r1local.errors import UsageError
from r1local.events.reply import AnswerDelta, Finished, Notice, ThinkingDelta
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import Begun, ToldNotices, generate
from r1local.replies.settings import ReplySettings
from testing.recorded_engine import LITTLE, RecordedEngine, recording
from testing.replies import HI, text_of

REPLY = recording("It is even.", "So 4.")


def messages(events: list[object]) -> list[str]:
    return [each.message for each in events if isinstance(each, Notice)]


def test_what_an_engine_cant_do_is_said_once() -> None:
    engine = RecordedEngine(REPLY)
    settings = ReplySettings(SamplerSettings(temperature=0.2, top_k=40, seed=7))
    first = list(generate(engine, HI, settings, Control()))
    again = list(generate(engine, HI, settings, Control()))
    assert messages([*first]) == [
        "seed has no effect: the recording has nothing like it",
        "top-k has no effect: the recording has nothing like it",
    ]
    assert [each for each in first if not isinstance(each, Notice)] == again == list(REPLY)
    assert engine.asked == [(HI, ReplySettings(SamplerSettings(temperature=0.2)))] * 2


def test_an_engine_that_can_gets_the_settings_as_they_are() -> None:
    engine = RecordedEngine(REPLY, abilities=Abilities())
    settings = ReplySettings(SamplerSettings(top_k=40, seed=7), grammar='root ::= "4"')
    assert list(generate(engine, HI, settings, Control())) == list(REPLY)
    assert engine.asked == [(HI, settings)]


def test_a_command_in_vain_is_said_while_the_reply_goes_on() -> None:
    control, told = Control(), list[object]()
    for event in generate(RecordedEngine(REPLY), HI, ReplySettings(), control):
        told.append(event)
        if isinstance(event, ThinkingDelta):
            control.answer_now()
    assert messages(told) == ["the recording can't end a thought early"]
    assert isinstance(told[-1], Finished) and told[-1].reason == "stop"


def test_a_reply_is_cancelled_through_the_control_that_was_given() -> None:
    control, told = Control(), []
    for event in generate(RecordedEngine(REPLY), HI, ReplySettings(), control):
        told.append(event)
        control.cancel()
    assert text_of(told, ThinkingDelta) == "It " and text_of(told, AnswerDelta) == ""
    assert isinstance(told[-1], Finished) and told[-1].reason == "cancelled"


def test_a_reply_goes_on_only_where_the_engine_can() -> None:
    begun = Begun("It is", "", thinking_open=True)
    with pytest.raises(UsageError, match="can't let a reply go on"):
        list(generate(RecordedEngine(REPLY), HI, ReplySettings(), Control(), begun))
    able = RecordedEngine(REPLY, abilities=replace(LITTLE, continues=True, continues_thoughts=True))
    assert list(generate(able, HI, ReplySettings(), Control(), begun)) == list(REPLY)


def test_a_notice_is_new_once() -> None:
    told, one, other = ToldNotices(), Notice("engine", "1"), Notice("engine", "2")
    assert told.new([one, one]) == [one]
    assert told.new([other, one]) == [other]
