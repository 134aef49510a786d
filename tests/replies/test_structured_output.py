"""Answers in a given form: the thought is free, the answer always parses. Real models."""

import json
import subprocess
from pathlib import Path

import pytest

from r1local.engine.sampler import SamplerSettings
from r1local.errors import GrammarError
from r1local.events.reply import AnswerDelta
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.generation import tokenised_prompt
from r1local.replies.json_schema import converted
from r1local.replies.settings import ReplySettings
from testing.command import Run, Scripted
from testing.models import THINK, smollm2
from testing.replies import HI, generate, loaded

pytestmark = pytest.mark.slow

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"enum": ["a", 'b"c', "d\n"]}, "maxItems": 3},
        "friend": {"anyOf": [{"$ref": "#/$defs/friend"}, {"type": "null"}]},
    },
    "required": ["name", "age", "friend"],
    "$defs": {
        "friend": {
            "type": "object",
            "properties": {"kind": {"const": "é\\"}, "since": {"type": "string", "format": "date"}},
            "required": ["kind", "since"],
        }
    },
}


def errors_of(result: subprocess.CompletedProcess[str]) -> str:
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], result.stderr
    return result.stderr


# --- Replies --------------------------------------------------------------------


def test_thought_is_free_and_answer_is_json(run: Run, scripted: Scripted) -> None:
    prose = "Well, the answer is, as far as I can see, that it is seven. " * 20
    model = scripted("I think freely {[.</think>\n\n" + prose, context_length=4_096)
    schema = json.dumps(PERSON)
    result = run("hi", "-m", model, "--json-schema", schema, "--format", "json", "--seed", "3")
    generate = json.loads(result.stdout)
    assert generate["thinking"] == "I think freely {[."
    answer = json.loads(generate["answer"])
    assert {"name", "age", "friend"} <= answer.keys() <= PERSON["properties"].keys()  # type: ignore[attr-defined]
    assert answer["age"] >= 0
    assert (result.returncode, generate["finish_reason"]) == (0, "stop")


def test_a_real_model_without_thought_writes_json_from_its_first_token(run: Run) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}}}
    schema |= {"required": ["n", "ok"]}
    result = run(
        *("Tell me about the moon.", "-m", smollm2(), "--context", "512"),
        *("--json-schema", json.dumps(schema), "--seed", "3"),
    )
    answer = json.loads(result.stdout)
    assert isinstance(answer["n"], int)
    assert isinstance(answer["ok"], bool)


def test_schema_from_a_file(run: Run, scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"enum": ["yes", "no"]}')
    model = scripted("hm</think>\n\nmaybe")
    result = run("hi", "-m", model, "--json-schema", tmp_path / "schema.json")
    assert result.stdout in ('"yes"\n', '"no"\n')


def test_grammar_from_a_file(run: Run, scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "sum.gbnf").write_text('root ::= [0-9] " + " [0-9] " = " [0-9]+ "."')
    result = run("hi", "-m", scripted("hm</think>\n\nx"), "--grammar", tmp_path / "sum.gbnf")
    left, _, right, _, total = result.stdout.strip().rstrip(".").split(" ")
    assert (left + right + total).isdigit()


def test_answer_that_fits_is_left_as_the_model_writes_it(run: Run, scripted: Scripted) -> None:
    answer = '{"name": "Ann", "age": 7, "friend": null}'
    model = scripted(f"hm</think>\n\n{answer}")
    result = run("hi", "-m", model, "--json-schema", json.dumps(PERSON))
    assert result.stdout == answer + "\n"


def test_a_thought_that_never_ends_is_closed_for_the_answer(run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted("hm"), "--json-schema", '{"const": 5}', "--format", "json")
    assert json.loads(result.stdout)["answer"] == "5"


def test_without_thinking_and_with_a_prompt_that_opens_none(run: Run, scripted: Scripted) -> None:
    arguments = ("--json-schema", '{"const": "x"}', "--no-think")
    assert run("hi", "-m", scripted("prose", prompt=60), *arguments).stdout == '"x"\n'
    template = "{{ bos_token }}<｜User｜>{#</thin#}"
    model = scripted(f"{THINK}hm", prompt=2, chat_template=template)
    assert run("hi", "-m", model, *arguments[:2]).stdout == '"x"\n'


def test_an_answer_cut_by_the_limit_is_none(run: Run, scripted: Scripted) -> None:
    model = scripted("hm</think>\n\nx", context_length=2_048)
    schema = '{"type": "string", "minLength": 900}'
    assert run("hi", "-m", model, "--json-schema", schema, "--max-tokens", "60").returncode == 3


def test_what_a_grammar_does_not_enforce_is_reported(run: Run, scripted: Scripted) -> None:
    schema = '{"type": "integer", "maximum": 10, "title": "N"}'
    result = run("hi", "-m", scripted("hm</think>\n\n7"), "--json-schema", schema)
    assert result.stdout == "7\n"
    assert "maximum" in result.stderr
    assert "title" not in result.stderr


def test_grammar_that_the_model_cannot_follow_is_an_error(
    run: Run, scripted: Scripted, tmp_path: Path
) -> None:
    (tmp_path / "dead.gbnf").write_text('root ::= "a" [^\\U00000000-\\U7FFFFFFF]')
    result = run("hi", "-m", scripted("hm</think>\n\nx"), "--grammar", tmp_path / "dead.gbnf")
    assert result.returncode == 1
    assert "grammar" in result.stderr


@pytest.mark.parametrize("cut", [False, True])
def test_an_answer_that_is_not_valid_is_none(cut: bool, run: Run, scripted: Scripted) -> None:
    schema = '{"type": "string", "minLength": 9}' if cut else '{"type": "integer", "maximum": 10}'
    model = scripted("hm</think>\n\n" + ('"abcdefghijkl"' if cut else "70"))
    arguments = ("hi", "-m", model, "--json-schema", schema, *(("--max-tokens", "12") * cut))
    result = run(*arguments)
    assert (result.returncode, "does not match the schema" in result.stderr) == (3, True)
    assert "no answer" not in result.stderr
    reply = json.loads(run(*arguments, "--format", "json").stdout)
    assert (reply["valid"], reply["finish_reason"]) == (False, "length" if cut else "stop")
    *_, notice, last = map(json.loads, run(*arguments, "--format", "jsonl").stdout.splitlines())
    assert (notice["kind"], last["type"], last["valid"]) == ("schema", "finished", False)


def test_json_says_whether_an_answer_is_valid(run: Run, scripted: Scripted) -> None:
    arguments = ("hi", "-m", scripted("hm</think>\n\n7"), "--format", "json")
    assert json.loads(run(*arguments, "--json-schema", '{"maximum": 10}').stdout)["valid"] is True
    assert json.loads(run(*arguments).stdout)["valid"] is None


def test_an_answer_in_a_form_is_final_as_it_is(run: Run, scripted: Scripted) -> None:
    model = scripted('hm</think>\n\n{"n": 7}')
    schema = '{"properties": {"n": {"type": "integer"}}}'
    result = run("hi", "-m", model, "--json-schema", schema, "--answer-only")
    assert (result.stdout, result.stderr, result.returncode) == ('{"n": 7}\n', "", 0)


# --- Votes ----------------------------------------------------------------------


def test_a_vote_counts_whole_answers_by_their_value(run: Run, scripted: Scripted) -> None:
    model = scripted('hm</think>\n\n{"b": "X",\n "a": 1}')
    schema = '{"properties": {"b": {}, "a": {"type": "number"}}}'
    arguments = ("hi", "-m", model, "--votes", "3", "--json-schema", schema)
    vote = json.loads(run(*arguments, "--format", "json").stdout)
    assert vote["final_answer"] == '{"a": 1, "b": "X"}'
    assert {reply["valid"] for reply in vote["replies"]} <= {True, None}
    assert run(*arguments).stdout == '{"b": "X",\n "a": 1}\n'


def test_an_answer_that_is_not_valid_is_no_vote(run: Run, scripted: Scripted) -> None:
    model = scripted("hm</think>\n\n70")
    arguments = ("hi", "-m", model, "--votes", "3", "--json-schema", '{"maximum": 10}')
    result = run(*arguments, "--format", "json")
    vote = json.loads(result.stdout)
    assert (result.returncode, vote["final_answer"], vote["tally"]) == (3, None, [])
    assert [(one["valid"], one["final_answer"]) for one in vote["replies"]] == [(False, None)] * 3


# --- What is refused ------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ("{", "line 1"),
        ('{"type": "person"}', "person"),
        ('{"enum": []}', "enum"),
        ('{"enum": "yes"}', "enum"),
        ('{"$ref": "https://example.com/x"}', "example.com"),
        ('{"$ref": "#/$defs/none"}', "#/$defs/none"),
        ('{"$ref": "#"}', "nested"),
        ('{"type": "string", "minLength": -1}', "minLength"),
        ('{"type": "array", "minItems": 3, "maxItems": 2}', "maxItems"),
        ('{"type": "array", "items": {"enum": [1]}, "minItems": 100000}', "too large"),
        ('{"allOf": [true, false]}', "contradiction"),
        ('{"type": "object", "required": ["a"], "properties": {"a": false}}', "contradiction"),
        ('{"not": {"$ref": "https://example.com/x"}}', "example.com"),
        ('{"$ref": "#nowhere"}', "#nowhere"),
        ('{"pattern": "("}', "pattern"),
        ('{"const": NaN}', "NaN"),
        ('{"properties": []}', "properties"),
        ('{"properties": {}, "required": [[1]]}', "type"),
        ('{"prefixItems": 3}', "type"),
        ('{"type": {"a": 1}}', "type"),
        ('{"type": "string", "format": []}', "type"),
        ('{"allOf": [{"properties": []}]}', "type"),
        ('{"properties": {"a": 3}}', "schema"),
    ],
)
def test_bad_schemas(schema: str, word: str, run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted("hm</think>x"), "--json-schema", schema)
    assert result.returncode == 2
    assert word in errors_of(result)


def test_a_schema_s_file_that_is_not_there(run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted("hm</think>x"), "--json-schema", "no-such-file.json")
    assert result.returncode == 1
    assert "no-such-file.json" in errors_of(result)


def test_a_bad_grammar(run: Run, scripted: Scripted, tmp_path: Path) -> None:
    (tmp_path / "bad.gbnf").write_text("root ::= x")
    result = run("hi", "-m", scripted("hm</think>x"), "--grammar", tmp_path / "bad.gbnf")
    assert result.returncode == 2
    errors_of(result)


def test_schema_and_grammar_exclude_each_other(run: Run) -> None:
    assert run("hi", "--json-schema", "{}", "--grammar", "x").returncode == 2


# --- Going on -------------------------------------------------------------------


@pytest.mark.parametrize("begun", ['{"a', '{"a": [1, 2', '{"a": [1, 23], "b": "é', "{"])
def test_an_answer_that_goes_on_stays_in_its_form(begun: str, scripted: Scripted) -> None:
    schema = json.dumps(
        {
            "properties": {
                "a": {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
                "b": {"type": "string", "maxLength": 3},
            },
            "required": ["a", "b"],
        }
    )
    settings = ReplySettings(SamplerSettings(seed=1), grammar=converted(schema).grammar)
    with loaded(scripted("Hm.</think>\n\n" + "words " * 40, context_length=512)) as model:
        events = generate(model, HI, settings, Control(), Begun("Hm.", begun, False))
        rest = "".join(event.text for event in events if isinstance(event, AnswerDelta))
    answer = json.loads(begun + rest)
    assert answer.keys() == {"a", "b"}


def test_an_answer_of_another_form_does_not_go_on(scripted: Scripted) -> None:
    settings = ReplySettings(grammar=converted('{"type": "integer"}').grammar)
    with loaded(scripted("Hm.")) as model, pytest.raises(GrammarError, match="another form"):
        tokenised_prompt(model, HI, settings, Begun("Hm.", "So it is", False))
