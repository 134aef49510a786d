"""What the chat's panes show of replies, votes and conversations."""

import pytest

from r1local.conversation import FinishReason, Reply, Turn
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Rewound,
    ThinkingDelta,
    Usage,
)
from r1local.events.vote import Candidate, TallyUpdate, VoteResult, VoterEvent, VoterReply
from r1local.ui.chat.items import text_of
from r1local.ui.chat.pane import Pane
from r1local.ui.chat.view import ChatView, ReplyState
from testing.terminals import Clock

USAGE = Usage(11, 0, 5, 3, 0.0, 0.25, 2.0, 0.5)
REPLY = Reply("Because.", "It is **4**.", "stop", False, "m", 5, 3, 11, 2.0, 0.5)


def end(reason: FinishReason = "stop", thinking_open: bool = False) -> Finished:
    return Finished(reason, USAGE, 42, thinking_open)


def shown(pane: Pane) -> list[str]:
    """The rows of a pane that have text."""
    return [row for row in map(str.rstrip, map(text_of, pane.rows_in_view(60, 40))) if row]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def view(clock: Clock) -> ChatView:
    return ChatView(clock)


def play(view: ChatView, *events: Event) -> ReplyState:
    for event in events:
        view.handle(event)
    return view.state


def test_a_reply_goes_through_its_states(view: ChatView, clock: Clock) -> None:
    assert (view.state, view.title) == ("idle", ())
    view.begin("What is 2 + 2?", budget=100)
    assert (view.state, view.title[0]) == ("reading", "Reading the prompt")
    play(view, ThinkingDelta("Because", 2))
    clock.now += 2
    assert play(view, ThinkingDelta(".", 3)) == "thinking"
    assert view.title[:3] == ("Thinking", "2.0 s", "3 of 100 tokens")
    assert shown(view.thinking) == ["Because."]
    assert play(view, AnswerDelta("It is **4", 1)) == "answering"
    assert shown(view.conversation)[:2] == ["❯ What is 2 + 2?", "▸ thought for 2.0 s · 3 tokens"]
    play(view, AnswerDelta("**.", 3), end())
    assert (view.state, view.title) == ("idle", ("Thought for 2.0 s · 5 tokens",))
    assert shown(view.conversation)[1:] == ["▸ thought for 2.0 s · 5 tokens", "It is 4."]
    assert view.tokens_per_s == pytest.approx(3.2)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("cancelled", "/continue lets it go on"),
        ("length", "/continue lets it go on"),
        ("loop", "/retry tries another way"),
    ],
)
def test_a_reply_that_was_cut_says_what_can_be_done(
    view: ChatView, reason: FinishReason, words: str
) -> None:
    view.begin("?")
    play(view, AnswerDelta("It is", 1), end(reason))
    assert shown(view.conversation)[-1].endswith(words)


def test_a_loop_is_taken_off_the_screen(view: ChatView) -> None:
    view.begin("?")
    play(view, ThinkingDelta("sense nonsense", 2), Rewound("thinking", 9), AnswerDelta("yes no", 2))
    play(view, Rewound("answer", 3), end("loop"))
    assert shown(view.thinking) == ["sense"]
    assert "yes" in shown(view.conversation) and "yes no" not in shown(view.conversation)


def test_a_notice_stands_above_the_answer_that_is_written(view: ChatView) -> None:
    view.begin("?")
    play(view, AnswerDelta("one ", 1), Notice("context", "a notice"), AnswerDelta("two", 2))
    assert shown(view.conversation) == ["❯ ?", "a notice", "one two"]


def test_a_reply_that_goes_on_keeps_its_beginning(view: ChatView) -> None:
    view.begin("?", Reply("Hm", "", "length", True, "m", 2, 0, 9, 1.0))
    play(view, ThinkingDelta("m.", 1), AnswerDelta("4", 1), end())
    assert shown(view.thinking) == ["Hmm."]
    assert shown(view.conversation) == ["❯ ?", "▸ thought for 3.0 s · 7 tokens", "4"]


def test_a_turn_taken_back_leaves_all_else(view: ChatView) -> None:
    view.show_turns([Turn("one", REPLY)], dropped=0)
    whole = shown(view.conversation)
    view.note("kept")
    view.begin("two")
    play(view, ThinkingDelta("Hm", 1), AnswerDelta("**4**", 1), end("length"))
    view.note("too")
    view.show_raw(True)
    view.take_back()
    view.show_raw(False)
    assert shown(view.conversation) == [*whole, "kept", "too"]
    view.take_back()
    assert shown(view.conversation) == ["kept", "too"]


def test_an_error_leaves_the_thought_unfinished(view: ChatView) -> None:
    view.begin("?")
    play(view, ThinkingDelta("Hm", 1))
    view.break_off()
    assert view.state == "idle"
    assert shown(view.conversation)[-1].endswith("1 token, without coming to an end")


def test_answers_can_be_shown_as_written_and_back(view: ChatView) -> None:
    view.begin("?")
    play(view, AnswerDelta("**a", 1))
    view.show_raw(True)
    play(view, AnswerDelta("**", 2))
    assert shown(view.conversation)[-1] == "**a**"
    view.show_raw(False)
    assert shown(view.conversation)[-1] == "a"


def test_a_conversation_is_shown_from_its_start(view: ChatView) -> None:
    lost = Turn("Vote!", None, voters={1: REPLY, 2: REPLY})
    view.show_turns([Turn("one", REPLY), Turn("two", REPLY), lost], dropped=1)
    rows = shown(view.conversation)
    assert rows[:3] == ["❯ one", "▸ thought for 2.0 s · 5 tokens", "It is 4."]
    assert rows[3] == "the model is no longer given what is above"
    assert "▸ 2 replies voted; /think 3.1 opens one" in rows
    assert rows[-1].endswith("/edit has the question again")
    view.show_turns([Turn("one", REPLY)], dropped=0)
    assert shown(view.thinking) == ["Because."], "it can be opened"
    view.clear()
    assert shown(view.conversation) == []


def test_the_thought_of_another_reply_is_opened_at_its_words(view: ChatView) -> None:
    thinking = "".join(f"row {n}\n" for n in range(200))
    view.open_thought("2.1", Reply(thinking, "", "stop", False, "m", 9, 0, 0, 3.0), "row 150")
    assert view.title == ("Thought 2.1 · 3.0 s · 9 tokens",)
    assert "row 150" in shown(view.thinking)


def test_a_votes_table_makes_place_for_its_winner(view: ChatView) -> None:
    view.begin_vote("?", 2)
    assert (view.state, view.title[0]) == ("voting", "Voting")
    view.handle_vote(VoterEvent(1, ThinkingDelta("Hm", 3)))
    view.handle_vote(TallyUpdate((Candidate("4", (1,)),)))
    view.handle_vote(Notice("context", "a notice"))
    rows = shown(view.conversation)
    assert rows[:2] == ["❯ ?", "a notice"]
    assert rows[2].startswith("1 of 2 votes") and any(row.startswith("4 ") for row in rows)
    ballot = VoterReply(1, REPLY, "4")
    view.handle_vote(VoteResult(ballot, (Candidate("4", (1,)),), (ballot,), "complete"))
    rows = shown(view.conversation)
    assert not any("of 2 votes" in row for row in rows)
    assert rows[2] == "▸ 4 · 1 vote" and rows[-1] == "It is 4."


def test_a_vote_without_an_answer_says_so(view: ChatView) -> None:
    view.begin_vote("?", 2)
    view.handle_vote(VoteResult(None, (), (), "cancelled"))
    assert shown(view.conversation)[-1] == "no reply came to an answer"
