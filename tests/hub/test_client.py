"""The hub's door: what is asked, what is refused, and what an error says."""

import gc
import gzip
import json
import os
import random
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from threading import Event

import pytest
from huggingface_hub import constants, hf_hub_download, scan_cache_dir
from huggingface_hub.utils import close_session
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import (
    AccessDenied,
    DownloadError,
    HubError,
    HubMisconfigured,
    HubUnreachable,
    MalformedAnswer,
    NotOnHub,
    UnsafeName,
)
from r1local.hub import client as adapter
from r1local.hub import layout, limits
from r1local.hub.answers import check_name, parse_repository
from r1local.hub.client import Interrupted, LinkExpired, RemoteFile
from testing.loopback_hub import COMMIT, Hub, loopback_hub
from testing.loopback_proxy import listener, socks5_proxy

TOKEN = "hf_secretsecretsecretsecret"
DATA = bytes(range(256)) * 512


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with loopback_hub() as served:
        use_endpoint(served.url, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        served.add("org/repo", "model-Q4_K_M.gguf", DATA)
        yield served


def use_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def refusal(ask: Callable[[], object]) -> str:
    """What an error says, of which nothing else is kept."""
    with pytest.raises(HubError) as caught:
        ask()
    return caught.value.message


def located() -> RemoteFile:
    return adapter.locate("org/repo", "model-Q4_K_M.gguf", "main")


@pytest.mark.usefixtures("hub")
def test_files_come_with_size_and_checksum() -> None:
    found = adapter.repository("org/repo")
    assert found.commit == COMMIT
    [file] = found.files
    assert (file.name, file.size) == ("model-Q4_K_M.gguf", len(DATA))
    assert file.sha256 == located().sha256 == located().etag


class TestErrors:
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
        self, hub: Hub, status: int, code: str | None, expected: type[HubError]
    ) -> None:
        hub.faults.api_status, hub.faults.api_code = status, code
        with pytest.raises(expected) as caught:
            adapter.repository("org/repo")
        assert caught.value.hint
        with pytest.raises(expected):
            located()

    @pytest.mark.usefixtures("hub")
    def test_a_missing_file_is_named(self) -> None:
        with pytest.raises(NotOnHub, match=r"has no file other\.gguf"):
            adapter.locate("org/repo", "other.gguf", "main")

    @pytest.mark.usefixtures("hub")
    def test_a_missing_revision(self) -> None:
        with pytest.raises(NotOnHub, match="no such revision"):
            adapter.repository("org/repo", "v9")

    @pytest.mark.usefixtures("hub")
    def test_offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE"):
            adapter.repository("org/repo")

    @pytest.mark.usefixtures("hub")
    def test_nobody_listens(self, monkeypatch: pytest.MonkeyPatch) -> None:
        use_endpoint("http://127.0.0.1:1", monkeypatch)
        for ask in (lambda: adapter.repository("org/repo"), located):
            with pytest.raises(HubUnreachable) as caught:
                ask()
            assert "127.0.0.1" not in caught.value.message

    def test_no_secure_connection(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        use_endpoint(hub.url.replace("http:", "https:"), monkeypatch)
        with pytest.raises(HubUnreachable, match="certificate"):
            adapter.repository("org/repo")

    @pytest.mark.parametrize("status", [401, 403, 404, 500])
    def test_the_token_is_in_no_error_and_no_traceback(self, hub: Hub, status: int) -> None:
        hub.faults.api_status = status
        with pytest.raises(HubError) as caught:
            adapter.repository("org/repo")
        assert TOKEN not in "".join(traceback.format_exception(caught.value))
        assert any(TOKEN in str(headers) for _, _, headers in hub.requests)


def described(**changes: object) -> bytes:
    """A description of a repository of one file, with changes to that file."""
    file = {"rfilename": "model-Q4_K_M.gguf", "size": len(DATA), "lfs": None} | changes
    return json.dumps({"sha": COMMIT, "siblings": [file]}).encode()


class TestAnswers:
    """What answers at the hub's address may be anything: a login page, a mirror, an attacker."""

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>Log in to the hotel's network</html>",
            b"{}",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"siblings": {}}',
            b'{"siblings": [1]}',
            b'{"siblings": [{}]}',
            b'{"siblings": [{"rfilename": 1}]}',
            b'{"siblings": [{"rfilename": "\\ud800.gguf"}]}',
            b'{"siblings": [], "sha": 1}',
            b'{"siblings": [], "sha": "../../evil"}',
            described(size="100"),
            described(size=-1),
            described(size=True),
            described(size=1.5),
            described(size=10**18),
            described(size=0).replace(b'"size": 0', b'"size": ' + b"9" * 5000),
            described(lfs=[]),
            described(lfs={"sha256": 1}),
            described(lfs={"sha256": "x" * 64}),
        ],
    )
    def test_an_odd_description_is_refused_by_address(self, hub: Hub, body: bytes) -> None:
        hub.faults.api_body = body
        with pytest.raises(MalformedAnswer) as caught:
            adapter.repository("org/repo")
        assert hub.url in caught.value.message
        assert len(caught.value.message) < 400

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(
                    st.sampled_from(["siblings", "rfilename", "size", "lfs", "sha256", "sha"]),
                    inner,
                )
            ),
        )
    )
    def test_any_answer_is_parsed_or_refused(self, answer: object) -> None:
        with suppress(MalformedAnswer):
            _commit, files = parse_repository(json.dumps(answer).encode())
            assert all(file.name.encode() is not None and file.size >= 0 for file in files)

    @pytest.mark.parametrize("lfs", [None, {}, {"sha256": "ab" * 32}])
    def test_what_a_mirror_leaves_out_is_not_missed(self, hub: Hub, lfs: object) -> None:
        hub.faults.api_body = described(lfs=lfs, size=None)
        [file] = adapter.repository("org/repo").files
        assert (file.size, file.sha256) == (0, lfs.get("sha256") if isinstance(lfs, dict) else None)

    def test_a_bomb_is_not_unpacked(self, hub: Hub) -> None:
        hub.faults.api_body = gzip.compress(bytes(64 * 2**20))
        hub.faults.api_headers = {"Content-Encoding": "gzip"}
        with pytest.raises(MalformedAnswer, match="longer than 8 MiB"):
            adapter.repository("org/repo")

    @pytest.mark.parametrize("status", [204, 206, 301, 302, 304])
    def test_a_status_without_what_belongs_to_it(self, hub: Hub, status: int) -> None:
        hub.faults.api_status = hub.faults.metadata_status = status
        hub.faults.metadata = {"Location": None}
        with pytest.raises(MalformedAnswer, match=str(status)):
            adapter.repository("org/repo")
        hub.faults.api_status = None
        with suppress(MalformedAnswer):  # a mirror may send the bytes from its own address
            assert located().url.startswith(hub.url)

    @pytest.mark.parametrize("header", ["X-Repo-Commit", "X-Linked-Etag", "X-Linked-Size"])
    def test_a_missing_header_is_named(self, hub: Hub, header: str) -> None:
        hub.faults.metadata = {header: None}
        with pytest.raises(MalformedAnswer, match=f"lacks .*{header}") as caught:
            located()
        assert hub.url in caught.value.message

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("X-Linked-Size", "-1"),
            ("X-Linked-Size", "many"),
            ("X-Linked-Size", "9" * 5000),
            ("X-Linked-Size", str(10**15)),
            ("X-Repo-Commit", "../../evil"),
            ("Location", "ftp://example.org/x"),
            ("Location", "http://[1/x"),
            ("Location", "http://127.0.0.1:99999/x"),
            ("Location", "file:///etc/passwd"),
            ("Location", "//"),
        ],
    )
    def test_an_odd_header_is_refused(self, hub: Hub, header: str, value: str) -> None:
        hub.faults.metadata = {header: value}
        with pytest.raises(HubError) as caught:
            located()
        assert len(caught.value.message) < 400

    def test_any_bytes_end_in_an_error_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        draw = random.Random(11)

        def answer(connection: socket.socket) -> None:
            connection.recv(65_536)
            heads = [f"{draw.choice(_NAMES)}: {draw.choice(_VALUES)}\r\n" for _ in range(4)]
            first = f"{draw.choice(('HTTP/1.1', 'HTTP/1.1', 'ICY'))} {draw.choice(_STATUS)}\r\n"
            text = first + "".join(heads) + "\r\n" + draw.choice(_BODIES)
            connection.sendall(text.encode("latin-1"))

        with listener(answer) as port:
            use_endpoint(f"http://127.0.0.1:{port}", monkeypatch)
            remote = RemoteFile("o/r", "m", COMMIT, "a" * 64, 10, f"http://127.0.0.1:{port}/m")
            for _ in range(150):
                for ask in (
                    lambda: adapter.repository("o/r"),
                    lambda: adapter.locate("o/r", "m", "main"),
                    lambda: adapter.RemoteStream(remote).read(5),
                ):
                    with suppress(HubError, LinkExpired):
                        ask()

    def test_cookies_are_not_kept(self, hub: Hub) -> None:
        hub.faults.api_headers = {"Set-Cookie": "a=\xff"}
        hub.faults.metadata = {"Set-Cookie": "c=d"}
        for _ in range(2):
            adapter.repository("org/repo")
            with adapter.open_range(located(), 0, 10) as piece:
                assert b"".join(piece.chunks) == DATA[:10]
        assert not any("cookie" in map(str.lower, sent) for _, _, sent in hub.requests)

    def test_an_endless_redirect(self, hub: Hub) -> None:
        hub.faults.api_status = 302
        hub.faults.fail_headers = {"Location": f"{hub.url}/api/models/org/repo"}
        with pytest.raises(MalformedAnswer, match="redirects"):
            adapter.repository("org/repo")


_STATUS = """200 OK|206 Partial|204 None|302 Found|304 Same|401 No|404 No|429 Wait|503 Later|600 Odd
100 Continue|101 Switch|abc||""".replace("\n", "|").split("|")
_NAMES = [
    "Location",
    "Content-Length",
    "Content-Encoding",
    "Transfer-Encoding",
    "X-Repo-Commit",
    "X-Linked-Etag",
    "X-Linked-Size",
    "Retry-After",
    "X-Error-Code",
    "Content-Range",
    "Link",
    "Set-Cookie",
    "X-Xet-Hash",
    "X-HF-Warning",
]
_VALUES = [
    "",
    "0",
    "-1",
    "9" * 5000,
    "\xff",
    "gzip",
    "chunked",
    "http://[",
    "//",
    "ftp://x",
    "c" * 40,
    "GatedRepo",
    "bytes 0-9/10",
    "bytes */10",
    "a=b; Domain=[",
    '<http://x>; rel="xet-auth"',
]
_BODIES = ["", "{}", "<html>", '{"siblings": []}', "5\r\nhello\r\n0\r\n\r\n", "zz\r\n", "\x1f\x8b"]


class TestPatience:
    """Answers that come byte by byte, which no socket's time-out ends."""

    @pytest.fixture(autouse=True)
    def limits(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(adapter, "ANSWER_S", 0.5)
        monkeypatch.setattr(adapter, "HEADERS_S", 0.5)
        monkeypatch.setattr(limits, "PACE_S", 0.5)
        begun = time.monotonic()
        yield
        assert time.monotonic() - begun < 5

    def test_a_description(self, hub: Hub) -> None:
        hub.faults.slow_api = True
        with pytest.raises(HubUnreachable, match=f"{hub.url} takes too long"):
            adapter.repository("org/repo")

    @pytest.mark.parametrize("kind", ["api", "metadata"])
    def test_headers(self, hub: Hub, kind: str) -> None:
        hub.faults.slow_heads = {kind}
        with pytest.raises(HubUnreachable, match=f"{hub.url} takes too long"):
            adapter.repository("org/repo")
            located()

    def test_headers_before_bytes(self, hub: Hub) -> None:
        remote = located()
        hub.faults.slow_heads = {"bytes"}
        with pytest.raises(Interrupted, match="too long"), adapter.open_range(remote, 0, 100):
            pass

    def test_bytes(self, hub: Hub) -> None:
        remote = located()
        hub.faults.slow_bodies = 1
        with (
            pytest.raises(Interrupted, match="less than 1 kB"),
            adapter.open_range(remote, 0, 1000) as piece,
        ):
            list(piece.chunks)

    def test_a_file_read_by_ranges(self, hub: Hub) -> None:
        stream = adapter.RemoteStream(located())
        assert stream.read(10) == DATA[:10]
        hub.faults.slow_bodies = 1
        assert stream.read(1000) == DATA[10:1010]
        hub.faults.slow_bodies = 9
        with pytest.raises(HubUnreachable, match="less than 1 kB"):
            stream.read(1000)

    def test_ranges_of_two_bytes(self, hub: Hub) -> None:
        hub.faults.short_answers = 2
        with pytest.raises(HubUnreachable, match="closed early"):
            adapter.RemoteStream(located()).read(1000)

    def test_a_late_answer_is_closed(self) -> None:
        closed: list[str] = []
        going = Event()

        def work() -> str:
            going.wait(5)
            return "late"

        with pytest.raises(limits.TimeLimitExceeded):
            limits.call_within(work, 0.05, late=closed.append)
        going.set()
        deadline = time.monotonic() + 5
        while not closed and time.monotonic() < deadline:
            time.sleep(0.01)
        assert closed == ["late"]


class TestSetup:
    """Proxies, certificates, addresses and tokens that can't be used."""

    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, variable: str, proxy: str
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
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
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
    def test_an_address(self, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
        use_endpoint(endpoint, monkeypatch)
        for ask in (lambda: adapter.repository("org/repo"), located):
            with pytest.raises(HubMisconfigured, match="HF_ENDPOINT"):
                ask()

    @pytest.mark.usefixtures("hub")
    @pytest.mark.parametrize(
        "endpoint",
        [f"http://{'a' * 64}.invalid", "http://127.0.0.1:99999", "http://a..b", "http://[1"],
    )
    def test_an_address_that_nobody_can_have(
        self, monkeypatch: pytest.MonkeyPatch, endpoint: str
    ) -> None:
        use_endpoint(endpoint, monkeypatch)
        for ask in (lambda: adapter.repository("org/repo"), located):
            with pytest.raises(HubError):
                ask()

    @pytest.mark.parametrize("token", ["hf_schlüssel", "hf_a b\x01", "hf_\u2026"])
    def test_a_token_that_can_not_be_sent(
        self, hub: Hub, monkeypatch: pytest.MonkeyPatch, token: str
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
    def test_a_proxy_that_is_none(self, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
        with listener(lambda connection: connection.sendall(answer)) as port:
            monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{port}")
            monkeypatch.setenv("NO_PROXY", "")
            message = refusal(lambda: adapter.repository("org/repo"))
        assert "can't be reached" in message
        gc.collect()  # the HTTP client leaves the socket to it

    def test_socks(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        with socks5_proxy() as proxy:
            monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
            monkeypatch.setenv("NO_PROXY", "")
            remote = located()
            with adapter.open_range(remote, 10, 20) as piece:
                assert b"".join(piece.chunks) == DATA[10:20]
            assert len(proxy.targets) == 2  # the hub, and the server of its bytes
        assert hub.byte_requests()


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            "..",
            "../evil.gguf",
            "a/../../evil.gguf",
            "/etc/evil.gguf",
            "a//b.gguf",
            "./a.gguf",
            "..\\evil.gguf",
            "C:evil.gguf",
            "a\x1b[2Jb.gguf",
            "a\nb.gguf",
            "a\x9bb.gguf",
            "nul",
            "CON.gguf",
            "com1.tar.gguf",
            "a/lpt9/b.gguf",
            "a.gguf.",
            "a.gguf ",
            "a" * 600,
        ],
    )
    def test_hostile_ones_are_refused(self, hub: Hub, name: str) -> None:
        with pytest.raises(UnsafeName):
            adapter.locate("org/repo", name, "main")
        assert hub.requests == []

    @pytest.mark.parametrize("name", ["a.gguf", "Q4_K_M/model-00001-of-00002.gguf", "ｎ..v.gguf"])
    def test_others_are_not(self, name: str) -> None:
        check_name(name)

    @given(st.text(alphabet="a./\\:~ \x00COM1", max_size=12))
    def test_what_is_accepted_stays_below_its_folder(self, name: str) -> None:
        try:
            check_name(name)
        except UnsafeName:
            return
        for flavour in (PurePosixPath, PureWindowsPath):
            path = flavour("base") / name
            assert path.parts[0] == "base"
            assert ".." not in path.parts

    @pytest.mark.parametrize("etag", ["../../evil", "a/b", "a.b", "x" * 200, "..\\evil"])
    def test_a_checksum_that_is_a_path_is_refused(self, hub: Hub, etag: str) -> None:
        hub.faults.linked_etag = etag
        with pytest.raises(UnsafeName):
            located()


class TestBytes:
    def test_the_token_goes_to_the_hub_and_to_no_other_host(self, hub: Hub) -> None:
        address = f"{hub.url}/org/repo/resolve/main/model-Q4_K_M.gguf"
        there = located()
        redirected = RemoteFile(
            there.repo_id, there.filename, COMMIT, there.etag, there.size, address
        )
        for remote in (there, redirected):
            with adapter.open_range(remote, 10, 20) as piece:
                assert b"".join(piece.chunks) == DATA[10:20]
                assert (piece.start, piece.ranged) == (10, True)
        asked = [headers for method, path, headers in hub.requests if "resolve" in path]
        assert all(TOKEN in str(headers) for headers in asked)
        assert len(hub.byte_requests()) == 2
        assert TOKEN not in str(hub.byte_requests())

    @pytest.mark.parametrize(
        ("value", "least", "most"),
        [("7", 7, 7), ("Tue, 01 Jan 2030 00:00:00 GMT", 1, 10**9), ("soon", None, None)],
    )
    def test_retry_after(
        self, hub: Hub, value: str, least: float | None, most: float | None
    ) -> None:
        remote = located()
        hub.faults.statuses, hub.faults.retry_after = [503], value
        with pytest.raises(Interrupted) as caught, adapter.open_range(remote, 0, 1):
            pass
        wait = caught.value.retry_after
        if least is None or most is None:
            assert wait is None
        else:
            assert wait is not None
            assert least <= wait <= most

    @pytest.mark.parametrize("status", [401, 403, 404, 410, 416])
    def test_an_address_that_serves_no_more(self, hub: Hub, status: int) -> None:
        remote = located()
        hub.faults.statuses = [status]
        with pytest.raises(LinkExpired), adapter.open_range(remote, 0, 1):
            pass

    def test_a_short_body_is_an_interruption(self, hub: Hub) -> None:
        remote = located()
        hub.faults.drop_after = 0
        with pytest.raises(Interrupted), adapter.open_range(remote, 0, 100) as piece:
            list(piece.chunks)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"Content-Range": "bytes 0-99/100"}, "another size"),
            ({"Content-Range": "bytes " + "9" * 5000 + "-/1"}, "which part"),
            ({"Content-Range": "items 0-1"}, "which part"),
            ({"Content-Encoding": "gzip"}, "changes what it sends"),
        ],
    )
    def test_bytes_of_something_else(self, hub: Hub, changes: dict[str, str], words: str) -> None:
        remote = located()
        hub.faults.byte_headers = changes
        with pytest.raises(Interrupted, match=words), adapter.open_range(remote, 0, 100):
            pass

    def test_a_login_page_instead_of_bytes(self, hub: Hub) -> None:
        remote = located()
        hub.faults.no_ranges = True
        hub.faults.byte_headers = {"Content-Length": "17"}
        with pytest.raises(Interrupted, match="another size"), adapter.open_range(remote, 0, 100):
            pass


class TestCache:
    def put(self, remote: RemoteFile) -> Path:
        blob = layout.blob_path(remote)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(DATA)
        return layout.link_into_snapshot(remote, "main")

    def test_what_we_place_huggingface_hub_finds(self, hub: Hub) -> None:
        remote = located()
        assert layout.cached_path(remote) is None
        path = self.put(remote)
        assert path.read_bytes() == DATA
        assert layout.cached_path(remote) == path
        found = hf_hub_download("org/repo", remote.filename, local_files_only=True)
        assert Path(found) == path
        info = scan_cache_dir(constants.HF_HUB_CACHE)
        assert info.warnings == []
        [repo] = info.repos
        assert repo.size_on_disk == len(DATA)
        assert set(repo.refs) == {"main"}
        assert hub.byte_requests() == []

    @pytest.mark.usefixtures("hub")
    def test_what_huggingface_hub_fetched_we_find(self) -> None:
        path = hf_hub_download("org/repo", "model-Q4_K_M.gguf")
        assert layout.cached_path(located()) == Path(path)

    @pytest.mark.usefixtures("hub")
    def test_placing_needs_no_second_lock(self) -> None:
        remote = located()
        with layout.locked(remote, lambda: pytest.fail("nobody has it")):
            pass
        self.put(remote)

    @pytest.mark.parametrize("kind", ["short", "long", "folder", "pipe", "dangling"])
    def test_the_right_name_is_not_enough(self, hub: Hub, kind: str) -> None:
        remote = located()
        path = layout.snapshot_path(remote)
        path.parent.mkdir(parents=True)
        match kind:
            case "short" | "long":
                path.write_bytes(DATA[:-1] if kind == "short" else DATA + b"x")
            case "folder":
                path.mkdir()
            case "pipe":
                os.mkfifo(path)
            case "dangling":
                path.symlink_to("../../blobs/gone")
        assert layout.cached_path(remote) is None
        if kind != "folder":
            assert self.put(remote).read_bytes() == DATA
        assert hub.byte_requests() == []

    @pytest.mark.usefixtures("hub")
    def test_placing_needs_no_network(self, hub: Hub) -> None:
        remote = located()
        asked = len(hub.requests)
        self.put(remote)
        assert len(hub.requests) == asked

    @pytest.mark.usefixtures("hub")
    def test_a_revision_is_not_written_through_a_link(self, tmp_path: Path) -> None:
        remote = located()
        precious = tmp_path / "precious"
        precious.write_text("kept")
        reference = layout.blob_path(remote).parents[1] / "refs" / "main"
        reference.parent.mkdir(parents=True)
        reference.symlink_to(precious)
        with pytest.raises(DownloadError, match="symbolic link"):
            self.put(remote)
        assert precious.read_text() == "kept"

    @pytest.mark.usefixtures("hub")
    def test_a_cache_that_can_not_be_written_has_its_sentence(self, tmp_path: Path) -> None:
        remote = located()
        (tmp_path / "cache").write_text("a file where the folder should be")
        with (
            pytest.raises(DownloadError, match="the cache can't be written"),
            layout.locked(remote, lambda: None),
        ):
            pass
