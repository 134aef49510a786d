"""Documents from the web: one page, text or PDF, when its address is what is attached.

An address may lead to what only this machine can reach: a router's page, a service without a
password, a cloud's metadata. So a name is resolved first, all addresses that it has must be public,
and the connection goes to one of those that were checked, for each redirect anew.
"""

import socket
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING

from r1local import __version__
from r1local.attachments.formats import stopped
from r1local.errors import PromptInputError
from r1local.language import N_, _, reason_of

if TYPE_CHECKING:
    import httpx2

#: The most bytes of a document, decompressed.
SIZE_LIMIT = 20 * 2**20
#: Seconds for all of it, redirects included, and for a single step.
TIME_LIMIT_S, _STEP_S = 30.0, 10.0
_MOST_REDIRECTS = 5
_LOOK_INTERVAL_S = 0.05
#: Networks whose IPv6 addresses hold an IPv4 address that a gateway goes on to (RFC 6052, 8215).
_TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))
#: The content types that are documents, besides all of `text/`.
_TYPES = {
    "application/json",
    "application/pdf",
    "application/xhtml+xml",
    "application/xml",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_BY_HAND = N_("fetch it by other means, and attach the file")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an address gave.

    Args:
        data: the document, decompressed.
        url: where it came from in the end.
        content_type: such as `text/html`; empty if the server doesn't say.
        charset: its encoding, if the server says so.
    """

    data: bytes
    url: str
    content_type: str
    charset: str | None


def fetch(url: str, *, private: bool, cancelled: Callable[[], bool]) -> Fetched:
    """Fetch a document by http or https.

    Args:
        private: allow addresses of this machine and its networks, and use the environment's proxy.
        cancelled: called meanwhile; True ends it.

    Raises:
        PromptInputError: it can't be had, is too large or no document, or its address isn't public.
    """
    results: SimpleQueue[Fetched | Exception] = SimpleQueue()
    deadline = time.monotonic() + TIME_LIMIT_S

    def work() -> None:
        try:
            results.put(_follow(url, private, deadline))
        except Exception as error:
            results.put(error)

    # Resolving a name, and a server that sends a byte now and then, can't be ended from outside.
    Thread(target=work, daemon=True).start()
    while time.monotonic() < deadline:
        try:
            result = results.get(timeout=_LOOK_INTERVAL_S)
        except Empty:
            if cancelled():
                raise stopped() from None
            continue
        if isinstance(result, Exception):
            raise result
        return result
    raise _too_slow(url)


def _follow(url: str, private: bool, deadline: float) -> Fetched:
    import httpx2

    try:
        with _client(private) as client:
            at = httpx2.URL(url)
            for _redirect in range(_MOST_REDIRECTS + 1):
                with closing(_opened(client, at, private)) as response:
                    if not response.has_redirect_location:
                        return _document(response, at, deadline)
                    at = at.join(response.headers["Location"])
    except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error, OSError, ValueError) as error:
        reason = reason_of(error)[:200]
        raise PromptInputError(
            _("{url} can't be fetched: {reason}", url=shown(url), reason=reason), _(_BY_HAND)
        ) from error
    raise PromptInputError(
        _("{url} leads from one address to the next", url=shown(url)), _(_BY_HAND)
    )


def _client(private: bool) -> "httpx2.Client":
    import httpx2

    # A proxy would resolve names by itself, unchecked.
    return httpx2.Client(
        headers={
            "User-Agent": f"r1local/{__version__}",
            "Accept": "text/html, text/*;q=0.9, application/pdf, */*;q=0.1",
            "Accept-Encoding": "gzip",
        },
        timeout=_STEP_S,
        # A connection was checked for one name; another may have the same address.
        limits=httpx2.Limits(max_keepalive_connections=0),
        trust_env=private,
        verify=httpx2.create_ssl_context(trust_env=True),
    )


def _opened(client: "httpx2.Client", url: "httpx2.URL", private: bool) -> "httpx2.Response":
    """Return the response of a server, with its body still to be read."""
    import httpx2

    if url.scheme not in ("http", "https") or not url.host:
        raise PromptInputError(
            _("{url} is no web address", url=shown(str(url))),
            _("give one that begins with https:// or http://"),
        )
    if private:
        return client.send(client.build_request("GET", url), stream=True)
    last: Exception | None = None
    for address in _public_addresses(url):
        request = client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        try:
            return client.send(request, stream=True)
        except httpx2.ConnectError as error:
            last = error
    raise last or OSError(_("its name has no address"))


def _public_addresses(url: "httpx2.URL") -> list[str]:
    """Return the addresses of a host.

    Raises:
        PromptInputError: one of them isn't public.
        OSError: the name can't be resolved.
    """
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    found = socket.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    addresses = [str(each[4][0]) for each in found]
    for address in addresses:
        if not is_public(address):
            raise PromptInputError(
                _(
                    "{url} leads to {address}, an address of this machine or its network",
                    url=shown(str(url)),
                    address=address,
                ),
                _("if you mean it, allow such addresses: --fetch-private"),
            )
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the internet's, and not of a network of one's own."""
    ip = ip_address(address.partition("%")[0])
    return all(each.is_global and not each.is_multicast for each in (ip, *_within(ip)))


def _within(ip: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that an IPv6 address stands for."""
    if isinstance(ip, IPv6Address):
        yield from filter(None, (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())))
        if any(ip in network for network in _TRANSLATED):
            yield IPv4Address(int(ip) & 0xFFFFFFFF)


def _document(response: "httpx2.Response", url: "httpx2.URL", deadline: float) -> Fetched:
    if not response.is_success:
        status = f"{response.status_code} {response.reason_phrase}".strip()
        raise PromptInputError(
            _("{url} answers {status}", url=shown(str(url)), status=status),
            _("check the address"),
        )
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind and not kind.startswith("text/") and kind not in _TYPES:
        raise PromptInputError(
            _("{url} is {kind}, which has no text", url=shown(str(url)), kind=kind),
            _("give a page, a text or a PDF"),
        )
    body = _decompressed(response.iter_raw(), response.headers.get("Content-Encoding", ""))
    data = _limited(body, str(url), deadline)
    return Fetched(data, shown(str(url)), kind, response.charset_encoding)


def _decompressed(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    if encoding.strip().lower() in ("", "identity"):
        yield from chunks
        return
    if encoding.strip().lower() not in ("gzip", "x-gzip"):
        told = _("it is encoded as {encoding}, which wasn't asked for", encoding=encoding)
        raise ValueError(told)
    unzip = zlib.decompressobj(wbits=31)
    for chunk in chunks:
        yield unzip.decompress(chunk, SIZE_LIMIT + 1)


def _limited(chunks: Iterable[bytes], url: str, deadline: float) -> bytes:
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > SIZE_LIMIT:
            raise PromptInputError(
                _(
                    "{url} is larger than {size_limit} MiB",
                    url=shown(url),
                    size_limit=SIZE_LIMIT // 2**20,
                ),
                _("no context window holds that much; attach the part that matters"),
            )
        if time.monotonic() > deadline:
            raise _too_slow(url)
    return bytes(data)


def _too_slow(url: str) -> PromptInputError:
    return PromptInputError(
        _(
            "{url} did not come within {time_limit_s:.0f} seconds",
            url=shown(url),
            time_limit_s=TIME_LIMIT_S,
        ),
        _("try again, or {by_hand}", by_hand=_(_BY_HAND)),
    )


def shown(url: str) -> str:
    """Return an address without the password and the fragment that may be in it."""
    import httpx2

    try:
        return str(httpx2.URL(url).copy_with(username=None, password=None, fragment=None))
    except httpx2.InvalidURL:
        return url.partition("#")[0]
