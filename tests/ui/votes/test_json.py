"""Votes for programs: one JSON object, or one a line."""

import io
import json
from typing import Any

from r1local.conversation import Reply
from r1local.events.reply import AnswerDelta, Finished, Notice, Rewound, ThinkingDelta, Usage
from r1local.events.vote import (
    Candidate,
    Paused,
    TallyUpdate,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.ui.console import console_for
from r1local.ui.votes.json import JsonLinesVotes, JsonVotes

WINNER = Reply(
    "Hm.", "4", "stop", False, "m", 5, 3, seed=7, valid=True, draft_tokens=7, accepted_tokens=3
)
BALLOT = VoterReply(1, WINNER, "4")
OTHER = VoterReply(2, Reply("", "x", "cancelled", False, "m", 0, 1, seed=8), None)
RESULT = VoteResult(
    BALLOT,
    (Candidate("4", (1,)),),
    (BALLOT, OTHER),
    "decided",
    prompt_tokens=11,
    cached_tokens=4,
    load_s=0.12345,
    voting_s=2.0,
)


def lines(with_thinking: bool, *events: VoteEvent) -> list[dict[str, Any]]:
    stream = io.StringIO()
    renderer = JsonLinesVotes(stream, with_thinking)
    for event in events:
        renderer.handle(event)
    renderer.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_the_object_has_the_winner_every_reply_and_the_tally() -> None:
    out, err = io.StringIO(), io.StringIO()
    renderer = JsonVotes(out, console_for(err), "nano", with_thinking=True)
    renderer.handle(Notice("context", "a notice"))
    renderer.handle(VoterEvent(1, AnswerDelta("4", 1)))
    assert out.getvalue() == ""
    renderer.handle(RESULT)
    vote = json.loads(out.getvalue())
    assert err.getvalue() == "a notice\n"
    first, second = vote.pop("replies")
    assert vote == {
        "model": "nano",
        "thinking": "Hm.",
        "answer": "4",
        "final_answer": "4",
        "winner": 1,
        "ended": "decided",
        "finished": 1,
        "agreement": 1.0,
        "tally": [{"answer": "4", "votes": 1, "voters": [1]}],
        "usage": {
            "prompt_tokens": 11,
            "cached_tokens": 4,
            "thinking_tokens": 5,
            "answer_tokens": 4,
            "draft_tokens": 7,
            "accepted_tokens": 3,
        },
        "timing": {"load_s": 0.1235, "prompt_s": 0.0, "voting_s": 2.0, "tokens_per_s": 4.5},
    }
    assert first == {
        "voter": 1,
        "final_answer": "4",
        "finish_reason": "stop",
        "valid": True,
        "thinking_tokens": 5,
        "answer_tokens": 3,
        "draft_tokens": 7,
        "accepted_tokens": 3,
        "seed": 7,
        "thinking": "Hm.",
        "answer": "4",
    }
    assert (second["finish_reason"], second["final_answer"]) == ("cancelled", None)


def test_the_object_of_no_answer_and_without_thoughts() -> None:
    out = io.StringIO()
    JsonVotes(out, console_for(out), "m", False).handle(VoteResult(None, (), (OTHER,), "complete"))
    vote = json.loads(out.getvalue())
    assert (vote["answer"], vote["winner"], vote["agreement"]) == (None, None, 0.0)
    assert vote["replies"][0]["thinking"] is None


def test_the_object_of_a_vote_that_an_error_ends_has_what_came() -> None:
    out = io.StringIO()
    renderer = JsonVotes(out, console_for(out), "m", True)
    renderer.handle(BALLOT)
    renderer.handle(TallyUpdate(RESULT.candidates))
    renderer.close()
    vote = json.loads(out.getvalue())
    assert (vote["ended"], vote["winner"], vote["answer"]) == ("lost", None, None)
    assert [reply["answer"] for reply in vote["replies"]] == [BALLOT.reply.answer]
    assert vote["tally"] == [{"answer": "4", "votes": 1, "voters": [1]}]
    assert (vote["usage"], vote["timing"]) == (None, None)


def test_a_vote_that_an_error_ends_before_the_first_reply_has_no_object() -> None:
    out = io.StringIO()
    renderer = JsonVotes(out, console_for(out), "m", True)
    renderer.handle(VoterEvent(1, AnswerDelta("4", 1)))
    renderer.close()
    assert out.getvalue() == ""


def test_lines_follow_each_voter() -> None:
    end = Finished("stop", Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0), 7, False)
    events: list[VoteEvent] = [
        Notice("context", "a notice"),
        *(VoterEvent(1, each) for each in (ThinkingDelta("Hm", 1), AnswerDelta("4x", 1))),
        VoterEvent(1, Rewound("answer", 1)),
        VoterEvent(2, Notice("loop", "a loop")),
        Paused(2),
        VoterEvent(1, end),
        BALLOT,
        TallyUpdate(RESULT.candidates),
        RESULT,
    ]
    said = lines(True, *events)
    assert said[:6] == [
        {"type": "notice", "kind": "context", "message": "a notice"},
        {"type": "thinking", "voter": 1, "text": "Hm"},
        {"type": "answer", "voter": 1, "text": "4x"},
        {"type": "rewound", "voter": 1, "part": "answer", "characters": 1},
        {"type": "notice", "voter": 2, "kind": "loop", "message": "a loop"},
        {"type": "paused", "voter": 2},
    ]
    assert [line["type"] for line in said[6:]] == ["ballot", "standing", "elected"]
    assert said[7]["tally"] == [{"answer": "4", "votes": 1, "voters": [1]}]
    assert (said[8]["winner"], said[8]["ended"]) == (1, "decided")


def test_hidden_thoughts_are_neither_told_nor_taken_back() -> None:
    hidden = ThinkingDelta("Hm", 1), Rewound("thinking", 1)
    assert lines(False, *(VoterEvent(1, each) for each in hidden)) == []
    assert len(lines(True, *(VoterEvent(1, each) for each in hidden))) == 2
