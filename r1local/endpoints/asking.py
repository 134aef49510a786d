"""The requests for a reply, and for the rest of one that was begun."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Thread
from typing import TYPE_CHECKING, Any

from r1local.conversation import Conversation
from r1local.endpoints.discovery import Found
from r1local.endpoints.wire import (
    Call,
    messages,
    ollama_body,
    openai_options,
    schema_options,
    thinking_options,
)
from r1local.errors import R1LocalError
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings, is_by_default
from r1local.thinking.dialects import Dialect
from r1local.thinking.splitter import Start, start_of_reply

if TYPE_CHECKING:
    from r1local.endpoints.client import Client

#: Tokens at the end of a prompt that show whether its template opens a thought.
_TAIL = 24


@dataclass(frozen=True, slots=True)
class Asking:
    """Everything that a request for a reply depends on.

    Args:
        client: sends it.
        found: the server.
        model: the model's name there.
        window: tokens of its context, if they are known.
        effort: the word for how hard to think, if there is one.
        conversation: what is replied to.
        prompt_tokens: about as many tokens as that has.
        settings: how to reply, within the server's abilities.
        used: tokens of the reply that has been begun.
    """

    client: "Client"
    found: Found
    model: str
    window: int | None
    effort: str | None
    conversation: Conversation
    prompt_tokens: int
    settings: ReplySettings
    used: int = 0

    @property
    def found_start(self) -> Start:
        """Where the prompt leaves a reply, if its thought comes in the text."""
        return "open" if self.client.endpoint.opens_thought else "none"

    @property
    def _options(self) -> dict[str, Any]:
        """How to reply, but for the thinking."""
        settings, server = self.settings, self.found.server
        made = openai_options(server, settings, seed=self._seed, most=self._most)
        return {"model": self.model, **made}

    @property
    def _seed(self) -> int | None:
        return self.settings.sampler.seed

    @property
    def _most(self) -> int | None:
        """The tokens to ask for; None where more would be refused, or is the server's to know."""
        left = max(1, self.settings.max_tokens - self.used)
        if self.window is None:
            return None if is_by_default(self.settings, "max-tokens") else left
        room = self.window - self.prompt_tokens - self.used
        return left if left < room - room // 5 else None

    @property
    def _schema(self) -> dict[str, Any]:
        schema = self.settings.schema
        return {} if schema is None else schema_options(self.found.server, json.loads(schema))

    @property
    def _thinking(self) -> dict[str, Any]:
        made = thinking_options(self.found.server, self.settings)
        return made | ({"reasoning_effort": self.effort} if self.effort else {})

    def first(self, count: int = 1) -> Call:
        """Return the request for whole replies.

        Args:
            count: how many, if the server makes several for one request.
        """
        if self.found.server.name == "ollama":
            return self._ollamas(())
        body = {**self._options, **self._thinking, **self._schema}
        body["messages"] = messages(self.conversation)
        return self._chat(body | ({"n": count} if count > 1 else {}))

    def rest(self, begun: Begun) -> Call:
        """Return the request for the rest of a reply; others may be sent before it.

        Raises:
            R1LocalError: one of those fails.
        """
        if begun.answer:  # the form of an answer can't be held from its middle on
            return replace(self, settings=replace(self.settings, schema=None))._rest(begun)
        return self._rest(begun)

    def _rest(self, begun: Begun) -> Call:
        match self.found.server.continuing:
            case "text":
                return self._completed_text(begun)
            case "tokens":
                return self._completed_tokens(begun)
            case "message":
                text = continuation(self.found.dialect, "open", begun)
                last = {"role": "assistant", "content": text}
                more = {"continue_final_message": True, "separate_reasoning": False}
                body = {**self._options, **self._schema, **more}
                return self._chat({**body, "messages": [*messages(self.conversation), last]})
            case "prefix":
                last = _last(begun, "reasoning_content") | {"prefix": True}
                body = {**self._options, "messages": [*messages(self.conversation), last]}
                return Call(f"{self.found.root}/beta/chat/completions", body)
            case _ if self.found.server.name == "ollama":
                return self._ollamas([_last(begun, "thinking")])
            case _:
                last = _last(begun, "reasoning_content")
                body = {**self._options, **self._thinking, **self._schema}
                body["continue_final_message"] = True
                return self._chat({**body, "messages": [*messages(self.conversation), last]})

    def end_thought(self, called: str) -> None:
        """Have the server end the thought of a reply, by its id, without waiting for that."""
        body = {"id": called, "action": "reasoning_end"}

        def tell() -> None:
            with suppress(R1LocalError, RuntimeError):  # the reply may have ended, and all with it
                self.client.ask(f"{self.found.api}/chat/completions/control", body)

        Thread(target=tell, daemon=True).start()

    def _chat(self, body: dict[str, Any]) -> Call:
        return Call(f"{self.found.api}/chat/completions", body)

    def _ollamas(self, last: Sequence[dict[str, Any]]) -> Call:
        body = ollama_body(self.settings, seed=self._seed, most=self._most, context=self.window)
        body |= {"model": self.model, "messages": [*messages(self.conversation), *last]}
        return Call(f"{self.found.root}/api/chat", body | self._schema, "ollama")

    def _completed_text(self, begun: Begun) -> Call:
        """Let llama-server complete a text: its own prompt, and the reply so far."""
        asked = {"messages": messages(self.conversation)}
        prompt = str(self.client.ask(f"{self.found.root}/apply-template", asked)["prompt"])
        dialect, schema = self.found.dialect, self.settings.schema
        text = continuation(dialect, start_of_reply(prompt, dialect), begun)
        body = {**self._options, "prompt": prompt + text}
        form = {"json_schema": json.loads(schema)} if schema is not None else {}
        return Call(f"{self.found.api}/completions", body | form, "text")

    def _completed_tokens(self, begun: Begun) -> Call:
        """Let vLLM complete tokens: those of its own prompt, and of the reply so far."""
        root, model, dialect = self.found.root, {"model": self.model}, self.found.dialect
        asked = {"messages": messages(self.conversation), "add_generation_prompt": True}
        prompt = self.client.ask(f"{root}/tokenize", model | asked)["tokens"]
        tail = self.client.ask(f"{root}/detokenize", model | {"tokens": prompt[-_TAIL:]})["prompt"]
        text = continuation(dialect, start_of_reply(tail, dialect), begun)
        asked = {"prompt": text, "add_special_tokens": False}
        tokens = [*prompt, *self.client.ask(f"{root}/tokenize", model | asked)["tokens"]]
        most = self.settings.max_tokens - self.used
        if self.window:
            most = min(most, self.window - len(tokens))
        body = {**self._options, "prompt": tokens, "max_tokens": max(1, most), **self._schema}
        return Call(f"{self.found.api}/completions", body, "text")


def continuation(dialect: Dialect, start: Start, begun: Begun) -> str:
    """Return what follows a prompt, up to where a reply was cut.

    Args:
        start: where the prompt leaves the reply.
        begun: the reply so far.
    """
    text = ""
    if begun.thinking or begun.thinking_open:
        text = ("" if start == "open" else dialect.opening) + begun.thinking
        if not begun.thinking_open:
            text = f"{text.rstrip()}{dialect.end}"
    elif start == "open":
        text = f"{dialect.closing}{dialect.trail}"
    elif begun.answer:
        text = dialect.trail.strip()
    return text + begun.answer


def start_after(begun: Begun) -> Start:
    """Return where a reply stands that goes on."""
    if begun.thinking_open:
        return "thinking" if begun.thinking else "open"
    return "answer" if begun.answer else "closed"


def _last(begun: Begun, thinking: str) -> dict[str, Any]:
    """Return the last message, which the server continues, with its thought apart."""
    return {"role": "assistant", "content": begun.answer, thinking: begun.thinking}
