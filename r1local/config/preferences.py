"""What the user prefers: environment variables, then `config.toml`."""

import os
import tomllib
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

from r1local.config.options import CONNECTIONS, MOST_CONNECTIONS, REPLY_SETTINGS
from r1local.config.paths import config_folder
from r1local.errors import InvalidSetting

#: Keys that `config.toml` may have, and the types of those that are no settings of a reply.
_KEYS: dict[str, type] = {"model": str, "connections": int, "session_kv_mib": int}
_REPLY_KEYS = {name.replace("-", "_"): name for name in REPLY_SETTINGS}
_DESCRIBED = {str: "a text", int: "a whole number"}
#: MiB that the KV caches kept beside sessions may take together.
_SESSION_KV_MIB = 1024


def default_model() -> str | None:
    """The model used when none is named: R1LOCAL_MODEL, else `model` of `config.toml`.

    Raises:
        InvalidSetting: `config.toml` can't be read, or has what it can't.
    """
    value = os.environ.get("R1LOCAL_MODEL") or _config(config_folder() / "config.toml").get("model")
    return value if isinstance(value, str) else None


def default_connections() -> int:
    """Connections that a file is downloaded over: `connections` of `config.toml`, else 4.

    Raises:
        InvalidSetting: `config.toml` can't be read, or has what it can't.
    """
    told = f"from 1 to {MOST_CONNECTIONS}"
    return _number("connections", CONNECTIONS, 1, MOST_CONNECTIONS, told)


def session_kv_bytes() -> int:
    """Bytes that the KV caches kept beside sessions may take together.

    `session_kv_mib` of `config.toml`, else 1 GiB; 0 keeps none.

    Raises:
        InvalidSetting: `config.toml` can't be read, or has what it can't.
    """
    return _number("session_kv_mib", _SESSION_KV_MIB, 0, inf, "0 or more") * 2**20


def preferred() -> Iterator[tuple[str, str, str]]:
    """Settings of replies: name, value and where it is set; the last one of a name counts.

    `config.toml` has them by name, with underscores; the environment as R1LOCAL_NAME.

    Raises:
        InvalidSetting: `config.toml` can't be read, or has what it can't.
    """
    path = config_folder() / "config.toml"
    config = _config(path)
    for key, name in _REPLY_KEYS.items():
        if key in config:
            yield name, _as_text(config[key]), str(path)
    for key, name in _REPLY_KEYS.items():
        variable = f"R1LOCAL_{key.upper()}"
        if value := os.environ.get(variable):
            yield name, value, variable


def _number(key: str, otherwise: int, least: int, most: float, told: str) -> int:
    """A number of `config.toml` in its range, which `told` names; or what holds otherwise."""
    path = config_folder() / "config.toml"
    wanted: int = _config(path).get(key, otherwise)
    if not least <= wanted <= most:
        raise InvalidSetting(f"{path}: {key} is {wanted}", f"it must be {told}")
    return wanted


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _config(path: Path) -> dict[str, Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(f"{path} can't be read: {error}", "mend it, or remove it") from error
    for key, value in config.items():
        if key in _REPLY_KEYS:
            continue
        wanted = _KEYS.get(key)
        if wanted is None:
            known = ", ".join((*_KEYS, *_REPLY_KEYS))
            raise InvalidSetting(f"{path} has an unknown setting, {key}", f"it may have: {known}")
        if not isinstance(value, wanted) or isinstance(value, bool):
            described = _DESCRIBED[wanted]
            raise InvalidSetting(f"{path}: {key} must be {described}, not {value!r}", "mend it")
    return config
