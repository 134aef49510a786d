"""The models of all endpoints of `config.toml`, for `list`."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from r1local.config.endpoints import Endpoint
from r1local.endpoints.client import Client
from r1local.endpoints.discovery import context_of, find
from r1local.errors import EndpointUnreachable, R1LocalError
from r1local.hub.limits import TimeLimitExceeded, call_within
from r1local.language import _

#: Seconds for one endpoint: whoever lists models doesn't want to wait.
_PATIENCE_S = 5.0
#: Models of which the context is asked for, where that takes a request for each.
_MOST_ASKED = 32


@dataclass(frozen=True, slots=True)
class RemoteRow:
    """A model of an endpoint: what selects it, its context in tokens, and its server's kind."""

    reference: str
    context_window: int | None
    server: str


def remote_models(
    endpoints: Iterable[Endpoint],
) -> Iterator[tuple[Endpoint, list[RemoteRow] | R1LocalError]]:
    """Yield the models of each endpoint, or why they aren't known."""
    known = [*endpoints]
    with ThreadPoolExecutor(max(1, len(known))) as pool:
        yield from zip(known, pool.map(_of_one, known), strict=True)


def _of_one(endpoint: Endpoint) -> list[RemoteRow] | R1LocalError:
    try:
        return call_within(lambda: _ask(endpoint), _PATIENCE_S)
    except TimeLimitExceeded:
        return EndpointUnreachable(
            _("{title} takes too long to answer", title=endpoint.title),
            _("check url: {url}", url=endpoint.url),
        )
    except R1LocalError as error:
        return error


def _ask(endpoint: Endpoint) -> list[RemoteRow]:
    client = Client(endpoint)
    try:
        found = find(client)
        rows = []
        for number, entry in enumerate(found.models):
            window = entry.context_window
            if number < _MOST_ASKED:
                window = context_of(client, found, entry)
            rows.append(RemoteRow(endpoint.reference(entry.name), window, found.server.name))
        return rows
    finally:
        client.close()
