"""`r1local presets`, and what `config set` and `unset` do with presets and aliases."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from r1local.config.editing import set_in_table, unset_in_table
from r1local.config.kinds import Plain
from r1local.config.option import Option
from r1local.config.options import NOTIFY_WORDS, ModelFormat, option_named
from r1local.config.paths import config_file, user_models
from r1local.config.preferences import Preset, of_presets, read_config
from r1local.config.presets import ALIASES, PRESETS, PROMPT, PromptTemplate, checked_names
from r1local.errors import EXIT_OK, InvalidSetting, UnknownModel, UsageError, nearest
from r1local.language import _
from r1local.models.catalog import Catalog, load_catalog
from r1local.models.references import check_aliases, endpoint_reference, parse_reference
from r1local.ui.console import output_for, print_notice
from r1local.ui.safe_text import visible_json
from r1local.ui.tables import Column, print_table


def list_presets(output_format: ModelFormat) -> int:
    """Print the presets and the aliases on stdout; return the exit code.

    Raises:
        InvalidSetting: `config.toml` has something that isn't allowed, or an alias hides a model.
    """
    config = read_config()
    check_aliases(load_catalog(user_models()))
    presets = list(config.presets.values())
    if output_format == "json":
        found = {"presets": [_described(each) for each in presets], "aliases": config.aliases}
        print(visible_json(json.dumps(found, ensure_ascii=False, indent=2)))
        return EXIT_OK
    if not presets and not config.aliases:
        told = _(
            "there are none yet; write a table [{presets}.NAME] in {config_file}",
            presets=PRESETS,
            config_file=config_file(),
        )
        print_notice(output_for(sys.stderr), told)
        return EXIT_OK
    _print(_("PRESET"), {each.name: " · ".join(each.words) for each in presets}, _("SETS"))
    _print(_("ALIAS"), config.aliases, _("MODEL"))
    return EXIT_OK


def _print(head: str, rows: Mapping[str, str], second: str) -> None:
    if rows:
        columns = (Column(head, [*rows], 2), Column(second, [*rows.values()], 1))
        print_table(output_for(sys.stdout), columns)


def _described(preset: Preset) -> dict[str, object]:
    options = {option.name: option for option in of_presets()}
    values = {
        options[name].key: options[name].plain(setting.value)
        for name, setting in preset.settings.items()
    }
    prompt = preset.prompt
    return {
        "name": preset.name,
        "model": values.pop("model", None),
        "system": values.pop("system", None),
        "prompt": prompt.text if prompt else None,
        "fields": list(prompt.fields) if prompt else [],
        "settings": values,
    }


def is_named(key: str) -> bool:
    """Return whether a key of `config set` is of a preset or an alias, not a preference."""
    return key.partition(".")[0] in (PRESETS, ALIASES) and "." in key


def set_entry(key: str, text: str) -> None:
    """Set `presets.NAME.KEY` or `aliases.NAME` in `config.toml`.

    Raises:
        UsageError: the key or the value isn't allowed.
        InvalidSetting: `config.toml` can't be read or written.
    """
    keys = _keys(key)
    try:
        checked_names([keys[1]], keys[0], key)
        value = _of_preset(keys, text) if keys[0] == PRESETS else _of_alias(keys[1], text)
    except InvalidSetting as error:
        raise UsageError(error.message, error.hint) from error
    set_in_table(keys, value)
    _unset_twin(keys)


def unset_entry(key: str) -> bool:
    """Remove `presets.NAME`, `presets.NAME.KEY` or `aliases.NAME`; return whether it was there.

    Raises:
        InvalidSetting: `config.toml` can't be read or written.
    """
    table, _dot, name = key.partition(".")
    if unset_in_table([table, name]):  # a whole preset has any name, also one that isn't allowed
        return True
    return table == PRESETS and "." in name and unset_in_table(_keys(key))


def _keys(key: str) -> list[str]:
    """Return the names of the tables that a key is in, and its own."""
    table, _dot, rest = key.partition(".")
    if table == ALIASES:
        return [table, rest]
    name, dot, own = rest.rpartition(".")
    if not dot:
        hint = _(
            "give it with what it sets: {presets}.{rest}.{prompt}",
            presets=PRESETS,
            rest=rest or "NAME",
            prompt=PROMPT,
        )
        raise UsageError(_("{key} is a whole preset", key=key), hint)
    return [table, name, own.replace("-", "_")]


def _of_preset(keys: list[str], text: str) -> Plain:
    """Return the value of a preset's key as TOML has it."""
    if keys[-1] == PROMPT:
        PromptTemplate.read(text, ".".join(keys))
        return text
    options = {option.key: option for option in of_presets()}
    if (option := options.get(keys[-1])) is None:
        hint = nearest(keys[-1], (*options, PROMPT))
        raise InvalidSetting(_("a preset can't set {key}", key=keys[-1]), hint)
    value = parsed(option, text)
    if option.name == "model":
        tell_unless_known(text, load_catalog(user_models()))
    return option.plain(value.absolute() if isinstance(value, Path) else value)


def _unset_twin(keys: list[str]) -> None:
    """Remove what sets the same thing in another way, since it might count instead."""
    twin = {option.key: option.twin for option in of_presets()}.get(keys[-1])
    if keys[0] == PRESETS and twin:
        unset_in_table([*keys[:-1], option_named(twin).key])


def _of_alias(name: str, text: str) -> str:
    """Return the model that an alias is to stand for; say so where no model can be meant."""
    config, models = read_config(), load_catalog(user_models())
    if models.find(name):
        raise InvalidSetting(
            _("{name} is the name of a model already", name=name), _("give another name")
        )
    if text.strip().lower() in (name.lower(), *config.aliases):
        raise InvalidSetting(
            _("{name} is an alias itself", name=text), _("let it stand for the model itself")
        )
    tell_unless_known(text, models)
    return text


def parsed(option: Option, text: str) -> Any:
    """Return the value for an option that is to be kept in `config.toml`.

    Raises:
        InvalidSetting: it is meaningless or out of range, or names a program that isn't there.
    """
    value = option.parse(text)
    if option.name == "notify" and value not in NOTIFY_WORDS:
        from r1local.ui.attention.program import Program  # few have one

        Program(value)
    return value


def tell_unless_known(model: str, models: Catalog) -> None:
    """Say so where no model can be what was set."""
    try:
        if not endpoint_reference(model, models):
            parse_reference(model, models)
    except UnknownModel as error:
        print_notice(output_for(sys.stderr), error.on_one_line)
