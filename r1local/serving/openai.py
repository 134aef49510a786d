"""OpenAI's protocol: requests to what they ask for, events to chunks and objects."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from r1local.conversation import Message
from r1local.events.reply import (
    AnswerDelta,
    Event,
    ThinkingDelta,
    Usage,
)
from r1local.events.vote import VoteResult
from r1local.replies.engine import Begun
from r1local.serving import asked as common
from r1local.serving.asked import Asked, Ended
from r1local.serving.failures import RequestError, Unsupported
from r1local.serving.schemas import CHAT, COMPLETION, JSON, MESSAGE, expect_known

#: What may be there and changes nothing: with any value, or with these values.
HARMLESS: Mapping[str, Sequence[object] | None] = {
    "user": None,
    "metadata": None,
    "store": None,
    "service_tier": None,
    "safety_identifier": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "parallel_tool_calls": None,
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "logprobs": (False, 0),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "modalities": (["text"],),
    "separate_reasoning": (True,),
    "include_reasoning": (True,),
    "reasoning_format": ("deepseek", "auto"),
    "reasoning_control": None,
    "cache_prompt": None,
    "echo": (False,),
    "best_of": (1,),
    "suffix": ("",),
    "verbosity": ("medium",),
    "id_slot": (-1,),
    "timings_per_token": (False,),
    "return_progress": (False,),
    "skip_special_tokens": None,
    "ignore_eos": (False,),
}
_OF_MESSAGES: Mapping[str, Sequence[object] | None] = {
    "tool_calls": ([],),
    "annotations": None,
    "audio": (),
}


# --- Requests -------------------------------------------------------------------


def chat_request(body: JSON) -> Asked:
    """Return what a chat completion asks for.

    Args:
        body: as `schemas.CHAT` says.

    Raises:
        RequestError: it can't be had.
    """
    expect_known(body, CHAT, HARMLESS)
    messages = body["messages"]
    for number, each in enumerate(messages):
        expect_known(each, MESSAGE, _OF_MESSAGES, f"messages[{number}].")
    last = messages[-1]
    goes_on = body.get("continue_final_message", last.get("prefix", False))
    if goes_on and last["role"] != "assistant":
        raise RequestError(
            "only a message of the assistant's can go on", "put one last", "messages"
        )
    form = body.get("response_format", {"type": "text"})
    schema = schema_of(form["type"], form.get("json_schema", {}), "response_format")
    return asked_by(body, messages, schema, "messages")


def completion_request(body: JSON) -> Asked:
    """Return what a completion asks for: its prompt is a question, as text is data here.

    Args:
        body: as `schemas.COMPLETION` says.

    Raises:
        RequestError: it can't be had.
    """
    expect_known(body, COMPLETION, HARMLESS)
    prompt = body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0]
    if not prompt.strip():
        raise RequestError("the prompt is empty", "write one", "prompt")
    return asked_by(body, [{"role": "user", "content": prompt}], None, "prompt")


def asked_by(body: JSON, messages: Sequence[JSON], schema: str | None, where: str) -> Asked:
    """Return what a request asks for whose fields are those of a chat completion.

    Args:
        body: the request; its messages and the form of its answer aren't read.
        messages: as in a chat completion; a last one of the assistant's goes on.
        schema: the JSON schema that holds the answer.
        where: the field that the messages come from.

    Raises:
        RequestError: it can't be had.
    """
    begun = _begun(messages[-1], where) if messages else None
    conversation = common.conversation(map(_message, messages[:-1] if begun else messages))
    if not conversation:
        raise RequestError("there is no question", "put a user's message first", where)
    asked = Asked(**_of_replies(body), conversation=conversation, begun=begun, schema=schema)
    if asked.votes is not None and (asked.count > 1 or begun):
        raise RequestError(
            "votes can't be combined with n or a reply that goes on", "leave out one", "votes"
        )
    return asked


def _of_replies(body: JSON) -> dict[str, Any]:
    """Return what all kinds of request say in the same way."""
    stop = body.get("stop", ())
    return {
        "model": body.get("model") or None,
        "changes": _changes(body),
        "stops": (stop,) if isinstance(stop, str) else tuple(stop),
        "count": body.get("n", 1),
        "votes": body.get("votes"),
        "stream": body.get("stream", False),
        "with_usage": bool((body.get("stream_options") or {}).get("include_usage")),
    }


def _changes(body: JSON) -> dict[str, str]:
    changes = common.sampling(body)
    if (effort := body.get("reasoning_effort")) is not None:
        changes |= common.effort(effort, "reasoning_effort")
    for name in ("thinking_token_budget", "think_budget"):
        if name in body:
            changes |= common.budget(body[name])
    if "min_think" in body:
        changes["min-think"] = str(body["min_think"])
    # The newer name counts.
    for name in ("max_tokens", "max_completion_tokens", "max_output_tokens"):
        if name in body:
            changes["max-tokens"] = str(body[name])
    if not all((body.get("chat_template_kwargs") or {}).values()):
        changes["no-think"] = "true"
    return changes


def _message(fields: JSON) -> Message:
    return common.message(fields["role"], text_of(fields.get("content", "")))


def text_of(
    content: str | list[JSON], kinds: Sequence[str] = ("text",), where: str = "messages"
) -> str:
    """Return the text of a message.

    Args:
        content: the text, or its parts.
        kinds: the types of parts that are text.
        where: the field that the message comes from.

    Raises:
        Unsupported: it has a part that isn't text.
    """
    if isinstance(content, str):
        return content
    for part in content:
        if part["type"] not in kinds or not isinstance(part.get("text"), str):
            raise Unsupported(
                f"a message's part of type {part['type'][:40]!r} can't be read",
                "send text alone: the models here don't see or hear",
                where,
            )
    return "".join(part["text"] for part in content)


def _begun(last: JSON, where: str) -> Begun | None:
    """Return the reply that goes on: a final message of the assistant's."""
    if last["role"] != "assistant":
        return None
    answer = text_of(last.get("content", ""))
    thinking: str = last.get("reasoning_content") or last.get("reasoning") or ""
    common.message("assistant", answer + thinking)
    if not answer and not thinking:
        raise RequestError("the reply that is to go on is empty", "leave it out", where)
    return Begun(thinking, answer, thinking_open=not answer)


def schema_of(kind: str, described: JSON, where: str) -> str | None:
    """Return the JSON schema that holds an answer of a kind, if one does.

    Args:
        kind: `text`, `json_object` or `json_schema`.
        described: what has the `schema`.
        where: the field that asks for it.

    Raises:
        RequestError: there is no schema.
    """
    if kind == "text":
        return None
    if kind == "json_object":
        return '{"type":"object"}'
    if "schema" not in described:
        raise RequestError(f"{where} has no schema", "give one", where)
    return json.dumps(described["schema"])


# --- Replies --------------------------------------------------------------------


class ChatForm:
    """A chat completion, as chunks and as a whole.

    Args:
        reply_id: the id of all its pieces.
        model: the model's name.
        asked: what was asked for.
    """

    kind, chunk_kind = "chat.completion", "chat.completion.chunk"
    media_type = "text/event-stream"
    end_of_stream = b"data: [DONE]\n\n"
    keep_alive = b": keep-alive\n\n"

    def __init__(self, reply_id: str, model: str, asked: Asked) -> None:
        self._head = {"id": reply_id, "created": int(time.time()), "model": model}
        self._asked = asked

    def encode(self, piece: JSON) -> bytes:
        """Return a piece of a stream as it is sent: an event of Server-Sent Events."""
        return b"data: %s\n\n" % json.dumps(piece, ensure_ascii=False).encode()

    def begin(self) -> Iterator[JSON]:
        """Yield what comes before all text, so that a program knows the id."""
        for index in range(self._asked.count):
            yield self._chunk(self._choice(index, self._delta("role", "assistant"), None))

    def handle(self, index: int, event: Event) -> Iterator[JSON]:
        """Yield what an event of a reply is in a stream; what is sent can't be withdrawn."""
        match event:
            case ThinkingDelta(text):
                yield self._chunk(self._choice(index, self._delta("reasoning_content", text), None))
            case AnswerDelta(text):
                yield self._chunk(self._choice(index, self._delta("content", text), None))
            case _:
                pass

    def end(self, index: int, ended: Ended) -> Iterator[JSON]:
        """Yield the end of one reply."""
        choice = self._choice(
            index, self._delta("content", None), common.FINISH_REASONS[ended.finished.reason]
        )
        yield self._chunk(choice) | extra(ended)

    def last(self, replies: Sequence[Ended]) -> Iterator[JSON]:
        """Yield what follows when all replies have ended."""
        if self._asked.with_usage:
            yield {**self._head, "object": self.chunk_kind, "choices": []} | _usage(replies)

    def whole(self, replies: Sequence[Ended]) -> JSON:
        """Return all replies as one object."""
        choices = [
            {"index": index, **self._content(ended), "logprobs": None}
            | {"finish_reason": common.FINISH_REASONS[ended.finished.reason]}
            for index, ended in enumerate(replies)
        ]
        more = extra(replies[0]) if replies else {}
        return {**self._head, "object": self.kind, "choices": choices} | _usage(replies) | more

    def failed(self, error: JSON) -> Iterator[JSON]:
        """Yield the end of a stream that fails.

        Args:
            error: as `error_object` returns it.
        """
        yield error

    def _chunk(self, choice: JSON) -> JSON:
        return {**self._head, "object": self.chunk_kind, "choices": [choice]}

    def _choice(self, index: int, delta: JSON, finish: str | None) -> JSON:
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}

    def _delta(self, name: str, text: str | None) -> JSON:
        return {} if text is None else {name: text}

    def _content(self, ended: Ended) -> JSON:
        message: JSON = {"role": "assistant", "content": ended.answer, "refusal": None}
        if ended.thinking:
            message["reasoning_content"] = ended.thinking
        return {"message": message}


class CompletionForm(ChatForm):
    """A text completion: the answer, with the thought beside it."""

    kind = chunk_kind = "text_completion"

    def begin(self) -> Iterator[JSON]:
        """Yield nothing: a chunk without text would be none."""
        yield from ()

    def _choice(self, index: int, delta: JSON, finish: str | None) -> JSON:
        choice = {"index": index, "text": delta.get("content", "")}
        thinking = {k: v for k, v in delta.items() if k == "reasoning_content"}
        return choice | thinking | {"logprobs": None, "finish_reason": finish}

    def _content(self, ended: Ended) -> JSON:
        thinking = {"reasoning_content": ended.thinking} if ended.thinking else {}
        return {"text": ended.answer} | thinking


def extra(ended: Ended) -> JSON:
    """Return what OpenAI's objects don't have: the seed, notices, and a vote's tally."""
    more: JSON = {"seed": ended.finished.seed}
    if ended.notices:
        more["notices"] = [each.message for each in ended.notices]
    if ended.vote:
        more["vote"] = tally(ended.vote)
    return more


def tally(vote: VoteResult) -> JSON:
    """Return how a vote stands at its end."""
    return {
        "answer": vote.answer,
        "candidates": [{"answer": each.answer, "votes": each.votes} for each in vote.candidates],
        "agreement": round(vote.agreement, 4),
        "replies": len(vote.ballots),
        "ended": vote.ended,
    }


def _usage(replies: Sequence[Ended]) -> JSON:
    """Return the tokens of all replies; the prompt, which they share, counts once."""
    if not replies:
        return {}
    usages: list[Usage] = [each.finished.usage for each in replies]
    prompt = max(each.prompt_tokens for each in usages)
    thinking = sum(each.thinking_tokens for each in usages)
    written = thinking + sum(each.answer_tokens for each in usages)
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": usages[0].cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": thinking},
        }
    }


def error_object(message: str, status: int, code: str, param: str | None) -> JSON:
    """Return an error in OpenAI's form."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_object(name: str, created: float, **more: object) -> JSON:
    """Return a model as `/v1/models` lists it."""
    return {
        "id": name,
        "object": "model",
        "created": int(created),
        "owned_by": "r1local",
        **more,
    }
