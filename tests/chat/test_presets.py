"""Chats that begin with a question, files or a preset, and `/preset`."""

import subprocess
from pathlib import Path

import pytest

from r1local.config.paths import config_file
from r1local.sessions.folder import read_session, saved_sessions
from testing.chats import REPLY, ChatTerminal, of_type
from testing.command import COMMAND, Completed, Scripted
from testing.models import write_scripted_model
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text, encoding="utf-8")


def piped(typed: str, *arguments: str | Path) -> Completed:
    return subprocess.run(
        [*COMMAND, "chat", *map(str, arguments)],
        input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("inline", [False, True])
def test_a_chat_begins_with_a_question_and_files(
    inline: bool, scripted: Scripted, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Four primes.", encoding="utf-8")
    form = ["--inline"] if inline else []
    with ChatTerminal("How many?", "-m", scripted(REPLY), "-f", notes, *form) as terminal:
        terminal.wait_for_text("❯ How many?", "│ 4 │")
        terminal.wait_for(lambda: len(of_type("ended")) == 1)
        terminal.send("And now?")
        terminal.wait_for(lambda: len(of_type("ended")) == 2)
        assert terminal.leave() == 0
    first, second = read_session(saved_sessions()[0].name).turns
    assert (first.typed, first.documents) == ("How many?", ("notes.txt",))
    assert "Four primes." in first.question
    assert (second.question, second.documents) == ("And now?", ())


def test_files_wait_for_the_first_question(scripted: Scripted, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Four primes.", encoding="utf-8")
    with ChatTerminal("-m", scripted(REPLY), "-f", notes) as terminal:
        terminal.wait_for_text("goes with the next question: notes.txt")
        terminal.send("How many?")
        terminal.wait_for_text("│ 4 │", "(notes.txt)")
        assert terminal.leave() == 0


def test_a_question_may_follow_the_name_of_a_session(scripted: Scripted) -> None:
    model = scripted(REPLY)
    assert piped("", "-m", model, "--session", "talk", "one").returncode == 0
    assert piped("", "--resume", "talk", "two").returncode == 0
    assert piped("three\n", "--resume").returncode == 0
    asked = [turn.question for turn in read_session("talk").turns]
    assert asked == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["a", "b"], "a chat begins with one question"),
        (["--resume", "a", "b", "c"], "a chat begins with one question"),
        (["--resume", "a", "--session", "b"], "'a' names a session"),
        (["-f", "-"], "a chat reads questions from stdin, not files"),
        (["-p", "no"], "there is no preset 'no'"),
        (["-F", "a=b"], "--field fills in a preset's prompt"),
    ],
)
def test_what_a_chat_does_not_begin_with(arguments: list[str], words: str) -> None:
    result = piped("", *arguments)
    assert result.returncode == 2 and words in result.stderr


def test_a_missing_file_is_told_before_the_model_is_loaded() -> None:
    result = piped("", "-f", "no-such-file", "-m", "no-such-model")
    assert result.returncode == 1 and "no-such-file can't be read" in result.stderr


SUM = '[presets.sum]\nprompt = "What is {a} + {input}?"\nsystem = "Be brief."\ntemperature = 0\n'


def test_every_question_is_put_into_the_presets_prompt() -> None:
    write_config(SUM)
    result = piped("8\n", "-m", "nano", "-p", "sum", "-F", "a=4", "5")
    assert "\\boxed{9}" in result.stdout and "\\boxed{12}" in result.stdout
    assert "questions are put into the prompt of preset sum" in result.stderr
    talk = read_session(saved_sessions()[0].name)
    assert [turn.typed for turn in talk.turns] == ["5", "8"]
    assert (talk.preset, talk.system) == ("sum", "Be brief.")
    resumed = piped("What is 1 + 1?\n", "--resume")
    assert "\\boxed{2}" in resumed.stdout  # the prompt holds only where it is chosen


def test_a_prompt_that_takes_no_question_is_asked_first() -> None:
    write_config('[presets.seven]\nprompt = "What is 3 + 4?"\n')
    result = piped("What is 1 + 1?\n", "-m", "nano", "-p", "seven")
    assert "\\boxed{7}" in result.stdout and "\\boxed{2}" in result.stdout


def test_presets_are_listed_and_chosen_in_a_chat(scripted: Scripted, tmp_path: Path) -> None:
    other = write_scripted_model(tmp_path / "other.gguf", "x</think>other")
    write_config(f'[presets.far]\nmodel = "{other}"\nmin_p = 0.5\n{SUM}')
    with ChatTerminal("-m", scripted(REPLY), lines=40) as terminal:
        terminal.command_shows(
            "/preset", "sum  system Be brief. · temperature 0.0", "far  ", "in use: none"
        )
        terminal.command_shows("/preset smu", "there is no preset 'smu'", "did you mean sum?")
        terminal.command_shows("/preset sum", "needs a value for a", "give it: a=…")
        terminal.command_shows("/preset sum a", "'a' is no field")
        terminal.command_shows("/preset sum a=4", "preset sum is used from here on")
        terminal.command_shows("/system", "system prompt: Be brief.")
        terminal.command_shows("/set temperature", "temperature is 0")
        terminal.send("5")
        terminal.wait_for(lambda: len(of_type("ended")) == 1)
        terminal.command_shows("/preset far", "other replies from here on")
        terminal.command_shows("/set temperature", "temperature is 0.6")
        terminal.command_shows("/set min-p", "min-p is 0.5")
        terminal.command_shows("/preset", "in use: far")
        terminal.command_shows("/new", "a new session")
        terminal.command_shows("/preset", "in use: far")
        terminal.command_shows("/preset none", "no preset is used from here on")
        terminal.command_shows("/set min-p", "min-p is 0")
        assert terminal.leave() == 0
    (turn,) = read_session(saved_sessions()[-1].name).turns
    assert (turn.question, turn.typed) == ("What is 4 + 5?", "5")


def test_a_preset_whose_model_is_missing_changes_nothing(scripted: Scripted) -> None:
    write_config('[presets.far]\nmodel = "nowhere"\nseed = 1\n')
    typed = "/preset far\n/set seed\n/preset\n"
    told = piped(typed, "-m", scripted(REPLY)).stderr
    assert "no model is called 'nowhere'" in told
    assert "seed is random" in told and "in use: none" in told


def test_a_preset_that_loads_differently_loads_the_model_again(scripted: Scripted) -> None:
    write_config("[presets.wide]\ncontext = 512\n")
    told = piped("/preset wide\n/context\n", "-m", scripted(REPLY)).stderr
    assert "scripted replies from here on" in told and "of 512 tokens" in told


def test_edit_gives_back_question_and_files_of_a_preset(tmp_path: Path) -> None:
    write_config(SUM)
    notes = tmp_path / "notes.txt"
    notes.write_text("Nothing.", encoding="utf-8")
    result = piped("/edit\n", "-m", "nano", "-p", "sum", "-F", "a=4", "5", "-f", notes)
    assert "goes with the next question: notes.txt" in result.stderr
