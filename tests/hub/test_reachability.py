"""What is known of the hub after one request, and that no secret is shown."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest
from huggingface_hub import constants
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import HubMisconfigured
from r1local.hub.reachability import HubState, _without_secrets, hub_state, proxies_in_use
from testing.one_file_hub import TOKEN, use_endpoint
from testing.waiting import PATIENCE_S


class Answers(BaseHTTPRequestHandler):
    """A hub that gives one answer to everything."""

    status: ClassVar[int] = 200
    kind: ClassVar[str] = "application/json; charset=utf-8"
    asked: ClassVar[list[tuple[str, str | None]]] = []
    wait: ClassVar[threading.Event | None] = None

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        if self.wait:
            self.wait.wait(PATIENCE_S)
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.send_header("Location", "https://login.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def hub(monkeypatch: pytest.MonkeyPatch, **answer: object) -> Iterator[type[Answers]]:
    handler = type("Handler", (Answers,), {"asked": [], **answer})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    use_endpoint(f"http://127.0.0.1:{server.server_port}", monkeypatch)
    try:
        yield handler
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nowhere/token")


def state() -> HubState:
    return hub_state(5)


def test_a_hub_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(monkeypatch) as handler:
        found = state()
    assert (found.mirror, found.token_from, found.token_accepted) == (True, None, None)
    assert (found.failure, found.hint) == ("", "")
    assert found.answered_s is not None
    assert handler.asked[-1] == ("/api/models?limit=1", None)


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (401, False), (403, False), (404, None), (429, None)]
)
def test_what_the_hub_says_of_the_token(
    status: int, accepted: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    kind = "application/json" if status == 200 else "text/plain"
    with hub(monkeypatch, status=status, kind=kind) as handler:
        found = state()
    assert (found.token_from, found.token_accepted, found.failure) == ("HF_TOKEN", accepted, "")
    assert TOKEN not in str(found)
    assert handler.asked[-1] == ("/api/whoami-v2", f"Bearer {TOKEN}")


def test_a_hub_that_demands_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(monkeypatch, status=401):
        assert state().token_accepted is False


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ({"status": 503}, "it answers 503"),
        ({"status": 302}, "its answer is not the hub's"),
        ({"kind": "text/html"}, "its answer is not the hub's"),
    ],
)
def test_a_hub_that_is_none(
    answer: dict[str, object], failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub(monkeypatch, **answer):
        found = state()
    assert found.failure == failure
    assert found.hint


def test_a_hub_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    with hub(monkeypatch, wait=over):
        found = hub_state(0.2)
        over.set()
    assert "takes too long" in found.failure
    assert found.answered_s is None


def test_a_hub_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:9", monkeypatch)
    assert "can't be reached" in state().failure


def test_offline_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with hub(monkeypatch) as handler:
        found = state()
    assert (found.answered_s, found.failure) == (None, "")
    assert handler.asked == []


def test_a_token_that_can_not_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_ü")
    with pytest.raises(HubMisconfigured) as caught:
        state()
    assert "hf_ü" not in str(caught.value)


def test_proxies_without_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy.example:3128/x?secret")
    monkeypatch.setenv("ALL_PROXY", "me:secret@proxy.example:1080")
    found = proxies_in_use()
    assert found["https"] == "http://proxy.example:3128"
    assert found["all"] == "proxy.example:1080"
    assert "secret" not in str(found)


@given(
    st.sampled_from(["", "http://", "socks5h://"]), st.text(min_size=1).map(lambda text: f"Z{text}")
)
def test_no_password_is_shown(scheme: str, password: str) -> None:
    assert _without_secrets(f"{scheme}me:{password}@host:80") == f"{scheme}host:80"
