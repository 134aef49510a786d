"""What a server elsewhere is and has, found by asking it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from r1local.config.endpoints import Endpoint
from r1local.endpoints.servers import OWNERS, SERVERS_BY_NAME, Server
from r1local.errors import EndpointLacks, R1LocalError, nearest
from r1local.language import _
from r1local.thinking.dialects import R1, Dialect, dialect_of

if TYPE_CHECKING:
    from r1local.endpoints.client import Client

#: The most models of a list that are kept; there are services with thousands.
_MOST_MODELS = 5_000
#: Characters of a model's name, and what no context or number of replies reaches.
_LONGEST_NAME, _MOST = 512, 2**31
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
            hint = _(
                "name one: -m {reference}",
                reference=endpoint.reference(names[0] if names else "MODEL"),
            )
            told = _(
                "{title} has {count} models, and none is named",
                title=endpoint.title,
                count=len(names),
            )
            raise EndpointLacks(told, hint)
        for each in self.models:
            if each.name in (model, f"{model}:latest"):
                return each
        if names:
            told = _("{title} has no model {model!r}", title=endpoint.title, model=model)
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
        told = facts.items() if isinstance(facts, dict) else ()
        windows = (_number(value) for key, value in told if key.endswith(".context_length"))
        return next((each for each in windows if each), None)
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
    models = tuple(RemoteEntry(each["name"]) for each in _named(tags, "name"))
    return Found(found.server, found.api, found.root, models)


def _with_props(client: "Client", found: Found) -> Found:
    """Return what was found, with what llama-server says of itself."""
    try:
        props = client.ask(f"{found.root}/props")
    except R1LocalError:
        return found
    if not isinstance(props, dict):
        return found
    template = props.get("chat_template")
    return Found(
        found.server,
        found.api,
        found.root,
        found.models,
        _number(props.get("total_slots")),
        (isinstance(template, str) and dialect_of(template, frozenset())) or R1,
    )


def _listed(answer: object) -> Iterator[dict[str, Any]]:
    return _named(answer.get("data") if isinstance(answer, dict) else None, "id")


def _named(models: object, key: str) -> Iterator[dict[str, Any]]:
    """Yield those of a list of models that have a name, which no control character is in."""
    for each in (models if isinstance(models, list) else [])[:_MOST_MODELS]:
        name = each.get(key) if isinstance(each, dict) else None
        if isinstance(name, str) and name.isprintable() and 0 < len(name) <= _LONGEST_NAME:
            yield each


def _entry(listed: Mapping[str, Any]) -> RemoteEntry:
    meta = listed.get("meta")
    values = [listed.get(key) for key in _WINDOWS]
    values += [meta.get(key) for key in ("n_ctx", "n_ctx_train")] if isinstance(meta, dict) else []
    return RemoteEntry(listed["id"], next(filter(None, map(_number, values)), None))


def _number(value: object) -> int | None:
    """Return a plausible number of tokens or replies, or None."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value < _MOST else None
