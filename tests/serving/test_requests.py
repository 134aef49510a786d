"""What requests ask for, in both protocols, and what is refused."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.errors import InvalidSetting, R1LocalError
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings
from r1local.serving import ollama, openai, schemas
from r1local.serving.asked import Asked, settings_for
from r1local.serving.failures import RequestError, Unsupported

QUESTION = [{"role": "user", "content": "Why?"}]


def chat(**fields: Any) -> Asked:
    body = json.dumps({"messages": QUESTION, **fields}).encode()
    return openai.chat_request(schemas.read(body, schemas.CHAT))


def ollama_chat(**fields: Any) -> Asked:
    body = json.dumps({"model": "nano", "messages": QUESTION, **fields}).encode()
    return ollama.chat_request(schemas.read(body, schemas.OLLAMA_CHAT))


def settings(**fields: Any) -> ReplySettings:
    return settings_for(chat(**fields), ReplySettings())


def test_a_chat_is_its_messages() -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]},
        {"role": "assistant", "content": "C", "reasoning_content": "a thought isn't sent back"},
        {"role": "user", "content": "D", "name": "somebody"},
    ]
    assert chat(messages=messages).conversation == (
        Message("system", "Be brief."),
        Message("user", "AB"),
        Message("assistant", "C"),
        Message("user", "D"),
    )


def test_no_system_message_is_lost_to_a_template_that_keeps_one() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        *QUESTION,
        {"role": "assistant", "content": "So."},
        {"role": "system", "content": "Be kind."},
        *QUESTION,
    ]
    joined, *others = chat(messages=messages).conversation
    assert joined == Message("system", "Be brief.\n\nBe kind.")
    assert [each.role for each in others] == ["user", "assistant", "user"]
    assert ollama_chat(messages=messages).conversation == (joined, *others)
    assert chat(messages=messages[1:]).conversation[2] == Message("system", "Be kind.")


def test_null_is_absent_wherever_a_field_is_known() -> None:
    part = {"type": "text", "text": "Why?", "annotations": None}
    asked = chat(
        messages=[{"role": "user", "content": [part], "name": None}],
        stream_options={"include_usage": None},
        chat_template_kwargs={"thinking": None},
    )
    assert asked == chat()
    assert ollama_chat(options={"temperature": None}) == ollama_chat()


def test_a_final_message_of_the_assistants_goes_on() -> None:
    last = {"role": "assistant", "content": "It", "reasoning_content": "Hm."}
    asked = chat(messages=[*QUESTION, last])
    assert asked.begun == Begun("Hm.", "It", thinking_open=False)
    assert asked.conversation == (Message("user", "Why?"),)
    open_thought = {"role": "assistant", "content": None, "reasoning": "Hm"}
    assert chat(messages=[*QUESTION, open_thought]).begun == Begun("Hm", "", thinking_open=True)


def test_settings_are_those_asked_for() -> None:
    made = settings(temperature=0, top_p=0.5, top_k=-1, min_p=0.1, seed=2**40, max_tokens=7)
    assert (made.sampler.temperature, made.sampler.top_p, made.sampler.min_p) == (0, 0.5, 0.1)
    assert made.sampler.top_k == 0
    assert made.sampler.seed == 2**40 % (2**32 - 1)
    assert made.max_tokens == 7
    assert settings(max_tokens=7, max_completion_tokens=9).max_tokens == 9
    assert settings(seed=-1).sampler.seed is None


@pytest.mark.parametrize(
    ("fields", "off", "budget"),
    [
        ({"reasoning_effort": "none"}, True, None),
        ({"reasoning_effort": "minimal"}, False, 1_024),
        ({"reasoning_effort": "medium"}, False, 4_096),
        ({"think_budget": 5}, False, 5),
        ({"thinking_token_budget": 6}, False, 6),
        ({"think_budget": 0}, True, None),
        ({"chat_template_kwargs": {"enable_thinking": False}}, True, None),
        ({"chat_template_kwargs": {"thinking": True}}, False, None),
    ],
)
def test_how_long_to_think(fields: dict[str, Any], off: bool, budget: int | None) -> None:
    thinking = settings(**fields).thinking
    assert (thinking.off, thinking.budget) == (off, budget)


def test_a_schema_holds_the_answer() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    assert json.loads(settings(response_format=form).schema or "") == schema
    assert settings(response_format={"type": "json_object"}).grammar
    assert settings(response_format={"type": "text"}).grammar is None
    assert settings_for(ollama_chat(format=schema), ReplySettings()).grammar
    assert settings_for(ollama_chat(format="json"), ReplySettings()).grammar


REFUSED: list[dict[str, Any]] = [
    {"tools": [{"type": "function"}]},
    {"logprobs": True},
    {"logit_bias": {"1": 5}},
    {"presence_penalty": 0.5},
    {"modalities": ["text", "audio"]},
    {"something_unheard_of": 1},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
    {"messages": [{"role": "assistant", "content": "", "tool_calls": [{}]}, *QUESTION]},
]


@pytest.mark.parametrize("fields", REFUSED, ids=str)
def test_what_would_change_the_reply_is_refused_if_there_is_nothing_like_it(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(Unsupported):
        chat(**fields)


@pytest.mark.parametrize(
    "fields",
    [{"tools": [{}]}, {"images": ["x"]}, {"raw": True}, {"options": {"repeat_penalty": 1.3}}],
    ids=str,
)
def test_so_it_is_in_ollamas_protocol(fields: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        ollama_chat(**fields)


def test_what_changes_nothing_is_ignored() -> None:
    harmless = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": False,
        "tools": [],
        "tool_choice": "auto",
        "logprobs": False,
        "presence_penalty": 0.0,
        "frequency_penalty": None,
        "stream_options": {"include_obfuscation": False},
    }
    assert chat(**harmless) == chat()
    assert ollama_chat(options={"num_ctx": 8192, "num_gpu": 1}) == ollama_chat()


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"messages": [{"role": "assistant", "content": ""}]},
        {"messages": QUESTION, "continue_final_message": True},
        {"temperature": -1},
        {"temperature": "hot"},
        {"n": 0},
        {"n": 2, "votes": 3},
        {"max_tokens": 0},
        {"stop": [""]},
        {"reasoning_effort": "heroic"},
        {"response_format": {"type": "json_schema"}},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"chat_template_kwargs": {"tools": 1}},
    ],
    ids=str,
)
def test_a_mistake_is_named(fields: dict[str, Any]) -> None:
    with pytest.raises(R1LocalError) as raised:
        chat(**fields)
    assert raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"\\ud800": 1}',
        b'{"messages": [], "user": "\\udc00"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        schemas.read(body, schemas.CHAT)


def test_whole_numbers_may_be_written_as_others() -> None:
    body = b'{"messages": [{"role": "user", "content": "Why?"}], "n": 2.0, "max_tokens": 7e0}'
    asked = openai.chat_request(schemas.read(body, schemas.CHAT))
    assert asked.count == 2
    assert settings_for(asked, ReplySettings()).max_tokens == 7


@pytest.mark.parametrize("many", [b'{"role":"user"},', b"1,"], ids=["messages", "mistakes"])
def test_a_body_of_very_many_messages_is_refused_at_once(many: bytes) -> None:
    body = b'{"messages":[%b{}],"stop":[%b1]}' % (many * 300_000, b"1," * 300_000)
    started = time.process_time()
    with pytest.raises(RequestError):
        schemas.read(body, schemas.CHAT)
    assert time.process_time() - started < 3  # looking at all of them takes ten times as long


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("100ms", 0.1), (0, 0), (2.5, 2.5), ("0s", 0), (None, None)],
)
def test_times_of_ollama(value: Any, seconds: float | None) -> None:
    assert ollama.keep_alive(value) == seconds


def test_a_negative_time_is_for_ever() -> None:
    assert ollama.keep_alive(-1) == ollama.keep_alive("-1m") == ollama.FOR_EVER
    for wrong in ("", "soon", "-", "5 m"):
        with pytest.raises(RequestError):
            ollama.keep_alive(wrong)


def test_thinking_in_ollamas_words() -> None:
    def thinking(think: object) -> tuple[bool, int | None]:
        made = settings_for(ollama_chat(think=think), ReplySettings()).thinking
        return made.off, made.budget

    assert thinking(False) == (True, None)
    assert thinking(True) == (False, None)
    assert thinking("low") == (False, 1_024)
    with pytest.raises(RequestError):
        ollama_chat(think="heroically")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = sorted({*schemas.CHAT["properties"], *openai.HARMLESS})
OLLAMA_FIELDS = sorted({*schemas.OLLAMA_CHAT["properties"], *ollama.HARMLESS})


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), JSONS, max_size=4))
def test_whatever_comes_it_is_understood_or_refused(fields: dict[str, Any]) -> None:
    try:
        settings_for(chat(**fields), ReplySettings())
    except (RequestError, InvalidSetting) as error:
        assert error.hint
    except R1LocalError as error:  # a schema that is none, text that is no Unicode
        assert error.hint


@given(st.dictionaries(st.sampled_from(OLLAMA_FIELDS) | st.text(max_size=8), JSONS, max_size=4))
def test_so_it_is_with_ollamas(fields: dict[str, Any]) -> None:
    try:
        settings_for(ollama_chat(**fields), ReplySettings())
    except R1LocalError as error:
        assert error.hint
