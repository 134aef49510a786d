"""The tables of `config.toml` about colours and keys, for `r1local config`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from r1local.config.editing import set_in_table, unset_in_table
from r1local.config.keys import ACTIONS, KEYS, read_keys
from r1local.config.paths import config_file
from r1local.config.preferences import read_config
from r1local.config.theme import BASE, ROLES, THEME, read_theme
from r1local.config.user_files import read_toml
from r1local.errors import InvalidSetting, UsageError, nearest
from r1local.language import _


class Entry(NamedTuple):
    """A key of one of the tables, its value as text, and where that was set, if it was."""

    key: str
    words: str
    place: str | None


#: The keys of each table, and what reads it.
_TABLES: Mapping[str, tuple[tuple[str, ...], Callable[[object, str, str], object]]] = {
    THEME: ((BASE, *ROLES), read_theme),
    KEYS: (tuple(ACTIONS), read_keys),
}


def is_entry(key: str) -> bool:
    """Return whether a key, as a user wrote it, is one of a table's."""
    return key.partition(".")[0] in _TABLES


def table_entries() -> Iterator[Entry]:
    """Yield every key of the tables.

    Raises:
        InvalidSetting: `config.toml` can't be read, or has something that isn't allowed there.
    """
    config = read_config()
    for table, read in ((THEME, config.theme), (KEYS, config.keys)):
        for key, words in read.words().items():
            yield Entry(f"{table}.{key}", words, read.places.get(key))


def set_entry(key: str, text: str) -> None:
    """Set a key of a table, if the whole table makes sense with it.

    Args:
        key: the table's name, a dot, and the key.
        text: its value; several keys have commas between.

    Raises:
        UsageError: there is no such key, or the value is meaningless.
        InvalidSetting: `config.toml` can't be read or written.
    """
    table, name = _known(key)
    value: Any = text
    if table == KEYS:
        keys = [each.strip() for each in text.split(",")]
        value = keys if len(keys) > 1 else keys[0]
    before = read_toml(config_file(), InvalidSetting).entries.get(table, {})
    try:
        _TABLES[table][1]({**before, name: value} if isinstance(before, dict) else before, key, "")
    except InvalidSetting as error:
        raise UsageError(error.message.replace(f"{key}: ", "", 1), error.hint) from error
    set_in_table((table, name), value)


def unset_entry(key: str) -> bool:
    """Remove a key from a table; return whether it was there.

    Raises:
        UsageError: there is no such key.
        InvalidSetting: `config.toml` can't be read or written.
    """
    return unset_in_table(_known(key))


def _known(key: str) -> tuple[str, str]:
    table, _dot, name = key.partition(".")
    name = name.replace("-", "_").lower()
    if name not in _TABLES[table][0]:
        hint = nearest(name, _TABLES[table][0])
        raise UsageError(_("there is no setting {key!r} in [{table}]", key=key, table=table), hint)
    return table, name
