"""Votes: many replies to one question and the answer most of them give. Real models."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from r1local.conversation import Message, Reply
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Notice, ThinkingDelta
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import Paused, VoteEvent, VoteResult, VoterEvent, VoterReply
from r1local.machine.memory import Machine
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.engine import generate
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.command import COMMAND, ROOT, Run, Scripted
from testing.models import END_THINK, vocabulary

pytestmark = pytest.mark.slow

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and terminals")

NANO = ROOT / "r1local" / "nano.gguf"
SUM = "What is 37 * 48?"
HI = (Message("user", "hi"),)
WARM = ReplySettings(SamplerSettings(temperature=1.5, seed=1))
#: Hot enough that nano's replies differ.
DIFFERING = ("-m", NANO, "--votes", "8", "--temperature", "1.5", "--seed", "1")
#: Text without end that doesn't go in circles.
COUNTING = "".join(f"{number * number}, " for number in range(500))
HOSTILE = "\x1b[2J\x9b31m\u202eabc"


def never() -> bool:
    return False


@contextmanager
def loaded(path: Path, sequences: int, context: int | None = None) -> Iterator[LocalEngine]:
    with closing(
        LocalEngine.open(path, LoadOptions(context=context, sequences=sequences), never)
    ) as engine:
        yield engine


def held(
    model: LocalEngine, settings: VoteSettings, question: str = SUM, control: Control | None = None
) -> tuple[list[VoteEvent], VoteResult]:
    conversation = (Message("user", question),)
    *events, last = hold_vote(model, conversation, settings, control or Control(), "m")
    assert isinstance(last, VoteResult)
    return events, last


def words(reply: Reply) -> tuple[str, str, str, int, int]:
    """What of a reply does not depend on the clock or the seed."""
    tokens = reply.thinking_tokens, reply.answer_tokens
    return (reply.thinking, reply.answer, reply.reason, *tokens)


def alone(model: LocalEngine, settings: ReplySettings) -> Reply:
    kept = ReplyBuilder("m")
    for event in generate(model, HI, settings, Control()):
        kept.handle(event)
    return kept.reply()


def json_of(run: Run, *arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    hold_vote: dict[str, Any] = json.loads(result.stdout)
    return hold_vote | {"code": result.returncode, "errors": result.stderr}


def test_a_voters_thought_ends_with_the_token_only(scripted: Scripted) -> None:
    quoted = [*b"It says </think>\\boxed{1}, so"]
    ids = [*quoted, vocabulary().id(END_THINK), *b"\\boxed{7}"]
    with loaded(scripted(ids), sequences=2) as model:
        _events, result = held(model, VoteSettings(votes=2))
    assert [each.final_answer for each in result.ballots] == ["7", "7"]


# --- Through the front door -----------------------------------------------------


def test_in_a_pipe_there_is_the_answer_alone(run: Run, scripted: Scripted) -> None:
    model = scripted("Hm.</think>\n\nIt is \\boxed{42}.")
    result = run("hi", "-m", model, "--votes", "4")
    assert (result.stdout, result.stderr) == ("It is \\boxed{42}.\n", "")
    assert result.returncode == 0
    assert run("hi", "-m", model, "--votes", "4", "--answer-only").stdout == "42\n"


def test_json_has_every_reply_the_tally_and_the_agreement(run: Run) -> None:
    vote = json_of(run, SUM, *DIFFERING)
    assert vote["code"] == 0
    assert vote["model"] == "nano"
    assert vote["final_answer"] == "1776"
    replies = vote["replies"]
    assert [one["voter"] for one in replies] == list(range(1, len(replies) + 1))
    assert [one["seed"] for one in replies] == list(range(1, len(replies) + 1))
    assert len({one["thinking"] for one in replies}) > 1
    cast = [one for one in replies if one["finish_reason"] != "cancelled"]
    assert vote["finished"] == len(cast)
    for candidate in vote["tally"]:
        assert candidate["votes"] == len(candidate["voters"])
        for voter in candidate["voters"]:
            assert replies[voter - 1]["final_answer"] is not None
    assert sum(one["votes"] for one in vote["tally"]) == sum(
        one["final_answer"] is not None for one in replies
    )
    assert vote["agreement"] == round(vote["tally"][0]["votes"] / vote["finished"], 4)
    counted = sum(one["thinking_tokens"] + one["answer_tokens"] for one in replies)
    assert vote["usage"]["thinking_tokens"] + vote["usage"]["answer_tokens"] == counted


def test_the_winner_is_the_shortest_reply_with_its_answer(run: Run) -> None:
    vote = json_of(run, SUM, *DIFFERING)
    length = {
        one["voter"]: one["thinking_tokens"] + one["answer_tokens"]
        for one in vote["replies"]
        if one["voter"] in vote["tally"][0]["voters"]
    }
    assert len(set(length.values())) > 1
    assert length[vote["winner"]] == min(length.values())
    assert vote["answer"] == vote["replies"][vote["winner"] - 1]["answer"]
    assert vote["thinking"] == vote["replies"][vote["winner"] - 1]["thinking"]


def test_thinking_hidden(run: Run) -> None:
    vote = json_of(run, SUM, "-m", NANO, "--votes", "2", "--thinking", "hide")
    assert vote["thinking"] is None
    assert {one["thinking"] for one in vote["replies"]} == {None}
    lines = run(SUM, "-m", NANO, "--votes", "2", "--thinking", "hide", "--format", "jsonl").stdout
    assert "thinking" not in {json.loads(line)["type"] for line in lines.splitlines()}


def test_json_lines_follow_each_voter_and_a_seed_repeats_them_all(run: Run) -> None:
    result = run(SUM, *DIFFERING, "--format", "jsonl")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    whole = json_of(run, SUM, *DIFFERING)
    for one in whole["replies"]:
        mine = [event for event in events if event.get("voter") == one["voter"]]
        for part in ("thinking", "answer"):
            text = "".join(event["text"] for event in mine if event["type"] == part)
            assert text == one[part]
        assert mine[-1]["type"] == "ballot"
        assert mine[-1]["final_answer"] == one["final_answer"]
    assert events[-1]["type"] == "elected"
    assert events[-1]["tally"] == whole["tally"]
    assert events[-2]["tally"] == whole["tally"]


def test_no_answer_is_exit_3(run: Run, scripted: Scripted) -> None:
    model = scripted("Round and round")
    result = run("hi", "-m", model, "--votes", "3")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "no answer: no reply reached one\n"
    vote = json_of(run, "hi", "-m", model, "--votes", "3")
    assert (vote["code"], vote["final_answer"], vote["answer"]) == (3, None, None)
    assert (vote["finished"], vote["agreement"], vote["tally"]) == (3, 0, [])


def test_a_pattern_finds_the_final_answer(run: Run, scripted: Scripted) -> None:
    model = scripted("\\boxed{1}</think>Answer: 5 cm\nBye")
    pattern = ("--answer-pattern", "^Answer: (.+)$")
    result = run("hi", "-m", model, "--votes", "2", "--answer-only", *pattern)
    assert result.stdout == "5 cm\n"


def test_a_pattern_that_is_not_there_is_no_answer(run: Run, scripted: Scripted) -> None:
    model = scripted("Hm</think>Some words")
    result = run("hi", "-m", model, "--votes", "2", "--answer-pattern", "Answer: (.+)")
    assert result.returncode == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("--votes", "0"),
        ("--votes", "2000"),
        ("--votes", "2", "--answer-pattern", "("),
        ("--votes", "2", "--thinking", "only"),
        ("--confidence", "0.9"),
        ("--answer-pattern", "x"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("hi", "-m", NANO, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) == 2


def test_confidence_out_of_range(run: Run) -> None:
    result = run("hi", "-m", NANO, "--votes", "2", "--confidence", "1")
    assert (result.returncode, result.stdout) == (2, "")
    assert "above 0.5 and below 1" in result.stderr


def test_every_answer_follows_the_grammar(run: Run, scripted: Scripted, tmp_path: Path) -> None:
    grammar = tmp_path / "yes.gbnf"
    grammar.write_text('root ::= "yes" | "no"')
    model = scripted("Hm.</think>Well, yes.")
    vote = json_of(run, "hi", "-m", model, "--votes", "3", "--grammar", grammar)
    assert {one["answer"] for one in vote["replies"]} <= {"yes", "no"}


@posix_only
def test_ctrl_c_gives_the_tally_of_what_is_finished(scripted: Scripted) -> None:
    model = scripted("Hm, so it must be</think>\\boxed{42}")
    command = [*COMMAND, "run", "hi", "-m", str(model), "--votes", "1000", "--format", "jsonl"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        assert process.stderr
        while b'"ballot"' not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        events = [json.loads(line) for line in process.stdout.read().decode().splitlines()]
        errors = process.stderr.read()
    assert (process.returncode, errors) == (130, b"")
    last = events[-1]
    assert (last["type"], last["ended"]) == ("elected", "cancelled")
    assert 1 <= last["finished"] < 1000
    assert last["tally"][0]["votes"] >= 1


# --- On a terminal --------------------------------------------------------------


@posix_only
class TestOnATerminal:
    def test_a_live_table_then_the_answer_and_the_tally(self) -> None:
        from testing.pseudo_terminal import PseudoTerminal

        command = [*COMMAND, "run", SUM, *map(str, DIFFERING), "--votes", "12"]
        with PseudoTerminal(command) as terminal:
            terminal.wait_for(lambda: "of 12 votes" in terminal.text())
            terminal.wait_for(lambda: "thinking" in terminal.text())
            terminal.wait_for(lambda: "█" in terminal.text())
            assert terminal.finish() == 0
        lines = terminal.text().strip().splitlines()
        assert lines[0].startswith("37 × 48 = ")
        assert any(line.startswith("1776 · ") for line in lines)
        assert "tokens, " in lines[-1]
        assert "█" not in terminal.text()
        assert "thinking" not in terminal.text()

    def test_hidden_thinking_leaves_the_answer_alone(self, scripted: Scripted) -> None:
        from testing.pseudo_terminal import PseudoTerminal

        model = scripted("Hm.</think>It is \\boxed{42}.")
        command = [*COMMAND, "run", "hi", "-m", str(model), "--votes", "4", "--thinking", "hide"]
        with PseudoTerminal(command) as terminal:
            assert terminal.finish() == 0
        assert len(terminal.text().strip().splitlines()) == 1

    def test_a_hostile_answer_is_shown_and_not_obeyed(self, scripted: Scripted) -> None:
        from testing.pseudo_terminal import PseudoTerminal

        model = scripted(f"{HOSTILE}</think>\\boxed{{{HOSTILE}}}")
        for more in ((), ("--answer-only",)):
            command = [*COMMAND, "run", "hi", "-m", str(model), "--votes", "3", *more]
            with PseudoTerminal(command) as terminal:
                assert terminal.finish() == 0
            assert "\x1b[2J" not in terminal.stream
            assert "\x9b" not in terminal.stream
            assert "\u202e" not in terminal.stream
            assert "␛[2J" in terminal.text()


# --- In process -----------------------------------------------------------------


def test_each_voter_says_what_it_would_say_alone(scripted: Scripted) -> None:
    with loaded(scripted("Hm, " * 20 + "</think>\n\nIt is \\boxed{42}."), 3) as model:
        expected = words(alone(model, ReplySettings()))
        _, elected = held(model, VoteSettings(3))
        # The model is as it was: its KV cache holds the prompt still.
        assert words(alone(model, ReplySettings())) == expected
    assert {words(ballot.reply) for ballot in elected.ballots} == {expected}


def test_a_voter_led_out_of_a_loop_disturbs_nobody(scripted: Scripted) -> None:
    looping = "Fine. " + "round and " * 40 + "</think>It is \\boxed{42}."
    with loaded(scripted(looping), 3) as model:
        settings = ReplySettings(SamplerSettings(seed=1))
        expected = words(alone(model, settings))
        events, elected = held(model, VoteSettings(3, settings))
    for voter in (1, 2, 3):
        kinds = {
            event.event.kind
            for event in events
            if isinstance(event, VoterEvent)
            and event.voter == voter
            and isinstance(event.event, Notice)
        }
        assert "loop" in kinds
    assert words(elected.ballots[0].reply) == expected


def test_all_thoughts_are_closed_in_one_step(scripted: Scripted) -> None:
    # Each closing is about a hundred tokens: together more than llama.cpp takes at once.
    settings = ReplySettings(max_tokens=1_000, thinking=ThinkingSettings(budget=50))
    with loaded(scripted(COUNTING), 12) as model:
        expected = words(alone(model, settings))
        _, elected = held(model, VoteSettings(12, settings))
    assert "long enough" in expected[0]
    assert [words(ballot.reply) for ballot in elected.ballots] == [expected] * 12


def test_without_room_voters_are_paused_and_none_is_lost(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.machine.planner._TOKENS_A_REPLY", 256)
    with loaded(scripted(f"{COUNTING[:800]}</think>\\boxed{{42}}"), 4, context=1_280) as model:
        assert model.loaded.model.kv_tokens == 1_280 + 3 * 256
        expected = words(alone(model, ReplySettings()))
        assert expected[2] == "stop"
        events, elected = held(model, VoteSettings(7))
    assert any(isinstance(event, Paused) for event in events)
    whole = [ballot for ballot in elected.ballots if ballot.reply.reason != "cancelled"]
    assert [words(ballot.reply) for ballot in whole] == [expected] * 4


def test_one_sequence_replies_one_after_the_other_and_stops_when_decided() -> None:
    with loaded(NANO, 1) as model:
        events, elected = held(model, VoteSettings(5))
    assert elected.ended == "decided"
    assert [ballot.voter for ballot in events if isinstance(ballot, VoterReply)] == [1, 2, 3]
    assert elected.agreement == 1
    voters = [event.voter for event in events if isinstance(event, VoterEvent)]
    assert voters == sorted(voters)


def test_confidence_ends_a_vote_before_it_is_decided() -> None:
    with loaded(NANO, 2) as model:
        _, elected = held(model, VoteSettings(100, confidence=0.9))
    assert elected.ended == "confident"
    # 4 of 4 are the first to reach 0.9 in steps of two voters: 31/32.
    assert elected.finished == 4


def test_finished_voters_make_place_for_waiting_ones() -> None:
    with loaded(NANO, 4) as model:
        events, elected = held(model, VoteSettings(12, WARM))
    assert len(elected.ballots) > 7
    begun = [event.voter for event in events if isinstance(event, VoterEvent)]
    first_ballot = next(n for n, event in enumerate(events) if isinstance(event, VoterReply))
    assert max(begun[:100]) == 4
    assert any(isinstance(e, VoterEvent) and e.voter > 4 for e in events[first_ballot:])


def test_a_wish_is_for_every_voter(scripted: Scripted) -> None:
    control = Control()
    conversation = (Message("user", "hi"),)
    closed = set()
    with loaded(scripted(COUNTING), 3) as model:
        for event in hold_vote(model, conversation, VoteSettings(3), control):
            match event:
                case VoterEvent(3, ThinkingDelta(_, tokens)) if 20 <= tokens < 22:
                    control.answer_now()
                case VoterEvent(voter, Notice("budget", message)):
                    assert "as you asked" in message
                    closed.add(voter)
                case VoterEvent(_, AnswerDelta(_, 5)):
                    control.cancel()
    assert closed == {1, 2, 3}


def test_cancelled_replies_have_no_vote() -> None:
    control = Control()
    with loaded(NANO, 2) as model:
        events = hold_vote(model, (Message("user", SUM),), VoteSettings(2), control)
        for event in events:
            if isinstance(event, VoterEvent) and isinstance(event.event, AnswerDelta):
                control.cancel()
            if isinstance(event, VoteResult):
                elected = event
    assert elected.ended == "cancelled"
    assert (elected.winner, elected.finished, elected.agreement) == (None, 0, 0.0)
    assert {ballot.reply.reason for ballot in elected.ballots} == {"cancelled"}


def test_cancelled_before_it_begins() -> None:
    control = Control()
    control.cancel()
    with loaded(NANO, 2) as model:
        events, elected = held(model, VoteSettings(2), control=control)
    assert (events, elected.ended, elected.ballots) == ([], "cancelled", ())


def test_a_vote_left_half_way_leaves_the_model_whole() -> None:
    with loaded(NANO, 3) as model:
        expected = words(alone(model, ReplySettings(SamplerSettings(temperature=0))))
        events = hold_vote(model, HI, VoteSettings(3), Control())
        for _ in range(10):
            next(events)
        events.close()
        assert words(alone(model, ReplySettings(SamplerSettings(temperature=0)))) == expected


def test_the_prompt_is_evaluated_once() -> None:
    with loaded(NANO, 4) as model:
        _, first = held(model, VoteSettings(4))
        _, second = held(model, VoteSettings(4))
    assert first.cached_tokens == 0
    assert second.cached_tokens == second.prompt_tokens - 1


def test_memory_decides_how_much_room_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with loaded(NANO, 8) as model:
        assert model.loaded.model.kv_tokens == 8 * model.loaded.model.context_window
        assert not model.notices
    monkeypatch.setattr("r1local.models.loading.survey_machine", lambda: Machine(40 * 2**20))
    with loaded(NANO, 8) as model:
        window = model.context_window
        assert window < model.loaded.model.kv_tokens < 8 * window
        (notice,) = model.notices
        assert "8 replies at once" in notice.message
        _, elected = held(model, VoteSettings(8))
    assert elected.answer == "1776"
