"""Keys: where they come from, the only place they go to, and where they never are."""

import logging
import os
import subprocess
from pathlib import Path

import pytest

from r1local.config.endpoints import Endpoint
from r1local.config.paths import config_file
from r1local.endpoints.keys import Key, key_of
from r1local.errors import EndpointMisconfigured, EndpointRefused, EndpointUnreachable
from r1local.replies.engine import Engine
from testing.command import COMMAND, Run
from testing.endpoints import hear, remote
from testing.loopback_endpoint import Answer, answered, end, event, loopback_endpoint, sse, streamed
from testing.waiting import PATIENCE_S

SECRET = "sk-3141592653"


@pytest.fixture
def lab_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", f"{SECRET}\n")


def refusal(engine: Engine) -> str:
    with pytest.raises(EndpointRefused) as caught:
        hear(engine)
    return f"{caught.value.message} {caught.value.hint}"


@pytest.mark.usefixtures("lab_key")
def test_a_key_goes_to_its_endpoint_alone() -> None:
    with loopback_endpoint() as server, loopback_endpoint() as other:
        elsewhere = {"Location": f"{other.url}/v1/chat/completions"}
        server.chats(Answer((), 307, elsewhere))
        with remote(server.url, api_key_env="LAB_KEY", headers={"X-Team": "t"}) as engine:
            with pytest.raises(EndpointMisconfigured, match="redirects elsewhere"):
                hear(engine)
            sent = server.asked[-1].headers
        assert (sent["authorization"], sent["x-team"]) == (f"Bearer {SECRET}", "t")
        assert not other.asked


@pytest.mark.usefixtures("lab_key")
def test_a_server_that_repeats_the_key_is_not_quoted() -> None:
    with loopback_endpoint() as server:
        told = {"error": {"message": f"wrong key {SECRET}"}}
        server.chats(answered(told, 401), answered(told, 403), answered(told, 403))
        with remote(server.url, api_key_env="LAB_KEY") as engine:
            assert "doesn't accept the key (401)" in refusal(engine)
            assert "wrong key …" in (said := refusal(engine)) and SECRET not in said


def test_a_server_that_repeats_a_header_is_not_quoted() -> None:
    headers = {"X-Api-Key": f"Token {SECRET}", "X-Team": "maths"}
    told = {"error": {"message": f"Token {SECRET} of maths"}}
    with loopback_endpoint() as server, remote(server.url, headers=headers) as engine:
        server.chats(answered(told, 403), streamed(event(content="So"), sse(told)))
        assert "(403): Token … of maths" in refusal(engine)
        with pytest.raises(EndpointUnreachable, match=r"error: Token … of maths$"):
            hear(engine)


def test_a_key_in_a_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    endpoint = Endpoint("lab", "https://h", api_key_file=path)
    key = key_of(endpoint)
    assert key and key.secret == SECRET and SECRET not in repr(key)
    path.chmod(0o640)
    if os.name == "posix":
        with pytest.raises(EndpointMisconfigured, match="other users can read") as caught:
            key_of(endpoint)
        assert caught.value.hint == f"type: chmod 600 {path}"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY, which has the key of lab, isn't set"),
        ({"api_key_file": Path("/no/such/file")}, "can't be read"),
        ({"api_key_file": Path("/")}, "can't be read"),
    ],
)
def test_a_key_that_is_missing_is_a_sentence(facts: dict[str, object], says: str) -> None:
    with pytest.raises(EndpointMisconfigured, match=says):
        key_of(Endpoint("lab", "https://h", **facts))  # type: ignore[arg-type]


def test_what_is_no_key_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "sé cret")
    with pytest.raises(EndpointMisconfigured) as caught:
        key_of(Endpoint("lab", "https://h", api_key_env="LAB_KEY"))
    assert "cret" not in caught.value.message
    monkeypatch.delenv("LAB_KEY")
    assert key_of(Endpoint("lab", "https://h", api_key_env="R1LOCAL_API_KEY")) is None


@pytest.mark.usefixtures("lab_key")
@pytest.mark.parametrize(
    ("url", "warned"),
    [("http://127.0.0.1:{port}", 0), ("http://lab.invalid:{port}", 1)],
)
def test_a_key_that_would_go_in_clear_is_warned_of(
    url: str, warned: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback_endpoint() as server:
        port = server.url.rpartition(":")[2]
        monkeypatch.setenv("HTTP_PROXY", server.url)  # which answers for every host
        with remote(url.format(port=port), "r1", api_key_env="LAB_KEY", kind="openai") as engine:
            assert len([each for each in engine.notices if "unencrypted" in each.message]) == warned


@pytest.mark.slow
@pytest.mark.usefixtures("lab_key")
def test_a_key_is_in_no_session_no_log_and_no_list(
    run: Run, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="Four."), *end()))
        config_file().parent.mkdir(parents=True, exist_ok=True)
        table = f'[endpoints.lab]\nurl = "{server.url}"\napi_key_env = "LAB_KEY"\n'
        config_file().write_text(f'{table}headers = {{ X-Team = "{SECRET}" }}\n')
        asked = ["chat", "--inline", "--session", "s", "-m", "lab:"]
        for command in (
            asked,
            ["config"],
            ["config", "--format", "json"],
            ["list"],
            ["show", "lab:"],
        ):
            done = subprocess.run(
                [*COMMAND, *command],
                input="How?\n",
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
            assert done.returncode == 0 and SECRET not in done.stdout + done.stderr
        assert run("-m", "lab:", "How?").stdout == "Four.\n"
        with remote(server.url, api_key_env="LAB_KEY") as engine:
            hear(engine)
        assert server.asked[-1].headers["authorization"] == f"Bearer {SECRET}"
    kept = [path for path in home.rglob("*") if path.is_file() and path != config_file()]
    assert kept and not [path for path in kept if SECRET.encode() in path.read_bytes()]
    assert SECRET not in caplog.text
    assert SECRET not in f"{Key(SECRET)} {[Key(SECRET)]}"
