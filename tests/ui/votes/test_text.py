"""Votes for people: a live table, the winning answer, and the tally."""

import io
from dataclasses import replace
from typing import Any

import pytest

from r1local.conversation import Reply
from r1local.events.reply import AnswerDelta, Notice, ThinkingDelta
from r1local.events.vote import (
    Candidate,
    Paused,
    TallyUpdate,
    VoteEnd,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.ui.console import console_for
from r1local.ui.votes.text import VoteTable, one_line, tally_lines, vote_renderer_for
from testing.terminals import Clock, Terminal, console_on

REPLY = Reply("Hm.", "So **\\boxed{4}**.", "stop", False, "m", 5, 3)
BALLOTS = tuple(VoterReply(voter, REPLY, "4" if voter < 3 else None) for voter in (1, 2, 3))
RESULT = VoteResult(BALLOTS[0], (Candidate("4", (1, 2)),), BALLOTS, "complete", voting_s=2.0)


def rendered(*events: VoteEvent, answer_only: bool = False, tally: bool = True) -> tuple[str, str]:
    """What a vote writes to two pipes."""
    out, err = io.StringIO(), io.StringIO()
    renderer = vote_renderer_for(
        console_for(out),
        console_for(err),
        output_format="text",
        with_thinking=tally,
        answer_only=answer_only,
        votes=3,
        model="m",
    )
    for event in events:
        renderer.handle(event)
    renderer.close()
    return out.getvalue(), err.getvalue()


def test_a_pipe_has_the_winning_answer_alone() -> None:
    events = VoterEvent(1, AnswerDelta("So", 1)), TallyUpdate(RESULT.candidates), RESULT
    assert rendered(*events) == ("So **\\boxed{4}**.\n", "")
    assert rendered(RESULT, answer_only=True) == ("4\n", "")
    assert rendered(VoteResult(None, (), (), "cancelled")) == ("", "")
    assert rendered(Notice("context", "a notice")) == ("", "a notice\n")


def test_a_winner_that_was_cut_is_said_to_be() -> None:
    cut = replace(BALLOTS[0], reply=replace(REPLY, reason="length"))
    result = replace(RESULT, winner=cut)
    assert rendered(result) == ("So **\\boxed{4}**.\n", "stopped at the token limit\n")


def test_a_terminal_has_the_table_then_the_answer_and_the_tally(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal, clock = Terminal(), Clock()
    console = console_on(terminal, monkeypatch)
    options: dict[str, Any] = {"with_thinking": True, "answer_only": False, "clock": clock}
    renderer = vote_renderer_for(
        console, console, output_format="text", votes=3, model="m", **options
    )
    renderer.handle(VoterEvent(1, ThinkingDelta("Hm", 7)))
    assert terminal.rows[0] == "0 of 3 votes · 7 tokens"
    renderer.handle(TallyUpdate(RESULT.candidates))
    assert terminal.rows[0] == "0 of 3 votes · 7 tokens", "it is painted now and then"
    clock.now += 2
    renderer.handle(Paused(1))
    assert terminal.rows[0] == "2 of 3 votes · 7 tokens · 4 tokens/s"
    renderer.handle(RESULT)
    renderer.close()
    assert terminal.rows == [
        "So ▐4▌.",
        "4 · 2 votes",
        "without an answer · 1",
        "3 replies · 24 tokens, 12 per second",
    ]


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        ("complete", "3 replies · "),
        ("decided", "3 replies, then the outcome was certain · "),
        ("confident", "3 replies, then the leader was likely enough to stay ahead · "),
        ("cancelled", "3 replies, then the vote was stopped · "),
    ],
)
def test_the_tally_says_why_it_ended(ended: VoteEnd, words: str) -> None:
    assert tally_lines(replace(RESULT, ended=ended))[-1].startswith(words)


def test_a_tally_of_many_answers_is_cut() -> None:
    candidates = tuple(Candidate(str(n), (n,)) for n in range(12))
    lines = tally_lines(VoteResult(None, candidates, (), "cancelled"))
    assert lines[6] == "6 · 1 vote" and lines[7] == "5 more answers"


def test_an_answer_is_one_line_of_bounded_width() -> None:
    assert one_line(" a\n b ") == "a b"
    assert one_line("x" * 41) == "x" * 39 + "…"
    assert one_line("中" * 30) == "中" * 19 + "…"


def test_the_table_has_candidates_and_those_at_work() -> None:
    table = VoteTable(6, Clock())
    for event in (
        VoterEvent(1, ThinkingDelta("Hm", 7)),
        VoterEvent(2, ThinkingDelta("Hm", 4)),
        VoterEvent(2, AnswerDelta("x", 2)),
        Paused(3),
        BALLOTS[0],
        TallyUpdate((Candidate("4", (1, 5)), Candidate("five", (4,)))),
    ):
        table.handle(event)
    assert table.lines(80, 24) == [
        "3 of 6 votes · 13 tokens",
        "4     ██ 2",
        "five  █ 1",
        "#2 answering 6  #3 paused 0     3 waiting",
    ]
    assert len(table.lines(20, 24)) > 4, "fewer beside one another"
    assert len(table.lines(20, 3)) == 3
