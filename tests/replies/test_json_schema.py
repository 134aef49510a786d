"""What schemas become: whatever the grammar lets through is valid, or its keyword is named."""

import json
import random
from collections.abc import Callable, Collection, Iterator
from ctypes import byref, memmove, sizeof
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry

from r1local.conversation import Message
from r1local.engine.grammar import check_grammar
from r1local.engine.library import load_llama
from r1local.errors import GrammarError
from r1local.events.reply import AnswerDelta
from r1local.models.loading import LoadOptions, load
from r1local.replies.control import Control
from r1local.replies.json_schema import converted
from r1local.replies.settings import ReplySettings
from testing.models import write_scripted_model
from testing.replies import generate
from testing.waiting import processor_within

#: Writes what a grammar lets through, by chance; None if it comes to no end.
Writer: TypeAlias = Callable[[str, random.Random], str | None]

_MOST_BYTES = 200
_QUOTE = ord('"')
#: Written before other bytes, so that answers are short and say something.
_LIKELY = frozenset(b'"]}:,{[0179-.abtruefalsn')


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writer]:
    """Draws bytes out of those that llama.cpp's own grammar allows."""
    path = tmp_path_factory.mktemp("grammar") / "bytes.gguf"
    write_scripted_model(path, "x", context_length=64)
    llama = load_llama()
    with load(path, LoadOptions(), lambda: False).model as model:
        vocabulary = model.vocabulary
        size = vocabulary.size
        blank = (llama.llama_token_data * size)(*((token, 0.0, 0.0) for token in range(size)))
        candidates = (llama.llama_token_data * size)()
        logits = memoryview(candidates).cast("B").cast("f")[1::3]

        def allowed(grammar: Any) -> list[int]:
            memmove(candidates, blank, sizeof(blank))
            array = llama.llama_token_data_array(candidates, size, -1, False)
            llama.llama_sampler_apply(grammar, byref(array))
            return [token for token, logit in enumerate(logits) if logit == 0]

        def write(source: str, drawn: random.Random) -> str | None:
            grammar = llama.llama_sampler_init_grammar(vocabulary.handle, source.encode(), b"root")
            text = bytearray()
            try:
                while len(text) < _MOST_BYTES:
                    tokens = allowed(grammar)
                    assert tokens, f"a dead end after {text!r}"
                    if any(map(vocabulary.ends_reply, tokens)) and drawn.random() < 0.6:
                        return text.decode()
                    plain = [token for token in tokens if token < 256]
                    likely = [token for token in plain if token in _LIKELY]
                    if not plain:
                        return text.decode()
                    token = drawn.choice(likely or plain)
                    if _QUOTE in plain and drawn.random() < 0.4:
                        token = _QUOTE  # so that names are short, and some are the schema's
                    text.append(token)
                    llama.llama_sampler_accept(grammar, token)
                return None
            finally:
                llama.llama_sampler_free(grammar)

        yield write


def blamed(error: ValidationError) -> set[str]:
    """The keywords on the way to an error, and to those that it comes down to."""
    return set(map(str, error.absolute_schema_path)).union(*map(blamed, error.context or ()))


# --- Generated schemas ----------------------------------------------------------

NAMES = st.sampled_from(["a", "ab", "b", "é", '"', "\\\n"])
VALUES = st.sampled_from([0, 1, 1.0, True, None, "a", "ab", "", [], [1], {}, {"a": 1}, 1.5, -1])
SMALL = st.integers(0, 3)
#: Keywords about one type that a grammar holds, so that those that meet mostly have to do with
#: one another, and those that combine them.
FAMILIES = (
    frozenset(("properties", "required", "additionalProperties")),
    frozenset(("items", "prefixItems", "minItems", "maxItems")),
    frozenset(("minLength", "maxLength")),
    frozenset(("minimum",)),
)
COMBINING = frozenset(("type", "enum", "const", "allOf", "anyOf", "oneOf", "$ref"))
TYPED = st.sampled_from([{"type": "integer"}, {"type": "string"}])
TYPES = st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"])


def keywords(
    schema: st.SearchStrategy[Any], only: Collection[str] = ()
) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas of any keywords together, whether they go together or not."""
    several = st.lists(schema, min_size=1, max_size=3)
    names = st.lists(NAMES, max_size=2, unique=True)
    known: dict[str, st.SearchStrategy[Any]] = {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
        "enum": st.lists(VALUES, min_size=1, max_size=4),
        "const": VALUES,
        "properties": st.dictionaries(NAMES, schema, max_size=3),
        "required": names,
        "additionalProperties": schema,
        "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), schema, max_size=1),
        "propertyNames": schema,
        "minProperties": SMALL,
        "maxProperties": SMALL,
        "dependentRequired": st.dictionaries(NAMES, names, max_size=1),
        "dependentSchemas": st.dictionaries(NAMES, schema, max_size=1),
        "unevaluatedProperties": schema,
        "items": schema,
        "prefixItems": several,
        "minItems": SMALL,
        "maxItems": SMALL | st.just(2.0),
        "uniqueItems": st.booleans(),
        "contains": schema,
        "unevaluatedItems": schema,
        "minLength": SMALL,
        "maxLength": SMALL,
        "pattern": st.sampled_from(["^a", "b"]),
        "format": st.sampled_from(["date", "time", "uuid", "email", "ipv4", "unknown"]),
        "minimum": st.sampled_from([-1, 0, 1, 0.5]),
        "maximum": st.sampled_from([-1, 0, 1, 2]),
        "exclusiveMinimum": st.sampled_from([0, 1]),
        "multipleOf": st.sampled_from([2, 0.5]),
        "allOf": several,
        "anyOf": several,
        "oneOf": several,
        "not": schema,
        "if": schema,
        "then": schema,
        "else": schema,
        "$ref": st.sampled_from(["#/$defs/x", "#/$defs/y%20z", "#anchor"]),
        "title": st.just("T"),
    }
    chosen = st.lists(st.sampled_from(sorted(only or known)), max_size=4, unique=True)
    return chosen.flatmap(lambda keys: st.fixed_dictionaries({key: known[key] for key in keys}))


def documents(only: Collection[str] = ()) -> st.SearchStrategy[dict[str, Any]]:
    """Whole schemas, with parts that others refer to and that refer to others."""
    some = partial(keywords, only=only)
    part = st.recursive(st.booleans() | some(TYPED), some)
    return st.builds(
        lambda root, x, yz, anchored: (
            root | {"$defs": {"x": x, "y z": yz, "q": {"$anchor": "anchor", **anchored}}}
        ),
        some(part),
        part,
        part,
        some(TYPED),
    )


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    schema=st.one_of(documents(), *(documents(family | COMBINING) for family in FAMILIES)),
    seed=st.integers(0, 2**32),
)
def test_what_a_grammar_lets_through_is_valid_or_its_keyword_is_named(
    schema: dict[str, Any], seed: int, writer: Writer
) -> None:
    try:
        made = converted(json.dumps(schema))
    except GrammarError:
        assume(False)
    check_grammar(made.grammar)
    drawn = random.Random(seed)
    validator = Draft202012Validator(
        schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    for _ in range(5):
        text = writer(made.grammar, drawn)
        if text is not None:
            errors = list(validator.iter_errors(json.loads(text)))
            unnamed = [error for error in errors if not blamed(error) & set(made.ignored)]
            assert not unnamed, (text, made.ignored)


# --- What is named --------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "string", "maximum": 3, "title": "T"}, ()),
        ({"type": "string", "pattern": "a", "minLength": 3}, ("pattern",)),
        ({"type": "array", "uniqueItems": False}, ()),
        ({"type": "string", "format": "email"}, ("format",)),
        ({"type": "integer", "minimum": 0}, ()),
        ({"type": "integer", "minimum": 1}, ("minimum",)),
        ({"enum": ["a", "b"], "pattern": "a"}, ("pattern",)),
        ({"type": "object", "maxlength": 3}, ("maxlength",)),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, ()),
        ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, ("oneOf",)),
        (
            {
                "type": "object",
                "oneOf": [
                    {"properties": {"kind": {"const": kind}}, "required": ["kind"]} for kind in "ab"
                ],
            },
            (),
        ),
        ({"properties": {"a": {"not": {}}, "b": {"pattern": "x"}}}, ("not", "pattern")),
    ],
)
def test_keywords_that_are_named(schema: object, named: tuple[str, ...]) -> None:
    assert converted(json.dumps(schema)).ignored == named


# --- What is refused -----------------------------------------------------------

HOSTILE: dict[str, str] = {
    "nested arrays": "[" * 200_000,
    "nested schemas": '{"items":' * 900 + "{}" + "}" * 900,
    "allOf in allOf": '{"allOf":[' * 300 + "{}" + "]}" * 300,
    "allOf of itself": '{"allOf":[{"$ref":"#"}]}',
    "references in a ring": json.dumps(
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    ),
    "chain of references": json.dumps(
        {
            "$ref": "#/$defs/0",
            "$defs": {str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(5_000)} | {"5000": {}},
        }
    ),
    "many properties": json.dumps({"properties": {f"p{n}": {"enum": [n]} for n in range(20_000)}}),
    "alternatives in alternatives": json.dumps(
        {
            "$ref": "#/$defs/0",
            "$defs": {
                **{str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)},
                "60": False,
            },
        }
    ),
    "alternatives beside one another": json.dumps(
        {"allOf": [{"anyOf": [{"minLength": n} for n in range(9)]} for _ in range(9)]}
    ),
    "long name": json.dumps({"properties": {"x" * 100_000: {}}, "additionalProperties": True}),
    "long enum": json.dumps({"enum": ["x" * 100] * 10_000}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas_are_refused_soon(name: str) -> None:
    with processor_within(10), pytest.raises(GrammarError):
        check_grammar(converted(HOSTILE[name]).grammar)


def test_repetition_in_repetition_costs_little() -> None:
    schema: object = {"const": 1}
    for _ in range(50):
        schema = {"items": schema, "minItems": 900}
    with processor_within(5):
        check_grammar(converted(json.dumps(schema)).grammar)


def accepted(schema: object, text: str, scripted_path: Path) -> bool:
    """Whether a grammar lets a text through: a model that writes it is not interfered with."""
    write_scripted_model(scripted_path, f"hm</think>\n\n{text}", context_length=512)
    loaded = load(scripted_path, LoadOptions(), lambda: False)
    with loaded.model:
        settings = ReplySettings(max_tokens=200, grammar=converted(json.dumps(schema)).grammar)
        events = generate(loaded, (Message("user", "hi"),), settings, Control())
        return "".join(event.text for event in events if isinstance(event, AnswerDelta)) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({}, ['[1, {"a": null}, "x"]'], ["x"]),
        ({"type": "number"}, ["-1.5e3", "0"], ["01", "+1", ".5"]),
        ({"type": ["integer", "null"]}, ["12", "null"], ["1.5", "nul"]),
        ({"type": "string"}, ['"a\\n\\"é😀"'], ['"a\nb"', '"\\x"', '"\\ud800"']),
        ({"minLength": 2, "maxLength": 3}, ['"ab"', '"abc"'], ['"a"', '"abcd"']),
        ({"format": "date", "type": "string"}, ['"2026-02-28"'], ['"2026-13-01"', '"x"']),
        ({"items": {"type": "integer"}, "minItems": 1}, ["[1]", "[1, 2]"], ["[]", '["a"]']),
        ({"prefixItems": [{"const": 1}, {"const": 2}]}, ["[1, 2]"], ["[2, 1]", "[1]"]),
        (
            {"properties": {"a": {"const": 1}, "b": {"const": 2}, "c": {}}, "required": ["b"]},
            ['{"a": 1, "b": 2}', '{"b": 2, "c": []}', '{"b":2}'],
            ['{"a": 1}', '{"b": 2, "a": 1}', '{"b": 2, "d": 1}', '{"b": 2,}'],
        ),
        (
            {"properties": {"a": {"const": 1}}, "additionalProperties": {"type": "boolean"}},
            ["{}", '{"a": 1, "x": true}', '{"y": false}'],
            ['{"x": 1}'],
        ),
        ({"type": "object"}, ["{}", '{"x": {"y": 1}}'], ["[]"]),
        ({"required": ["x"]}, ['{"x": 0}'], ["{}"]),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}, "required": ["a"]}], "type": "object"},
            ['{"a": 1}'],
            ["{}"],
        ),
        ({"oneOf": [{"const": "x"}, {"const": 7}]}, ['"x"', "7"], ["8"]),
        (
            {
                "$ref": "#/$defs/tree",
                "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
            },
            ["[[], [[]]]"],
            ["[1]"],
        ),
        (
            {
                "properties": {"a": {"type": "string"}},
                "anyOf": [
                    {"properties": {"b": {"const": 1}}, "required": ["b"]},
                    {"properties": {"a": {"maxLength": 1}}},
                ],
            },
            ['{"a": "xyz", "b": 1}', '{"b": 1}', '{"a": "x"}'],
            ['{"a": 5, "b": 1}', '{"a": 5}', '{"a": "xyz"}'],
        ),
        ({"allOf": [{"minLength": 3}, {"minLength": 1}]}, ['"abc"'], ['"a"']),
        ({"allOf": [{"enum": [1, 2]}, {"enum": [2.0, 3]}]}, ["2"], ["1", "3"]),
        (
            {"$ref": "#/$defs/s", "maxLength": 3, "$defs": {"s": {"type": "string"}}},
            ['"abc"'],
            ['"abcd"', "1"],
        ),
        ({"prefixItems": [{}, {}, {}], "maxItems": 2}, ["[1, 2]"], ["[1, 2, 3]"]),
        ({"prefixItems": [{"const": 1}], "minItems": 2}, ["[1, null]"], ["[1]"]),
        ({"prefixItems": [{"const": 1}, False]}, ["[1]"], ["[1, 1]"]),
        (
            {"properties": {"ab": {"const": 1}}, "additionalProperties": True},
            ['{"ab": 1, "a": 2}', '{"abc": 2, "x": 3}', '{"": 0}', '{"é": 0}'],
            ['{"ab": 2}', '{"x": 1, "ab": 2}', '{"ab": 1, "ab": 2}', '{"\\u0061b": 2}'],
        ),
        (
            {"required": ["n"], "additionalProperties": {"type": "integer"}},
            ['{"n": 1, "m": 2}'],
            ['{"n": "x"}', '{"n": 1, "m": "x"}', '{"m": 1}'],
        ),
        ({"enum": ["a", 1, "abc"], "type": "string", "maxLength": 2}, ['"a"'], ["1", '"abc"']),
        ({"const": 1, "type": ["integer", "string"]}, ["1"], ['"1"']),
        ({"properties": {"a": False, "b": {}}}, ['{"b": 1}'], ['{"a": 1}']),
        ({"anyOf": [False, {"const": 1}]}, ["1"], ["2"]),
        ({"$ref": "#/$defs/a%20b", "$defs": {"a b": {"const": 1}}}, ["1"], ["2"]),
        ({"$ref": "#here", "$defs": {"x": {"$anchor": "here", "const": 1}}}, ["1"], ["2"]),
        (
            {
                "$ref": "urn:in",
                "$defs": {
                    "x": {"$id": "urn:in", "$ref": "#/$defs/y", "$defs": {"y": {"const": 1}}}
                },
            },
            ["1"],
            ["2"],
        ),
        ({"type": "array", "maxItems": 2.0}, ["[1, 2]"], ["[1, 2, 3]"]),
        (
            {"format": "date", "type": "string"},
            ['"2028-02-29"', '"2000-02-29"', '"2026-12-31"'],
            ['"2027-02-29"', '"1900-02-29"', '"2026-02-30"', '"2026-04-31"', '"0000-01-01"'],
        ),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "items": [{"const": 1}],
                "additionalItems": {"const": 2},
            },
            ["[1, 2, 2]"],
            ["[2]", "[1, 1]"],
        ),
        ({"const": 'a"\\\n\u2028'}, [json.dumps('a"\\\n\u2028', ensure_ascii=False)], ['"a"']),
    ],
)
def test_what_a_schema_lets_through(
    schema: object, valid: list[str], invalid: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "m.gguf"
    assert [text for text in valid if not accepted(schema, text, path)] == []
    assert [text for text in invalid if accepted(schema, text, path)] == []


def test_more_properties_than_a_grammar_holds_are_refused_early() -> None:
    names = [f"property_{number}" for number in range(3_000)]
    schema = {"properties": {name: {"type": "string"} for name in names}, "required": names}
    with pytest.raises(GrammarError, match="too large for a grammar"):
        converted(json.dumps(schema))
