"""Presets of `config.toml`: the one that is asked for, and the names of all, for completion."""

from collections.abc import Mapping
from typing import Any

from r1local.config.preferences import preset_named, read_config
from r1local.config.presets import NO_PRESET, PresetQuestion
from r1local.errors import InvalidSetting, UsageError
from r1local.language import _


def preset_question(given: Mapping[str, Any]) -> PresetQuestion | None:
    """Return the preset that a command line asks for, with the values of its prompt's fields.

    Args:
        given: the values on the command line, by the names of options.

    Raises:
        UsageError: there is no such preset, or a field lacks a value or doesn't exist.
        InvalidSetting: `config.toml` can't be read, or has something that isn't allowed there.
    """
    name, values = given.get("preset"), given.get("field", {})
    if not name or name.lower() == NO_PRESET:
        if values:
            raise UsageError(
                _("--field fills in a preset's prompt"), _("name the preset with -p NAME")
            )
        return None
    preset = preset_named(name)
    question = PresetQuestion(preset.name, preset.prompt, values)
    question.check()
    return question


def preset_names() -> tuple[str, ...]:
    """Return the names of presets; none if `config.toml` can't be read."""
    try:
        return tuple(each.name for each in read_config().presets.values())
    except InvalidSetting:
        return ()
