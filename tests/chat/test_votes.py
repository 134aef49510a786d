"""`/vote` in the chat: many replies, the winner, and the thoughts of each."""

import re
from pathlib import Path

import pytest

from r1local.sessions.folder import read_session, saved_sessions
from testing import chats
from testing.chats import ChatTerminal, of_type

pytestmark = pytest.mark.slow


def test_replies_vote_and_their_thoughts_can_be_opened() -> None:
    with ChatTerminal("-m", "nano", "--seed", "1", columns=120) as terminal:
        terminal.send("/vote 5")
        terminal.wait_for_text("there is no question")
        terminal.send("/vote 5 What is 12 times 12?")
        terminal.wait_for_text("▐144▌", "144 · ", "votes")
        terminal.type(chats.F2)
        terminal.wait_for_text("─ Thought for", "12×12=144")
        terminal.send("/think 1.2")
        terminal.wait_for_text("Thought 1.2", "12×12=144")
        terminal.send("/think 1.9")
        terminal.wait_for_text("there is no thought 1.9")
        terminal.send("What is 27 + 58?")
        terminal.wait_for_text("▐85▌")
        assert terminal.leave() == 0
    with ChatTerminal("--resume", columns=120) as terminal:
        terminal.wait_for_text("replies voted; /think 1.1 opens one", "▐144▌", "▐85▌")
        terminal.send("/think 1.2")
        terminal.wait_for_text("Thought 1.2", "12×12=144")
        terminal.send("/stats")
        terminal.wait_for_text(
            f"in {len(read_session(saved_sessions()[0].name).turns[0].voters) + 1} replies"
        )
        assert terminal.leave() == 0
    voted, asked = read_session(saved_sessions()[0].name).turns
    assert voted.question == "What is 12 times 12?"
    assert voted.reply is not None and "144" in voted.reply.answer
    assert asked.reply is not None and "85" in asked.reply.answer
    assert voted.reply in voted.voters.values() and {1, 2, 3} <= voted.voters.keys()


def votes_held() -> int:
    return sum("voter" not in each for each in of_type("ended"))


def test_a_vote_is_retried_as_a_vote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "note.txt").write_text("The magic word is xyzzy.")
    with ChatTerminal("-m", "nano", "--seed", "1", columns=120) as terminal:
        terminal.send("/file note.txt")
        terminal.send("/vote 3 What is 12 times 12?")
        terminal.wait_for(lambda: votes_held() == 1)
        terminal.command_shows("/retry", "❯ What is 12 times 12?", "votes")
        terminal.wait_for(lambda: votes_held() == 2)
        assert "cut off" not in terminal.shown
        (turn,) = read_session(saved_sessions()[0].name).turns
        terminal.command_shows("/stats", f"in {2 * len(turn.voters)} replies")  # of both votes
        assert terminal.leave() == 0
    assert turn.votes == 3 and turn.reply in turn.voters.values()
    assert turn.documents == ("note.txt",) and "xyzzy" in turn.question
    ends = [each["seed"] for each in of_type("ended") if each.get("voter") == 1]
    assert len(ends) == 2 and ends[0] == 1 != ends[1]


def thought_on_disk(voter: int) -> str:
    return "".join(each["text"] for each in of_type("thinking") if each.get("voter") == voter)


def test_a_vote_that_is_killed_leaves_its_replies() -> None:
    with ChatTerminal("-m", "nano", "--temperature", "1.2", columns=120) as terminal:
        terminal.send("/vote 400 What is 98 times 76?")
        terminal.wait_for(lambda: "98" in thought_on_disk(3))
        terminal.child.kill()
        terminal.finish()
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.reply is None and "98" in turn.voters[3].thinking
    assert {reply.reason for reply in turn.voters.values()} >= {"lost"}
    with ChatTerminal("--resume", columns=120) as terminal:
        terminal.wait_for_text("replies voted", "cut off with the program; /edit has")
        terminal.send("/think 1.3")
        terminal.wait_for_text("Thought 1.3")
        terminal.send("/edit")
        terminal.wait_for_text("❯ What is 98 times 76?")


def test_what_is_said_during_a_vote_stands_above_its_table() -> None:
    with ChatTerminal("-m", "nano", "--temperature", "1.2", columns=120) as terminal:
        terminal.send("/vote 1000 What is 98 times 76?")
        # Before there is one, the model may still be loaded for more replies at once.
        terminal.wait_for(lambda: re.search(r"[1-9]\d* of 1,000 votes", terminal.shown))
        terminal.send("/stats")
        terminal.wait_for_text("prompts  ")
        rows = terminal.shown.splitlines()
        stats = next(n for n, row in enumerate(rows) if "prompts  " in row)
        assert any("of 1,000 votes" in row for row in rows[stats:])
        terminal.type("\x03")
        terminal.wait_for_text("then the vote was stopped")
        assert terminal.leave() == 0
