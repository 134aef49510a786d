"""The hub, its token, and the proxies in between."""

import os
import re
from collections.abc import Iterator
from dataclasses import asdict

from r1local.errors import HubMisconfigured
from r1local.events.finding import Finding, broken, ok, warning
from r1local.hub.reachability import HubState, hub_state, proxies_in_use
from r1local.language import _

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
    return "hf auth login" if "HF_TOKEN" in error.hint else "env | grep -i -e proxy -e HF_ -e SSL"


def judged_hub(state: HubState) -> Finding:
    """Return what is to say of the hub."""
    where = _("{address} (a mirror)", address=state.address) if state.mirror else state.address
    token = (
        _("token from {token_from}", token_from=state.token_from)
        if state.token_from
        else _("no token")
    )
    facts = asdict(state)
    if state.failure:
        hint = _("{hint}; what is downloaded already works", hint=state.hint)
        return warning("hub", f"{where}: {state.failure} · {token}", hint, facts=facts)
    if state.token_accepted is False and state.token_from:
        text = _("{where} refuses the {token}", where=where, token=token)
        return broken("hub", text, "hf auth login", _("get a new token"), facts)
    if state.token_accepted is False:
        text = _("{where} demands a token, and there is none", where=where)
        return warning("hub", text, _("log in"), "hf auth login", facts)
    if state.answered_s is None:
        return ok(
            "hub",
            _("{where} · not asked, since you are offline · {token}", where=where, token=token),
            facts,
        )
    accepted = _(", accepted") if state.token_accepted else ""
    return ok(
        "hub",
        _(
            "{where} answers in {answered_s:.1f} s · {token}{accepted}",
            where=where,
            answered_s=state.answered_s,
            token=token,
            accepted=accepted,
        ),
        facts,
    )


def proxies() -> Iterator[Finding]:
    """Yield the proxies that requests to the hub go through."""
    found = proxies_in_use()
    words = " · ".join(f"{scheme}: {url}" for scheme, url in sorted(found.items()))
    yield ok("proxies", words or _("none"), facts=found)
