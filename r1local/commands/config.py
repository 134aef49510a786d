"""`r1local config`: list, set, unset and edit preferences."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from r1local.commands import presets
from r1local.commands.config_tables import Entry, is_entry, set_entry, table_entries, unset_entry
from r1local.config.editing import ensure_config_file, set_preference, unset_preference
from r1local.config.option import Option
from r1local.config.options import ModelFormat, option_named, preference_named, preferences
from r1local.config.paths import config_file, user_models
from r1local.config.preferences import OfModel, Settings, settings_in_force
from r1local.errors import EXIT_OK, InvalidSetting, UsageError
from r1local.language import N_, _
from r1local.models.catalog import load_catalog
from r1local.models.preferred import of_model
from r1local.models.references import (
    CatalogReference,
    PathReference,
    check_aliases,
    endpoint_reference,
    parse_reference,
)
from r1local.models.selection import choose
from r1local.ui.console import output_for, print_notice
from r1local.ui.editor import edit_file
from r1local.ui.tables import Column, print_table

_BUILT_IN = N_("built in")


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the list: a preference, its value as text, and where the value comes from."""

    option: Option
    words: str
    place: str


def list_config(model: str | None, output_format: ModelFormat) -> int:
    """List every preference, its value and where that comes from; return the exit code.

    Raises:
        UnknownModel: there is no such model.
        InvalidSetting: one of the places has an invalid value.
    """
    chosen = settings_in_force(model=_of_model(model) if model else None)
    possible = [each for each in preferences() if each.per_model or model is None]
    entries = [*table_entries()] if model is None else []
    if output_format == "json":
        described = [_described(each, chosen) for each in possible]
        described += [_described_entry(entry) for entry in entries]
        print(json.dumps(described, indent=2))
        return EXIT_OK
    rows = [_row(each, chosen) for each in possible]
    places = [*(row.place for row in rows), *(each.place for each in entries)]
    columns = (
        Column(
            _("SETTING"), [*(row.option.key for row in rows), *(each.key for each in entries)], 3
        ),
        Column(_("VALUE"), [*(row.words for row in rows), *(each.words for each in entries)], 2),
        Column(_("FROM"), [_(place or _BUILT_IN) for place in places], 1),
    )
    print_table(output_for(sys.stdout), columns)
    return EXIT_OK


def set_config(key: str, text: str, model: str | None) -> int:
    """Set a preference in `config.toml`; return the exit code.

    Raises:
        UsageError: there is no such key, it can't be set for one model, or the value is invalid.
        UnknownModel: there is no such model.
    """
    if presets.is_named(key) or is_entry(key):
        _refuse_model(key, model)
        (presets.set_entry if presets.is_named(key) else set_entry)(key, text)
        return EXIT_OK
    try:
        option = _preference(key, model)
        value = presets.parsed(option, text)
    except InvalidSetting as error:
        raise UsageError(error.message, error.hint) from error
    set_preference(option, value.absolute() if isinstance(value, Path) else value, model)
    _warn_if_overridden(option)
    if option.name == "model" and value:
        presets.tell_unless_known(value, load_catalog(user_models()))
    return EXIT_OK


def unset_config(key: str, model: str | None) -> int:
    """Remove a preference from `config.toml`; return the exit code.

    Raises:
        UsageError: there is no such key, or it can't be set for one model.
        UnknownModel: there is no such model.
    """
    if presets.is_named(key) or is_entry(key):
        _refuse_model(key, model)
        if not (presets.unset_entry if presets.is_named(key) else unset_entry)(key):
            print_notice(
                output_for(sys.stderr),
                _("{config_file} doesn't set {key}", config_file=config_file(), key=key),
            )
        return EXIT_OK
    try:
        option = _preference(key, model)
    except InvalidSetting as error:
        raise UsageError(error.message, error.hint) from error
    if not unset_preference(option, model):
        where = f' [models."{model}"]' if model else ""
        print_notice(
            output_for(sys.stderr),
            _(
                "{config_file}{where} doesn't set {key}",
                config_file=config_file(),
                where=where,
                key=option.key,
            ),
        )
    return EXIT_OK


def edit_config() -> int:
    """Open `config.toml` in the user's editor, and check it afterwards; return the exit code.

    Raises:
        EditorError: there is no editor, or it failed.
        InvalidSetting: what the file has now can't be.
    """
    edit_file(ensure_config_file())
    check_aliases(load_catalog(user_models()))
    return EXIT_OK


def print_path() -> int:
    """Print the path of `config.toml`, even if it doesn't exist yet; return the exit code."""
    print(config_file())
    return EXIT_OK


def _of_model(model: str) -> OfModel:
    """Return the settings that may be set for the model a reference means.

    Raises:
        UnknownModel: the reference matches no model.
    """
    models = load_catalog(user_models())
    if endpoint_reference(model, models):
        return choose(model, models).preferred
    meant = parse_reference(model, models)
    if isinstance(meant, CatalogReference):
        return of_model([model], meant.model, meant.quantization)
    if isinstance(meant, PathReference):
        return of_model([model, meant.path.stem], None, path=meant.path)
    return of_model([model], None)


def _refuse_model(key: str, model: str | None) -> None:
    if model is not None:
        raise UsageError(_("{key} isn't for one model alone", key=key), _("leave --model out"))


def _preference(key: str, model: str | None) -> Option:
    option = preference_named(key)
    if model is not None:
        _of_model(model)
        if not option.per_model:
            hint = _("set it for all models: r1local config set {key} VALUE", key=option.key)
            raise InvalidSetting(_("{key} can't be set for one model", key=option.key), hint)
    return option


def _warn_if_overridden(option: Option) -> None:
    """Print a notice if an environment variable overrides a preference."""
    variables = [option.variable, *([option_named(option.twin).variable] if option.twin else [])]
    for variable in filter(os.environ.get, variables):
        message = _(
            "{variable} is set and overrides {name}", variable=variable, name=config_file().name
        )
        print_notice(output_for(sys.stderr), message)


def _row(option: Option, chosen: Settings) -> _Row:
    if option.name in chosen:
        setting = chosen[option.name]
        return _Row(option, option.show(setting.value), setting.place)
    if option.twin in chosen:
        return _Row(option, "", option_named(option.twin).key)
    return _Row(option, _(option.default_words), _BUILT_IN)


def _described(option: Option, chosen: Settings) -> dict[str, object]:
    row = _row(option, chosen)
    setting = chosen.get(option.name)
    value = option.plain(setting.value if setting else option.default)
    return {"key": option.key, "value": value if value != "" else None, "from": row.place}


def _described_entry(entry: Entry) -> dict[str, object]:
    return {"key": entry.key, "value": entry.words, "from": entry.place or _BUILT_IN}
