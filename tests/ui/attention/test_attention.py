"""When people are told, and what: by a clock that stands still until it is moved."""

import io

import pytest

from r1local.conversation import FinishReason, Reply
from r1local.errors import InferenceError, InvalidSetting, R1LocalError
from r1local.events.reply import AnswerDelta, Event, Finished, Reading, ThinkingDelta, Usage
from r1local.events.vote import (
    Candidate,
    Paused,
    VoteEnd,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.ui.attention.attention import Attention, attention_on
from r1local.ui.attention.sequences import KEEP_TITLE, NO_PROGRESS, RESTORE_TITLE
from r1local.ui.attention.terminal import Abilities
from testing.terminals import Clock

GHOSTTY = Abilities("osc9", progress=True)


class Watched:
    """An attention, its clock, and what the terminal was told."""

    def __init__(self, terminal: Abilities | None = GHOSTTY, notify: str = "auto") -> None:
        self.clock = Clock()
        self.told: list[str] = []
        self.attention = Attention(self.told.append, terminal, notify, 20, self.clock)

    def after(self, seconds: float, *events: Event | VoteEvent) -> list[str]:
        """Let time go by, and events come; return what was told since."""
        self.clock.now += seconds
        self.told.clear()
        for event in events:
            self.attention.handle(event)
        return list(self.told)


def ended(reason: FinishReason = "stop") -> Finished:
    return Finished(reason, Usage(1, 0, 1, 1, 0.0, 0.0, 0.0, 0.0), 0, False)


def ballot(voter: int) -> VoterReply:
    return VoterReply(voter, Reply("", "4", "stop", False, "m"), "4")


def title(text: str) -> str:
    return f"\x1b]2;r1local: {text}\x07"


def test_a_quick_reply_is_not_told_of_at_all() -> None:
    watched = Watched()
    assert watched.after(1.9, ThinkingDelta("a", 1), AnswerDelta("b", 1), ended()) == []
    watched.attention.close()
    assert watched.told == []


def test_a_title_has_state_and_share_and_is_given_back() -> None:
    watched = Watched()
    watched.attention.begin(budget=1_000)
    reading = watched.after(2, Reading(512, 2_048))
    assert reading == [KEEP_TITLE + title("reading 25 %"), "\x1b]9;4;1;25\x07"]
    assert watched.after(0.5, Reading(1_024, 2_048)) == []  # not too often
    assert watched.after(1, ThinkingDelta("a", 420))[0] == title("thinking 42 %")
    assert watched.after(1, ThinkingDelta("a", 1_010))[0] == title("thinking 100 %")
    assert watched.after(1, AnswerDelta("b", 1)) == [title("answering"), "\x1b]9;4;3;0\x07"]
    assert watched.after(1, ended()) == [NO_PROGRESS, title("answered")]
    watched.attention.close()
    watched.attention.close()
    assert watched.told[2:] == [RESTORE_TITLE]


def test_without_a_budget_a_thought_has_no_share() -> None:
    assert Watched().after(2, ThinkingDelta("a", 420))[0] == KEEP_TITLE + title("thinking")


def test_a_long_reply_is_told_of_with_the_beginning_of_its_answer() -> None:
    watched = Watched()
    watched.after(60, AnswerDelta("There are\n\x1b[31mten", 1))
    *_, last = watched.after(5, ended())
    assert last == "\x1b]9;r1local: answered after 1 min 5 s: There are ␛[31mten\x07"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("length", "stopped at the token limit"), ("loop", "stopped in a loop")],
)
def test_it_is_told_how_a_reply_ended(reason: FinishReason, words: str) -> None:
    assert f"{words} after" in Watched().after(30, ended(reason))[-1]


@pytest.mark.parametrize(
    ("focused", "touched_before", "told"),
    [
        (None, 30, True),
        (None, 19, False),  # somebody types here, and sees it
        (True, 30, False),
        (False, 5, True),  # somebody left five seconds ago
    ],
)
def test_whoever_looks_is_not_told(focused: bool | None, touched_before: float, told: bool) -> None:
    watched = Watched()
    watched.clock.now = 40 - touched_before
    watched.attention.touched()
    watched.attention.focused = focused
    assert bool(watched.after(touched_before, ended())) == told


def test_what_the_user_ended_is_no_news() -> None:
    assert Watched().after(60, ended("cancelled")) == []


def test_an_error_is_news() -> None:
    watched = Watched()

    def failing() -> object:
        watched.clock.now += 25
        yield ThinkingDelta("a", 1)
        raise InferenceError("llama.cpp \x07failed", "try again")

    with pytest.raises(R1LocalError):
        [*watched.attention.watched(failing())]  # type: ignore[arg-type]
    assert watched.told[-1] == "\x1b]9;r1local: failed after 25 s: llama.cpp ␇failed\x07"


def test_a_choice_is_told_to_who_has_left() -> None:
    watched = Watched()
    watched.attention.choice("too long")
    assert watched.told == []
    watched.clock.now = 21
    watched.attention.choice("too long")
    assert watched.told == ["\x1b]9;r1local: a choice is needed: too long\x07"]


def test_a_vote_counts_voters() -> None:
    watched = Watched()
    watched.attention.begin(votes=4)
    voter = VoterEvent(1, ThinkingDelta("a", 1))
    assert watched.after(2, voter)[0] == KEEP_TITLE + title("0 of 4 votes 0 %")
    assert watched.after(2, ballot(1), Paused(2))[0] == title("1 of 4 votes 25 %")
    four = Candidate("4", (1, 2))
    end: VoteEnd = "decided"
    result = VoteResult(ballot(1), (four,), (ballot(1), ballot(2)), end)
    assert watched.after(20, result)[-1] == "\x1b]9;r1local: 2 of 2 votes after 24 s: 4\x07"
    watched.attention.begin(votes=4)
    assert "no reply came to an answer" in watched.after(20, VoteResult(None, (), (), end))[-1]


def test_off_is_silence() -> None:
    watched = Watched(notify="off")
    assert watched.after(60, ThinkingDelta("a", 1), ended()) == []
    watched.attention.close()
    assert watched.told == []


@pytest.mark.parametrize(
    ("notify", "begins"), [("bell", "\x07"), ("osc777", "\x1b]777;"), ("osc99", "\x1b]99;")]
)
def test_a_protocol_can_be_chosen(notify: str, begins: str) -> None:
    assert Watched(notify=notify).after(60, ended())[-1].startswith(begins)


def test_no_terminal_is_written_to_that_can_not_be() -> None:
    watched = Watched(terminal=None)
    assert watched.after(60, Reading(1, 2), ThinkingDelta("a", 1), ended()) == []


def test_a_pipe_is_no_terminal() -> None:
    stream = io.StringIO()
    attention = attention_on(stream, "osc9", 0)
    attention.handle(ended())
    attention.close()
    assert stream.getvalue() == ""


def test_a_program_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(InvalidSetting, match="there is no program 'atuo'"):
        Watched(notify="atuo")
