"""What the user prefers: environment variables, then `config.toml`."""

import os
import tomllib
from pathlib import Path
from typing import Any

from r1local.errors import InvalidSetting
from r1local.paths import config_folder
from r1local.settings import CONNECTIONS, MOST_CONNECTIONS

#: Keys that `config.toml` may have, and their types.
_KEYS: dict[str, type] = {"model": str, "connections": int}
_DESCRIBED = {str: "a text", int: "a whole number"}


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
    path = config_folder() / "config.toml"
    wanted: int = _config(path).get("connections", CONNECTIONS)
    if not 1 <= wanted <= MOST_CONNECTIONS:
        raise InvalidSetting(
            f"{path}: connections is {wanted}", f"it must be from 1 to {MOST_CONNECTIONS}"
        )
    return wanted


def _config(path: Path) -> dict[str, Any]:
    try:
        config = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(f"{path} can't be read: {error}", "mend it, or remove it") from error
    for key, value in config.items():
        wanted = _KEYS.get(key)
        if wanted is None:
            known = ", ".join(_KEYS)
            raise InvalidSetting(f"{path} has an unknown setting, {key}", f"it may have: {known}")
        if not isinstance(value, wanted) or isinstance(value, bool):
            described = _DESCRIBED[wanted]
            raise InvalidSetting(f"{path}: {key} must be {described}, not {value!r}", "mend it")
    return config
