"""Changing `config.toml` while keeping the user's comments, order and spacing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from r1local.config.kinds import Plain
from r1local.config.option import Option
from r1local.config.options import option_named
from r1local.config.paths import config_file, is_missing
from r1local.config.preferences import MODELS
from r1local.config.user_files import changing, fault_in_toml, read_toml, replace_text
from r1local.errors import InvalidSetting
from r1local.language import _, reason_of

_HEAD = "# Preferences of r1local: `r1local config` lists the possible settings.\n"


def set_preference(option: Option, value: object, model: str | None = None) -> None:
    """Write a value into `config.toml`, or into a model's table if one is named.

    The option's twin is removed from that table, since it might take precedence.

    Raises:
        InvalidSetting: the file can't be read, is not TOML, or can't be written.
        StoreError: another process is changing it.
    """
    with changing(config_file()):
        document = _read()
        table = _table(document, model)
        table[option.key] = option.plain(value)
        if option.twin:
            table.pop(option_named(option.twin).key, None)
        _write(document)


def unset_preference(option: Option, model: str | None = None) -> bool:
    """Remove a key from `config.toml` or a model's table; return whether it was there.

    A table that becomes empty is removed too.

    Raises:
        InvalidSetting: as for `set_preference`.
    """
    with changing(config_file()):
        document = _read()
        if option.key not in (table := _table(document, model)):
            return False
        del table[option.key]
        if model is not None and not table.as_string().strip():
            models: Any = document[MODELS]
            del models[_name(models, model)]
            if not models:
                del document[MODELS]
        _write(document)
        return True


def set_in_table(keys: Sequence[str], value: Plain) -> None:
    """Write a value into a table of `config.toml`, such as a preset, the aliases or the theme.

    Args:
        keys: the names of the tables, the outermost first, and the key.

    Raises:
        InvalidSetting, StoreError: as for `set_preference`.
    """
    with changing(config_file()):
        document = _read()
        *tables, key = keys
        inner: Any = document
        for depth, each in enumerate(tables, 1):
            fresh = tomlkit.table(is_super_table=depth < len(tables))
            inner = inner.setdefault(_name(inner, each), fresh)
            if not isinstance(inner, dict):
                raise InvalidSetting(
                    _(
                        "{place}: {name} must be a table",
                        place=config_file(),
                        name=each,
                    ),
                    _("remove {name}", name=each),
                )
        inner[_name(inner, key)] = value
        _write(document)


def unset_in_table(keys: Sequence[str]) -> bool:
    """Remove a key of a table, or a table in another one; return whether it was there.

    Tables that become empty are removed too.

    Args:
        keys: as for `set_in_table`.

    Raises:
        InvalidSetting, StoreError: as for `set_preference`.
    """
    with changing(config_file()):
        document = _read()
        holders: list[tuple[Any, str]] = []
        inner: Any = document
        for each in keys:
            name = _name(inner, each) if isinstance(inner, dict) else each
            if not isinstance(inner, dict) or name not in inner:
                return False
            holders.append((inner, name))
            inner = inner[name]
        for holder, name in reversed(holders):
            del holder[name]
            if holder:
                break
        _write(document)
        return True


def ensure_config_file() -> Path:
    """Return the path of `config.toml`, which is created if necessary.

    Raises:
        InvalidSetting: it can't be written.
    """
    path = config_file()
    if is_missing(path):
        _write(tomlkit.parse(_HEAD))
    return path


def _table(document: tomlkit.TOMLDocument, model: str | None) -> Any:
    """Return the table into which a key is written."""
    if model is None:
        return document
    models: Any = document.setdefault(MODELS, tomlkit.table(is_super_table=True))
    if not isinstance(models, dict):
        raise InvalidSetting(
            _("{place}: {name} must be tables", place=config_file(), name=MODELS),
            _("remove {name}", name=MODELS),
        )
    name = _name(models, model)
    return models.setdefault(name, tomlkit.table())


def _name(models: Any, model: str) -> str:
    """Return the file's name for a model, which may be written in any case."""
    return next((name for name in models if name.lower() == model.lower()), model)


def _read() -> tomlkit.TOMLDocument:
    path = config_file()
    try:
        return tomlkit.parse(read_toml(path, InvalidSetting).text)
    except TOMLKitError as error:  # stricter than the standard library, which all else reads by
        raise InvalidSetting(
            _("{path} is not valid TOML: {error}", path=path, error=fault_in_toml(error)),
            _("mend it, or remove it"),
        ) from error


def _write(document: tomlkit.TOMLDocument) -> None:
    try:
        replace_text(config_file(), tomlkit.dumps(document))
    except OSError as error:
        told = _(
            "{path} can't be written: {reason}",
            path=config_file(),
            reason=reason_of(error),
        )
        raise InvalidSetting(told, _("check its folder's permissions and the disk")) from error
