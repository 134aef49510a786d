"""The hub, its token and the proxies: each case has its line."""

import pytest
from huggingface_hub import constants

from r1local.diagnosis.network import hub, judged_hub, proxies
from r1local.hub.reachability import HubState

ADDRESS = "https://huggingface.co"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (
            HubState(ADDRESS, False, None, None, 0.24),
            f"{ADDRESS} answers in 0.2 s · no token",
        ),
        (
            HubState("https://m", True, "HF_TOKEN", True, 1),
            "https://m (a mirror) answers in 1.0 s · token from HF_TOKEN, accepted",
        ),
        (
            HubState(ADDRESS, False, None),
            f"{ADDRESS} · not asked, since you are offline · no token",
        ),
    ],
)
def test_what_is_well(state: HubState, line: str) -> None:
    found = judged_hub(state)
    assert (found.state, found.text) == ("ok", line)


def test_a_hub_that_is_down() -> None:
    found = judged_hub(HubState(ADDRESS, False, None, failure="it answers 503", hint="wait"))
    assert (found.state, found.text) == ("warning", f"{ADDRESS}: it answers 503 · no token")
    assert found.hint == "wait; what is downloaded already works"


def test_a_refused_token() -> None:
    found = judged_hub(HubState(ADDRESS, False, "/home/me/token", False, 0.1))
    assert (found.state, found.command) == ("broken", "hf auth login")
    assert found.text == f"{ADDRESS} refuses the token from /home/me/token"


def test_a_demanded_token() -> None:
    found = judged_hub(HubState(ADDRESS, False, None, False, 0.1))
    assert (found.state, found.command) == ("warning", "hf auth login")


def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "nonsense")
    monkeypatch.setattr(constants, "ENDPOINT", "nonsense")
    (found,) = hub()
    assert (found.state, found.command) == ("broken", "unset HF_ENDPOINT")


@pytest.mark.parametrize("in_variable", [True, False])
def test_a_token_that_can_not_be_sent(
    in_variable: bool, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    path = tmp_path_factory.mktemp("token") / "token"
    path.write_text("hf_ü")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(path))
    if in_variable:
        monkeypatch.setenv("HF_TOKEN", "hf_ü")
    (found,) = hub()
    assert found.state == "broken"
    assert found.command == ("unset HF_TOKEN" if in_variable else "hf auth login")
    assert "ü" not in str(found)


def test_no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (found,) = proxies()
    assert (found.state, found.text) == ("ok", "none")


def test_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy:3128")
    monkeypatch.setenv("NO_PROXY", "localhost")
    (found,) = proxies()
    assert found.text == "https: http://proxy:3128 · no: localhost"
    assert "secret" not in str(found)
