"""The words of the protocols: what a request for a reply contains, and what its pieces mean.

OpenAI's with the extensions of those who speak it, and Ollama's own. Where a word differs between
servers, `servers` has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from r1local.conversation import Conversation, FinishReason
from r1local.endpoints.servers import Server
from r1local.replies.settings import ReplySettings, is_by_default
from r1local.thinking.limits import CLOSING

#: The form of a stream: chat, plain text that is completed, or Ollama's lines.
Form: TypeAlias = Literal["chat", "text", "ollama"]
#: Ends of replies that aren't whole: OpenAI's, DeepSeek's (its docs, "Create Chat Completion"),
#: vLLM's and SGLang's, OpenRouter's.
_BROKEN = ("content_filter", "insufficient_system_resource", "abort", "error")
#: Words for how hard to think, and the budgets that they stand for here.
_EFFORTS = ((1_024, "low"), (4_096, "medium"))


@dataclass(frozen=True, slots=True)
class Call:
    """A request for a reply: where it goes, its body, and the form of the answer."""

    url: str
    body: dict[str, Any]
    form: Form = "chat"


@dataclass(frozen=True, slots=True)
class Spent:
    """The tokens of a request, as the server counts them; None is what it doesn't say."""

    prompt: int | None = None
    cached: int | None = None
    generated: int | None = None
    thinking: int | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """What one message of a stream brings to the reply with a number.

    Args:
        index: the number of the reply, where there are several.
        thinking: text that the server says is thinking.
        text: other text, in which tags may mark thinking.
        reason: why the reply ended, if it did.
        broken: the server's word for why it ended before it was whole.
        spent: tokens so far; the last one counts.
        error: what the server says has gone wrong.
        id: what the server calls the request's replies, if it says so.
    """

    index: int = 0
    thinking: str = ""
    text: str = ""
    reason: FinishReason | None = None
    spent: Spent | None = None
    error: object = None
    id: str = ""
    broken: str = ""


def effort_of(budget: int | None) -> str | None:
    """Return the word for a budget; None is as the server likes."""
    if budget is None:
        return None
    return next((word for most, word in _EFFORTS if budget <= most), "high")


def messages(conversation: Conversation) -> list[dict[str, Any]]:
    """Return a conversation as both protocols have it."""
    return [{"role": each.role, "content": each.content} for each in conversation]


def openai_options(
    server: Server, settings: ReplySettings, *, seed: int | None, most: int | None
) -> dict[str, Any]:
    """Return the fields of a request that say how to reply.

    Args:
        seed: the sampler's, if there is one.
        most: tokens of the reply; None leaves that to the server.
    """
    sampler, body = settings.sampler, dict[str, Any]()
    values = {
        "temperature": sampler.temperature,
        "top-p": sampler.top_p,
        "top-k": sampler.top_k,
        "min-p": sampler.min_p,
    }
    neutral = {"top-k": 0, "min-p": 0}
    for name in sorted(server.sampler):
        if values[name] != neutral.get(name):
            body[name.replace("-", "_")] = values[name]
    if server.name == "llama-server":  # whose own defaults aren't neutral
        body |= {"top_k": sampler.top_k, "min_p": sampler.min_p}
    if seed is not None and server.seeds:
        body["seed"] = seed
    if most is not None:
        body["max_tokens"] = most
    body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def thinking_options(server: Server, settings: ReplySettings) -> dict[str, Any]:
    """Return the fields of a request that say how long to think."""
    budget, body = settings.thinking.budget, dict[str, Any]()
    if server.name == "llama-server":
        body["reasoning_format"] = "deepseek"
    if settings.thinking.off and server.switch:
        return {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}}
    if budget is None:
        return body
    if server.budget:
        group, _, name = server.budget.rpartition(".")
        body |= {group: {name: budget}} if group else {name: budget}
        if server.name == "llama-server":
            body["reasoning_budget_message"] = CLOSING
        return body
    return body | {"reasoning_effort": effort_of(budget)}


def schema_options(server: Server, schema: object) -> dict[str, Any]:
    """Return the field of a request that holds the answer to a JSON schema."""
    if server.name == "ollama":
        return {"format": schema}
    form = {"name": "answer", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


def ollama_body(
    settings: ReplySettings, *, seed: int | None, most: int | None, context: int | None
) -> dict[str, Any]:
    """Return the fields of a request in Ollama's words."""
    sampler = settings.sampler
    options: dict[str, Any] = {
        "temperature": sampler.temperature,
        "top_p": sampler.top_p,
        "top_k": sampler.top_k,
        "min_p": sampler.min_p,
    }
    options |= {"seed": seed} if seed is not None else {}
    options |= {"num_predict": most} if most is not None else {}
    options |= {"num_ctx": context} if context is not None else {}
    think: bool | str = not settings.thinking.off
    if think and not is_by_default(settings, "think-budget"):
        think = effort_of(settings.thinking.budget) or True
    return {"options": options, "think": think, "stream": True}


def pieces_of(form: Form, message: Any) -> Iterator[Piece]:
    """Yield what a message of a stream brings.

    Raises:
        TypeError, KeyError, ValueError, AttributeError, OverflowError: it isn't one.
    """
    if not isinstance(message, dict):
        raise TypeError("a message is an object")
    if says_error(message):
        yield Piece(error=message.get("error") or message)
        return
    if form == "ollama":
        yield _of_ollama(message)
        return
    spent = _spent(message.get("usage"))
    choices, called = message.get("choices") or [], _clean(message.get("id"))
    for choice in choices:
        delta = choice if form == "text" else choice.get("delta") or {}
        text = delta.get("text") if form == "text" else delta.get("content")
        thinking = delta.get("reasoning_content") or delta.get("reasoning")
        index = choice.get("index") or 0
        word = choice.get("finish_reason")
        piece = Piece(int(index), _clean(thinking), _clean(text), spent=spent, id=called)
        broken = word in _BROKEN
        yield replace(piece, broken=word) if broken else replace(piece, reason=_reason(word))
    if not choices and spent:
        yield Piece(spent=spent)


def says_error(message: object) -> bool:
    """Return whether a message is about an error; vLLM's is the error itself."""
    if not isinstance(message, dict):
        return False
    return bool(message.get("error")) or message.get("object") == "error"


def _of_ollama(message: dict[str, Any]) -> Piece:
    said = message.get("message") or {}
    reason, spent = None, None
    if message.get("done"):
        reason = _reason(message.get("done_reason") or "stop")
        spent = Spent(
            _count(message.get("prompt_eval_count")),
            generated=_count(message.get("eval_count")),
        )
    return Piece(0, _clean(said.get("thinking")), _clean(said.get("content")), reason, spent)


def _reason(word: object) -> FinishReason | None:
    if word is None or word == "":
        return None
    return "length" if word in ("length", "max_tokens") else "stop"


def _spent(usage: Any) -> Spent | None:
    if not isinstance(usage, dict):
        return None
    of_prompt = _object(usage.get("prompt_tokens_details"))
    of_reply = _object(usage.get("completion_tokens_details"))
    return Spent(
        _count(usage.get("prompt_tokens")),
        _count(of_prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))),
        _count(usage.get("completion_tokens")),
        _count(of_reply.get("reasoning_tokens", usage.get("reasoning_tokens"))),
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int | None:
    plausible = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**40
    return value if plausible and isinstance(value, int) else None


def _clean(text: object) -> str:
    """Return a text without halves of surrogate pairs, which no file and no terminal takes."""
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError("a text is a string")
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
