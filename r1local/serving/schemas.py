"""The bodies of requests as JSON schemas: what is read is what /openapi.json says.

A field that is `null` counts as absent, as in OpenAI's protocol.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from math import isfinite
from typing import Any, NoReturn, TypeAlias

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from r1local.config.options import MOST_VOTES
from r1local.serving.failures import RequestError, TooLarge, Unsupported

JSON: TypeAlias = dict[str, Any]

#: The most replies to one request, and stop texts of it (OpenAI has 128 and 4).
MOST_REPLIES, MOST_STOPS = 16, 16
#: Objects in a body, messages above all: more take minutes to look at, and no chat has them.
MOST_OBJECTS = 10_000
#: Characters of an error's sentence, which may quote the request.
_LONGEST = 300

TEXT: JSON = {"type": "string"}
FLAG: JSON = {"type": "boolean"}
WHOLE: JSON = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
NUMBER: JSON = {"type": "number"}
ANYTHING: JSON = {}
NAME: JSON = {"type": "string", "maxLength": 512}
TOKENS: JSON = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
BUDGET: JSON = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
STOP: JSON = {"type": "string", "minLength": 1, "maxLength": 256}
#: No `anyOf` here: that would look at all items before it says that there are too many.
STOPS: JSON = {**STOP, "type": ["string", "array"], "maxItems": MOST_STOPS, "items": STOP}
DRAWING: JSON = {
    "temperature": {"type": "number", "minimum": 0},
    "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "top_k": {"type": "integer", "minimum": -1, "maximum": 2**31 - 1},
    "min_p": {"type": "number", "minimum": 0, "maximum": 1},
    "seed": WHOLE,
}
_PART: JSON = {
    "type": "object",
    "properties": {"type": TEXT, "text": TEXT},
    "required": ["type"],
}
MESSAGE: JSON = {
    "type": "object",
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {"type": ["string", "array"], "items": _PART},
        "reasoning_content": TEXT,
        "reasoning": TEXT,
        "name": TEXT,
        "prefix": FLAG,
        "refusal": TEXT,
    },
    "required": ["role"],
}
_RESPONSE_FORMAT: JSON = {
    "type": "object",
    "properties": {
        "type": {"enum": ["text", "json_object", "json_schema"]},
        "json_schema": {
            "type": "object",
            "properties": {"name": TEXT, "schema": ANYTHING, "strict": FLAG, "description": TEXT},
            "required": ["schema"],
        },
    },
    "required": ["type"],
}
_OF_REPLIES: JSON = {
    "model": NAME,
    **DRAWING,
    "stop": STOPS,
    "max_tokens": TOKENS,
    "n": {"type": "integer", "minimum": 1, "maximum": MOST_REPLIES},
    "stream": FLAG,
    "stream_options": {
        "type": "object",
        "properties": {"include_usage": FLAG, "include_obfuscation": FLAG},
    },
    "think_budget": BUDGET,
    "thinking_token_budget": BUDGET,
    "reasoning_effort": NAME,
}
CHAT: JSON = {
    "type": "object",
    "properties": {
        **_OF_REPLIES,
        "messages": {"type": "array", "items": MESSAGE, "minItems": 1},
        "max_completion_tokens": TOKENS,
        "min_think": BUDGET,
        "response_format": _RESPONSE_FORMAT,
        "votes": {"type": "integer", "minimum": 1, "maximum": MOST_VOTES},
        "chat_template_kwargs": {
            "type": "object",
            "properties": {"enable_thinking": FLAG, "thinking": FLAG},
            "additionalProperties": False,
        },
        "continue_final_message": FLAG,
        "add_generation_prompt": FLAG,
    },
    "required": ["messages"],
}
COMPLETION: JSON = {
    "type": "object",
    "properties": {
        **_OF_REPLIES,
        "prompt": {"type": ["string", "array"], "minItems": 1, "maxItems": 1, "items": TEXT},
    },
    "required": ["prompt"],
}
_OPAQUE: JSON = {"type": "array", "items": {"type": "object"}}
ITEM: JSON = {
    "type": "object",
    "properties": {
        "type": TEXT,
        "role": MESSAGE["properties"]["role"],
        "content": MESSAGE["properties"]["content"],
        "id": TEXT,
        "status": TEXT,
        "phase": TEXT,
        "summary": _OPAQUE,
        "encrypted_content": TEXT,
    },
    "if": {"properties": {"type": {"const": "message"}}},
    "then": {"required": ["role", "content"]},
}
REASONING: JSON = {"type": "object", "properties": {"effort": NAME, "summary": NAME}}
ANSWER_TEXT: JSON = {
    "type": "object",
    "properties": {
        "format": {
            "type": "object",
            "properties": {
                "type": _RESPONSE_FORMAT["properties"]["type"],
                **_RESPONSE_FORMAT["properties"]["json_schema"]["properties"],
            },
            "required": ["type"],
        }
    },
}
#: The limits of metadata are OpenAI's: https://platform.openai.com/docs/api-reference/responses
RESPONSE: JSON = {
    "type": "object",
    "properties": {
        "model": NAME,
        **DRAWING,
        "input": {"type": ["string", "array"], "items": ITEM, "minItems": 1},
        "instructions": TEXT,
        "stream": FLAG,
        "stream_options": {"type": "object", "properties": {"include_obfuscation": FLAG}},
        "max_output_tokens": TOKENS,
        "reasoning": REASONING,
        "text": ANSWER_TEXT,
        "metadata": {
            "type": "object",
            "maxProperties": 16,
            "propertyNames": {"maxLength": 64},
            "additionalProperties": {"type": "string", "maxLength": 512},
        },
        "think_budget": BUDGET,
        "min_think": BUDGET,
        "votes": CHAT["properties"]["votes"],
    },
    "required": ["input"],
}
CONTROL: JSON = {
    "type": "object",
    "properties": {"id": NAME, "action": {"enum": ["reasoning_end"]}, "model": NAME},
    "required": ["id", "action"],
}
_THINK: JSON = {"anyOf": [FLAG, NAME]}
_FORMAT: JSON = {"anyOf": [{"enum": ["", "json"]}, {"type": "object"}]}
_KEEP_ALIVE: JSON = {"anyOf": [NUMBER, NAME]}
OLLAMA_OPTIONS: JSON = {
    "type": "object",
    "properties": {**DRAWING, "stop": STOPS, "num_predict": WHOLE, "think_budget": BUDGET},
}
_OF_OLLAMA: JSON = {
    "model": NAME,
    "stream": FLAG,
    "think": _THINK,
    "format": _FORMAT,
    "options": OLLAMA_OPTIONS,
    "keep_alive": _KEEP_ALIVE,
}
OLLAMA_CHAT: JSON = {
    "type": "object",
    "properties": {
        **_OF_OLLAMA,
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "role": {"enum": ["system", "user", "assistant"]},
                    "content": TEXT,
                    "thinking": TEXT,
                },
                "required": ["role"],
            },
        },
    },
    "required": ["model"],
}
OLLAMA_GENERATE: JSON = {
    "type": "object",
    "properties": {**_OF_OLLAMA, "prompt": TEXT, "system": TEXT},
    "required": ["model"],
}
OLLAMA_MODEL: JSON = {
    "type": "object",
    "properties": {"model": NAME, "name": NAME, "verbose": FLAG},
    "anyOf": [{"required": ["model"]}, {"required": ["name"]}],
}
OLLAMA_PULL: JSON = {
    "type": "object",
    "properties": {"model": NAME, "name": NAME, "stream": FLAG, "insecure": FLAG},
    "anyOf": [{"required": ["model"]}, {"required": ["name"]}],
}


def read(body: bytes, schema: JSON) -> JSON:
    """Return the object in a request's body, without fields that are null.

    Raises:
        RequestError: it isn't JSON, or not as the schema says, or too much.
    """
    try:
        value = json.loads(
            body, parse_constant=_no_constant, parse_float=_number, object_hook=_Counted()
        )
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise RequestError(
            "the body has half a character", "send surrogates in pairs, or UTF-8"
        ) from None
    except (ValueError, RecursionError) as error:  # RecursionError: brackets nested too deeply
        raise RequestError("the body is not JSON", f"send a JSON object ({error})") from None
    value = _without_nulls(value, schema)
    # The first mistake: a body can have millions.
    if mistake := next(_validator(json.dumps(schema)).iter_errors(value), None):
        raise _mistake(mistake)
    assert isinstance(value, dict)
    return value


def expect_known(
    fields: Mapping[str, Any],
    schema: JSON,
    harmless: Mapping[str, Sequence[object] | None],
    where: str = "",
) -> None:
    """Refuse fields that would change the reply in a way that there is nothing like here.

    Args:
        fields: what the request has.
        schema: what is read of it.
        harmless: other fields by name, with the values that change nothing; None for any value.

    Raises:
        Unsupported: there is such a field.
    """
    for name, value in fields.items():
        if name in schema["properties"]:
            continue
        values = harmless.get(name, ())
        if values is not None and value not in values:
            raise Unsupported(
                f"{where}{name[:80]} is not supported with this value",
                "leave it out; docs/serve.md lists what is read and what is ignored",
                where + name[:80],
            )


def _without_nulls(value: object, schema: JSON) -> object:
    """Drop the null fields of objects whose fields a schema names; others' may have a meaning."""
    if isinstance(value, list) and "items" in schema:
        return [_without_nulls(each, schema["items"]) for each in value]
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        fields = {name: each for name, each in value.items() if each is not None}
        return {name: _without_nulls(v, known.get(name, ANYTHING)) for name, v in fields.items()}
    return value


def _number(text: str) -> float | int:
    """Return a number; `1.0` is a whole one, as in JSON schemas, and some programs write it so."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("a number is too large")
    return int(number) if number.is_integer() else number


class _Counted:
    """Counts a body's objects as they are read."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, found: JSON) -> JSON:
        self._seen += 1
        if self._seen > MOST_OBJECTS:
            raise TooLarge(f"the body has more than {MOST_OBJECTS:,} objects", "send less")
        return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema))


def _mistake(error: ValidationError) -> RequestError:
    deepest = error
    while deepest.context:  # of several possible forms, the one that comes nearest
        deepest = best_match(deepest.context) or deepest.context[0]
    place = deepest.json_path.removeprefix("$").removeprefix(".")[:80]
    told = deepest.message if len(deepest.message) <= _LONGEST else _kind_of_mistake(deepest)
    where = place or "the body"
    return RequestError(f"{where}: {told}", "see /openapi.json", place or None)


def _kind_of_mistake(error: ValidationError) -> str:
    return f"it doesn't hold to {error.validator} {json.dumps(error.validator_value)[:_LONGEST]}"
