"""What goes wrong with a server elsewhere: a sentence and a hint for each, and nothing is lost."""

import codecs
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from r1local.endpoints import client, replies
from r1local.errors import (
    EndpointAnswer,
    EndpointError,
    EndpointLacks,
    EndpointMisconfigured,
    EndpointRefused,
    EndpointSilent,
    EndpointUnreachable,
    PromptTooLong,
    R1LocalError,
    StreamCut,
)
from r1local.events.reply import Event
from r1local.replies.control import Control
from r1local.replies.engine import generate
from r1local.replies.settings import ReplySettings
from testing.endpoints import QUESTION, hear, remote
from testing.loopback_endpoint import (
    LINGERING,
    Answer,
    Part,
    answered,
    end,
    event,
    loopback_endpoint,
    sse,
    streamed,
)
from testing.loopback_proxy import socks5_proxy
from testing.waiting import PATIENCE_S

FOUR = streamed(event(content="Four."), *end())


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSE_S", 0.01)


def failing(*answers: Answer, **given: object) -> tuple[R1LocalError, list[Event]]:
    """The error that a reply ends with, and what came of it before."""
    came: list[Event] = []
    with loopback_endpoint() as server:
        server.chats(*answers)
        with remote(server.url, given=given) as engine, pytest.raises(R1LocalError) as caught:
            for each in generate(engine, QUESTION, ReplySettings(), Control()):
                came.append(each)
    assert caught.value.hint
    return caught.value, came


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (301, EndpointMisconfigured, "redirects elsewhere"),
        (400, EndpointAnswer, "doesn't take the request (400): no, thanks"),
        (401, EndpointRefused, "wants a key (401)"),
        (402, EndpointRefused, "no balance"),
        (403, EndpointRefused, "refuses access (403): no, thanks"),
        (404, EndpointLacks, "no such model or address (404): no, thanks"),
        (408, EndpointUnreachable, "gave up waiting"),
        (413, PromptTooLong, "too long"),
        (429, EndpointUnreachable, "too many requests (429): no, thanks"),
        (500, EndpointUnreachable, "fails (500): no, thanks"),
        (503, EndpointUnreachable, "fails (503)"),
    ],
)
def test_a_status_is_a_sentence(status: int, kind: type[R1LocalError], says: str) -> None:
    error, _came = failing(answered({"error": {"message": "no,\n thanks"}}, status))
    assert type(error) is kind
    assert says in error.message


def test_a_prompt_that_is_too_long_is_known_by_its_words() -> None:
    told = {"error": {"message": "maximum context length is 9 tokens"}}
    assert isinstance(failing(answered(told, 400))[0], PromptTooLong)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_reply_that_has_not_begun_is_asked_for_again(status: int) -> None:
    with loopback_endpoint() as server:
        server.chats(answered({}, status), answered({}, status, Retry_After="0"), FOUR)
        with remote(server.url) as engine:
            heard = hear(engine)
    assert heard.reply.answer == "Four."
    assert len(server.bodies()) == 3
    assert heard.notices == ["lab can't reply yet; trying again in 0 s"], "and it is said once"


def test_a_server_that_says_when_is_waited_for() -> None:
    with loopback_endpoint() as server:
        server.chats(answered({}, 429, Retry_After="1"), FOUR)
        with remote(server.url) as engine:
            began = time.monotonic()
            assert hear(engine).notices == ["lab can't reply yet; trying again in 1 s"]
            assert time.monotonic() - began >= 1
    error, _came = failing(answered({}, 429, Retry_After="3600"))
    assert error.hint == "try again in 3600 s", "that long is the user's to wait"


@pytest.mark.parametrize("absurd", ["9" * 400, "-5", "NaN", "1e999", "9999999999"])
def test_a_wait_that_nobody_means_counts_as_unsaid(absurd: str) -> None:
    error, _came = failing(answered({}, 429, Retry_After=absurd))
    assert error.hint == "try again later"


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_a_stream_may_begin_with_a_byte_order_mark(cut: int) -> None:
    whole = codecs.BOM_UTF8 + event(content="Four.")
    with loopback_endpoint() as server, remote(server.url) as engine:
        server.chats(streamed(whole[:cut], whole[cut:], *end()))
        assert hear(engine).reply.answer == "Four."


def test_what_came_of_a_cut_stream_is_kept() -> None:
    error, came = failing(streamed(event(reasoning="Hm. "), event(content="So"), cut=True), FOUR)
    assert isinstance(error, StreamCut) and "/continue" in error.hint
    assert [getattr(each, "text", None) for each in came] == ["Hm.", "So"]


def test_a_stream_without_an_end_is_cut() -> None:
    assert isinstance(failing(streamed(event(content="So")))[0], StreamCut)


@pytest.mark.parametrize(
    "answer",
    [
        streamed(b"data: {]\n\n"),
        streamed(b'data: "text"\n\n'),
        streamed(b'data: {"choices": [{"delta": {"content": 4}}]}\n\n'),
        streamed(b'data: {"choices": 7}\n\n'),
        streamed(b"data: " + b"[" * 100_000 + b"\n\n"),
        streamed(),
        answered({"choices": []}),
        streamed(b'data: {"choices": [{"index": 1e999, "delta": {"content": "So"}}]}\n\n'),
        Answer([b"<html>Welcome</html>"], headers={"Content-Type": "text/html"}),
    ],
)
def test_an_answer_that_is_none_is_a_sentence(answer: Answer) -> None:
    assert isinstance(failing(answer)[0], EndpointAnswer)


def test_an_error_in_the_stream_is_told() -> None:
    error, _came = failing(streamed(event(content="So"), sse({"error": {"message": "no memory"}})))
    assert "ended the reply with an error: no memory" in error.message


@pytest.mark.parametrize(
    "answer",
    [
        streamed(event(content="So"), b'event: error\ndata: {"message": "boom"}\n\n', *end()),
        streamed(b"event: error\ndata: boom\n\n"),
        streamed(sse({"object": "error", "message": "boom", "code": 400}), b"data: [DONE]\n\n"),
        streamed(b'event: error\ndata: {"error": {"message": "boom"}}\n\n'),
        answered({"error": {"message": "boom"}}),
        answered({"object": "error", "message": "boom"}),
    ],
)
def test_an_error_is_told_in_whichever_way_it_comes(answer: Answer) -> None:
    assert failing(answer)[0].message == "lab ended the reply with an error: boom"


@pytest.mark.parametrize("word", ["content_filter", "insufficient_system_resource", "abort"])
def test_a_reply_that_its_server_gives_up_is_not_whole(word: str) -> None:
    error, came = failing(streamed(event(content="So"), *end(word)))
    assert isinstance(error, StreamCut)
    assert error.message == f"lab ended the reply early: {word}"
    assert [getattr(each, "text", None) for each in came] == ["So"]


@pytest.mark.parametrize(
    "usage",
    [7, [1], {"prompt_tokens": "9"}, {"completion_tokens_details": [1], "completion_tokens": 1e99}],
)
def test_a_strange_count_spoils_no_reply(usage: object) -> None:
    with loopback_endpoint() as server, remote(server.url) as engine:
        last = {"choices": [{"index": 0, "finish_reason": "stop"}], "usage": usage}
        server.chats(streamed(event(content="Four."), sse(last)))
        assert hear(engine).reply.answer == "Four."


@pytest.mark.slow
def test_silence_has_two_limits() -> None:
    first, _came = failing(streamed(3.0, *end()), **{"first-byte-timeout": 1})
    assert (type(first), first.message) == (EndpointSilent, "lab sent nothing for 1 s")
    assert first.hint == "wait for longer: --first-byte-timeout 2"
    later, came = failing(streamed(event(content="So"), 3.0, *end()), **{"silence-timeout": 1})
    assert later.hint == "wait for longer: --silence-timeout 2"
    assert len(came) == 1


def test_a_comment_is_no_silence() -> None:
    waiting: list[Part] = [b": keep-alive\n\n", 0.4] * 4
    with loopback_endpoint() as server:
        server.chats(streamed(*waiting, event(content="Four."), *end()))
        with remote(server.url, given={"silence-timeout": 1, "first-byte-timeout": 1}) as engine:
            assert hear(engine).reply.answer == "Four."


def test_comments_alone_are_silence_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "_MOST_COMMENTS_S", 0.0)
    waiting: list[Part] = [b": keep-alive\n\n", 0.2] * 20
    limits = {"silence-timeout": 1, "first-byte-timeout": 1}
    error, came = failing(streamed(event(content="So"), *waiting, *end()), **limits)
    assert (type(error), error.message) == (EndpointSilent, "lab sent nothing more for 1 s")
    assert len(came) == 1


def test_a_model_is_named_if_there_are_several() -> None:
    with loopback_endpoint("a", "b") as server:
        with pytest.raises(EndpointLacks, match="2 models") as caught, remote(server.url):
            pass
        assert caught.value.hint == "name one: -m lab:a"
        with (
            pytest.raises(EndpointLacks, match="no model 'bb'") as caught,
            remote(server.url, "bb"),
        ):
            pass
        assert caught.value.hint == "did you mean b?"


def test_nobody_at_an_address_is_a_sentence() -> None:
    unreached = pytest.raises(EndpointUnreachable, match="can't be reached")
    with unreached as caught, remote("http://127.0.0.1:9"):
        pass
    assert "is a server running at http://127.0.0.1:9" in caught.value.hint


def test_a_plain_server_behind_https_is_a_sentence() -> None:
    with loopback_endpoint() as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(EndpointUnreachable, match="no safe connection") as caught, remote(url):
            pass
    assert "ca_file" in caught.value.hint


def test_certificates_of_ones_own_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("none")
    with (
        pytest.raises(EndpointMisconfigured, match="can't be read"),
        remote("https://x", ca_file=path),
    ):
        pass


def test_a_proxy_that_refuses_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")
    with pytest.raises(EndpointMisconfigured, match="proxy"), remote("http://lab.invalid"):
        pass
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(EndpointError), remote("http://lab.invalid"):
        pass


def test_a_proxy_with_socks_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    with loopback_endpoint() as server, socks5_proxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        server.chats(streamed(event(content="So"), *LINGERING, *end()))
        control = Control()
        with remote(server.url) as engine:
            threading.Timer(0.3, control.cancel).start()
            assert hear(engine, control=control).finished.reason == "cancelled"
        assert server.broken_off.wait(PATIENCE_S), "a stream through a proxy can be ended too"
        assert {port for _host, port in proxy.targets} == {int(server.url.rpartition(":")[2])}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with it")
def test_a_certificate_of_ones_own_is_trusted_if_it_is_named(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    asked = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [*asked.split(), "-keyout", str(key), "-out", str(certificate), *names]
    subprocess.run(command, check=True, capture_output=True)
    with loopback_endpoint(tls=(certificate, key)) as server:
        server.chats(streamed(event(content="So"), *LINGERING, *end()))
        with pytest.raises(EndpointUnreachable, match="no safe connection"), remote(server.url):
            pass
        control = Control()
        with remote(server.url, ca_file=certificate) as engine:
            threading.Timer(0.3, control.cancel).start()
            assert hear(engine, control=control).reply.answer == "So"
        assert server.broken_off.wait(PATIENCE_S), "a stream under TLS can be ended too"
