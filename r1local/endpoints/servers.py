"""What each kind of server can do, and what it calls that; all as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from r1local.replies.abilities import SAMPLER_OPTIONS, Abilities

#: How a server is asked to go on with a reply:
#: "text": its own template makes the prompt's text, which may then be completed (llama-server);
#: "tokens": the same with tokens (vLLM);
#: "message": a last message of the assistant is continued, its thought with tags (SGLang);
#: "parts": a last message of the assistant is continued, its thought apart and ended (Ollama);
#: "prefix": the same, marked as a prefix, at an address of its own (DeepSeek);
#: "open parts": the same, but a thought without an answer isn't ended (`r1local serve`).
Continuing: TypeAlias = Literal["text", "tokens", "message", "parts", "prefix", "open parts"]


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server.

    Args:
        name: one of `config.endpoints.SERVERS`.
        sampler: the options of drawing that it knows.
        seeds: draws the same tokens again for the same seed.
        schema: holds an answer to a JSON schema.
        budget: the field for the most tokens of a thought; a path with dots.
        continuing: how it goes on with a reply, if it does.
        many: makes several replies for one request, with `n`.
        switch: can be told not to think, by a field.
        controls: ends the thought of a reply that is being written, if told so by its id.
    """

    name: str
    sampler: frozenset[str] = SAMPLER_OPTIONS
    seeds: bool = True
    schema: bool = True
    budget: str | None = None
    continuing: Continuing | None = None
    many: bool = False
    switch: bool = False
    controls: bool = False

    @property
    def closes(self) -> bool:
        """Whether a thought can be ended here, and the answer asked for."""
        return self.continuing not in (None, "open parts")

    @property
    def goes_on_inside(self) -> bool:
        """Whether a reply can go on inside its thought."""
        return self.continuing not in (None, "parts", "prefix")

    @property
    def abilities(self) -> Abilities:
        """What an engine on it can do."""
        continues = self.continuing is not None
        return Abilities(
            budgets=self.closes or self.budget is not None,
            efforts=True,
            min_think=False,
            no_think=self.closes or self.switch,
            answer_now=self.closes or self.controls,
            think_more=False,
            seeds=self.seeds,
            sampler=self.sampler,
            grammar=False,
            schema=self.schema,
            loops=False,
            continues=continues,
            continues_thoughts=self.goes_on_inside,
            counts=False,
            resizes=False,
            keeps_state=False,
        )


_PLAIN = frozenset({"temperature", "top-p"})
_ALL = (
    Server("llama-server", budget="reasoning_budget_tokens", continuing="text", many=True),
    # Honoured with --reasoning-config, otherwise ignored: `thought` watches over it.
    Server("vllm", budget="thinking_token_budget", continuing="tokens", many=True),
    # With --enable-strict-thinking, or a custom logit processor.
    Server("sglang", budget="custom_params.thinking_budget", continuing="message", many=True),
    Server("ollama", continuing="parts", switch=True),
    Server(
        "r1local",
        budget="thinking_token_budget",
        continuing="open parts",
        many=True,
        switch=True,
        controls=True,
    ),
    Server("lm-studio", sampler=_PLAIN | {"top-k"}),
    # Its reasoner ignores the parameters of sampling (api-docs.deepseek.com).
    Server("deepseek", sampler=frozenset(), seeds=False, schema=False, continuing="prefix"),
    Server("openai", sampler=_PLAIN),
)
#: The kinds of servers by name.
SERVERS_BY_NAME: Mapping[str, Server] = MappingProxyType({each.name: each for each in _ALL})
#: What a model's `owned_by` in /v1/models says about the server.
OWNERS: Mapping[str, str] = MappingProxyType(
    {
        "llamacpp": "llama-server",
        "vllm": "vllm",
        "sglang": "sglang",
        "library": "ollama",
        "organization_owner": "lm-studio",
        "deepseek": "deepseek",
        "r1local": "r1local",
    }
)
