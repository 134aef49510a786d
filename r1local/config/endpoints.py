"""Servers elsewhere whose models reply: the tables `[endpoints.NAME]` of `config.toml`.

A reference to a model there is `NAME:MODEL`, or `URL#MODEL` for a server that has no table.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from r1local.config.paths import from_home
from r1local.errors import InvalidSetting, UsageError, nearest
from r1local.language import _

#: The table of `config.toml` that contains a table for each endpoint.
ENDPOINTS = "endpoints"
#: The kinds of servers that r1local tells apart; `openai` is any other one.
SERVERS = ("deepseek", "llama-server", "lm-studio", "ollama", "openai", "r1local", "sglang", "vllm")
#: The variable with the key for an address that no table has.
KEY_VARIABLE = "R1LOCAL_API_KEY"
#: The keys of a table that are about the endpoint; all others are settings of its models.
KEYS = (
    "url",
    "kind",
    "model",
    "api_key_env",
    "api_key_file",
    "headers",
    "ca_file",
    "parallel",
    "opens_thought",
)
#: At least two characters, so that no drive of Windows is meant, and nothing that means another
#: place for models.
_NAME = re.compile(r"(?!(?:hf|ollama|https?|file)$)[a-z0-9][\w.-]+", re.IGNORECASE | re.ASCII)
_LOOPBACK = re.compile(r"localhost|::1|127(?:\.\d{1,3}){3}")
_MOST_PARALLEL = 64


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks OpenAI's or Ollama's protocol.

    Args:
        name: what the user calls it.
        url: its address, without a user, a query or a final slash.
        kind: which server it is, of `SERVERS`; None means to ask it.
        model: the model that replies where none is named.
        api_key_env: the environment variable that has the key.
        api_key_file: the file that has it.
        headers: sent with every request; their values may be secrets.
        ca_file: certificates of authorities to trust, in PEM form.
        parallel: the most replies to ask for at the same time.
        opens_thought: the server's template opens the thought, and the server leaves it in the
            text without the tag that begins it.
    """

    name: str
    url: str
    kind: str | None = None
    model: str | None = None
    api_key_env: str | None = None
    api_key_file: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    parallel: int | None = None
    opens_thought: bool = False

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.host if "://" in self.name else self.name

    @property
    def host(self) -> str:
        """The host of its address."""
        return urlsplit(self.url).hostname or ""

    @property
    def is_here(self) -> bool:
        """Whether what is sent to it stays on this machine."""
        return _LOOPBACK.fullmatch(self.host) is not None

    def reference(self, model: str) -> str:
        """Return what selects a model of it."""
        return f"{self.url}#{model}" if "://" in self.name else f"{self.name}:{model}"


def wanted_model(given: Mapping[str, Any]) -> str | None:
    """Return the reference that `--endpoint` and `--model` on a command line make together.

    Raises:
        UsageError: the address names a model as `--model` does.
    """
    endpoint, model = given.get("endpoint"), given.get("model")
    if not endpoint:
        return model
    if "://" not in endpoint:
        return f"{endpoint.removesuffix(':')}:{model or ''}"
    if "#" in endpoint and model:
        raise UsageError(_("two models are named"), _("leave out #MODEL, or --model"))
    return endpoint if "#" in endpoint else f"{endpoint}#{model or ''}"


def endpoint_for_once(url: str, known: Mapping[str, Endpoint]) -> Endpoint:
    """Return the endpoint at an address, with what the table of the same server says.

    Raises:
        InvalidSetting: it is no address of a server.
    """
    address = checked_url(url, "--endpoint")
    made = Endpoint(address, address, api_key_env=KEY_VARIABLE)
    return next((each for each in known.values() if each.url == address), made)


def checked_url(url: str, place: str) -> str:
    """Return an address without a final slash.

    Raises:
        InvalidSetting: it isn't the address of a server, or contains what others could read in a
            history or a log; the sentence doesn't quote it.
    """
    try:
        parts = urlsplit(url)
        port = _port(parts)
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
        raise InvalidSetting(
            _("{place}: that is not the address of a server", place=place),
            _("write one like http://HOST:8000/v1"),
        )
    if parts.username or parts.password or parts.query:
        raise InvalidSetting(
            _("{place}: an address with a password, a key or a ? in it isn't used", place=place),
            _("put the key into an environment variable, and name that with api_key_env"),
        )
    return url.partition("#")[0].rstrip("/")


def _port(parts: SplitResult) -> int | None:
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def read_endpoint(name: str, entries: Mapping[str, object], folder: Path, place: str) -> Endpoint:
    """Return the endpoint that a table describes.

    Args:
        entries: what the table has of `KEYS`.
        folder: what relative paths start from.
        place: the table in the user's words, for errors.

    Raises:
        InvalidSetting: something in it isn't allowed.
    """
    if not _NAME.fullmatch(name):
        raise InvalidSetting(
            _("{place}: {name!r} can't be an endpoint's name", place=place, name=name),
            _("write one like lab"),
        )
    texts = {key: _text(entries, key, place) for key in KEYS[:5]}
    if texts["url"] is None:
        raise InvalidSetting(
            _("{place} has no url", place=place), _('write url = "http://HOST:8000/v1"')
        )
    if texts["kind"] not in (None, *SERVERS):
        hint = nearest(str(texts["kind"]), SERVERS)
        raise InvalidSetting(
            _("{place}: kind {kind!r} isn't known", place=place, kind=texts["kind"]), hint
        )
    return Endpoint(
        name=name.lower(),
        url=checked_url(texts["url"], _("{place}: url", place=place)),
        kind=texts["kind"],
        model=texts["model"],
        api_key_env=texts["api_key_env"],
        api_key_file=_path(entries, "api_key_file", folder, place),
        headers=_headers(entries, place),
        ca_file=_path(entries, "ca_file", folder, place),
        parallel=_parallel(entries, place),
        opens_thought=_switch(entries, "opens_thought", place),
    )


def _text(entries: Mapping[str, object], key: str, place: str) -> str | None:
    value = entries.get(key)
    if value is None or (isinstance(value, str) and value):
        return value
    raise InvalidSetting(
        _("{place}: {key} must be text", place=place, key=key), _("write it in quotes")
    )


def _path(entries: Mapping[str, object], key: str, folder: Path, place: str) -> Path | None:
    text = _text(entries, key, place)
    return folder / from_home(text) if text else None


def _headers(entries: Mapping[str, object], place: str) -> Mapping[str, str]:
    headers = entries.get("headers", {})
    if not isinstance(headers, dict) or not all(map(_is_header, headers.items())):
        raise InvalidSetting(
            _("{place}: headers must be a table of plain texts", place=place),
            _('write headers = { X-Name = "text" }'),
        )
    return headers


def _is_header(pair: tuple[object, object]) -> bool:
    """Tell whether a header can be sent: anything else could smuggle in another one."""
    return all(isinstance(each, str) and each.isascii() and each.isprintable() for each in pair)


def _parallel(entries: Mapping[str, object], place: str) -> int | None:
    value = entries.get("parallel")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_PARALLEL:
        return value
    raise InvalidSetting(
        _("{place}: parallel is out of range", place=place),
        _("it must be from 1 to {most_parallel}", most_parallel=_MOST_PARALLEL),
    )


def _switch(entries: Mapping[str, object], key: str, place: str) -> bool:
    value = entries.get(key, False)
    if not isinstance(value, bool):
        raise InvalidSetting(
            _("{place}: {key} must be true or false", place=place, key=key),
            _("write {key} = true", key=key),
        )
    return value
