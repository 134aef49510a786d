"""The hub's door: what is asked, what is refused, and what an error says."""

import gzip
import random
import socket
from contextlib import suppress

import pytest

from r1local.errors import HubError, HubUnreachable, MalformedAnswer
from r1local.hub import client as adapter
from r1local.hub.client import Interrupted, LinkExpired, RemoteFile
from testing.loopback_hub import COMMIT, Hub
from testing.loopback_proxy import listener
from testing.one_file_hub import DATA, TOKEN, located, use_endpoint


@pytest.mark.usefixtures("hub")
def test_files_come_with_size_and_checksum() -> None:
    found = adapter.repository("org/repo")
    assert found.commit == COMMIT
    [file] = found.files
    assert (file.name, file.size) == ("model-Q4_K_M.gguf", len(DATA))
    assert file.sha256 == located().sha256 == located().etag


class TestAnswers:
    """What answers at the hub's address may be anything: a login page, a mirror, an attacker."""

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


def test_a_file_whose_address_has_expired_is_told(hub: Hub) -> None:
    remote = located()
    hub.faults.statuses = [403]
    with pytest.raises(HubUnreachable, match="can't be read: the server refuses the file's addr"):
        adapter.RemoteStream(remote).readinto(bytearray(8))
