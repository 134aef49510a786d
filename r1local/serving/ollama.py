"""Ollama's protocol: requests to what they ask for, events to lines of JSON."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from r1local.events.reply import AnswerDelta, Event, ThinkingDelta
from r1local.replies.engine import Begun
from r1local.serving import asked as common
from r1local.serving.asked import Asked, Ended
from r1local.serving.failures import RequestError
from r1local.serving.schemas import (
    JSON,
    OLLAMA_CHAT,
    OLLAMA_GENERATE,
    OLLAMA_OPTIONS,
    expect_known,
)

#: What may be there and changes nothing: with any value, or with these values.
HARMLESS: Mapping[str, Sequence[object] | None] = {
    "tools": ([],),
    "images": ([],),
    "raw": (False,),
    "template": ("",),
    "suffix": ("",),
    "context": ([],),
    "logprobs": (False,),
    "truncate": None,
    "shift": None,
}
#: How the model is loaded is the server's own affair; neutral values of the others draw alike.
HARMLESS_OPTIONS: Mapping[str, Sequence[object] | None] = {
    **dict.fromkeys(("num_ctx", "num_batch", "num_gpu", "main_gpu", "num_thread", "num_keep")),
    **dict.fromkeys(("use_mmap", "use_mlock", "numa", "low_vram", "f16_kv", "vocab_only")),
    "repeat_last_n": None,
    "repeat_penalty": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "tfs_z": (1,),
    "typical_p": (1,),
    "mirostat": (0,),
    "mirostat_eta": None,
    "mirostat_tau": None,
    "penalize_newline": None,
}
_OF_MESSAGES: Mapping[str, Sequence[object] | None] = {
    "images": ([],),
    "tool_calls": ([],),
    "tool_name": ("",),
}
_DURATION = re.compile(r"(-?)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9}(?:\.\d+)?)s)?(?:(\d+)ms)?")
#: Seconds of a model that stays: a year.
FOR_EVER = 366 * 24 * 3600.0
_SECOND = 1_000_000_000


# --- Requests -------------------------------------------------------------------


def chat_request(body: JSON) -> Asked:
    """Return what a chat asks for; without messages, only the model is to be loaded.

    Args:
        body: as `schemas.OLLAMA_CHAT` says.

    Raises:
        RequestError: it can't be had.
    """
    expect_known(body, OLLAMA_CHAT, HARMLESS)
    messages = body.get("messages") or []
    for number, each in enumerate(messages):
        known = OLLAMA_CHAT["properties"]["messages"]["items"]
        expect_known(each, known, _OF_MESSAGES, f"messages[{number}].")
    begun = None
    if messages and messages[-1]["role"] == "assistant":
        answer, thinking = messages[-1].get("content", ""), messages[-1].get("thinking", "")
        common.message("assistant", answer + thinking)
        begun = Begun(thinking, answer, thinking_open=not answer)
        if not answer and not thinking:
            raise RequestError("the reply that is to go on is empty", "leave it out", "messages")
        messages = messages[:-1]
        if not messages:
            raise RequestError("there is no question", "put a user's message first", "messages")
    said = (common.message(m["role"], m.get("content") or "") for m in messages)
    conversation = common.conversation(said)
    return Asked(**_of_replies(body), conversation=conversation, begun=begun)


def generate_request(body: JSON) -> Asked:
    """Return what `/api/generate` asks for; without a prompt, only the model is to be loaded.

    Args:
        body: as `schemas.OLLAMA_GENERATE` says.

    Raises:
        RequestError: it can't be had.
    """
    expect_known(body, OLLAMA_GENERATE, HARMLESS)
    prompt, system = body.get("prompt", ""), body.get("system", "")
    said = (("system", system), ("user", prompt)) if prompt else ()
    conversation = tuple(common.message(role, text) for role, text in said if text)
    return Asked(**_of_replies(body), conversation=conversation)


def _of_replies(body: JSON) -> dict[str, Any]:
    """Return what both kinds of request say in the same way."""
    options = {k: v for k, v in (body.get("options") or {}).items() if v is not None}
    expect_known(options, OLLAMA_OPTIONS, HARMLESS_OPTIONS, "options.")
    changes = common.sampling(options)
    if options.get("num_predict", -1) > 0:  # -1 and -2 ask for as many as there is room for
        changes["max-tokens"] = str(options["num_predict"])
    changes |= _thinking(body.get("think"))
    if "think_budget" in options:
        changes |= common.budget(options["think_budget"])
    stop, form = options.get("stop", ()), body.get("format") or None
    return {
        "model": body["model"],
        "changes": changes,
        "stops": (stop,) if isinstance(stop, str) else tuple(stop),
        "stream": body.get("stream", True),
        "schema": form and ('{"type":"object"}' if form == "json" else json.dumps(form)),
        "keep_alive": keep_alive(body.get("keep_alive")),
    }


def _thinking(think: object) -> dict[str, str]:
    if isinstance(think, str):
        return common.effort(think, "think")
    return {"no-think": "true"} if think is False else {}


def keep_alive(value: float | str | None) -> float | None:
    """Return the seconds of `5m`, `300` or `-1` (for ever); None if nothing was said.

    Raises:
        RequestError: it is no time.
    """
    if value is None:
        return None
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if not value or found is None or not value.strip("-"):
            raise RequestError(
                f"keep_alive {value[:40]!r} is no time", "write one such as 5m, or 0", "keep_alive"
            )
        hours, minutes, seconds, thousandths = (float(each or 0) for each in found.groups()[1:])
        total = 3600 * hours + 60 * minutes + seconds + thousandths / 1000
        value = -total if found[1] else total
    return min(value, FOR_EVER) if value >= 0 else FOR_EVER


# --- Replies --------------------------------------------------------------------


class ChatForm:
    """A chat's reply, as lines of a stream and as a whole.

    Args:
        _reply_id: there is none in Ollama's protocol.
        model: the model's name.
        _asked: what was asked for.
    """

    media_type = "application/x-ndjson"
    end_of_stream = b""
    #: Nothing that all clients take for nothing.
    keep_alive = b""

    def __init__(self, _reply_id: str, model: str, _asked: Asked) -> None:
        self._model = model

    def encode(self, piece: JSON) -> bytes:
        """Return a piece of a stream as it is sent: a line of JSON."""
        return json.dumps(piece, ensure_ascii=False).encode() + b"\n"

    def begin(self) -> Iterator[JSON]:
        """Yield nothing: a stream begins with its first text."""
        yield from ()

    def handle(self, _index: int, event: Event) -> Iterator[JSON]:
        """Yield what an event of the reply is in a stream; what is sent can't be withdrawn."""
        match event:
            case ThinkingDelta(text):
                yield self._head() | self._text("", text) | {"done": False}
            case AnswerDelta(text):
                yield self._head() | self._text(text, "") | {"done": False}
            case _:
                pass

    def end(self, _index: int, _ended: Ended) -> Iterator[JSON]:
        """Yield nothing: `last` has the end."""
        yield from ()

    def last(self, replies: Sequence[Ended]) -> Iterator[JSON]:
        """Yield the end of the stream."""
        for ended in replies:
            yield self._head() | self._text("", "") | self._end(ended)

    def failed(self, error: JSON) -> Iterator[JSON]:
        """Yield the end of a stream that fails."""
        yield error

    def whole(self, replies: Sequence[Ended]) -> JSON:
        """Return the reply as one object."""
        ended = replies[0]
        return self._head() | self._text(ended.answer, ended.thinking) | self._end(ended)

    def without_reply(self, reason: str) -> JSON:
        """Return the answer to a request that only loads or unloads the model."""
        return self._head() | self._text("", "") | {"done": True, "done_reason": reason}

    def _head(self) -> JSON:
        return {"model": self._model, "created_at": datetime.now(UTC).isoformat()}

    def _text(self, answer: str, thinking: str) -> JSON:
        message = {"role": "assistant", "content": answer}
        return {"message": message | ({"thinking": thinking} if thinking else {})}

    def _end(self, ended: Ended) -> JSON:
        usage = ended.finished.usage
        written = usage.thinking_s + usage.answer_s
        notices = [each.message for each in ended.notices]
        return {
            "done": True,
            "done_reason": common.FINISH_REASONS[ended.finished.reason],
            "total_duration": int((usage.prompt_s + written) * _SECOND),
            "load_duration": 0,
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": int(usage.prompt_s * _SECOND),
            "eval_count": usage.thinking_tokens + usage.answer_tokens,
            "eval_duration": int(written * _SECOND),
        } | ({"notices": notices} if notices else {})


class GenerateForm(ChatForm):
    """The reply to a prompt of `/api/generate`."""

    def _text(self, answer: str, thinking: str) -> JSON:
        return {"response": answer} | ({"thinking": thinking} if thinking else {})


def error_object(message: str) -> JSON:
    """Return an error in Ollama's form."""
    return {"error": message}
