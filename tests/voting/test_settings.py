"""What a vote is made of, and which answer a reply gives."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.preferences import Setting
from r1local.conversation import FinishReason, Reply
from r1local.errors import InvalidSetting
from r1local.replies.settings import ReplySettings
from r1local.voting.settings import VoteSettings, answer_of, vote_settings


def said(answer: str, pattern: str | None = None, reason: FinishReason = "stop") -> str | None:
    reply = Reply("\\boxed{thought}", answer, reason, False, "m")
    return answer_of(reply, re.compile(pattern, re.MULTILINE) if pattern else None)


@pytest.mark.parametrize(
    ("answer", "pattern", "final"),
    [
        ("So \\boxed{\\frac{1}{2}}.\nBye", None, "\\frac{1}{2}"),
        ("\\boxed{1}, no, \\boxed{2}", None, "2"),
        ("First\n\n**The cat.**\n", None, "The cat."),
        ("> `x = 1`  \n\n", None, "x = 1"),
        ("Answer: 5 cm\nBye", "^Answer: (.+)$", "5 cm"),
        ("Answer: 5\nAnswer: 6", "Answer: .+", "Answer: 6"),
        ("Answer: 5 \\boxed{7}", "Answer: (.)", "7"),
        ("Some words", "Answer: (.+)", None),
        ("Answer: ", "Answer:( *)", None),
        ("", None, None),
        (" \n***\n", None, None),
        ("It is 4.\r\n\r\n- - -\r\n", None, "It is 4."),
        ("**5**\n\n***\n---", None, "5"),
        ("-\n", None, "-"),
        ("```\n}\n```", None, None),
    ],
)
def test_the_answer_is_the_box_else_the_pattern_else_the_last_line(
    answer: str, pattern: str | None, final: str | None
) -> None:
    assert said(answer, pattern) == final


def test_a_reply_that_was_cut_has_a_last_line_of_chance() -> None:
    assert said("The answer is 4", reason="length") is None
    assert said("It is \\boxed{4}, and", reason="length") == "4"
    assert said("Answer: 4. And", r"Answer: (\d)", reason="length") == "4"


def test_a_cancelled_reply_gives_none() -> None:
    assert said("\\boxed{4}", reason="cancelled") is None


def test_a_pattern_meets_little_text() -> None:
    assert said("Answer: 4" + " " * 3_000, "Answer: (.)") is None
    assert said(" " * 3_000 + "Answer: 4", "Answer: (.)") == "4"


@given(st.text(), st.sampled_from([None, "(a)|b", "x*"]))
def test_an_answer_is_some_text_of_the_reply(answer: str, pattern: str | None) -> None:
    final = said(answer, pattern)
    assert final is None or (final and final == final.strip() and final in answer)


@pytest.mark.parametrize(
    "options", [{"votes": 0}, {"votes": 10**6}, {"votes": 2, "confidence": 1.5}], ids=str
)
def test_settings_have_ranges(options: dict[str, float]) -> None:
    with pytest.raises(InvalidSetting):
        VoteSettings(**options)  # type: ignore[arg-type]


def test_a_vote_on_thoughts_alone_is_refused() -> None:
    with pytest.raises(InvalidSetting, match="a vote is about answers"):
        VoteSettings(2, ReplySettings(only_thinking=True))


def test_options_come_from_the_settings_in_force() -> None:
    pattern = re.compile("x")
    chosen = {
        "confidence": Setting(0.9, "--confidence"),
        "answer-pattern": Setting(pattern, "config.toml"),
        "temperature": Setting(0.5, "config.toml"),
    }
    assert vote_settings(3, ReplySettings(), chosen) == VoteSettings(
        3, ReplySettings(), 0.9, pattern
    )
    assert vote_settings(3, ReplySettings(), {}) == VoteSettings(3)
