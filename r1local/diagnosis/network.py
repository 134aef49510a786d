"""The hub, its token, and the proxies in between."""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict

from r1local.errors import HubMisconfigured
from r1local.events.finding import Finding, broken, ok, warning
from r1local.hub.reachability import HubState, hub_state, proxies_in_use

#: Seconds to wait for the hub, which otherwise answers within one.
_PATIENCE_S = 5.0
_VARIABLE = re.compile(r"\b(?:HF_\w+|SSL_CERT_\w+|\w+_proxy|\w+_PROXY)\b")


def hub() -> Iterator[Finding]:
    """Yield whether models can be downloaded, unless HF_HUB_OFFLINE forbids asking."""
    try:
        state = hub_state(_PATIENCE_S)
    except HubMisconfigured as error:
        yield broken("hub", error.message, _remedy(error), error.hint)
    else:
        yield judged_hub(state)


def _remedy(error: HubMisconfigured) -> str:
    """Return the command that undoes a setting which can't be used."""
    named = _VARIABLE.findall(f"{error.message} {error.hint}")
    wrong = next((name for name in named if name in os.environ), None)
    if wrong:
        return f"unset {wrong}"
    return "hf auth login" if "token" in error.message else "env | grep -i -e proxy -e HF_ -e SSL"


def judged_hub(state: HubState) -> Finding:
    """Return what is to say of the hub."""
    where = f"{state.address} (a mirror)" if state.mirror else state.address
    token = f"token from {state.token_from}" if state.token_from else "no token"
    facts = asdict(state)
    if state.failure:
        hint = f"{state.hint}; what is downloaded already works"
        return warning("hub", f"{where}: {state.failure} · {token}", hint, facts=facts)
    if state.token_accepted is False and state.token_from:
        text = f"{where} refuses the {token}"
        return broken("hub", text, "hf auth login", "get a new token", facts)
    if state.token_accepted is False:
        text = f"{where} demands a token, and there is none"
        return warning("hub", text, "log in", "hf auth login", facts)
    if state.answered_s is None:
        return ok("hub", f"{where} · not asked, since you are offline · {token}", facts)
    accepted = ", accepted" if state.token_accepted else ""
    return ok("hub", f"{where} answers in {state.answered_s:.1f} s · {token}{accepted}", facts)


def proxies() -> Iterator[Finding]:
    """Yield the proxies that requests to the hub go through."""
    found = proxies_in_use()
    words = " · ".join(f"{scheme}: {url}" for scheme, url in sorted(found.items()))
    yield ok("proxies", words or "none", facts=found)
