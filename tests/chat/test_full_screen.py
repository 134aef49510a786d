"""The full-screen chat: two panes that stream, fold, scroll and move, at any size."""

import re

import pytest

from testing import chats
from testing.chats import ChatTerminal, of_type, steps
from testing.command import Scripted

pytestmark = pytest.mark.slow

#: About one second of a slow model, and several.
THOUGHT, LONG_THOUGHT = steps(80), steps(200)
LONG_ANSWER = "".join(f"- Fact {n}: the square is {n * n}.\n" for n in range(1, 121))
ROOM = 16_000

HOSTILE = "\x1b]0;evil\x07\x1b[2J\x9b31m\r\u202eabc\u2066\x1b[?1049l\x1b]52;c;ZXZpbA==\x07"


def place(terminal: ChatTerminal, text: str) -> tuple[int, int]:
    """Row and column of a text on the screen."""
    rows = enumerate(terminal.rows)
    return next((n, row.index(text)) for n, row in rows if text in row)


def thought_row(terminal: ChatTerminal) -> str:
    """A row of the thinking pane, as it stands on the screen."""
    return next((row for row in terminal.rows if "times" in row), "")


# --- Two panes ---------------------------------------------------------------------------


def test_panes_are_side_by_side_and_the_thought_folds(scripted: Scripted) -> None:
    reply = f"{THOUGHT}</think>\n\n{chats.ANSWER}"
    model = scripted(reply, context_length=ROOM, slow=True)
    with ChatTerminal("-m", model, columns=120) as terminal:
        terminal.send("How many?")
        terminal.wait_for(
            lambda: re.search(r"│─ Thinking · \d+\.\d s · [\d,]+ tokens · \d+/s ─", terminal.shown)
        )
        assert place(terminal, "❯ How many?")[1] == 0
        assert 60 < terminal.rows[1].index("│") < 80

        terminal.wait_for_text("There are four primes", "└───┘")
        assert re.search(r"▸ thought for \d+\.\d s · 2,\d{3} tokens\n", terminal.shown)
        assert "│Step" not in terminal.shown and "prime   square" in terminal.shown
        assert "8/2 = 4" in terminal.shown and "│ 4 │" in terminal.shown
        assert re.search(r"scripted · CPU · ▓+░+ · 2,\d{3}/16,\d{3} · \d+ tokens/s", terminal.shown)

        terminal.type(chats.F2)
        terminal.wait_for_text("Thought for", "│Step 79")
        terminal.type(chats.F2)
        terminal.wait_without("│Step")
        terminal.type(chats.F5)
        terminal.wait_for_text("**four**", "| 5 | 25 |", r"\[\boxed{4}\]")
        terminal.type(chats.F5)
        terminal.wait_without("**four**")


def test_below_100_columns_the_thought_is_below(scripted: Scripted) -> None:
    model = scripted(f"{LONG_THOUGHT}</think>y", context_length=ROOM, slow=True)
    with ChatTerminal("-m", model, columns=99) as terminal:
        terminal.send("How many?")
        terminal.wait_for(
            lambda: (
                thought_row(terminal).startswith("Step")
                and "F3 answer now · F4 think on" in terminal.shown
            )
        )
        assert place(terminal, "❯ How many?")[0] < place(terminal, "─ Thinking")[0]
        assert place(terminal, "─ Thinking")[0] < place(terminal, " times ")[0]


def test_the_choice_of_panes_is_remembered(scripted: Scripted) -> None:
    model = scripted(f"{LONG_THOUGHT}</think>y", context_length=ROOM)
    with ChatTerminal("-m", model) as terminal:
        terminal.type(chats.F9)
        terminal.wait_for_text("thinking pane: stays open", "│")
        wide = place(terminal, "│")[1]
        terminal.type(chats.F8 * 2)
        terminal.wait_for(lambda: place(terminal, "│")[1] < wide)
        terminal.type(chats.F7)
        terminal.wait_for(lambda: place(terminal, "│")[1] == 50)
        terminal.type(chats.F6 * 2)
        terminal.wait_without("│")
        assert terminal.leave() == 0
    with ChatTerminal("-m", model) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("❯ How many?", "▸ thought for", "Step 199")
        assert "│" not in terminal.shown, "below, though there are 100 columns"
        rows = terminal.rows
        assert 10 <= place(terminal, "Thought for")[0] <= 14, rows
        terminal.type(chats.F9)
        terminal.wait_for_text("thinking pane: hidden")
        terminal.wait_without("Step 199")
        terminal.type(chats.F9)
        terminal.wait_for_text("folds when the answer starts")
    with ChatTerminal("-m", model) as terminal:
        assert "Step" not in terminal.shown


def test_answer_now_and_think_on(scripted: Scripted) -> None:
    model = scripted(f"{LONG_THOUGHT}</think>y", context_length=ROOM, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("How many?")
        terminal.wait_for(lambda: "│Step" in terminal.shown)
        terminal.type(chats.F3)
        terminal.wait_for(lambda: "times" in terminal.shown and "│" not in terminal.shown)
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("stopped; /continue lets it go on")
        terminal.leave()
    (ended,) = of_type("ended")
    assert not ended["thinking_open"] and of_type("answer")
    assert "as you asked" in of_type("notice")[0]["message"]

    model = scripted("Seven.</think>y" + LONG_THOUGHT, context_length=ROOM)
    with ChatTerminal("-m", model) as terminal:
        for command in ("/answer", "/more"):
            terminal.command_shows(command, "no reply")


# --- Scrolling ---------------------------------------------------------------------------


def test_a_pane_follows_until_it_is_scrolled_up(scripted: Scripted) -> None:
    model = scripted(f"Seven.</think>\n\n{LONG_ANSWER}", context_length=ROOM)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("Facts?")
        terminal.wait_for_text("Fact 120")
        assert "↓ new" not in terminal.shown
        terminal.type(chats.PAGE_UP)
        terminal.wait_for_text("↓ new", "Fact 80:")
        assert "Fact 120" not in terminal.shown
        terminal.type("\x1b[<64;10;5M")
        terminal.wait_for_text("Fact 70:")
        terminal.type("\x1b[<65;10;5M" * 40)
        terminal.wait_for_text("Fact 120")
        assert "↓ new" not in terminal.shown
        terminal.type(chats.CTRL_HOME)
        terminal.wait_for_text("❯ Facts?", "↓ new", "Fact 1:")
        terminal.type(chats.PAGE_DOWN)
        terminal.wait_without("❯ Facts?")
        terminal.type(chats.CTRL_END)
        terminal.wait_for_text("Fact 120")


def test_what_is_read_stays_while_more_streams(scripted: Scripted) -> None:
    model = scripted(LONG_THOUGHT + "</think>y", context_length=ROOM)
    with ChatTerminal("-m", model) as terminal:
        terminal.type(chats.F9)
        terminal.send("How many?")
        terminal.wait_for(lambda: terminal.shown.count("│Step") > 20)
        terminal.type(chats.CTRL_UP)
        terminal.wait_for_text("↓ new")
        reading = thought_row(terminal)
        terminal.wait_for_text("▸ thought for")
        assert thought_row(terminal) == reading and "Step 199" not in terminal.shown
        terminal.type(chats.ALT_PAGE_DOWN * 12)
        terminal.wait_for_text("Step 199")
        terminal.wait_without("↓ new")


# --- Sizes -------------------------------------------------------------------------------


def test_resizing_while_it_streams(scripted: Scripted) -> None:
    reply = f"{THOUGHT}</think>\n\n{LONG_ANSWER}\nThe end."
    model = scripted(reply, context_length=2 * ROOM, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("Facts?")
        terminal.wait_for(lambda: "│Step" in terminal.shown)
        for columns, lines in ((40, 12), (300, 100), (1, 1), (40, 12)):
            terminal.resize(columns, lines)
            terminal.wait_for(lambda columns=columns: repainted(terminal, columns))  # type: ignore[misc]
        terminal.wait_for_text("The end.")
        rows = terminal.rows
        assert len(rows) == 12 and max(map(len, rows)) <= 40
        assert rows[-1].startswith("❯")
        terminal.resize(300, 100)
        terminal.wait_for_text("Fact 60:", "The end.")
        assert terminal.leave() == 0


def repainted(terminal: ChatTerminal, columns: int) -> bool:
    """Whether the screen has been painted at this width; nothing can be seen of one column."""
    return columns == 1 or "❯" in terminal.rows[-1]


# --- Typing ------------------------------------------------------------------------------


def test_a_paste_of_a_megabyte_stays_one_message(scripted: Scripted) -> None:
    text = "日本 word\r\n" * 70_000
    with ChatTerminal("-m", scripted(chats.REPLY)) as terminal:
        terminal.type("Read this: ")
        terminal.paste(text)
        terminal.wait_for_text("❯ Read this: [paste 1: 560,000 characters]")
        assert not list(terminal.screen.history.top)
        terminal.send(" Well?")
        terminal.wait_for_text("There are four primes")
        assert terminal.leave() == 0
    (question,) = of_type("question")
    assert len(question["text"].encode()) > 800_000
    assert question["text"] == "Read this: " + text.replace("\r\n", "\n") + " Well?"


def test_a_short_paste_is_typed_and_not_sent(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(chats.REPLY)) as terminal:
        terminal.paste("one\ntwo\n/quit\n")
        terminal.wait_for_text("❯ one", "  two", "  /quit")
        terminal.type("three\x1b\rfour\\\rfive\r")
        terminal.wait_for_text("There are four primes", "└───┘")
        terminal.leave()
    (question,) = of_type("question")
    assert question["text"] == "one\ntwo\n/quit\nthree\nfour\nfive"


def test_what_is_typed_while_it_streams_waits_its_turn(scripted: Scripted) -> None:
    model = scripted(f"{THOUGHT}</think>So it is.", context_length=ROOM, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("first")
        terminal.wait_for(lambda: "│Step" in terminal.shown)
        terminal.send("second")
        terminal.wait_for_text("waits: second")
        terminal.type("half a th")
        terminal.wait_for_text("❯ half a th")
        terminal.wait_for_text("❯ second")
        terminal.wait_for(lambda: terminal.shown.count("So it is.") == 2)
        assert "waits:" not in terminal.shown and "❯ half a th" in terminal.shown
        terminal.type(f"ought{chats.CTRL_C}")
        terminal.wait_without("half a thought")
        terminal.leave()
    assert [each["text"] for each in of_type("question")] == ["first", "second"]


def test_stop_gives_back_what_waits(scripted: Scripted) -> None:
    model = scripted(f"{LONG_THOUGHT}</think>y", context_length=ROOM, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("first")
        terminal.wait_for(lambda: "│Step 1:" in terminal.shown)
        terminal.send("second")
        terminal.send("third")
        terminal.wait_for_text("waits: third")
        terminal.send("/stop")
        terminal.wait_for_text("stopped; /continue lets it go on", "❯ second\n  third")


def test_ctrl_c_keeps_what_was_streamed_and_gives_back_what_waits(scripted: Scripted) -> None:
    model = scripted(f"{LONG_THOUGHT}</think>y", context_length=ROOM, slow=True)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("first")
        terminal.wait_for(lambda: "│Step 1:" in terminal.shown)
        terminal.send("second")
        terminal.type(f"a draft{chats.CTRL_C}")
        terminal.wait_for_text("stopped; /continue lets it go on", "❯ second\n  a draft")
        assert "without coming to an end" in terminal.shown
        terminal.type(chats.CTRL_C)
        terminal.wait_for(lambda: terminal.shown.endswith("❯"))
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("Ctrl-C again leaves")
        terminal.wait_without("Ctrl-C again leaves")
        terminal.type(chats.CTRL_C)
        terminal.wait_for_text("Ctrl-C again leaves")
        terminal.type(chats.CTRL_C)
        assert terminal.finish() == 0
        assert terminal.restored and chats.LEAVE_SCREEN in terminal.stream
    assert [each["text"] for each in of_type("question")] == ["first"]
    (ended,) = of_type("ended")
    assert ended["reason"] == "cancelled" and ended["thinking_open"]
    kept = "".join(each["text"] for each in of_type("thinking"))
    assert LONG_THOUGHT.startswith(kept) and kept.count("Step") > 1


def test_history_comes_back_in_the_next_run(scripted: Scripted) -> None:
    model = scripted(chats.REPLY)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("a question\\\rof two lines")
        terminal.wait_for_text("There are four primes", "└───┘")
        terminal.leave()
    with ChatTerminal("-m", model) as terminal:
        terminal.type(chats.UP)
        terminal.wait_for_text("❯ a question\n  of two lines")


def test_commands_models_settings_and_paths_are_completed(
    scripted: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("documents")
    (folder / "primes-to-read.txt").write_text("2 3 5")
    with ChatTerminal("-m", scripted(chats.REPLY)) as terminal:
        terminal.type("/re")
        terminal.wait_for_text("retry", "another reply to the last question", "resume", "rename")
        terminal.type("n")
        terminal.wait_without("resume")
        terminal.type("\t")
        terminal.wait_for_text("❯ /rename")
        terminal.type("\x15/set temp")
        terminal.wait_for_text("temperature")
        terminal.type("\t")
        terminal.wait_for_text("❯ /set temperature")
        terminal.type("\x15/model nan")
        terminal.wait_for_text("nano")
        terminal.type("\t")
        terminal.wait_for_text("❯ /model nano")
        terminal.type(f"\x15/file {folder}/pri\t")
        terminal.wait_for_text("primes-to-read.txt")


def test_vi_keys(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(chats.REPLY), "--vi") as terminal:
        terminal.type("one two three\x1bbdw0iZero \x1bA.")
        terminal.wait_for_text("❯ Zero one two .")
        terminal.send("")
        terminal.wait_for_text("There are four primes", "└───┘")
        terminal.leave()
    (question,) = of_type("question")
    assert question["text"] == "Zero one two ."


def test_an_editor_can_be_used(
    scripted: Scripted, tmp_path_factory: pytest.TempPathFactory
) -> None:
    editor = tmp_path_factory.mktemp("bin") / "editor"
    editor.write_text('#!/bin/sh\nprintf "written\\nelsewhere" > "$1"\n')
    editor.chmod(0o755)
    with ChatTerminal("-m", scripted(chats.REPLY), EDITOR=str(editor)) as terminal:
        terminal.type("\x18\x05")
        terminal.wait_for_text("❯ written\n  elsewhere")


# --- What a model may write --------------------------------------------------------------

HOSTILE_REPLIES = {
    "control characters": f"{HOSTILE} a</think>{HOSTILE} b\n\n```\n{HOSTILE}\n```\n\nafter",
    "long lines": f"{'abc ' * 2500}</think>{'日本語' * 400} after",
    "deep nesting": f"a</think>{'> ' * 400}quoted\n\n{'- ' * 300}item\n\n{'[' * 2000}\n\nafter",
    "endless fence": "a</think>```python\n"
    + "".join(f"x{n} = {n}\n" for n in range(600))
    + "after",
}


@pytest.mark.parametrize("kind", HOSTILE_REPLIES)
def test_nothing_a_model_writes_is_obeyed(kind: str, scripted: Scripted) -> None:
    model = scripted(HOSTILE_REPLIES[kind], context_length=3 * ROOM)
    with ChatTerminal(
        "-m",
        model,
        R1LOCAL_LOOP_REPEATS="0",
        R1LOCAL_ANSWER_RESERVE="1",
        R1LOCAL_NOTIFY="off",  # the title is r1local's own where a reply takes long
    ) as terminal:
        terminal.send("hi")
        terminal.wait_for_text("after", "tokens/s")
        terminal.type(chats.CTRL_HOME)
        terminal.wait_for_text("▸ thought for")
        terminal.type(chats.F5 + chats.CTRL_END)
        terminal.command_shows("/think", "│─ Thought 1")
        assert terminal.leave() == 0
    assert terminal.screen.title == "" and not terminal.copied
    for forbidden in ("\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x1b[31m"):
        assert forbidden not in terminal.stream
    assert terminal.stream.count(chats.LEAVE_SCREEN) == 1


def test_wide_characters(scripted: Scripted) -> None:
    model = scripted(
        f"{'考える。' * 300}</think>{'日本語と中文 ' * 40}🫐 e\u0301 after", context_length=ROOM
    )
    with ChatTerminal("-m", model, columns=101, R1LOCAL_LOOP_REPEATS="0") as terminal:
        terminal.type("日本語？")
        terminal.wait_for_text("❯ 日本語？")
        terminal.send("")
        terminal.wait_for_text("🫐 é after")
        assert re.sub(r"\s", "", terminal.shown).count("日本語と中文") == 40
        terminal.type(chats.F2)
        terminal.wait_for_text("│考える。考える。")
        assert all(row.count("│") == 1 for row in terminal.screen.display if "考え" in row)


def test_a_thought_of_20_000_tokens(scripted: Scripted) -> None:
    model = scripted(f"{steps(600)[:20_000]}</think>Done.", context_length=32_000)
    with ChatTerminal("-m", model) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("▸ thought for", "Done.", "20,001 tokens")
        terminal.send("/find Step 300:")
        terminal.wait_for_text("thought 1 holds: Step 300:", "│Step 300: 300 times 301 is 90300.")


# --- Terminals ---------------------------------------------------------------------------


def test_no_color(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(chats.REPLY), NO_COLOR="1") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("There are four primes", "print", "└───┘")
        assert terminal.leave() == 0
    assert not re.search(r"\x1b\[[\d;]*\b(3[0-8]|4[0-8]|9[0-7]|10[0-7])\b[\d;]*m", terminal.stream)


def test_16_colours(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(chats.REPLY), TERM="xterm-16color") as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("There are four primes", "print", "└───┘")
        assert terminal.leave() == 0
    assert not re.search(r"\x1b\[[\d;]*\b[34]8;", terminal.stream)


def test_text_can_be_read_on_a_light_ground(scripted: Scripted) -> None:
    """No text is given white or black, and no ground any colour: the terminal's own stay."""
    with ChatTerminal("-m", scripted(chats.REPLY)) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("There are four primes", "print", "└───┘")
        terminal.command_shows("/retr", "did you mean /retry?")
        assert terminal.leave() == 0
    codes = {
        code for run in re.findall(r"\x1b\[([\d;]*)m", terminal.stream) for code in run.split(";")
    }
    assert not codes & {
        "30",
        "37",
        "90",
        "97",
        *map(str, range(40, 48)),
        *map(str, range(100, 108)),
    }


def test_what_is_longer_than_the_screen_opens_at_its_start(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), lines=16) as terminal:
        terminal.send("/set")
        terminal.wait_for_text("Think for at most 1,024 tokens", "↓ new")
        assert place(terminal, "effort")[0] <= 1


def test_an_answer_without_a_thought_has_no_rule_below_it(scripted: Scripted) -> None:
    model = scripted(LONG_ANSWER, context_length=ROOM, slow=True)
    with ChatTerminal("-m", model, "--no-think") as terminal:
        terminal.send("Which?")
        terminal.wait_for_text("Fact 3")
        assert chats.replying() and "──" not in terminal.shown


def test_a_search_shows_what_it_finds_and_enter_takes_it(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), "--no-save") as terminal:
        for text in ("/stats", "/system"):
            terminal.send(text)
        terminal.wait_for_text("there is no system prompt")
        terminal.type("\x12sta")
        terminal.wait_for_text("❯ /stats")
        terminal.type("\r")
        terminal.wait_for(lambda: "I-search" not in terminal.shown)
        assert "❯ /stats" in terminal.shown


def test_vi_keys_change_a_word_and_say_their_mode(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted("Hm.</think>Yes."), "--vi") as terminal:
        terminal.type("one two three")
        terminal.wait_for_text("INSERT", "three")
        terminal.type("\x1b")
        terminal.wait_for_text("NORMAL")
        terminal.type("0wcwnine")
        terminal.wait_for_text("❯ one nine three", "INSERT")
