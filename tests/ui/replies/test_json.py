"""Replies for programs: one JSON object, or one a line."""

import io
import json
from typing import Any

import pytest

from r1local.events.reply import AnswerDelta, Event, Notice, Rewound
from r1local.ui.console import console_for
from testing.renderings import REPLY, finished, pipes, play, renderer_for, written


def test_json() -> None:
    out, err = pipes()
    play(renderer_for(out, err, output_format="json"))
    assert json.loads(written(out)) == {
        "model": "nano",
        "thinking": "Hmm, *yes*.",
        "answer": r"It is **\(\boxed{4}\)**",
        "final_answer": "4",
        "finish_reason": "stop",
        "valid": None,
        "usage": {
            "prompt_tokens": 11,
            "cached_tokens": 4,
            "thinking_tokens": 2,
            "answer_tokens": 3,
            "discarded_tokens": 0,
            "draft_tokens": 0,
            "accepted_tokens": 0,
        },
        "timing": {
            "load_s": 0.1235,
            "prompt_s": 0.25,
            "thinking_s": 1.0,
            "answer_s": 1.0,
            "tokens_per_s": 2.5,
        },
        "seed": 42,
    }
    assert written(err) == ""


@pytest.mark.parametrize(
    ("mode", "thinking", "answer", "final"),
    [
        ("hide", None, r"It is **\(\boxed{4}\)**", "4"),
        ("fold", "Hmm, *yes*.", r"It is **\(\boxed{4}\)**", "4"),
        ("only", "Hmm, *yes*.", None, None),
    ],
)
def test_json_leaves_out_what_is_not_wanted(
    mode: Any, thinking: str | None, answer: str | None, final: str | None
) -> None:
    out, err = pipes()
    play(renderer_for(out, err, output_format="json", thinking=mode))
    reply = json.loads(written(out))
    assert (reply["thinking"], reply["answer"], reply["final_answer"]) == (thinking, answer, final)


def test_json_of_a_cancelled_reply() -> None:
    out, err = pipes()
    play(renderer_for(out, err, output_format="json", model="n"), [REPLY[2], finished("cancelled")])
    reply = json.loads(written(out))
    assert (reply["finish_reason"], reply["answer"]) == ("cancelled", "It is ")


def test_json_lines() -> None:
    out, err = pipes()
    events = [Notice("context", 'warm "as" asked'), *REPLY]
    play(renderer_for(out, err, output_format="jsonl"), events)
    lines = [json.loads(line) for line in written(out).splitlines()]
    assert lines[:-1] == [
        {"type": "notice", "kind": "context", "message": 'warm "as" asked'},
        {"type": "thinking", "text": "Hmm, "},
        {"type": "thinking", "text": "*yes*."},
        {"type": "answer", "text": "It is "},
        {"type": "answer", "text": r"**\(\boxed{4}\)**"},
    ]
    assert list(lines[-1]) == [
        "type",
        "finish_reason",
        "valid",
        "usage",
        "timing",
        "seed",
        "final_answer",
    ]
    assert (lines[-1]["finish_reason"], lines[-1]["final_answer"]) == ("stop", "4")


@pytest.mark.parametrize(("mode", "absent"), [("hide", "thinking"), ("only", "answer")])
def test_json_lines_leave_out_what_is_not_wanted(mode: Any, absent: str) -> None:
    out, err = pipes()
    play(renderer_for(out, err, output_format="jsonl", thinking=mode))
    types = [json.loads(line)["type"] for line in written(out).splitlines()]
    assert absent not in types
    assert types[-1] == "finished"


def test_json_lines_take_back_only_what_they_told() -> None:
    out, err = pipes()
    events: list[Event] = [REPLY[0], Rewound("thinking", 2), REPLY[2], Rewound("answer", 1)]
    play(renderer_for(out, err, output_format="jsonl", thinking="hide"), events)
    lines = [json.loads(line) for line in written(out).splitlines()]
    assert [line["part"] for line in lines if line["type"] == "rewound"] == ["answer"]


def test_json_lines_are_exact_and_readable() -> None:
    out, err = pipes()
    text = '中文 " \\ \x1b\x9b\u202e\u2028\U000e0041\x7f é'
    play(renderer_for(out, err, output_format="jsonl", model="n"), [AnswerDelta(text, 1)])
    assert json.loads(written(out))["text"] == text
    assert "中文" in written(out)
    assert len(written(out).splitlines()) == 1


def test_every_json_line_is_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    flushed: list[str] = []
    monkeypatch.setattr(stream, "flush", lambda: flushed.append(stream.getvalue()))
    console = console_for(stream)
    play(renderer_for(console, console, output_format="jsonl"))
    assert [text.count("\n") for text in flushed] == [1, 2, 3, 4, 5]
