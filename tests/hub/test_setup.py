"""Proxies, certificates, addresses and tokens that can't be used."""

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from r1local.errors import HubError, HubMisconfigured
from r1local.hub import client as adapter
from testing.command import COMMAND
from testing.loopback_hub import Hub
from testing.loopback_proxy import listener, socks5_proxy
from testing.one_file_hub import DATA, located, use_endpoint


def refusal(ask: Callable[[], object]) -> str:
    """What an error says, of which nothing else is kept."""
    with pytest.raises(HubError) as caught:
        ask()
    return caught.value.message


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    close_session()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    yield
    close_session()


@pytest.mark.parametrize(
    ("variable", "proxy"),
    [
        ("ALL_PROXY", "socks://user:secret@127.0.0.1:1080/"),
        ("all_proxy", "socks4://127.0.0.1:1080"),
        ("HTTPS_PROXY", "http://127.0.0.1:port"),
        ("HTTP_PROXY", "http://[::1"),
        ("ALL_PROXY", "ftp://127.0.0.1"),
    ],
)
def test_a_proxy_is_named_by_its_variable(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
) -> None:
    remote = located()
    close_session()
    monkeypatch.setenv(variable, proxy)
    for ask in (
        lambda: adapter.repository("org/repo"),
        located,
        lambda: adapter.open_range(remote, 0, 1).__enter__(),
    ):
        with pytest.raises(HubMisconfigured, match=f"proxy of {variable} ") as caught:
            ask()
        assert "secret" not in caught.value.message
        assert "socks5://HOST:PORT" in caught.value.hint
    assert len(hub.byte_requests()) == 0


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff"])
def test_certificates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(HubMisconfigured, match="certificates of SSL_CERT_FILE"):
        adapter.repository("org/repo")


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    "endpoint",
    ["", "hf-mirror.com", "localhost:8080", "http://", "http://[::1", "ftp://hub.org"],
)
def test_an_address(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    use_endpoint(endpoint, monkeypatch)
    for ask in (lambda: adapter.repository("org/repo"), located):
        with pytest.raises(HubMisconfigured, match="HF_ENDPOINT"):
            ask()


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    "endpoint",
    [f"http://{'a' * 64}.invalid", "http://127.0.0.1:99999", "http://a..b", "http://[1"],
)
def test_an_address_that_nobody_can_have(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    use_endpoint(endpoint, monkeypatch)
    for ask in (lambda: adapter.repository("org/repo"), located):
        with pytest.raises(HubError):
            ask()


@pytest.mark.parametrize("token", ["hf_schlüssel", "hf_a b\x01", "hf_\u2026"])
def test_a_token_that_can_not_be_sent(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    for ask in (lambda: adapter.repository("org/repo"), located):
        with pytest.raises(HubMisconfigured, match="token") as caught:
            ask()
        assert token not in caught.value.message
    assert hub.requests == []


@pytest.mark.usefixtures("hub")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 No\r\n\r\n", b"\x05\xff", b"\x05"])
def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    with listener(lambda connection: connection.sendall(answer)) as port:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        message = refusal(lambda: adapter.repository("org/repo"))
    assert "can't be reached" in message
    gc.collect()  # the HTTP client leaves the socket to it


def test_socks(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with socks5_proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "")
        remote = located()
        with adapter.open_range(remote, 10, 20) as piece:
            assert b"".join(piece.chunks) == DATA[10:20]
        assert len(proxy.targets) == 2  # the hub, and the server of its bytes
    assert hub.byte_requests()


def test_a_setting_that_can_not_be_read_is_named() -> None:
    done = subprocess.run(
        [*COMMAND, "pull", "7b"],
        env=os.environ | {"HF_HUB_DOWNLOAD_TIMEOUT": "soon"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error: the value of HF_HUB_DOWNLOAD_TIMEOUT can't be used\n" in done.stderr
    assert done.returncode == 1


def test_a_token_that_can_not_be_read_is_named_by_its_file(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path))
    with pytest.raises(HubMisconfigured) as caught:
        located()
    assert caught.value.message == f"{tmp_path} can't be read: Is a directory"
    assert hub.requests == []


@pytest.mark.skipif(sys.platform == "win32", reason="devices are files elsewhere")
@pytest.mark.parametrize("place", ["/dev/zero", "pipe", "long"])
def test_what_never_ends_is_no_token(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_bytes(bytes(100_000))
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / place))
    with pytest.raises(HubMisconfigured, match=f"{place} can't be read: it is"):
        located()
    assert hub.requests == []


def test_an_empty_device_says_that_there_is_no_token(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
    located()
    assert hub.requests
