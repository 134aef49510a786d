"""Whether the hub answers, and what it says of the token."""

import re
from contextlib import closing
from dataclasses import dataclass, replace
from http import HTTPStatus
from time import monotonic

from r1local.errors import HubUnreachable
from r1local.hub.errors import translated
from r1local.hub.limits import call_within
from r1local.hub.setup import address, headers, is_offline, load, session, token_place
from r1local.language import N_, _

#: Paths that every hub serves: one that needs a token, and the shortest list of models.
_WITH_TOKEN, _WITHOUT = "/api/whoami-v2", "/api/models?limit=1"
_DEFAULT = "https://huggingface.co"
_IN_BETWEEN = N_("check HF_ENDPOINT, and whether the network wants a login in a browser")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class HubState:
    """What is known of the hub after one request.

    Args:
        address: its address, without a user name and password.
        mirror: whether that is another one than Hugging Face's own.
        token_from: the variable or file that a token comes from, None without one.
        token_accepted: whether the hub accepts it; None if it didn't say. False without a token
            means that the hub demands one.
        answered_s: seconds until it answered; None if it was not asked.
        failure: why it can't be reached; empty if it can, or was not asked.
        hint: what to do about that.
    """

    address: str
    mirror: bool
    token_from: str | None
    token_accepted: bool | None = None
    answered_s: float | None = None
    failure: str = ""
    hint: str = ""


def hub_state(seconds: float) -> HubState:
    """Ask the hub for as little as possible, unless HF_HUB_OFFLINE forbids it.

    Args:
        seconds: how long to wait for an answer.

    Raises:
        HubMisconfigured: a setting of this machine keeps it from being asked at all.
    """
    load()
    place = address().rstrip("/")
    token_from = token_place()
    mirror = place != _DEFAULT
    sent = headers()
    session()
    unasked = HubState(place, mirror, token_from)
    if is_offline():
        return unasked
    started = monotonic()
    try:
        with translated(place):
            status, is_json = call_within(lambda: _answer(sent, bool(token_from)), seconds)
    except HubUnreachable as error:
        return replace(unasked, failure=error.message, hint=error.hint)
    state = replace(unasked, answered_s=monotonic() - started)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return replace(
            state, failure=_("it answers {status}", status=status), hint=_("try again later")
        )
    if status in _REFUSED:
        return replace(state, token_accepted=False)
    if status < HTTPStatus.BAD_REQUEST and not (status == HTTPStatus.OK and is_json):
        return replace(state, failure=_("its answer is not the hub's"), hint=_(_IN_BETWEEN))
    return replace(state, token_accepted=True if token_from and is_json else None)


def _answer(sent: dict[str, str], with_token: bool) -> tuple[int, bool]:
    """Return the hub's status, and whether it answers with JSON; the body is not read."""
    from huggingface_hub import constants

    url = constants.ENDPOINT.rstrip("/") + (_WITH_TOKEN if with_token else _WITHOUT)
    client = session()
    request = client.build_request("GET", url, headers=sent)
    with closing(client.send(request, stream=True, follow_redirects=False)) as response:
        kind = response.headers.get("Content-Type", "")
        return int(response.status_code), kind.partition(";")[0].strip() == "application/json"


def proxies_in_use() -> dict[str, str]:
    """Return the proxies of this system by scheme, without their user names and passwords."""
    from urllib.request import getproxies

    return {scheme: _without_secrets(url) for scheme, url in getproxies().items() if url}


def _without_secrets(url: str) -> str:
    """Return a proxy's scheme, host and port; what stands before an @ may be a password."""
    scheme = _SCHEME.match(url)
    start = scheme[0] if scheme else ""
    host = url.removeprefix(start).rpartition("@")[2]
    return start + re.split(r"[/?#]", host)[0]
