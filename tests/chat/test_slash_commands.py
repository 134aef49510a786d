"""The slash commands, as people type them in the full-screen chat."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from r1local.chat.slash_commands import SLASH_COMMANDS
from r1local.sessions.folder import read_session, saved_sessions
from testing import chats
from testing.chats import ANSWER, ESCAPE, REPLY, THOUGHT, ChatTerminal, of_type, records
from testing.command import COMMAND, ROOT, Scripted
from testing.homes import Homes
from testing.models import write_scripted_model
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

CODE = 'print("four")\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the chat is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(terminal: ChatTerminal, question: str = "How many?") -> None:
    """Ask, and wait for the whole of `REPLY`."""
    terminal.send(question)
    terminal.wait_for_text(f"❯ {question}", "So the answer is", "│ 4 │", "tokens/s")


def test_help_tells_every_command_and_key(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), lines=70, columns=120) as terminal:
        terminal.send("/help")
        terminal.wait_for_text("/quit", "F9", "keep or hide the thinking pane")
        for name, command in SLASH_COMMANDS.items():
            assert f"/{name} {command.usage}".rstrip() in terminal.shown
            assert command.told in terminal.shown
        terminal.type("\x1b")
        terminal.command_shows("/help retry", "another reply to the last question")
        assert "/rename" not in terminal.shown
        terminal.type(chats.F1)
        terminal.wait_for_text("/rename")
        terminal.type(chats.F1)
        terminal.wait_without("/rename")


@pytest.mark.parametrize("columns", [40, 80])
def test_help_is_read_from_its_top_and_searched(scripted: Scripted, columns: int) -> None:
    with ChatTerminal("-m", scripted(REPLY), columns=columns, lines=24) as terminal:
        terminal.type(f"half a question{chats.F1}")
        terminal.wait_for_text("─ Help", "/help [COMMAND]", "find:", "↓ more")
        assert terminal.rows[1].strip() == "Commands"
        terminal.type("thinking pane")
        terminal.wait_for_text("F6", "moves the thinking pane")
        terminal.type("\r")
        terminal.wait_for_text("F7", "resize the thinking pane")
        terminal.type("zzz")
        terminal.wait_for_text("not found: thinking panezzz")
        terminal.type(chats.CTRL_HOME)
        terminal.wait_for_text("/help [COMMAND]")
        terminal.type(chats.PAGE_DOWN)
        terminal.wait_without("/help [COMMAND]")
        terminal.type(chats.CTRL_END)
        terminal.wait_for_text("paints the screen anew")
        terminal.type("\x1b")
        terminal.wait_for_text("❯ half a question")
        terminal.type(chats.CTRL_C)
        assert terminal.leave() == 0


def test_help_in_a_pipe_is_the_same(scripted: Scripted) -> None:
    command = [*COMMAND, "chat", "-m", str(scripted(REPLY))]
    done = subprocess.run(
        command, input="/help\n", capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    for name, command_ in SLASH_COMMANDS.items():
        assert f"/{name} {command_.usage}".rstrip() in done.stderr
    assert "Keys" in done.stderr and not done.stdout


def test_commands_before_anything_was_asked(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        for command in ("/retry", "/edit", "/undo", "/continue", "/copy"):
            terminal.command_shows(command, "nothing was asked yet", "type a question")
        terminal.command_shows("/think", "there is no thought yet", "type a question")
        terminal.send("/sessions")
        terminal.wait_for_text("0 sessions", "search ❯")
        terminal.type(ESCAPE)
        terminal.wait_without("search ❯")
        terminal.command_shows("/resume", "there is no other session")
        terminal.command_shows("/stats", "0 tokens in 0.0 s")
        terminal.send("/quit")
        assert terminal.finish() == 0 and terminal.restored
    assert not saved_sessions()


def test_every_command_is_documented() -> None:
    documented = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
    assert [name for name in SLASH_COMMANDS if f"`/{name}" not in documented] == []


WRONG = {
    "/hepl": ("there is no /hepl", "did you mean /help?"),
    "/frobnicate": ("there is no /frobnicate", "/help lists them"),
    "/help nonsense": ("there is no /nonsense",),
    "/think 7": ("there is no thought 7", "thoughts there are: 1"),
    "/think x": ("there is no thought x",),
    "/find": ("there is nothing to find",),
    "/find zebra": ("nothing here holds: zebra",),
    "/set nonsense 1": ("there is no setting 'nonsense'", "temperature"),
    "/set temperature hot": ("temperature 'hot' is not a number",),
    "/set temperature -1": ("out of range",),
    "/context many": ("'many' is not a number", "/context 8192"),
    "/context 2": ("context 2 is out of range",),
    "/vote many Why?": ("'many' is not a number", "/vote 8 What is"),
    "/undo 3": ("/undo takes nothing behind it", "type /undo alone"),
    "/continue": ("the last reply is whole",),
    "/file": ("there is no path",),
    "/file missing.txt": ("missing.txt",),
    "/copy soup": ("'soup' can't be copied",),
    "/copy code 3": ("there is no code block 3", "the answer has 1"),
    "/copy 2": ("there is no reply 2", "replies there are: 1"),
    "/copy 1 soup": ("'soup' can't be copied",),
    "/copy ²": ("'²' can't be copied",),
    "/export /nowhere/at/all.md": ("can't be written", "give another path"),
    "/model no-such-model": ("no-such-model",),
    "/resume nowhere": ("there is no session nowhere", "see which there are: /sessions"),
    "/rename": ("there is no name",),
    "/rename ../evil": ("can't be a session's name",),
    "/answer": ("no reply is being written",),
}


def test_wrong_use_is_told_and_nothing_is_lost(scripted: Scripted, folder: Path) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        ask(terminal)
        for command, texts in WRONG.items():
            terminal.command_shows(command, *texts)
        ask(terminal, "/usr/lib is full, what now?")
        assert terminal.leave() == 0
    assert not list(folder.glob("*.md"))
    assert [each["text"] for each in of_type("question")] == [
        "How many?",
        "/usr/lib is full, what now?",
    ]


def test_settings_and_a_system_prompt_take_effect_at_once(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        terminal.command_shows("/set max-tokens 30", "max-tokens is 30")
        terminal.command_shows("/set", "max-tokens      30", "Make the reply reproducible: from 0")
        terminal.command_shows("/system", "there is no system prompt")
        terminal.command_shows("/system Be brief.", "system prompt: Be brief.")
        terminal.send("How many?")
        terminal.wait_for_text("stopped at the token limit; /continue lets it go on")
        assert terminal.leave() == 0
    (session,) = saved_sessions()
    transcript = read_session(session.name)
    reply = transcript.turns[0].reply
    assert reply and reply.reason == "length"
    assert reply.thinking_tokens + reply.answer_tokens <= 30 and THOUGHT.startswith(reply.thinking)
    assert transcript.system == "Be brief." and transcript.settings == {"max-tokens": "30"}


def test_a_cut_reply_goes_on_until_it_is_whole(scripted: Scripted) -> None:
    limits = ("--max-tokens", "120", "--answer-reserve", "1")
    with ChatTerminal("-m", scripted(REPLY), *limits) as terminal:
        terminal.send("How many?")
        terminal.wait_for_text("token limit", "There are four")
        terminal.command_shows("/think 1", "Thought 1", "is 9 one?")
        terminal.send("/set max-tokens 1000")
        terminal.wait_for_text("max-tokens is 1000")
        terminal.send("/continue")
        terminal.wait_for_text("│ 4 │")
        assert terminal.shown.count("thought for") == 1
        terminal.command_shows("/continue", "the last reply is whole")
        assert terminal.leave() == 0
    reply = read_session(saved_sessions()[0].name).turns[0].reply
    assert reply and (reply.thinking, reply.answer) == (THOUGHT, ANSWER)
    assert reply.reason == "stop" and reply.thinking_tokens + reply.answer_tokens > 200


def test_retry_undo_and_edit(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), "--seed", "7") as terminal:
        ask(terminal, "first")
        terminal.send("/retry")
        terminal.wait_for(lambda: len(of_type("ended")) == 2)
        ask(terminal, "second")
        terminal.send("/undo")
        terminal.wait_for_text("taken back: second", "❯ first")
        assert "❯ second" not in terminal.shown
        terminal.send("/edit")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ first"))
        assert "So the answer is" not in terminal.shown
        terminal.type(" of all")
        terminal.send("")
        terminal.wait_for_text("❯ first of all", "│ 4 │")
        assert terminal.leave() == 0
    first, second = of_type("ended")[:2]
    assert first["seed"] == 7 != second["seed"]
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.question == "first of all"


def test_what_else_is_on_the_screen_stays_when_a_turn_is_taken_back(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), lines=50) as terminal:
        ask(terminal, "first")
        terminal.command_shows("/stats", "prompts")
        ask(terminal, "second")
        terminal.send("/context")
        terminal.wait_for_text("tokens of context are in use")
        terminal.type(chats.F5)
        terminal.wait_for_text("**four**")
        terminal.send("/retry")
        terminal.wait_for(lambda: len(of_type("ended")) == 3)
        # The reply may have ended before the screen shows that it is made anew.
        terminal.wait_for(lambda: "in use" in terminal.shown.partition("❯ second")[0])
        terminal.wait_for(lambda: terminal.shown.count("**four**") == 1)
        for word in ("second", "first"):
            terminal.send("/undo")
            terminal.wait_for_text(f"taken back: {word}", "prompts", "in use")
            assert "❯" not in "".join(terminal.rows[:-1]) and "four" not in terminal.shown
        assert terminal.leave() == 0


def test_files_go_with_the_next_question(scripted: Scripted, folder: Path) -> None:
    (folder / "notes of mine.md").write_text("The magic word is xyzzy.")
    (folder / "two.txt").write_text("2")
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        terminal.command_shows(
            "/file 'notes of mine.md' two.txt", "goes with the next question: notes of"
        )
        terminal.send("Well?")
        terminal.wait_for_text("❯ Well?", "(notes of mine.md, two.txt)", "│ 4 │")
        assert "xyzzy" not in terminal.shown
        ask(terminal, "And now?")
        terminal.command_shows("/undo", "taken back: And now?")
        assert terminal.leave() == 0
    first, second = of_type("question")
    assert "xyzzy" in first["text"] and "xyzzy" not in second["text"]
    with ChatTerminal("--resume") as terminal:
        terminal.wait_for_text("❯ Well?", "(notes of mine.md, two.txt)")
        terminal.command_shows("/edit", "goes with the next question: notes of mine.md, two.txt")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ Well?"))
        terminal.send("")
        terminal.wait_for_text("(notes of mine.md, two.txt)", "│ 4 │")
        terminal.send("/retry")
        terminal.wait_for(lambda: len(of_type("ended")) == 4)
        terminal.command_shows("/file two.txt", "goes with the next question: two.txt")
        terminal.command_shows("/file none", "goes with the next question: no file")
        assert terminal.leave() == 0
    *_others, edited = of_type("question")
    assert edited | {"at": ""} == first | {"at": ""}
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert (turn.typed, turn.documents) == ("Well?", ("notes of mine.md", "two.txt"))
    assert turn.question == first["text"]


def test_copies_go_to_the_terminals_clipboard(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), PATH="/nowhere") as terminal:
        ask(terminal)
        terminal.command_shows("/copy", "asked the terminal to copy the answer")
        terminal.command_shows("/copy thinking", f"copy the thought: {len(THOUGHT)} characters")
        terminal.command_shows("/copy code", "copy code block 1: 14 characters")
        terminal.send("Again?")
        terminal.wait_for_text("❯ Again?", "│ 4 │")
        terminal.command_shows("/copy 1", "copy the answer of reply 1")
        terminal.command_shows("/copy 2 thinking", "copy the thought of reply 2")
        terminal.command_shows("/copy 1 code 1", "copy code block 1 of reply 1")
        terminal.leave()
        assert terminal.copied == [ANSWER, THOUGHT, CODE, ANSWER, THOUGHT, CODE]


def test_exports(scripted: Scripted, folder: Path) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        ask(terminal)
        terminal.command_shows("/export talk.md", "written to talk.md")
        (folder / "talk.md").write_text("mine")
        terminal.command_shows("/export talk.md", "talk.md exists")
        assert (folder / "talk.md").read_text() == "mine"
        terminal.command_shows("/export talk.md --force", "written to talk.md")
        terminal.command_shows("/export --no-thoughts 'in short.md'", "written to in short.md")
        terminal.command_shows("/export talk.json", "written to talk.json")
        terminal.command_shows(
            "/export --thoughts", "/export has no --thoughts", "--no-thoughts, --all-branches"
        )
        terminal.command_shows(
            "/export a b.md", "/export takes one path, not 2", "quote one with spaces"
        )
        terminal.leave()
    written = [path for path in folder.iterdir() if path.suffix != ".gguf"]
    assert {path.name for path in written} == {"talk.md", "in short.md", "talk.json"}
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    whole, short = ((folder / name).read_text() for name in ("talk.md", "in short.md"))
    assert "How many?" in whole and ANSWER in whole and "is 9 one?" in whole
    assert ANSWER in short and "is 9 one?" not in short
    assert THOUGHT in json.dumps(json.loads((folder / "talk.json").read_text())).encode().decode(
        "unicode_escape"
    )


def test_stats_are_what_the_session_has(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        ask(terminal, "one")
        ask(terminal, "two")
        pace = re.search(r"([\d.]+) tokens/s", terminal.shown)
        assert pace and float(pace[1]) < 100_000, "as it was drawn, not as it was painted"
        terminal.command_shows("/stats", "the same tokens at")
        shown = terminal.shown
        terminal.command_shows("/context", "tokens of context are in use")
        terminal.leave()
    ended = of_type("ended")
    sums = {
        key: sum(each[key] for each in ended)
        for key in ("thinking_tokens", "answer_tokens", "prompt_tokens")
    }
    assert sums["prompt_tokens"] == 10 and sums["thinking_tokens"] > 2 * len(THOUGHT)
    assert f"thinking   {sums['thinking_tokens']:,} tokens in" in shown
    assert f"answers    {sums['answer_tokens']:,} tokens in" in shown
    assert "prompts    10 tokens in 2 replies" in shown
    generated = sums["thinking_tokens"] + sums["answer_tokens"]
    # DeepSeek's R1 and OpenAI's o1, dollars a million tokens, as models.toml has them.
    for name, input_price, output_price in (("deepseek-r1", 0.55, 2.19), ("openai-o1", 15, 60)):
        dollars = (10 * input_price + generated * output_price) / 1e6
        assert f"{name}'s API: ${dollars:.4f}" in " ".join(shown.split())


def test_thoughts_are_found_and_opened_again(tmp_path: Path) -> None:
    filler = "".join(f"Line {n} of the thought.\n" for n in range(80))
    model = write_scripted_model(
        tmp_path / "m.gguf",
        f"{filler}Here is a Needle.\n{filler}</think>Done.",
        context_length=8000,
    )
    with ChatTerminal("-m", model, R1LOCAL_LOOP_REPEATS="0") as terminal:
        terminal.send("one")
        terminal.wait_for_text("Done.")
        terminal.send("two")
        terminal.wait_for(lambda: terminal.shown.count("Done.") == 2)
        terminal.command_shows("/find needle", "thought 1 holds: needle; 1 of 2, /find shows the")
        terminal.wait_for_text("─ Thought 1", "Here is a Needle.")
        terminal.command_shows("/find", "thought 2 holds: needle; 2 of 2", "─ Thought 2")
        terminal.send("/think 1")
        terminal.wait_for_text("─ Thought 1", "│Line 0 of")
        assert "↓ new" in terminal.shown
        name = saved_sessions()[0].name
        assert terminal.leave() == 0
    # Thoughts of earlier days, in a pane that was never painted before.
    with ChatTerminal("--resume", name, "-m", model) as terminal:
        terminal.command_shows("/find Needle", "thought 1 holds", "Here is a Needle.")


def test_another_model_takes_over_in_the_middle(tmp_path: Path, home: Path) -> None:
    Homes(home).in_cache("m-Q4_K_M.gguf", "someone/X")
    first = write_scripted_model(tmp_path / "first.gguf", REPLY)
    second = write_scripted_model(tmp_path / "second.gguf", "Hm.</think>Said by the second.")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(40))
    with ChatTerminal("-m", first) as terminal:
        ask(terminal)
        terminal.command_shows("/model", "first replies; there are:", "nano", "hf:someone/X:Q4_K_M")
        terminal.command_shows(f"/model {second}", "second replies from here on")
        assert "conversation so far" not in terminal.shown  # few tokens, which nobody waits for
        terminal.send("And you?")
        terminal.wait_for_text("Said by the second.", "second · CPU")
        terminal.command_shows(f"/model {tmp_path / 'broken.gguf'}", "! ")
        terminal.wait_for_text("second · CPU")
        terminal.send("Still there?")
        terminal.wait_for_text("❯ Still there?", "Said by the second.")
        assert terminal.leave() == 0
    replies = [turn.reply for turn in read_session(saved_sessions()[0].name).turns]
    assert [reply.model for reply in replies if reply] == ["first", "second", "second"]


def test_sessions_are_named_left_and_come_back_to(scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY)) as terminal:
        terminal.command_shows("/rename primes", "this session is primes now")
        ask(terminal, "of primes")
        terminal.command_shows("/save", "it is saved as it happens, in", "primes.jsonl")
        terminal.command_shows("/new", "a new session")
        ask(terminal, "of squares")
        terminal.command_shows("/save squares", "squares.jsonl")
        terminal.send("/sessions")
        terminal.wait_for_text(" squares ", " primes ", "1 turn · of primes", "search ❯")
        terminal.type(ESCAPE)
        terminal.wait_without("search ❯")
        terminal.command_shows(
            "/resume primes", "❯ of primes", "this is session primes", "· primes"
        )
        assert "❯ of squares" not in terminal.shown
        terminal.command_shows("/resume", "❯ of squares", "· squares")
        terminal.command_shows(
            "/rename primes", "there is a session primes already", "/resume primes"
        )
        terminal.command_shows(
            "/resume squares", "this is session squares", "/sessions lists the others"
        )
        terminal.leave()
    assert {each.name for each in saved_sessions()} == {"primes", "squares"}
    assert len(records("primes")) and not re.search("squares", json.dumps(records("primes")))


# --- A context that is too small ---------------------------------------------------------


def fill(terminal: ChatTerminal) -> None:
    """Ask nano until the next question doesn't fit any more."""
    for n in range(20, 60):
        before = len(of_type("ended", "sums"))
        terminal.send(f"What is {n} + 58?")
        terminal.wait_for(
            lambda before=before: (
                "Type a number" in terminal.shown  # type: ignore[misc]
                or len(of_type("ended", "sums")) > before
            )
        )
        if "Type a number" in terminal.shown:
            return
    raise AssertionError(terminal.text())


def test_what_does_not_fit_is_told_before_and_never_cut_in_silence() -> None:
    small = ("-m", "nano", "--context", "768")
    with ChatTerminal("--session", "sums", *small, lines=40) as terminal:
        fill(terminal)
        offer = re.search(r"needs (\d+) tokens with room for a reply", terminal.shown)
        assert offer and int(offer[1]) > 768
        assert "and the context has 768" in terminal.shown
        assert "1  leave out the oldest turn: What is 20 + 58?" in terminal.shown
        assert "2  ask it in a new session" in terminal.shown
        terminal.wait_for_text("3  load the model with a context of 1,536 tokens")
        asked = len(of_type("question", "sums"))
        terminal.send("1")
        terminal.wait_for(lambda: len(of_type("ended", "sums")) > asked)
        terminal.type(chats.CTRL_HOME)
        terminal.wait_for_text("the model is no longer given what is above")
        terminal.send("/clear")
        fill(terminal)
        terminal.send("3")
        terminal.wait_for_text("the context has 1,536 tokens now;", "conversation so far (")
        terminal.wait_for(lambda: len(of_type("ended", "sums")) == len(of_type("question", "sums")))
        assert terminal.leave() == 0
    transcript = read_session("sums")
    assert transcript.dropped == 1 and all(turn.reply for turn in transcript.turns)
    with ChatTerminal("--resume", "sums", *small, lines=40) as terminal:
        fill(terminal)
        terminal.send("2")
        terminal.wait_for(lambda: len(saved_sessions()) == 2)
        terminal.wait_for(lambda: terminal.shown.count("❯ What") == 1 and "▸" in terminal.shown)
        assert terminal.leave() == 0
    assert read_session("sums").turns == transcript.turns


def test_a_small_context_is_no_reason_not_to_answer() -> None:
    with ChatTerminal("-m", "nano", "--context", "512") as terminal:
        terminal.send("What is 20 + 58?")
        terminal.wait_for_text("▐78▌")
        assert terminal.leave() == 0


def test_only_what_helps_is_offered(folder: Path) -> None:
    (folder / "long.txt").write_text("23 is a number. " * 200)
    with ChatTerminal("-m", "nano", "--context", "768") as terminal:
        terminal.command_shows("/file long.txt", "goes with the next question")
        terminal.send("What is 20 + 58?")
        terminal.wait_for_text("Type a number", "2  don't ask it: have it in the input again")
        assert re.search(r"1  load the model with a context of [\d,]+ tokens", terminal.shown)
        terminal.send("7")
        terminal.wait_for_text("there is no choice 7", "type 1 to 2")
        terminal.send("2.")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ What is 20 + 58?"))
        terminal.send("")
        terminal.wait_for_text("Type a number")
        assert "in a new session" not in terminal.shown
        terminal.command_shows("/system", "there is no system prompt")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ What is 20 + 58?"))
        terminal.type(chats.CTRL_C)
        for name in ("longer.txt", "longest.txt"):
            (folder / name).write_text(f"{name} " * 800)
        terminal.command_shows("/file *.txt", "goes with the next question", "that doesn't fit")
        terminal.send("What is 20 + 58?")
        terminal.wait_for_text("! the next prompt needs", "ask something shorter; /file none lets")
        terminal.wait_for(lambda: terminal.shown.endswith("❯ What is 20 + 58?"))
        terminal.type(chats.CTRL_C)
        terminal.command_shows("/file none", "no file")
        terminal.send("What is 20 + 58?")
        terminal.wait_for_text("▐78▌")
        assert terminal.leave() == 0


def test_a_choice_in_place_of_another_gives_the_question_back(folder: Path) -> None:
    (folder / "long.txt").write_text("23 is a number. " * 200)
    with ChatTerminal("-m", "nano", "--context", "768", "--inline") as terminal:
        terminal.send("/file long.txt")
        terminal.wait_for_text("goes with the next question")
        terminal.send("What is 20 + 58?")
        terminal.wait_for_text("don't ask it: have it in the input again")
        terminal.send("/sessions")
        terminal.wait_for_text("sessions to go on with")
        terminal.wait_for(lambda: terminal.rows[terminal.screen.cursor.y] == "❯ What is 20 + 58?")


EDITORS = {
    "saved": ('echo "first of all" > "$1"', "❯ first of all"),
    "left as it was": ("true", None),
    "given up": ('echo "first of all" > "$1"; exit 1', None),
    "not there": ("exit 127", None),
}


@pytest.mark.parametrize("editor", EDITORS)
@pytest.mark.parametrize("arguments", [[], ["--inline"]])
def test_what_an_editor_did_not_save_is_not_sent(
    editor: str, arguments: list[str], scripted: Scripted, folder: Path
) -> None:
    script, sent = EDITORS[editor]
    path = folder / "editor"
    path.write_text(f"#!/bin/sh\necho was here >> edited\n{script}\n")
    path.chmod(0o755)
    with ChatTerminal("-m", scripted(REPLY), *arguments, VISUAL=str(path)) as terminal:
        terminal.type("a draft")
        terminal.wait_for_text("❯ a draft")
        terminal.type("\x18\x05")
        terminal.wait_for(lambda: (folder / "edited").exists())
        if sent:
            terminal.wait_for_text(sent, "│ 4 │")
            assert terminal.leave() == 0
            return
        terminal.type(" goes on")
        terminal.wait_for_text("❯ a draft goes on")
    assert not of_type("question")


@pytest.mark.parametrize("arguments", [[], ["--inline"]])
def test_an_editor_that_is_not_there_is_said(arguments: list[str], scripted: Scripted) -> None:
    with ChatTerminal("-m", scripted(REPLY), *arguments, EDITOR="/nope -w", VISUAL="") as terminal:
        terminal.type("a draft")
        terminal.wait_for_text("❯ a draft")
        terminal.type("\x18\x05")
        terminal.wait_for_text("the editor /nope can't be run: set VISUAL or EDITOR", "❯ a draft")
        terminal.type(" goes on")
        terminal.wait_for_text("❯ a draft goes on")
