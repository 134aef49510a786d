"""Verdicts on answers: exact, bounded in time, and with nothing fetched."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from r1local.errors import GrammarError
from r1local.replies import json_validation
from r1local.replies.json_validation import SchemaDocument, json_key, verdict
from testing.waiting import processor_within


@pytest.mark.parametrize(
    ("answer", "schema", "reason"),
    [
        ('{"a": 1}', {"properties": {"a": {"type": "integer"}}}, ""),
        (
            '{"a": {"b": [1, "x"]}}',
            {"properties": {"a": {"properties": {"b": {"maxItems": 1}}}}},
            "a.b",
        ),
        ("[1, 1.0]", {"uniqueItems": True}, "non-unique"),
        ('"2026-02-30"', {"format": "date"}, "date"),
        ('"someone"', {"format": "email"}, "email"),
        ("NaN", {}, "not JSON"),
        ("", {}, "not JSON"),
        ("[" * 100_000, {}, "not JSON"),
        ("1" * 10_000, {}, "not JSON"),
        ("5", {"$ref": "#"}, "nested too deep"),
        (
            "[[5], 5]",
            {
                "$schema": "http://json-schema.org/draft-04/schema#",
                "items": [{}, {"type": "string"}],
            },
            "[1]",
        ),
        (json.dumps("\ud800\x1b[2J"), {"type": "integer"}, "not of type"),
    ],
)
def test_verdicts(answer: str, schema: object, reason: str) -> None:
    found = verdict(answer, json.dumps(schema))
    assert found.valid == (reason == "")
    assert reason in found.reason
    assert len(found.reason) < 600
    assert "\n" not in found.reason


@pytest.mark.slow
@pytest.mark.parametrize(
    "schema",
    [
        {"pattern": "^(a+)+$"},
        {"patternProperties": {"^(a+)+$": False}},
        {
            "$ref": "#/$defs/0",
            "$defs": {
                **{str(n): {"anyOf": [{"$ref": f"#/$defs/{n + 1}"}] * 2} for n in range(60)},
                "60": False,
            },
        },
    ],
    ids=["pattern", "names", "alternatives"],
)
def test_validation_that_would_take_for_ever_is_ended(
    schema: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_validation, "_MOST_SECONDS", 1.0)
    text = "a" * 40 + "!"
    with processor_within(10):
        for answer in (text, {text: 1}):
            found = verdict(json.dumps(answer), json.dumps(schema))
            if not found.valid and "longer" in found.reason:
                break
        else:
            pytest.fail("it was not hard enough")


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that has a schema, and the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}", asked
        served.shutdown()
        thread.join()


def test_references_are_never_fetched(server: tuple[str, list[str]]) -> None:
    address, asked = server
    for schema in ({"$ref": f"{address}/x"}, {"$id": f"{address}/y", "not": {"$ref": "z"}}):
        with pytest.raises(GrammarError):
            SchemaDocument(json.dumps(schema))
        assert not verdict("5", json.dumps(schema)).valid
    assert verdict("5", json.dumps({"$schema": f"{address}/s", "$id": f"{address}/i"})).valid
    assert asked == []


def test_equal_values_have_one_key() -> None:
    assert json_key({"a": [1.0, True], "b": 2}) == json_key({"b": 2.0, "a": [1, True]})
    assert json_key(1) != json_key(True)
    assert json_key("1") != json_key(1)
