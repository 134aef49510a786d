"""OpenAI's Responses: requests to what they ask for, events to items, typed events and objects.

What has the same meaning as in a chat completion is read by `openai`. The shapes are those of
https://platform.openai.com/docs/api-reference/responses and of `openai.types.responses`.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from r1local.conversation import Part
from r1local.events.reply import AnswerDelta, Event, ThinkingDelta, Usage
from r1local.events.reply_builder import ReplyBuilder
from r1local.serving import asked as common
from r1local.serving import openai
from r1local.serving.asked import Asked, Ended
from r1local.serving.failures import Unsupported
from r1local.serving.schemas import ANSWER_TEXT, ITEM, JSON, REASONING, RESPONSE, expect_known

#: What may be there and changes nothing: with any value, or with these values.
HARMLESS: Mapping[str, Sequence[object] | None] = {
    **openai.HARMLESS,
    "background": (False,),
    "include": ([], ["reasoning.encrypted_content"]),
    "max_tool_calls": None,
    "prompt_cache_options": None,
    "truncation": ("disabled",),
}
_OF_REASONING: Mapping[str, Sequence[object] | None] = {"generate_summary": None}
_OF_TEXT: Mapping[str, Sequence[object] | None] = {"verbosity": ("medium",)}
#: What refers to earlier responses, which OpenAI keeps.
_KEPT = ("previous_response_id", "conversation")
_ID_PREFIX = "resp_"
#: The types of parts that are text in items of each type.
_TEXTS = {"message": ("input_text", "output_text"), "reasoning": ("reasoning_text",)}
#: The status of a response by its `finish_reason` as a chat completion.
_STATUSES = {"stop": "completed", "length": "incomplete"}


# --- Requests -------------------------------------------------------------------


def request(body: JSON) -> Asked:
    """Return what a request for a response asks for.

    Args:
        body: as `schemas.RESPONSE` says.

    Raises:
        RequestError: it can't be had.
    """
    for name in _KEPT:
        if name in body:
            hint = "send the whole conversation as input: no response is kept here"
            raise Unsupported(f"{name} can't be followed", hint, name)
    expect_known(body, RESPONSE, HARMLESS)
    reasoning, text = body.get("reasoning", {}), body.get("text", {})
    expect_known(reasoning, REASONING, _OF_REASONING, "reasoning.")
    expect_known(text, ANSWER_TEXT, _OF_TEXT, "text.")
    form = text.get("format", {"type": "text"})
    schema = openai.schema_of(form["type"], form, "text.format")
    asked = openai.asked_by(body, _messages(body), schema, "input")
    effort = reasoning.get("effort")
    of_effort = {} if effort is None else common.effort(effort, "reasoning.effort")
    return replace(
        asked,
        changes={**of_effort, **asked.changes},  # a budget counts more, as the later one
        id_prefix=_ID_PREFIX,
        echoed=_echoed(body, form, effort),
    )


def _messages(body: JSON) -> list[JSON]:
    """Return the messages of a chat completion that say the same."""
    found = [{"role": "system", "content": body["instructions"]}] if "instructions" in body else []
    if isinstance(body["input"], str):
        return [*found, {"role": "user", "content": body["input"]}]
    thought = ""
    for number, item in enumerate(body["input"]):
        text = _text(item, f"input[{number}]")
        if item.get("type") == "reasoning":
            thought = text
        else:
            found.append({"role": item["role"], "content": text, "reasoning": thought})
            thought = ""
    return [*found, {"role": "assistant", "reasoning": thought}] if thought else found


def _text(item: JSON, where: str) -> str:
    kind = item.get("type", "message")
    if kind not in _TEXTS:
        raise Unsupported(
            f"an item of type {kind[:40]!r} can't be read",
            "send messages and reasoning: there are no tools here, and nothing is kept",
            where,
        )
    expect_known(item, ITEM, {}, f"{where}.")
    return openai.text_of(item.get("content", ""), _TEXTS[kind], where)


def _echoed(body: JSON, form: JSON, effort: str | None) -> JSON:
    """Return what the response repeats of the request, with what its readers expect besides."""
    given = ("instructions", "max_output_tokens", "temperature", "top_p")
    return {
        **{name: body.get(name) for name in given},
        "metadata": body.get("metadata", {}),
        "reasoning": {"effort": effort, "summary": None},
        "text": {"format": form},
        "tools": [],
        "tool_choice": body.get("tool_choice", "auto"),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "background": False,
        "store": False,
        "truncation": "disabled",
    }


# --- Replies --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Item:
    """The item that a part of a reply is.

    Args:
        id: what its events call it.
        fields: those that it has from the beginning.
        text_type: the type of its text, which the names of its events begin with.
        of_text: further fields of its text.
        of_events: further fields of the events about its text.
    """

    id: str
    fields: JSON
    text_type: str
    of_text: JSON = field(default_factory=dict)
    of_events: JSON = field(default_factory=dict)

    def content(self, text: str) -> JSON:
        """Return the only part of its content."""
        return {"type": self.text_type, "text": text, **self.of_text}

    def with_content(self, status: str, *content: JSON) -> JSON:
        """Return the item itself."""
        return {"id": self.id, **self.fields, "status": status, "content": [*content]}


def _items(reply_id: str) -> Mapping[Part, _Item]:
    number = reply_id.removeprefix(_ID_PREFIX)
    thought = {"type": "reasoning", "summary": []}
    message = {"type": "message", "role": "assistant"}
    of_text: JSON = {"annotations": [], "logprobs": []}
    return {
        "thinking": _Item(f"rs_{number}", thought, "reasoning_text"),
        "answer": _Item(f"msg_{number}", message, "output_text", of_text, {"logprobs": []}),
    }


class ResponseForm:
    """A response, as typed events and as a whole.

    Args:
        reply_id: the response's id.
        model: the model's name.
        asked: what was asked for.
    """

    media_type = openai.ChatForm.media_type
    #: Nothing: the last event's type says that it is the last.
    end_of_stream = b""
    keep_alive = openai.ChatForm.keep_alive

    def __init__(self, reply_id: str, model: str, asked: Asked) -> None:
        self._head = {
            "id": reply_id,
            "object": "response",
            "created_at": int(time.time()),
            "model": model,
            **asked.echoed,
        }
        self._kept = ReplyBuilder(model)
        self._items = _items(reply_id)
        self._part: Part | None = None
        self._output: list[JSON] = []
        self._sent = 0

    def encode(self, piece: JSON) -> bytes:
        """Return a piece of a stream as it is sent: an event of Server-Sent Events."""
        data = json.dumps(piece, ensure_ascii=False)
        return f"event: {piece['type']}\ndata: {data}\n\n".encode()

    def begin(self) -> Iterator[JSON]:
        """Yield what comes before all text, so that a program knows the id."""
        for name in ("created", "in_progress"):
            yield self._event(name, response=self._response("in_progress"))

    def handle(self, _index: int, event: Event) -> Iterator[JSON]:
        """Yield what an event of the reply is in a stream.

        What is sent can't be withdrawn; the text of the events `done` is the one that stays.
        """
        self._kept.handle(event)
        match event:
            case ThinkingDelta(text):
                yield from self._write("thinking", text)
            case AnswerDelta(text):
                yield from self._write("answer", text)
            case _:
                pass

    def end(self, _index: int, ended: Ended) -> Iterator[JSON]:
        """Yield the end of the reply; a complete one has a message, even if it is empty."""
        status = _STATUSES[common.FINISH_REASONS[ended.finished.reason]]
        if status == "completed" and self._part != "answer":
            yield from self._go_to("answer")
        yield from self._close(status)
        yield self._event(status, response=self._response(status) | _of_end(status, ended))

    def last(self, _replies: Sequence[Ended]) -> Iterator[JSON]:
        """Yield nothing: the reply's end is the stream's."""
        yield from ()

    def failed(self, error: JSON) -> Iterator[JSON]:
        """Yield the end of a stream that fails.

        Args:
            error: as `openai.error_object` returns it.
        """
        yield from self._close("incomplete")
        kind, message = error["error"]["type"], error["error"]["message"]
        code = kind if kind == "server_error" else "invalid_prompt"
        told = {"error": {"code": code, "message": message}}
        yield self._event("failed", response=self._response("failed") | told)

    def whole(self, replies: Sequence[Ended]) -> JSON:
        """Return the reply as one object: the one that a stream of it ends with."""
        (ended,) = replies
        for event in (ThinkingDelta(ended.thinking, 0), AnswerDelta(ended.answer, 0)):
            if event.text:
                list(self.handle(0, event))
        *_events, last = self.end(0, ended)
        response: JSON = last["response"]
        return response

    def _write(self, part: Part, text: str) -> Iterator[JSON]:
        if self._part != part:
            yield from self._go_to(part)
        item = self._items[part]
        yield self._inside(item, f"{item.text_type}.delta", delta=text, **item.of_events)

    def _go_to(self, part: Part) -> Iterator[JSON]:
        """Begin the item of a part; the one before is complete."""
        yield from self._close("completed")
        self._part, item = part, self._items[part]
        yield self._of_item("added", item.with_content("in_progress"))
        yield self._inside(item, "content_part.added", part=item.content(""))

    def _close(self, status: str) -> Iterator[JSON]:
        """End the item that is being written, if there is one."""
        if self._part is None:
            return
        item, text = self._items[self._part], self._kept.text(self._part)
        content = item.content(text)
        yield self._inside(item, f"{item.text_type}.done", text=text, **item.of_events)
        yield self._inside(item, "content_part.done", part=content)
        done = item.with_content(status, content)
        yield self._of_item("done", done)
        self._output.append(done)
        self._part = None

    def _inside(self, item: _Item, name: str, **fields: object) -> JSON:
        """Return an event about an item's text."""
        place = {"item_id": item.id, "output_index": len(self._output), "content_index": 0}
        return self._event(name, **place, **fields)

    def _of_item(self, name: str, item: JSON) -> JSON:
        return self._event(f"output_item.{name}", output_index=len(self._output), item=item)

    def _event(self, name: str, **fields: object) -> JSON:
        self._sent += 1
        return {"type": f"response.{name}", "sequence_number": self._sent - 1, **fields}

    def _response(self, status: str) -> JSON:
        """Return the response as it is now, without what is known only at its end."""
        unknown = {"error": None, "incomplete_details": None, "completed_at": None, "usage": None}
        return {**self._head, "status": status, **unknown, "output": [*self._output]}


def _of_end(status: str, ended: Ended) -> JSON:
    """Return what a response has at its end; OpenAI has one word for what cuts a reply."""
    more: JSON = {"usage": _usage(ended.finished.usage), **openai.extra(ended)}
    if status == "incomplete":
        return more | {"incomplete_details": {"reason": "max_output_tokens"}}
    return more | {"completed_at": int(time.time())}


def _usage(usage: Usage) -> JSON:
    written = usage.thinking_tokens + usage.answer_tokens
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.prompt_tokens - usage.cached_tokens,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.thinking_tokens},
        "total_tokens": usage.prompt_tokens + written,
    }
