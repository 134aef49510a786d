"""What the user has given names in `config.toml`, for menus and for the shell's completion."""

from r1local.config.preferences import read_config
from r1local.errors import InvalidSetting


def preset_names() -> tuple[str, ...]:
    """Return the names of presets; none if `config.toml` can't be read."""
    try:
        return tuple(each.name for each in read_config().presets.values())
    except InvalidSetting:
        return ()


def alias_names() -> tuple[str, ...]:
    """Return the aliases of models; none if `config.toml` can't be read."""
    try:
        return tuple(read_config().aliases)
    except InvalidSetting:
        return ()
