"""The mouse in the full-screen chat: thoughts are opened, text is selected, the wheel scrolls."""

import pytest

from testing import chats
from testing.chats import REPLY, THOUGHT, ChatTerminal, steps
from testing.command import Scripted

pytestmark = pytest.mark.slow


def place(terminal: ChatTerminal, text: str) -> tuple[int, int]:
    """Column and row of a text on the screen."""
    rows = enumerate(terminal.rows)
    return next((row.index(text), n) for n, row in rows if text in row)


def click(terminal: ChatTerminal, text: str) -> None:
    column, row = place(terminal, text)
    terminal.press(column + 1, row)
    terminal.release(column + 1, row)


def select(terminal: ChatTerminal, start: tuple[int, int], end: tuple[int, int]) -> None:
    terminal.press(*start)
    terminal.drag(*end)
    terminal.release(*end)


@pytest.mark.parametrize("columns", [60, 120])
def test_a_click_on_a_folded_thought_opens_that_one(scripted: Scripted, columns: int) -> None:
    with ChatTerminal("-m", scripted(REPLY), columns=columns, lines=60) as terminal:
        for count, question in enumerate(("first", "second"), 1):
            terminal.send(question)
            terminal.wait_for(lambda count=count: terminal.shown.count("│ 4 │") == count)  # type: ignore[misc]
        terminal.wait_for(lambda: not chats.replying())
        click(terminal, "▸ thought for")
        terminal.wait_for_text("─ Thought 1", "Let me list the primes")
        row = max(n for n, each in enumerate(terminal.rows) if "▸ thought for" in each)
        terminal.press(0, row)
        terminal.release(0, row)
        terminal.wait_for_text("─ Thought 2")
        click(terminal, "❯ second")
        terminal.type(chats.F2)
        terminal.wait_without("─ Thought 2")
        assert terminal.copied == []
        assert terminal.leave() == 0


def test_what_is_selected_in_one_pane_is_copied(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), columns=120, lines=40, PATH="/nowhere") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │")
        terminal.send("/think 1")
        terminal.wait_for_text("│Let me list")
        column, row = place(terminal, "There are four")
        select(terminal, (column, row), (column + 8, row))
        terminal.wait_for_text("asked the terminal to copy 9 characters")
        assert terminal.copied == ["There are"]
        # Far into the other pane and below: what is there is not selected.
        column, row = place(terminal, "How many?")
        select(terminal, (column, row), (110, place(terminal, "There are four")[1]))
        # Until it is painted, the pane that was dragged in has the mouse to itself.
        terminal.wait_for(
            lambda: (
                f"copy {len(terminal.copied[-1]):,} characters" in terminal.shown
                and len(terminal.copied) == 2
            )
        )
        question, _, thought, answer = terminal.copied[1].split("\n")
        assert question == "How many?" and thought.startswith("▸ thought for")
        assert answer == "There are four primes below 10:"
        column, row = place(terminal, "Let me list")
        select(terminal, (column + 20, row + 1), (column, row))
        terminal.wait_for(lambda: len(terminal.copied) == 3)
        assert terminal.copied[2] == THOUGHT.replace(" so no.", "")[: len(terminal.copied[2])]
        assert terminal.leave() == 0


def test_a_selection_goes_on_beyond_the_pane_and_the_wheel_still_scrolls(
    scripted: Scripted,
) -> None:
    answer = "".join(f"- Fact {n}\n" for n in range(1, 81))
    with ChatTerminal("-m", scripted(f"Hm.</think>{answer}"), PATH="/nowhere") as terminal:
        terminal.send("Facts?")
        terminal.wait_for_text("Fact 80")
        terminal.type("\x1b[<64;10;5M")
        terminal.wait_for_text("↓ new")
        terminal.type("\x1b[<65;10;5M")
        terminal.wait_without("↓ new")
        column, row = place(terminal, "Fact 79")
        terminal.press(column, row)
        top = terminal.rows[0]
        for _ in range(40):
            terminal.drag(column, row - 1)
        terminal.drag(column, 0)
        terminal.release(column + 60, 29)
        terminal.wait_for(lambda: terminal.copied)
        assert top == terminal.rows[0] and terminal.copied[0].endswith("Fact 80")
        assert terminal.leave() == 0


def test_wide_characters_are_selected_whole(scripted: Scripted) -> None:
    model = scripted("Hm.</think>数学 and 👩‍👩‍👧 end")
    with ChatTerminal("-m", model, PATH="/nowhere") as terminal:
        terminal.send("Well?")
        terminal.wait_for_text("数学", "end")
        row = next(n for n, each in enumerate(terminal.rows) if "and" in each and "学" in each)
        select(terminal, (0, row), (9, row))
        terminal.wait_for(lambda: terminal.copied)
        assert terminal.copied[0].startswith("数学 and")
        assert terminal.leave() == 0


def test_found_places_are_gone_to_by_keys_and_shown_where_they_are(scripted: Scripted) -> None:
    answer = "".join(f"- Fact {n} of many.\n" for n in range(1, 81))
    model = scripted(
        f"{steps(40)}A needle.</think>A Needle first.\n\n{answer}", context_length=8000
    )
    with ChatTerminal("-m", model, "--reply-numbers", prompt="❯") as terminal:
        terminal.send("A needle?")
        terminal.wait_for_text("Fact 80")
        assert "A Needle first" not in terminal.shown
        terminal.send("/find needle")
        terminal.wait_for_text("question 1 holds: needle; 1 of 3", "1 ❯ A needle?")
        terminal.type(chats.ALT_N)
        terminal.wait_for_text("thought 1 holds: needle; 2 of 3", "│A needle.")
        terminal.type(chats.ALT_N)
        terminal.wait_for_text("answer 1 holds: needle; 3 of 3", "A Needle first.")
        terminal.type(chats.CTRL_END + chats.ALT_N)
        terminal.wait_for_text("question 1 holds", "1 ❯ A needle?")
        terminal.type(chats.ALT_P)
        terminal.wait_for_text("answer 1 holds: needle; 3 of 3")
        terminal.send("/clear")
        terminal.wait_without("A Needle first.")
        terminal.type(chats.ALT_P * 2)
        terminal.wait_for_text("question 1 holds", "1 ❯ A needle?")
        assert terminal.leave() == 0
