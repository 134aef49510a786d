"""`/schema`: the next answers are held to a JSON schema, checked, shown as code, and kept so."""

import json
import subprocess
from functools import partial
from pathlib import Path

import pytest

from r1local.chat.dialogue import Dialogue
from r1local.conversation import Reply
from r1local.engine.sampler import SamplerSettings
from r1local.errors import GrammarError
from r1local.events.reply import Event, Finished, Notice
from r1local.events.vote import VoteResult
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings
from r1local.sessions.export import export_markdown
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.records import Question
from r1local.sessions.session import Session
from testing.chats import ChatTerminal, of_type
from testing.command import COMMAND, Scripted
from testing.dialogues import ask, talking
from testing.replies import never
from testing.waiting import PATIENCE_S

THOUGHT = "It is seven {[."
REPLY = f"{THOUGHT}</think>\n\n"
NUMBER = '{"type": "integer"}'
SMALL = '{"type": "integer", "maximum": 10}'
STARS = (
    '{"properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false}'
)
ANSWER = '{"a": "*x* **y** `z` 1"}'


def last_reply(dialogue: Dialogue) -> Reply:
    reply = dialogue.turns[-1].reply
    assert reply
    return reply


def notices(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Notice)]


def test_answers_are_held_to_the_schema_in_force(scripted: Scripted) -> None:
    with talking(scripted(f"{REPLY}seven")) as dialogue:
        ask(dialogue)
        assert (last_reply(dialogue).answer, last_reply(dialogue).valid) == ("seven", None)
        dialogue.use_schema(NUMBER)
        *_events, finished = ask(dialogue)
        assert last_reply(dialogue).thinking == THOUGHT
        assert isinstance(json.loads(last_reply(dialogue).answer), int)
        assert last_reply(dialogue).valid is True
        assert isinstance(finished, Finished) and finished.valid is True
        list(dialogue.retry(Control()))
        assert isinstance(json.loads(last_reply(dialogue).answer), int)
        dialogue.use_schema(None)
        ask(dialogue)
        assert last_reply(dialogue).answer == "seven"


def test_an_answer_that_is_not_valid_is_told_and_kept_as_that(scripted: Scripted) -> None:
    session = Session.create("talk")
    with talking(scripted(f"{REPLY}70"), session) as dialogue:
        dialogue.use_schema(SMALL)
        told = notices(ask(dialogue))
        turns = dialogue.turns
    assert told == ["the answer does not match the schema: 70 is greater than the maximum of 10"]
    again = read_session("talk")
    assert (again.turns, again.schema) == (turns, SMALL)
    assert again.turns[0].reply and again.turns[0].reply.valid is False
    text = export_markdown(turns, title="", model=None, thoughts=False)
    assert "~~~json\n70\n~~~\n\n*The answer is not valid by its JSON schema.*" in text


def test_a_cut_answer_goes_on_in_its_schema(scripted: Scripted) -> None:
    settings = ReplySettings(SamplerSettings(seed=1), max_tokens=len(REPLY) + 6)
    schema = '{"type": "array", "items": {"enum": ["one", "two"]}, "minItems": 3, "maxItems": 4}'
    with talking(scripted(f"{REPLY}prose " * 9), settings=settings) as dialogue:
        dialogue.use_schema(schema)
        assert notices(ask(dialogue)), "half an answer is not valid"
        cut = last_reply(dialogue)
        dialogue.settings = ReplySettings(SamplerSettings(seed=1))
        list(dialogue.go_on(Control()))
        whole = last_reply(dialogue)
        assert (cut.reason, cut.valid, whole.reason, whole.valid) == ("length", False, "stop", True)
        assert whole.answer.startswith(cut.answer) and len(json.loads(whole.answer)) in (3, 4)
        dialogue.use_schema(NUMBER)
        with pytest.raises(GrammarError, match="another form"):
            list(dialogue.go_on(Control()))
        assert last_reply(dialogue) == whole


def test_an_answer_that_is_not_valid_casts_no_vote(scripted: Scripted) -> None:
    with talking(scripted(f"{REPLY}70"), sequences=2) as dialogue:
        dialogue.use_schema(SMALL)
        *_events, result = dialogue.vote(Question("How many?", votes=2), Control())
        assert isinstance(result, VoteResult) and result.winner is None
        assert [reply.valid for reply in dialogue.turns[0].voters.values()] == [False, False]
        dialogue.use_schema(NUMBER)
        *_events, result = dialogue.vote(Question("How many?", votes=2), Control())
        assert isinstance(result, VoteResult) and result.answer == "70"


def test_a_new_session_keeps_the_schema_and_one_with_turns_its_own(scripted: Scripted) -> None:
    first, second = Session.create("first"), Session.create("second")
    with talking(scripted(f"{REPLY}7"), first) as dialogue:
        ask(dialogue)
        dialogue.use_schema(NUMBER)
        dialogue.move_to(second)
        assert dialogue.schema == NUMBER
        dialogue.use_schema(None)
        dialogue.move_to(Session.open("first"))
        assert dialogue.schema == NUMBER


def test_a_schema_of_a_file_that_is_none_is_refused_before_anything_is_asked(
    scripted: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("{}")
    with talking(scripted(REPLY)) as dialogue:
        for schema in ('{"type": 7}', "{", str(tmp_path / "secret")):
            dialogue.use_schema(schema)
            with pytest.raises(GrammarError) as refused:
                ask(dialogue)
            assert refused.value.hint == "/schema none leaves answers free"
            assert dialogue.turns == ()


def test_a_session_opens_although_its_schema_is_none(scripted: Scripted) -> None:
    model, session = scripted(f"{REPLY}7"), Session.create("talk")
    with talking(model, session) as dialogue:
        ask(dialogue)
        dialogue.use_schema("{")
    with talking(model, Session.open("talk")) as dialogue:
        dialogue.switch(dialogue.selected, lambda _: LocalEngine.open(model, LoadOptions(), never))
        voting = partial(dialogue.vote, Question("?", votes=2))
        for asking in (dialogue.retry, dialogue.go_on, voting):
            with pytest.raises(GrammarError):
                list(asking(Control()))
        assert len(dialogue.turns) == 1 and last_reply(dialogue).answer == "7"
        dialogue.use_schema(None)
        ask(dialogue)


@pytest.mark.parametrize("name", ["confidence", "answer-pattern"])
def test_a_vote_goes_by_what_is_set_of_votes(
    name: str, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = {"confidence": "0.6", "answer-pattern": r"is (\d+)"}[name]
    monkeypatch.setenv(f"R1LOCAL_{name.upper().replace('-', '_')}", value)
    with talking(scripted(f"{REPLY}It is 7, I think.")) as dialogue:
        *_events, result = dialogue.vote(Question("How many?", votes=9), Control())
    assert isinstance(result, VoteResult)
    if name == "confidence":
        assert result.ended == "confident" and len(result.ballots) < 5
    else:
        assert result.answer == "7"


# --- On screens -----------------------------------------------------------------


@pytest.mark.slow
def test_the_screen_shows_json_as_it_is(scripted: Scripted, tmp_path: Path) -> None:
    path = tmp_path / "my schema.json"
    path.write_text(STARS)
    with ChatTerminal("-m", scripted(f"{REPLY}{ANSWER}"), "--session", "talk") as terminal:
        terminal.send("/schema")
        terminal.wait_for_text("answers are free in form")
        terminal.send(f'/schema "{path}"')
        terminal.wait_for_text("answers are held to this JSON schema", "· JSON schema · talk")
        terminal.command_shows("/schema {", "the schema is not JSON", "! ")
        terminal.command_shows("/schema missing.json", "missing.json")
        terminal.command_shows("/schema", '"additionalProperties": false')
        terminal.send("How many?")
        terminal.wait_for_text(ANSWER, "thought for")
        terminal.command_shows("/stats", "1 of 1 answers are valid")
        terminal.send(f"/schema {SMALL}")
        terminal.wait_for_text("is not held to the schema's maximum")
        assert terminal.leave() == 0
    with ChatTerminal("--resume", "talk") as terminal:
        terminal.wait_for_text(ANSWER, "JSON schema")
        terminal.command_shows("/schema", SMALL)
        terminal.command_shows("/schema none", "answers are free in form")
        terminal.wait_without("· JSON schema")
        assert terminal.leave() == 0
    assert [each.get("text") for each in of_type("schema", "talk")] == [STARS, SMALL, None]


@pytest.mark.slow
def test_the_screen_says_below_an_answer_that_it_is_not_valid(scripted: Scripted) -> None:
    arguments = ("-m", scripted(f"{REPLY}70"), "--session", "talk")
    with ChatTerminal(*arguments, columns=120) as terminal:
        terminal.send(f"/schema {SMALL}")
        terminal.wait_for_text("· JSON schema")
        terminal.send("How many?")
        terminal.wait_for_text("70 is greater than", "/retry tries another way")
        rows = [row.strip() for row in terminal.rows]
        answer = rows.index("70")
        assert "does not match the schema" in " ".join(rows[answer:])
        terminal.send("/vote 2 How many?")
        terminal.wait_for_text("not valid by the schema · 2", "no reply came to an answer")
        assert terminal.leave() == 0
    with ChatTerminal("--resume", "talk") as terminal:
        terminal.wait_for_text("the answer is not valid by its schema; /retry")
        assert terminal.leave() == 0


@pytest.mark.slow
def test_the_scrollback_shows_json_as_it_is(scripted: Scripted) -> None:
    arguments = ("-m", scripted(f"{REPLY}{ANSWER}"), "--inline")
    with ChatTerminal(*arguments) as terminal:
        terminal.send(f"/schema {STARS}")
        terminal.wait_for_text("answers are held to this JSON schema")
        terminal.send("How many?")
        terminal.wait_for_text(ANSWER)
        assert terminal.leave() == 0
    (session,) = saved_sessions()
    assert read_session(session.name).schema == STARS
    with ChatTerminal("--resume", "--inline") as terminal:
        terminal.wait_for_text(ANSWER)
        assert terminal.leave() == 0


@pytest.mark.slow
def test_a_chat_in_a_pipe_takes_a_schema(scripted: Scripted) -> None:
    command = [*COMMAND, "chat", "-m", str(scripted(f"{REPLY}70"))]
    typed = f"/schema {SMALL}\nHow many?\n"
    done = subprocess.run(
        command, input=typed, capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    assert done.stdout == "70\n"
    assert "not held to the schema's maximum" in done.stderr
    assert "does not match the schema: 70 is greater than the maximum of 10" in done.stderr
