"""Each way that the hub refuses or can't be reached has its own sentence."""

import traceback

import pytest
from huggingface_hub import constants

from r1local.errors import AccessDenied, HubError, HubUnreachable, NotOnHub
from r1local.hub import client as adapter
from r1local.hub.errors import reason
from testing.loopback_hub import Hub
from testing.one_file_hub import TOKEN, located, use_endpoint


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "GatedRepo", AccessDenied),
        (403, "GatedRepo", AccessDenied),
        (403, None, AccessDenied),
        (401, None, AccessDenied),
        (401, "RepoNotFound", NotOnHub),
        (404, "RepoNotFound", NotOnHub),
        (404, "RevisionNotFound", NotOnHub),
        (429, None, HubUnreachable),
        (500, None, HubUnreachable),
        (503, None, HubUnreachable),
    ],
)
def test_each_answer_has_its_sentence(
    hub: Hub, status: int, code: str | None, expected: type[HubError]
) -> None:
    hub.faults.api_status, hub.faults.api_code = status, code
    with pytest.raises(expected) as caught:
        adapter.repository("org/repo")
    assert caught.value.hint
    with pytest.raises(expected):
        located()


def test_an_address_in_an_error_is_left_out_and_nothing_else() -> None:
    told = reason(ValueError("20 redirects of 'https://a.b/c?secret', then none"))
    assert told == "20 redirects of 'the server', then none"


@pytest.mark.usefixtures("hub")
def test_a_missing_file_is_named() -> None:
    with pytest.raises(NotOnHub, match=r"has no file other\.gguf"):
        adapter.locate("org/repo", "other.gguf", "main")


@pytest.mark.usefixtures("hub")
def test_a_missing_revision() -> None:
    with pytest.raises(NotOnHub, match="no such revision"):
        adapter.repository("org/repo", "v9")


@pytest.mark.usefixtures("hub")
def test_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
        adapter.repository("org/repo")


@pytest.mark.usefixtures("hub")
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint("http://127.0.0.1:1", monkeypatch)
    for ask in (lambda: adapter.repository("org/repo"), located):
        with pytest.raises(HubUnreachable) as caught:
            ask()
        assert "127.0.0.1" not in caught.value.message


def test_no_secure_connection(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    use_endpoint(hub.url.replace("http:", "https:"), monkeypatch)
    with pytest.raises(HubUnreachable, match="certificate"):
        adapter.repository("org/repo")


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_the_token_is_in_no_error_and_no_traceback(hub: Hub, status: int) -> None:
    hub.faults.api_status = status
    with pytest.raises(HubError) as caught:
        adapter.repository("org/repo")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    assert any(TOKEN in str(headers) for _, _, headers in hub.requests)
