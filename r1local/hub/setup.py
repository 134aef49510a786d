"""This machine's side of reaching the hub: its address, token, proxies and certificates.

huggingface_hub and its HTTP client read them from the environment, and fail in their own ways on
unusable values. This module turns each of those failures into a clear sentence.
"""

import errno
import logging
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from r1local.config.paths import is_missing
from r1local.errors import HubMisconfigured
from r1local.language import _, reason_of

if TYPE_CHECKING:
    from httpx2 import Client

_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
#: Bytes of a token's file, of which real ones have a thousandth.
_LONGEST_TOKEN_FILE = 2**16
_TOKENS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def load() -> None:
    """Import huggingface_hub, which reads its settings while it is imported.

    Raises:
        HubMisconfigured: one of the settings can't be used.
    """
    try:
        from huggingface_hub import constants
    except (ValueError, OSError) as error:
        raise HubMisconfigured(
            _("the value of {variable_in} can't be used", variable_in=_variable_in(str(error))),
            _("correct it, or unset it"),
        ) from error
    # Its warnings may be the hub's own words, unchecked.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    if not is_web_address(constants.ENDPOINT):
        raise HubMisconfigured(
            _("HF_ENDPOINT is not a web address"),
            _("it begins with https://, as in HF_ENDPOINT=https://huggingface.co"),
        )


def _variable_in(message: str) -> str:
    """Return the variable whose value an error quotes; HF_ENDPOINT is the one never quoted."""
    named = [
        name for name, value in os.environ.items() if name[:3] == "HF_" and repr(value) in message
    ]
    return _(" or ").join(sorted(named)) or "HF_ENDPOINT"


def is_web_address(url: str) -> bool:
    """Return whether a URL can be requested."""
    import httpx2

    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def address() -> str:
    """Return the hub's address from HF_ENDPOINT, without a user name and password."""
    import httpx2
    from huggingface_hub import constants

    return str(httpx2.URL(constants.ENDPOINT).copy_with(username=None, password=None))


def is_offline() -> bool:
    """Return whether HF_HUB_OFFLINE forbids requests to the hub."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def token_place() -> str | None:
    """Return the variable or file that the token comes from, or None without one.

    Raises:
        HubMisconfigured: the token can't be read or sent.
    """
    if "authorization" not in headers():
        return None
    from huggingface_hub import constants

    named = next((name for name in _TOKENS if os.environ.get(name)), None)
    return named or constants.HF_TOKEN_PATH


def session() -> "Client":
    """Return the HTTP client that huggingface_hub and r1local share.

    Raises:
        HubMisconfigured: a setting prevents it from being made.
    """
    load()
    from huggingface_hub.utils import get_session

    try:
        client = get_session()
    except OSError as error:  # including ssl.SSLError
        named = next((name for name in _CERTIFICATES if os.environ.get(name)), _("this system"))
        raise HubMisconfigured(
            _(
                "the certificates of {source} can't be read: {reason}",
                source=named,
                reason=reason_of(error),
            ),
            _("give a file of certificates in PEM form, or unset it to use the system's own"),
        ) from error
    except Exception as error:  # ValueError, InvalidURL, ImportError: all about proxies
        raise HubMisconfigured(
            _("the proxy of {bad_proxy} can't be used", bad_proxy=_bad_proxy()),
            _("write it as http://HOST:PORT or socks5://HOST:PORT, or unset it"),
        ) from error
    from http.cookiejar import DefaultCookiePolicy  # loads ssl, which `list` can do without

    # Downloads need no cookies, and a strange one would spoil every request that follows.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
    return client


def _bad_proxy() -> str:
    """Return where a proxy is set that the HTTP client refuses; its URL may hold a password."""
    from urllib.request import getproxies

    import httpx2

    proxies = getproxies()
    for scheme in sorted({"http", "https", "all"} & proxies.keys()):
        url = proxies[scheme]
        try:
            httpx2.Client(proxy=url if "://" in url else f"http://{url}", trust_env=False).close()
        except Exception:
            variable = f"{scheme}_proxy"
            return variable.upper() if variable.upper() in os.environ else variable
    return _("this system")


def headers() -> dict[str, str]:
    """Return the headers that huggingface_hub sends: the token, and the user agent.

    Raises:
        HubMisconfigured: the token can't be read or sent.
    """
    load()
    from huggingface_hub.utils import build_hf_headers

    hint = _("copy the token again from https://huggingface.co/settings/tokens, or unset HF_TOKEN")
    try:
        _expect_token_file()
        made = build_hf_headers()
    except Exception as error:  # from its file, or from services that hand out tokens
        if isinstance(error, OSError) and error.filename:
            raise HubMisconfigured(
                _("{path} can't be read: {reason}", path=error.filename, reason=reason_of(error)),
                _("the hub's token is kept there: check its permissions, HF_HOME, HF_TOKEN_PATH"),
            ) from error
        raise HubMisconfigured(_("the hub's token can't be read"), hint) from error
    sent = made.get("authorization", "")
    if not (sent.isascii() and sent.isprintable()):
        raise HubMisconfigured(_("the hub's token contains characters that no token has"), hint)
    return made


def _expect_token_file() -> None:
    """Refuse a file for the token that can't be one: huggingface_hub reads it to its end.

    Raises:
        OSError: it is a device or a pipe, or too long.
    """
    from huggingface_hub import constants

    path = constants.HF_TOKEN_PATH
    if any(map(os.environ.get, _TOKENS)) or path == os.devnull or is_missing(Path(path)):
        return
    status = Path(path).stat()
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, _("it is not a regular file"), path)
    if status.st_size > _LONGEST_TOKEN_FILE:
        raise OSError(errno.EFBIG, _("it is too long for a token"), path)
