"""Documents from the web: which addresses are fetched, and what of them."""

import gzip
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from r1local.attachments import web
from r1local.attachments.sources import attach
from r1local.attachments.web import fetch, is_public
from r1local.errors import PromptInputError
from testing.office_files import pdf
from testing.site import Site, running_site

PAGE = b"<html><head><title>News</title></head><body><p>The word is xyzzy.</p></body></html>"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        running.answers["/page"] = (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
        yield running


def text_at(url: str) -> str:
    (document,) = attach([url], private=True).documents
    return document.text


def test_a_page_is_attached_as_markdown(site: Site) -> None:
    (document,) = attach([f"{site.url}/page#top"], private=True).documents
    assert document.name == document.origin == f"{site.url}/page"
    assert document.text == "# News\n\nThe word is xyzzy.\n"


def test_texts_and_documents(site: Site) -> None:
    site.answers |= {
        "/latin": (200, {"Content-Type": "text/plain; charset=latin-1"}, b"caf\xe9"),
        "/json": (200, {"Content-Type": "application/json"}, b'{"a": 1}'),
        "/pdf": (200, {"Content-Type": "application/pdf"}, pdf("A paper.")),
        "/zip": (
            200,
            {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
            gzip.compress(b"packed"),
        ),
        "/moved": (302, {"Location": "/json"}, b""),
    }
    assert text_at(f"{site.url}/latin") == "café"
    assert text_at(f"{site.url}/json") == text_at(f"{site.url}/moved") == '{"a": 1}'
    assert text_at(f"{site.url}/pdf") == "A paper.\n"
    assert text_at(f"{site.url}/zip") == "packed"


def test_what_cant_be_had_says_why(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SIZE_LIMIT", 1000)
    zeros = gzip.compress(bytes(10**7))
    site.answers |= {
        "/picture": (200, {"Content-Type": "image/png"}, b"\x89PNG"),
        "/large": (200, {"Content-Type": "text/plain"}, b"x" * 1001),
        "/bomb": (200, {"Content-Type": "text/plain", "Content-Encoding": "gzip"}, zeros),
        "/brotli": (200, {"Content-Type": "text/plain", "Content-Encoding": "br"}, b"x"),
        "/odd": (200, {"Content-Type": "text/plain; charset=none-such"}, b"x\xff"),
        "/no_charset": (200, {"Content-Type": "text/plain; charset=undefined"}, b"x"),
        "/circle": (302, {"Location": "/circle"}, b""),
        "/elsewhere": (302, {"Location": "file:///etc/passwd"}, b""),
    }
    for path, message in {
        "/picture": "is image/png, which has no text",
        "/large": "is larger than 0 MiB",
        "/no_charset": "is not text in undefined, as its server says",
        "/bomb": "is larger than 0 MiB",
        "/brotli": "encoded as br",
        "/odd": "not valid UTF-8|is not text in",
        "/circle": "leads from one address to the next",
        "/elsewhere": "is no web address",
        "/absent": "answers 404 Not Found",
    }.items():
        with pytest.raises(PromptInputError, match=message):
            text_at(f"{site.url}{path}")
    with pytest.raises(PromptInputError, match="can't be fetched"):
        text_at("http://127.0.0.1:1/")
    with pytest.raises(PromptInputError, match="ftp:// can't be fetched"):
        text_at("ftp://127.0.0.1/")


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
        *("0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fd00::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1"),
    ],
)
def test_addresses_of_ones_own(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_of_the_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::1]"])
def test_private_addresses_are_refused_unless_asked_for(site: Site, host: str) -> None:
    with pytest.raises(PromptInputError, match="an address of this machine or its") as refused:
        attach([site.url.replace("127.0.0.1", host) + "/page"])
    assert "--fetch-private" in refused.value.hint
    assert site.hosts == []


def test_a_redirect_to_a_private_address_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first address passes for a public one, and leads to one that doesn't."""
    monkeypatch.setattr(web, "is_public", lambda address: address == "127.0.0.1")
    site.answers["/out"] = (302, {"Location": "http://169.254.169.254/latest/meta-data/"}, b"")
    with pytest.raises(PromptInputError, match=r"leads to 169\.254\.169\.254"):
        attach([f"{site.url}/out"])


def test_the_connection_goes_to_the_address_that_was_checked(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name server that answers differently the second time, "DNS rebinding", gains nothing."""
    asked = names_on_loopback(monkeypatch)
    url = site.url.replace("127.0.0.1", "rebind.test")
    (document,) = attach([f"{url}/page"]).documents
    assert "xyzzy" in document.text and document.name == f"{url}/page"
    assert asked == ["rebind.test"]
    assert site.hosts == [url.removeprefix("http://")]


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs a certificate")
def test_a_certificate_is_checked_for_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although the connection goes to an address."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    named = ["-subj", "/CN=rebind.test", "-addext", "subjectAltName=DNS:rebind.test"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made.split(), *named, *files], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    names_on_loopback(monkeypatch)
    with running_site((certificate, key)) as site:
        site.answers["/page"] = (200, {"Content-Type": "text/plain"}, b"xyzzy")
        port = site.url.rpartition(":")[2]
        (document,) = attach([f"https://rebind.test:{port}/page"]).documents
        assert document.text == "xyzzy"
        with pytest.raises(PromptInputError, match="certificate"):
            attach([f"https://other.test:{port}/page"])


def names_on_loopback(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let names that end in `.test` be loopback, and that be public; return those asked for."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def resolved(host: Any, *arguments: Any, **options: Any) -> Any:
        if str(host).endswith(".test"):
            asked.append(host)
            host = "127.0.0.1"
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    monkeypatch.setattr(web, "is_public", lambda address: address == "127.0.0.1")
    return asked


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 80)) for each in ("1.1.1.1", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_o: answers)
    with pytest.raises(PromptInputError, match=r"leads to 10\.0\.0\.1"):
        attach(["http://both.test/"])


def test_a_server_that_takes_for_ever_is_given_up(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "TIME_LIMIT_S", 0.3)
    site.answers["/slow"] = (200, {"Content-Type": "text/plain"}, b"late")
    with pytest.raises(PromptInputError, match="did not come within"):
        fetch(f"{site.url}/slow", private=True, cancelled=lambda: False)


def test_it_can_be_stopped(site: Site) -> None:
    site.answers["/slow"] = (200, {"Content-Type": "text/plain"}, b"late")
    with pytest.raises(PromptInputError, match="was stopped"):
        fetch(f"{site.url}/slow", private=True, cancelled=lambda: True)


def test_a_password_in_an_address_is_not_shown(site: Site) -> None:
    url = site.url.replace("http://", "http://me:secret@")
    (document,) = attach([f"{url}/page"], private=True).documents
    assert "secret" not in document.name + document.origin
    with pytest.raises(PromptInputError) as refused:
        attach([f"{url}/absent"], private=True)
    assert "secret" not in refused.value.message
