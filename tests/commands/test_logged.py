"""`run` in sessions: kept as it happens, gone on with, told where that can't be."""

import json
import subprocess

import pytest

from r1local.chat.session_settings import settings_of, system_of
from r1local.config.paths import sessions_folder
from r1local.models.catalog import load_catalog
from r1local.models.selection import select
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.recorder import NoSession
from r1local.sessions.records import Question, Setting, SystemPromptChange
from r1local.sessions.session import Session
from testing.chats import of_type, records, steps
from testing.command import COMMAND, Run, Scripted
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow

REPLY = "Two and two.\n</think>\n\nIt is \\boxed{4}."
ONE, TWO = "What is 2 + 2?", "What is 5 + 1?"


def test_nothing_is_kept_unless_it_is_asked_for(run: Run) -> None:
    assert run(ONE).returncode == 0
    assert run(ONE, "--no-log").returncode == 0
    assert not sessions_folder().exists()


def test_a_logged_question_is_a_session_and_goes_on(run: Run) -> None:
    assert run(ONE, "--log", "--temperature", "0").returncode == 0
    (kept,) = saved_sessions()
    assert (kept.title, kept.turns, kept.model) == (ONE, 1, "nano")
    result = run("-c", TWO, "--temperature", "0", "--format", "json")
    reply = json.loads(result.stdout)
    assert (result.returncode, result.stderr) == (0, "")  # the session's model isn't announced
    first, second = read_session(kept.name).turns
    assert (first.question, second.question) == (ONE, TWO)
    assert second.reply and second.reply.answer == reply["answer"]
    # The first turn, as it was generated and kept, is in the KV cache.
    assert reply["usage"]["prompt_tokens"] > reply["usage"]["cached_tokens"] > 5
    assert len(saved_sessions()) == 1


@pytest.mark.parametrize("place", ["config", "environment"])
def test_a_preference_logs_all(place: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "config":
        subprocess.run([*COMMAND, "config", "set", "log", "true"], check=True)
    else:
        monkeypatch.setenv("R1LOCAL_LOG", "true")
    run(ONE)
    run(ONE, "--no-log")
    assert len(saved_sessions()) == 1


def test_the_last_is_the_one_written_last_and_others_have_names(
    run: Run, scripted: Scripted
) -> None:
    model = scripted(REPLY)
    for name in ("older", "newer"):
        assert run("hi", "-m", model, "--session", name).returncode == 0
    assert run("again", "--session", "older").returncode == 0
    assert run("and again", "-c").returncode == 0
    assert run("other", "-c", "--session", "newer").returncode == 0
    asked = {each.name: read_session(each.name).turns for each in saved_sessions()}
    assert [turn.question for turn in asked["older"]] == ["hi", "again", "and again"]
    assert [turn.question for turn in asked["newer"]] == ["hi", "other"]


def test_a_chat_goes_on_in_run_and_back(run: Run, scripted: Scripted) -> None:
    chat = [*COMMAND, "chat", "-m", str(scripted(REPLY)), "--session", "talk"]
    subprocess.run(chat, input="/set top-p 0.5\nhi\n", text=True, check=True, capture_output=True)
    assert run("-c", "more").returncode == 0
    resumed = subprocess.run(
        [*COMMAND, "chat", "--resume"], input="end\n", text=True, check=True, capture_output=True
    )
    assert "more" in resumed.stdout and "talk" in resumed.stderr
    assert [turn.question for turn in read_session("talk").turns] == ["hi", "more", "end"]


def test_documents_and_what_was_typed(run: Run, scripted: Scripted) -> None:
    run("What is it?", "-m", scripted(REPLY), "--session", "s", stdin="some text")
    (turn,) = read_session("s").turns
    assert (turn.typed, turn.documents) == ("What is it?", ("stdin",))
    assert "some text" in turn.question


def test_commands_in_a_pipe_may_go_on_with_one_session(scripted: Scripted) -> None:
    run = f"{' '.join(COMMAND)} run --session s"
    subprocess.run(
        f"{run} -m '{scripted(REPLY)}' one | {run} -c", shell=True, check=True, timeout=PATIENCE_S
    )
    one, two = read_session("s").turns
    assert one.reply and (one.question, two.question) == ("one", one.reply.answer + "\n")


def test_votes_are_kept_whole(run: Run, scripted: Scripted) -> None:
    model = scripted(REPLY)
    result = run("hi", "-m", model, "--votes", "3", "--session", "s")
    assert result.returncode == 0 and "4" in result.stdout
    assert run("-c", "hm", "--votes", "2").returncode == 0
    first, second = read_session("s").turns
    assert first.reply and (first.votes, len(first.voters)) == (3, 3)
    assert (second.votes, len(second.voters)) == (2, 2)


def test_system_prompt_and_model_are_the_sessions(run: Run, scripted: Scripted) -> None:
    model = scripted(REPLY)
    run("hi", "-m", model, "--session", "s", "--system", "Be brief.")
    run("-c", "more")
    assert len(of_type("system")) == 1 and len(of_type("model")) == 1
    run("-c", "more", "-m", "nano", "--system", "Be long.")
    talk = read_session("s")
    assert (talk.system, talk.model) == ("Be long.", "nano")


def test_a_schema_of_the_command_line_counts_more_than_the_sessions(run: Run) -> None:
    chat = [*COMMAND, "chat", "-m", "nano", "--session", "s"]
    typed = '/schema {"const": "a"}\n'
    subprocess.run(chat, input=f"{typed}{ONE}\n", text=True, check=True, capture_output=True)
    assert run("-c", TWO).stdout == '"a"\n'
    assert run("-c", TWO, "--json-schema", '{"const": "b"}').stdout == '"b"\n'


def test_what_is_written_survives_kill_9(scripted: Scripted) -> None:
    model = scripted(f"{steps(600)}</think>Done.", context_length=30_000, slow=True)
    command = [*COMMAND, "run", "hi", "-m", str(model), "--log"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        eventually(lambda: bool(of_type("thinking")))
        process.kill()
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.reply and turn.reply.reason == "lost"
    assert turn.reply.thinking and steps(600).startswith(turn.reply.thinking)


def test_what_cannot_be_kept_is_answered_and_told(run: Run) -> None:
    sessions_folder().parent.mkdir(parents=True)
    sessions_folder().touch()
    result = run(ONE, "--log", "--temperature", "0")
    assert result.returncode == 1 and "4" in result.stdout
    assert "can't be saved" in result.stderr and "is lost" in result.stderr


# --- What is told ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["-c"], 1, ["no session is saved yet", "run --log"]),
        (["-c", "--session", "no"], 1, ["there is no session no", "r1local sessions"]),
        (["--session", "a/b"], 2, ["can't be a session's name"]),
        (["-c", "--no-log"], 2, ["--no-log keeps nothing"]),
        (["--session", "s", "--no-log"], 2, ["--no-log keeps nothing"]),
    ],
)
def test_why_it_does_not_go_on(arguments: list[str], code: int, words: list[str], run: Run) -> None:
    result = run("hi", *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert all(word in result.stderr for word in words)


def test_a_session_that_is_open_elsewhere(run: Run) -> None:
    session = Session.create("busy")
    session.append(Question("hi"))
    try:
        result = run("-c", "more")
    finally:
        session.close()
    assert result.returncode == 1
    assert "session busy is open in another r1local" in result.stderr


def test_a_model_that_is_gone(run: Run, scripted: Scripted) -> None:
    model = scripted(REPLY)
    run("hi", "-m", model, "--session", "s")
    model.unlink()
    result = run("-c", "more")
    assert result.returncode == 1
    assert "the session's model is gone" in result.stderr
    assert "r1local run -c -m MODEL goes on" in result.stderr
    assert run("-c", ONE, "-m", "nano").returncode == 0


def test_a_session_that_is_too_long_is_told_and_not_made_longer(run: Run) -> None:
    talk = Session.create("s")
    talk.append(Question("x " * 3_000))
    talk.append(talk.transcript.ended(None, "nano"))
    talk.close()
    lines = records("s")
    lines[-1] |= {"answer": "y " * 3_000, "thinking": "", "reason": "stop"}
    (sessions_folder() / "s.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    result = run("-c", ONE, "-m", "nano")
    assert result.returncode == 1
    assert "the session with this question needs" in result.stderr
    assert "ask without -c" in result.stderr
    assert len(read_session("s").turns) == 1


# --- Presets in sessions ------------------------------------------------------------------


def test_a_session_goes_on_with_its_preset_but_not_with_its_prompt(run: Run) -> None:
    for key, value in {
        "presets.sum.prompt": "What is 1 + {input}?",
        "presets.sum.system": "Be brief.",
        "presets.sum.model": "nano",
        "presets.sum.temperature": "0",
    }.items():
        subprocess.run([*COMMAND, "config", "set", key, value], check=True)
    result = run("--log", "-p", "sum", "3")
    assert (result.returncode, result.stderr) == (0, "")
    assert run("-c", TWO).returncode == 0
    talk = read_session(saved_sessions()[0].name)
    assert [turn.question for turn in talk.turns] == ["What is 1 + 3?", TWO]
    assert [turn.typed for turn in talk.turns] == ["3", TWO]
    assert (talk.preset, talk.system) == ("sum", "Be brief.")
    assert len(of_type("set")) == len(of_type("system")) == 1
    subprocess.run([*COMMAND, "config", "unset", "presets.sum"], check=True)
    assert "no longer has the session's preset, sum" in run("-c", TWO).stderr


def test_of_preset_and_settings_the_last_one_counts() -> None:
    for key, value in {"temperature": "0.1", "top_p": "0.2", "system": "A."}.items():
        subprocess.run([*COMMAND, "config", "set", f"presets.a.{key}", value], check=True)
    recorder, nano = NoSession(), select("nano", load_catalog())
    for name, value in (("temperature", "0.9"), ("preset", "a"), ("top-p", "0.8")):
        recorder.append(Setting(name, value))
    sampler = settings_of({}, nano, recorder).sampler
    assert (sampler.temperature, sampler.top_p) == (0.1, 0.8)
    assert settings_of({"temperature": 0.5}, nano, recorder).sampler.temperature == 0.5
    assert system_of({}, nano, recorder) == "A."
    recorder.append(SystemPromptChange("B."))
    assert system_of({}, nano, recorder) is None
    assert system_of({"preset": "a"}, nano, recorder) == "A."
    recorder.append(Setting("preset", "none"))
    assert settings_of({}, nano, recorder).sampler.temperature == 0.9


def test_what_only_the_file_takes_for_a_setting_is_left_out() -> None:
    recorder = NoSession()
    for name, value in (("effort", "\x1b[2J"), ("temperature", "-1"), ("top-p", "0.8")):
        recorder.append(Setting(name, value))
    sampler = settings_of({}, select("nano", load_catalog()), recorder).sampler
    assert sampler.top_p == 0.8 and sampler.temperature >= 0
