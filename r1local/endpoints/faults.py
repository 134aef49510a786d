"""What goes wrong with a server elsewhere, each fault as a sentence and a hint.

What a server says about it is untrusted: it is cut short, and no key appears in it.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from r1local.config.endpoints import Endpoint
from r1local.endpoints.keys import Key, without_secrets
from r1local.errors import (
    EndpointAnswer,
    EndpointError,
    EndpointLacks,
    EndpointMisconfigured,
    EndpointRefused,
    EndpointUnreachable,
    PromptTooLong,
    R1LocalError,
    StreamCut,
)
from r1local.hub.errors import reason
from r1local.hub.limits import retry_after
from r1local.language import _

#: Characters of a server's own words that are shown.
_LONGEST_QUOTE = 300
_OF_CONTEXT = re.compile(r"context (?:length|size|window)|maximum context|too long|max_model_len")
#: Answers after which the same request may succeed.
RETRIED = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


def refused(
    endpoint: Endpoint, key: Key | None, status: int, headers: Mapping[str, str], body: bytes
) -> R1LocalError:
    """Return what an answer that isn't a reply means."""
    name, said = endpoint.title, _said(body, endpoint, key)
    hint_of_key = (
        _("check api_key_env or api_key_file in config.toml") if key else _give_key(endpoint)
    )
    if status == HTTPStatus.UNAUTHORIZED:  # whose body may repeat the key in part
        why = _("doesn't accept the key") if key else _("wants a key")
        return EndpointRefused(f"{name} {why} (401)", hint_of_key)
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return EndpointRefused(
            _("{name}: the account has no balance (402)", name=name), _("top it up there")
        )
    if status == HTTPStatus.FORBIDDEN:
        return EndpointRefused(
            _("{name} refuses access (403){said}", name=name, said=said), hint_of_key
        )
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return EndpointMisconfigured(
            _(
                "{name} redirects elsewhere ({status}), where neither key nor question is sent",
                name=name,
                status=status,
            ),
            _("if you trust the other address, set url to it"),
        )
    if status == HTTPStatus.NOT_FOUND:
        return EndpointLacks(
            _("{name} has no such model or address (404){said}", name=name, said=said),
            _("see what it has: r1local list; or check url: {url}", url=endpoint.url),
        )
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if too_large or (status < HTTPStatus.INTERNAL_SERVER_ERROR and _OF_CONTEXT.search(said)):
        return PromptTooLong(
            _(
                "the prompt is too long for {name} ({status}){said}",
                name=name,
                status=status,
                said=said,
            ),
            _("ask something shorter, or begin a new session"),
        )
    if status == HTTPStatus.REQUEST_TIMEOUT:
        return EndpointUnreachable(_("{name} gave up waiting (408)", name=name), _("try again"))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(headers.get("retry-after"))
        hint = _("try again in {wait:.0f} s", wait=wait) if wait else _("try again later")
        return EndpointUnreachable(
            _("{name} gets too many requests (429){said}", name=name, said=said), hint
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return EndpointUnreachable(
            _("{name} fails ({status}){said}", name=name, status=status, said=said),
            _("try again later"),
        )
    return EndpointAnswer(
        _("{name} doesn't take the request ({status}){said}", name=name, status=status, said=said),
        _("check its settings"),
    )


def failed(endpoint: Endpoint, error: BaseException) -> EndpointError:
    """Return why a server can't be reached, from an error of the HTTP client."""
    import httpx2

    name, host = endpoint.title, endpoint.host
    text = str(error).lower()
    if "certificate" in text or "ssl" in text or "tls" in text:
        return EndpointUnreachable(
            _("no safe connection to {host}: {error}", host=host, error=_reason(error)),
            _("check the clock; ca_file in config.toml names certificates of your own"),
        )
    if isinstance(error, httpx2.ProxyError) or "socks" in text:
        return EndpointUnreachable(
            _("the proxy to {host} refuses: {error}", host=host, error=_reason(error)),
            _("check HTTPS_PROXY and ALL_PROXY"),
        )
    if "name or service" in text or "getaddrinfo" in text or "nodename" in text:
        return EndpointUnreachable(
            _("there is no host {host}", host=host), _("check url: {url}", url=endpoint.url)
        )
    if isinstance(error, httpx2.ConnectTimeout):
        return EndpointUnreachable(
            _("{host} doesn't answer", host=host), _("check the network and the address")
        )
    if isinstance(error, httpx2.ConnectError):
        return EndpointUnreachable(
            _("{name} can't be reached: {error}", name=name, error=_reason(error)),
            _("is a server running at {url}?", url=endpoint.url),
        )
    return EndpointUnreachable(
        _("{name} broke off: {error}", name=name, error=_reason(error)), _("try again")
    )


def not_json(endpoint: Endpoint, what: str) -> EndpointAnswer:
    """Return the error of an answer that can't be read."""
    return EndpointAnswer(
        _(
            "{title} answers in a way that isn't understood: {what}",
            title=endpoint.title,
            what=what,
        ),
        _("is it an OpenAI-compatible server? check url: {url}", url=endpoint.url),
    )


def told_in_stream(endpoint: Endpoint, key: Key | None, error: object) -> EndpointError:
    """Return the error that a server reports in the middle of a reply."""
    said = _said(json.dumps({"error": error}).encode(), endpoint, key)
    return EndpointUnreachable(
        _("{title} ended the reply with an error{said}", title=endpoint.title, said=said),
        _("try again"),
    )


def left_incomplete(told: str) -> StreamCut:
    """Return the error of a reply that isn't whole; `told` says why."""
    return StreamCut(
        told, _("try again; in a chat, /continue goes on with what came, and /retry asks again")
    )


def _give_key(endpoint: Endpoint) -> str:
    if "://" in endpoint.name:
        return _("give one in the environment: R1LOCAL_API_KEY")
    return _(
        "name its variable: api_key_env under [endpoints.{name}] in config.toml", name=endpoint.name
    )


def _said(body: bytes, endpoint: Endpoint, key: Key | None) -> str:
    """Return a server's own words, for the end of a sentence."""
    text = body.decode("utf-8-sig", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ""  # a page of HTML, mostly
    error = found.get("error", found) if isinstance(found, dict) else found
    if isinstance(error, dict):
        error = error.get("message") or error.get("detail")
    if not isinstance(error, str) or not error.strip():
        return ""
    error = " ".join(without_secrets(error, endpoint, key).split())
    return f": {error[:_LONGEST_QUOTE]}"


def _reason(error: BaseException) -> str:
    return reason(error)[:_LONGEST_QUOTE]
