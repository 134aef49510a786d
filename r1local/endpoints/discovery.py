"""What a server elsewhere is and has, found by asking it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r1local.config.endpoints import Endpoint
from r1local.endpoints.servers import OWNERS, SERVERS_BY_NAME, Server
from r1local.errors import EndpointLacks, R1LocalError, nearest
from r1local.thinking.dialects import R1, Dialect, dialect_of

if TYPE_CHECKING:
    from r1local.endpoints.client import Client

#: The most models of a list that are kept; there are services with thousands.
_MOST_MODELS = 5_000
#: Where servers say how many tokens of context a model has, in their lists of models.
_WINDOWS = (
    "max_model_len",
    "context_window",
    "context_length",
    "loaded_context_length",
    "max_context_length",
)


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """A model of a server, and the tokens of its context, as far as the server says so."""

    name: str
    context_window: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A server as it was found.

    Args:
        server: its kind.
        api: the address below which OpenAI's requests go.
        root: the address below which its own go.
        models: those that it lists.
        at_once: the replies that it makes at the same time, if it says so.
        dialect: how its model marks thoughts.
    """

    server: Server
    api: str
    root: str
    models: tuple[RemoteEntry, ...] = ()
    at_once: int | None = None
    dialect: Dialect = R1

    def entry(self, endpoint: Endpoint, model: str | None) -> RemoteEntry:
        """Return the model that is meant, or the only one.

        Raises:
            EndpointLacks: there is none, or several.
        """
        names = [each.name for each in self.models]
        if model is None:
            if len(names) == 1:
                return self.models[0]
            hint = f"name one: -m {endpoint.reference(names[0] if names else 'MODEL')}"
            told = f"{endpoint.title} has {len(names)} models, and none is named"
            raise EndpointLacks(told, hint)
        for each in self.models:
            if each.name in (model, f"{model}:latest"):
                return each
        if names:
            told = f"{endpoint.title} has no model {model!r}"
            raise EndpointLacks(told, nearest(model, names[:20]))
        return RemoteEntry(model)  # the server lists none


def addresses(endpoint: Endpoint) -> tuple[str, str]:
    """Return the addresses below which OpenAI's requests go, and the server's own."""
    bare = urlsplit(endpoint.url).path in ("", "/")
    api = f"{endpoint.url}/v1" if bare else endpoint.url
    return api, api.removesuffix("/v1")


def find(client: "Client") -> Found:
    """Ask a server what it is, and which models it has.

    Raises:
        R1LocalError: it can't be reached, or refuses.
    """
    endpoint = client.endpoint
    api, root = addresses(endpoint)
    kind = endpoint.kind
    listed: list[dict[str, Any]] = []
    if kind != "ollama":
        try:
            listed = [*_listed(client.ask(f"{api}/models"))]
        except EndpointLacks:
            if kind is None and _is_ollama(client, root):
                kind = "ollama"
    kind = kind or _kind(client, root, listed)
    if kind == "lm-studio":
        with suppress(R1LocalError):  # its own list says more
            listed = [*_listed(client.ask(f"{root}/api/v0/models"))] or listed
    found = Found(SERVERS_BY_NAME[kind], api, root, tuple(map(_entry, listed)))
    if kind == "ollama":
        return _with_ollamas(client, found)
    if kind == "llama-server":
        return _with_props(client, found)
    return found


def context_of(client: "Client", found: Found, entry: RemoteEntry) -> int | None:
    """Return the tokens of context that a model has, if its server says so."""
    if found.server.name != "ollama" or entry.context_window:
        return entry.context_window
    with suppress(R1LocalError):
        shown = client.ask(f"{found.root}/api/show", {"model": entry.name})
        facts = shown.get("model_info") if isinstance(shown, dict) else None
        for key, value in (facts or {}).items():
            if key.endswith(".context_length") and isinstance(value, int) and value > 0:
                return value
    return None


def _kind(client: "Client", root: str, listed: list[dict[str, Any]]) -> str:
    owners = {str(each.get("owned_by")) for each in listed}
    known = next((OWNERS[owner] for owner in sorted(owners) if owner in OWNERS), None)
    if known:
        return known
    if urlsplit(root).hostname == "api.deepseek.com":
        return "deepseek"
    return "ollama" if _is_ollama(client, root) else "openai"


def _is_ollama(client: "Client", root: str) -> bool:
    with suppress(R1LocalError):
        answer = client.ask(f"{root}/api/version")
        return isinstance(answer, dict) and "version" in answer
    return False


def _with_ollamas(client: "Client", found: Found) -> Found:
    """Return what was found, with the models that Ollama has; it loads them when asked."""
    answer = client.ask(f"{found.root}/api/tags")
    tags = answer.get("models") if isinstance(answer, dict) else None
    names = [each.get("name") for each in tags or [] if isinstance(each, dict)]
    models = tuple(RemoteEntry(name) for name in names if isinstance(name, str))
    return Found(found.server, found.api, found.root, models[:_MOST_MODELS])


def _with_props(client: "Client", found: Found) -> Found:
    """Return what was found, with what llama-server says of itself."""
    try:
        props = client.ask(f"{found.root}/props")
    except R1LocalError:
        return found
    if not isinstance(props, dict):
        return found
    slots, template = props.get("total_slots"), props.get("chat_template")
    return Found(
        found.server,
        found.api,
        found.root,
        found.models,
        slots if isinstance(slots, int) and slots > 0 else None,
        (isinstance(template, str) and dialect_of(template, frozenset())) or R1,
    )


def _listed(answer: object) -> Iterator[dict[str, Any]]:
    data = answer.get("data") if isinstance(answer, dict) else None
    for each in (data if isinstance(data, list) else [])[:_MOST_MODELS]:
        if isinstance(each, dict) and isinstance(each.get("id"), str) and each["id"].isprintable():
            yield each


def _entry(listed: Mapping[str, Any]) -> RemoteEntry:
    meta = listed.get("meta")
    values = [listed.get(key) for key in _WINDOWS]
    values += [meta.get(key) for key in ("n_ctx", "n_ctx_train")] if isinstance(meta, dict) else []
    windows = (value for value in values if isinstance(value, int) and value > 0)
    return RemoteEntry(listed["id"], next(windows, None))
