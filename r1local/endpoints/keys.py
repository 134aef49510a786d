"""The key of an endpoint: from the environment or a file that nobody else can read.

It appears in nothing that a server is quoted with, and neither do the values of headers.
"""

import os
import stat
import sys
from pathlib import Path

from r1local.config.endpoints import KEY_VARIABLE, Endpoint
from r1local.errors import EndpointMisconfigured
from r1local.language import _, reason_of

#: Bytes read of a key's file; keys have a few hundred.
_MOST_BYTES = 16_384
#: Characters of a word in a header that may be a secret; shorter ones are names, such as a team's.
_LEAST_SECRET = 8


class Key:
    """A secret that doesn't appear when it is shown."""

    def __init__(self, secret: str) -> None:
        self.secret = secret

    def __repr__(self) -> str:
        return "Key(…)"


def without_secrets(text: str, endpoint: Endpoint, key: Key | None) -> str:
    """Return a text with the key, and what may be one in a header, blotted out."""
    words = {word for value in endpoint.headers.values() for word in value.split()}
    secrets = {word for word in words if len(word) >= _LEAST_SECRET}
    if key:
        secrets.add(key.secret)
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def key_of(endpoint: Endpoint) -> Key | None:
    """Return the key of an endpoint, if it has one.

    Raises:
        EndpointMisconfigured: it isn't where the table says, others can read it, or it is no key.
    """
    secret, place = _read(endpoint)
    if not secret:
        return None
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise EndpointMisconfigured(
            _("{place} has characters that no key has", place=place), _("copy the key there again")
        )
    return Key(secret)


def _read(endpoint: Endpoint) -> tuple[str, str]:
    """Return the key, and where it is from."""
    if variable := endpoint.api_key_env:
        secret = os.environ.get(variable, "").strip()
        if not secret and variable != KEY_VARIABLE:
            raise EndpointMisconfigured(
                _(
                    "{variable}, which has the key of {title}, isn't set",
                    variable=variable,
                    title=endpoint.title,
                ),
                _("set it: export {variable}=…", variable=variable),
            )
        return secret, variable
    if path := endpoint.api_key_file:
        return _read_file(path), str(path)
    return "", ""


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise EndpointMisconfigured(
                    _("{path} is not a file", path=path), _("put the key into a file")
                )
            if sys.platform != "win32" and mode & 0o077:
                raise EndpointMisconfigured(
                    _("other users can read the key in {path}", path=path),
                    _("type: chmod 600 {path}", path=path),
                )
            return file.read(_MOST_BYTES).decode().strip()
    except UnicodeDecodeError as error:
        raise EndpointMisconfigured(
            _("{path} is not text", path=path), _("put the key alone into it")
        ) from error
    except OSError as error:
        why = reason_of(error)
        raise EndpointMisconfigured(
            _("the key's file {path} can't be read: {reason}", path=path, reason=why),
            _("check api_key_file in config.toml"),
        ) from error
