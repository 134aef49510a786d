"""OpenAI's Responses: what is asked for, what is refused, and what its own client makes of them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from r1local.conversation import Message
from r1local.errors import ModelLoadError, R1LocalError
from r1local.events.reply import AnswerDelta, Finished, Rewound, ThinkingDelta, Usage
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings
from r1local.serving import responses, schemas
from r1local.serving.app import make_app
from r1local.serving.asked import Asked, Ended, settings_for
from r1local.serving.failures import RequestError, Unsupported
from r1local.serving.gateway import Gateway, Replies
from r1local.serving.guard import Access
from r1local.serving.log import Log
from r1local.serving.models import Models
from r1local.serving.openai import error_object
from r1local.serving.responses import ResponseForm
from testing.models import write_scripted_model
from testing.servers import Answer, Server, serving

QUESTION = "What is 27 + 58?"
THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [],
    "content": [{"type": "reasoning_text", "text": "Hm."}],
    "encrypted_content": None,
    "status": None,
}
ANSWER: dict[str, Any] = {
    "type": "message",
    "id": "msg_1",
    "role": "assistant",
    "status": "completed",
    "phase": None,
    "content": [{"type": "output_text", "text": "85", "annotations": [], "logprobs": None}],
}
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


class Sum(BaseModel):
    sum: int


def asked(**fields: Any) -> Asked:
    body = json.dumps({"input": QUESTION, **fields}).encode()
    return responses.request(schemas.read(body, schemas.RESPONSE))


def settings(**fields: Any) -> ReplySettings:
    return settings_for(asked(**fields), ReplySettings())


# --- Requests -------------------------------------------------------------------


def test_text_is_a_question_and_instructions_are_the_system_prompt() -> None:
    assert asked().conversation == (Message("user", QUESTION),)
    system = Message("system", "Be brief.")
    assert asked(instructions="Be brief.").conversation == (system, Message("user", QUESTION))
    developer = {"role": "developer", "content": "Be kind."}
    both = asked(instructions="Be brief.", input=[developer, {"role": "user", "content": "Why?"}])
    assert both.conversation == (
        Message("system", "Be brief.\n\nBe kind."),
        Message("user", "Why?"),
    )


def test_earlier_thoughts_are_not_sent_again() -> None:
    parts = [{"type": "input_text", "text": "A"}, {"type": "input_text", "text": "B"}]
    items = [{"role": "user", "content": parts}, THOUGHT, ANSWER, {"role": "user", "content": "C"}]
    found = asked(input=items)
    assert found.conversation == (
        Message("user", "AB"),
        Message("assistant", "85"),
        Message("user", "C"),
    )
    assert found.begun is None


def test_a_last_reply_goes_on() -> None:
    question = {"role": "user", "content": QUESTION}
    assert asked(input=[question, THOUGHT, ANSWER]).begun == Begun("Hm.", "85", thinking_open=False)
    assert asked(input=[question, THOUGHT]).begun == Begun("Hm.", "", thinking_open=True)
    hidden = THOUGHT | {"content": [], "encrypted_content": "gAAAA"}
    assert asked(input=[question, hidden]) == asked(input=[question])


def test_settings_are_those_asked_for() -> None:
    made = settings(temperature=0, top_p=0.5, max_output_tokens=7, seed=3)
    assert (made.sampler.temperature, made.sampler.top_p, made.sampler.seed) == (0, 0.5, 3)
    assert made.max_tokens == 7
    assert settings(reasoning={"effort": "none"}).thinking.off
    assert settings(reasoning={"effort": "low", "summary": "auto"}).thinking.budget == 1_024
    assert settings(reasoning={"effort": "low"}, think_budget=5).thinking.budget == 5
    assert not settings(reasoning={"effort": None, "summary": None}).thinking.off


def test_a_schema_holds_the_answer() -> None:
    schema = {"type": "object", "properties": {"a": {"enum": [1, None]}}, "default": None}
    form = {"type": "json_schema", "name": "x", "schema": schema, "strict": None}
    assert json.loads(settings(text={"format": form, "verbosity": None}).schema or "") == schema
    assert settings(text={"format": {"type": "json_object"}}).grammar
    assert settings(text={"format": {"type": "text"}}).grammar is None


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": {"id": "conv_1"}},
        {"background": True},
        {"tools": [{"type": "web_search"}]},
        {"tool_choice": "required"},
        {"include": ["message.output_text.logprobs"]},
        {"prompt": {"id": "pmpt_1"}},
        {"truncation": "auto"},
        {"text": {"verbosity": "low"}},
        {"reasoning": {"mode": "pro"}},
        {"n": 2},
        {"something_unheard_of": 1},
        {"input": [{"type": "function_call_output", "call_id": "1", "output": "x"}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "1"}]}]},
        {"input": [{"role": "user", "content": "Why?", "tool_calls": [{}]}]},
    ],
    ids=str,
)
def test_what_there_is_nothing_like_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported) as raised:
        asked(**fields)
    assert raised.value.hint
    assert raised.value.param


@pytest.mark.parametrize(
    "fields",
    [
        {"input": []},
        {"input": [{"role": "user"}]},
        {"input": [{"content": "Why?"}]},
        {"input": [{"type": "message", "role": "tool", "content": "x"}]},
        {"input": [ANSWER]},
        {"input": [{**THOUGHT, "content": []}]},
        {"input": [{"role": "user", "content": QUESTION}, THOUGHT, ANSWER], "votes": 3},
        {"max_output_tokens": 0},
        {"reasoning": {"effort": "heroic"}},
        {"text": {"format": {"type": "json_schema", "name": "x"}}},
        {"text": {"format": {"type": "grammar"}}},
        {"metadata": {"a": 1}},
        {"metadata": {str(number): "" for number in range(17)}},
    ],
    ids=str,
)
def test_a_mistake_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as raised:
        asked(**fields)
    assert raised.value.message
    assert raised.value.param


def test_what_changes_nothing_is_ignored() -> None:
    harmless = {
        "store": True,
        "include": ["reasoning.encrypted_content"],
        "tools": [],
        "parallel_tool_calls": False,
        "stream_options": {"include_obfuscation": None},
        "background": False,
        "truncation": "disabled",
        "previous_response_id": None,
        "user": "u",
        "service_tier": "auto",
        "prompt_cache_key": "k",
    }
    assert asked(**harmless) == asked()


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = sorted({*schemas.RESPONSE["properties"], *responses.HARMLESS})
ITEMS = st.lists(
    st.dictionaries(st.sampled_from(sorted(schemas.ITEM["properties"])), JSONS, max_size=4)
    | st.sampled_from([THOUGHT, ANSWER, {"role": "user", "content": "Why?"}]),
    max_size=4,
)


@given(
    st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), JSONS, max_size=3),
    st.none() | ITEMS,
)
def test_whatever_comes_it_is_understood_or_refused(
    fields: dict[str, Any], items: list[object] | None
) -> None:
    try:
        settings(**(fields if items is None else fields | {"input": items}))
    except R1LocalError as error:
        assert error.hint


# --- The form -------------------------------------------------------------------

FINISHED = Finished("stop", Usage(5, 2, 3, 2, 0, 0, 0, 0), 1, False)


def form() -> ResponseForm:
    return ResponseForm("resp_1", "nano", asked())


def checked(events: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events, all of which have the form of OpenAI's."""
    found = [*events]
    for event in found:
        EVENT.validate_python(event)
    return found


def test_what_was_a_loop_is_not_in_the_text_that_stays() -> None:
    made = form()
    for event in (ThinkingDelta("So so", 2), Rewound("thinking", 3), AnswerDelta("4", 1)):
        checked(made.handle(0, event))
    last = checked(made.end(0, Ended("So", "4", FINISHED)))[-1]
    assert last["response"]["output"][0]["content"][0]["text"] == "So"
    assert last["response"] == form().whole([Ended("So", "4", FINISHED)]) | {
        "completed_at": last["response"]["completed_at"],
        "created_at": last["response"]["created_at"],
    }


def test_a_complete_reply_has_a_message_even_if_it_is_empty() -> None:
    *_events, message = form().whole([Ended("Hm.", "", FINISHED)])["output"]
    assert (message["type"], message["content"][0]["text"]) == ("message", "")


@pytest.mark.parametrize(
    ("status", "code"), [(500, "server_error"), (503, "server_error"), (400, "invalid_prompt")]
)
def test_a_stream_that_fails_says_so_and_keeps_what_was_written(status: int, code: str) -> None:
    made = form()
    checked(made.handle(0, ThinkingDelta("Hm", 1)))
    *_done, last = checked(made.failed(error_object("the engine failed", status, "x", None)))
    assert last["type"] == "response.failed"
    response = last["response"]
    assert response["error"] == {"code": code, "message": "the engine failed"}
    assert response["output"][0]["status"] == "incomplete"
    assert response["output"][0]["content"][0]["text"] == "Hm"


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("/v1/responses", {"input": QUESTION}, "response.failed"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": QUESTION}]}, "[DONE]"),
        ("/api/generate", {"model": "nano", "prompt": QUESTION}, '{"error": "it fell over'),
    ],
)
def test_an_engine_that_fails_ends_a_stream_with_an_error(
    monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, object], told: str
) -> None:
    async def failing(_replies: Replies) -> AsyncIterator[tuple[int, ThinkingDelta]]:
        yield 0, ThinkingDelta("Hm", 1)
        raise ModelLoadError("it fell over", "start it again")

    monkeypatch.setattr(Replies, "events", failing)
    answer = asyncio.run(streamed(path, body | {"stream": True}))
    assert "it fell over; start it again" in answer
    assert told in answer.rstrip().rpartition("\n\n")[2]


async def streamed(path: str, body: object) -> str:
    """Send a request to a server in this process, and return what it answers."""
    log, sent = Log(StringIO()), list[bytes]()
    models = Models("nano", {}, 1, log)
    app = make_app(Gateway(models, 1, 1), Access(), log)
    received = [{"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if received:
            return received.pop()
        return await asyncio.Future()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    headers = [(b"host", b"localhost")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": headers,
        "query_string": b"",
    }
    try:
        await app(scope, receive, send)
    finally:
        await models.close()
    return b"".join(sent).decode()


# --- A server that runs, and OpenAI's client ------------------------------------


@pytest.fixture
def ai(server: Server) -> Iterator[openai.OpenAI]:
    base = f"{server.url}/v1"
    with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
        yield client


def events_of(answer: Answer) -> list[dict[str, Any]]:
    """Return a stream's events, which are numbered from 0, and named as their types."""
    *pieces, nothing = answer.body.decode().split("\n\n")
    assert nothing == ""
    found = []
    for piece in pieces:
        if not piece.startswith(":"):
            name, data = piece.split("\n")
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    assert [event["sequence_number"] for event in found] == [*range(len(found))]
    return checked(iter(found))


def test_openais_client_gets_answer_and_thought(ai: openai.OpenAI) -> None:
    reply = ai.responses.create(
        model="nano", input=QUESTION, metadata={"a": "b"}, store=False, temperature=0
    )
    Response.model_validate(reply.to_dict())
    assert "85" in reply.output_text
    thought, message = reply.output
    assert thought.type == "reasoning" and thought.content and "15" in thought.content[0].text
    assert message.type == "message" and message.status == "completed"
    assert (reply.status, reply.object, reply.metadata) == ("completed", "response", {"a": "b"})
    assert reply.id.startswith("resp_")
    usage = reply.usage
    assert usage and 0 < usage.output_tokens_details.reasoning_tokens < usage.output_tokens
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    asked_before: Any = [{"role": "user", "content": QUESTION}, *reply.output]
    question: Any = {"role": "user", "content": "What is 3 + 4?"}
    again = ai.responses.create(model="nano", input=[*asked_before, question], temperature=0)
    assert "7" in again.output_text


def test_a_stream_has_the_same_text(server: Server) -> None:
    body = {"input": QUESTION, "seed": 3}
    whole = server.ask("/v1/responses", body).json
    Response.model_validate(whole)
    events = events_of(server.ask("/v1/responses", body | {"stream": True}))
    kinds = [event["type"].removeprefix("response.") for event in events]
    runs = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]
    assert runs == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    for number, name in enumerate(("reasoning_text", "output_text")):
        deltas = [e["delta"] for e in events if e["type"] == f"response.{name}.delta"]
        assert "".join(deltas) == whole["output"][number]["content"][0]["text"]
    last = events[-1]["response"]
    assert [item["content"] for item in last["output"]] == [
        item["content"] for item in whole["output"]
    ]
    assert last["seed"] == whole["seed"] == 3
    assert {event["item_id"] for event in events if "item_id" in event} == {
        item["id"] for item in last["output"]
    }


def test_openais_client_streams_and_parses(ai: openai.OpenAI) -> None:
    with ai.responses.stream(model="nano", input=QUESTION, text_format=Sum) as stream:
        seen = "".join(e.delta for e in stream if e.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert final.output_parsed == Sum.model_validate_json(seen)
    parsed = ai.responses.parse(model="nano", input=QUESTION, text_format=Sum)
    assert isinstance(parsed.output_parsed, Sum)


def test_a_reply_that_is_cut_is_incomplete_and_goes_on(server: Server) -> None:
    question = {"role": "user", "content": QUESTION}
    body = {"input": [question], "temperature": 0, "reasoning": {"effort": "none"}}
    whole = server.ask("/v1/responses", body).json
    cut = server.ask("/v1/responses", body | {"max_output_tokens": 3}).json
    Response.model_validate(cut)
    assert (cut["status"], cut["completed_at"]) == ("incomplete", None)
    assert cut["incomplete_details"] == {"reason": "max_output_tokens"}
    assert cut["output"][-1]["status"] == "incomplete"
    more = server.ask("/v1/responses", body | {"input": [question, *cut["output"]]}).json
    joined = [each["output"][-1]["content"][0]["text"] for each in (cut, more)]
    assert "".join(joined) == whole["output"][-1]["content"][0]["text"]
    stream = body | {"max_output_tokens": 3, "stream": True}
    assert events_of(server.ask("/v1/responses", stream))[-1]["type"] == "response.incomplete"


def test_no_thinking_has_no_reasoning_item(server: Server) -> None:
    body = {"input": QUESTION, "reasoning": {"effort": "none"}, "temperature": 0}
    reply = server.ask("/v1/responses", body).json
    assert [item["type"] for item in reply["output"]] == ["message"]
    assert reply["reasoning"] == {"effort": "none", "summary": None}
    assert reply["usage"]["output_tokens_details"]["reasoning_tokens"] == 0


def test_votes_give_one_answer_and_the_tally(server: Server) -> None:
    reply = server.ask("/v1/responses", {"input": QUESTION, "votes": 3}).json
    assert reply["vote"]["answer"] == "85"
    assert "85" in reply["output"][-1]["content"][0]["text"]


def test_an_error_has_openais_form(server: Server, ai: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model is called"):
        ai.responses.create(model="nobody", input=QUESTION)
    with pytest.raises(openai.BadRequestError, match="no response is kept") as raised:
        ai.responses.create(model="nano", input=QUESTION, previous_response_id="resp_1")
    assert (raised.value.param, raised.value.code) == (
        "previous_response_id",
        "unsupported_parameter",
    )
    long = server.ask("/v1/responses", {"input": "word " * 20_000, "stream": True})
    assert (long.status, long.error["code"]) == (400, "context_length_exceeded")
    assert server.ask("/v1/responses/resp_1").status == 404


def test_a_loop_that_was_shown_is_not_in_the_reply(tmp_path: Path) -> None:
    text = "Fine. " + "round and " * 40 + "</think>It is 42."
    model = write_scripted_model(tmp_path / "loops.gguf", text)
    with serving(tmp_path, "-m", model) as server:
        body = {"input": QUESTION, "seed": 1}
        whole = server.ask("/v1/responses", body).json
        events = events_of(server.ask("/v1/responses", body | {"stream": True}))
    shown = "".join(e["delta"] for e in events if e["type"] == "response.reasoning_text.delta")
    (stays,) = [e["text"] for e in events if e["type"] == "response.reasoning_text.done"]
    assert stays == whole["output"][0]["content"][0]["text"]
    assert len(stays) < len(shown)
    assert events[-1]["response"]["notices"] == whole["notices"]
