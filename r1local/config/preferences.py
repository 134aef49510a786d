"""What is set, and where: the command line, the environment, `config.toml`, a model's entry.

Of the places that set an option, the first of these counts: the command line, a variable
`R1LOCAL_NAME`, the preset that was chosen, the model's table in `config.toml`, the rest of
`config.toml`, the model's entry in `models.toml`.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from r1local.config import options
from r1local.config.endpoints import ENDPOINTS, KEYS, Endpoint, read_endpoint
from r1local.config.keys import KEYS as KEYS_TABLE
from r1local.config.keys import KeyMap, built_in_keys, read_keys
from r1local.config.option import Option
from r1local.config.options import default_of, option_named, preferences
from r1local.config.paths import config_file
from r1local.config.presets import (
    ALIASES,
    NO_PRESET,
    PRESETS,
    PROMPT,
    PromptTemplate,
    checked_names,
    read_aliases,
)
from r1local.config.theme import THEME, Theme, built_in_theme, read_theme
from r1local.config.user_files import entries_of, read_toml
from r1local.errors import InvalidSetting, UsageError, nearest
from r1local.language import N_, _

#: The table of `config.toml` that contains a table for each model.
MODELS = "models"
#: Characters of a value in a list of what a preset sets.
_HEADLINE = 40


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of an option, and where it was set, in the user's words."""

    value: Any
    place: str


Settings: TypeAlias = Mapping[str, Setting]
#: The place where options are set by those who start the program.
_COMMAND_LINE = N_("the command line")


@dataclass(frozen=True, slots=True)
class OfModel:
    """The places that may set options for one model.

    Args:
        names: its names, the most specific first; `config.toml` may have a table for any of
            them.
        entry: the values in its entry in `models.toml`, by the names of options.
        place: what to call that entry.
    """

    names: Sequence[str] = ()
    entry: Mapping[str, object] = field(default_factory=dict)
    place: str = ""


def settings_in_force(
    given: Mapping[str, Any] | None = None, model: OfModel | None = None
) -> Settings:
    """Return the options that are set, by name, with the value that counts and its origin.

    Args:
        given: the values on the command line, by the names of options.
        model: the model they are for; without it, what is set for a single model is ignored.

    Raises:
        InvalidSetting: a place can't be read, or has a value that is meaningless or out of
            range; the sentence begins with the place.
        UsageError: there is no preset of the name that `given` has.
    """
    found: dict[str, Setting] = {}
    for layer in _layers(given or {}, model or OfModel()):
        for option in options.OPTIONS:  # of twins in one place, the later one here counts
            if option.name in layer:
                found.pop(option.twin, None)
                found[option.name] = layer[option.name]
    return found


def value_of(name: str, given: Mapping[str, Any] | None = None) -> Any:
    """Return the value of an option that is not for a single model, or its default.

    Raises:
        InvalidSetting: as for `settings_in_force`.
    """
    return value_in(settings_in_force(given), name)


def value_in(settings: Settings, name: str) -> Any:
    """Return the value of an option that may be set, or its default."""
    return settings[name].value if name in settings else default_of(name)


@contextmanager
def as_set(settings: Settings, name: str) -> Iterator[None]:
    """Use an option's value; if it turns out to be wrong, say so like a place that is read.

    Raises:
        UsageError: the value is wrong, and the command line has it.
        InvalidSetting: another place has it; the sentence begins with the place.
    """
    try:
        yield
    except InvalidSetting as error:
        place = settings[name].place
        if place == _(_COMMAND_LINE):
            raise UsageError(error.message, error.hint) from error
        raise InvalidSetting(f"{place}: {error.message}", error.hint) from error


def _layers(given: Mapping[str, Any], model: OfModel) -> Iterator[Settings]:
    """Yield what each place sets, in ascending order of precedence."""
    config = read_config()
    yield {name: _setting(name, raw, model.place) for name, raw in model.entry.items()}
    yield config.general
    for name in reversed(model.names):
        yield config.models.get(name.lower(), {})
    if (preset := given.get("preset")) and preset.lower() != NO_PRESET:
        yield _preset_in(config, preset).settings
    yield dict(_environment())
    yield {name: Setting(value, _(_COMMAND_LINE)) for name, value in given.items()}


def _environment() -> Iterator[tuple[str, Setting]]:
    for option in preferences():
        if text := os.environ.get(option.variable):
            yield option.name, _setting(option.name, text, option.variable)


def _setting(name: str, raw: object, place: str, *, path: Path | None = None) -> Setting:
    """Return a value read from a place; errors name the place by its path, if it has one."""
    try:
        value = option_named(name).read(raw)
    except InvalidSetting as error:
        shown = place if path is None else place.replace(path.name, str(path), 1)
        raise InvalidSetting(f"{shown}: {error.message}", error.hint) from error
    # In whatever folder r1local is started, a path in config.toml means the same file.
    return Setting(path.parent / value if path and isinstance(value, Path) else value, place)


class Preset(NamedTuple):
    """What a table `[presets.NAME]` says: settings, and the text of the question if it has one."""

    name: str
    settings: Settings
    prompt: PromptTemplate | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """What it sets, each in a few words: the model first, its prompt's fields last."""
        options = [option_named(name) for name in sorted(self.settings, key="model".__ne__)]
        values = {o.name: _headline(o.show(self.settings[o.name].value)) for o in options}
        words = [value if name == "model" else f"{name} {value}" for name, value in values.items()]
        fields = " ".join(f"{{{field}}}" for field in self.prompt.fields) if self.prompt else ""
        return (*words, *([f"prompt {fields}".rstrip()] if self.prompt else []))


@dataclass(frozen=True, slots=True)
class Config:
    """What `config.toml` sets: for all models, and for each by its name in lower case.

    What an endpoint's table sets for all of its models has the name of the endpoint and a colon.
    Presets and aliases are found by their names in lower case.
    """

    general: Settings
    models: Mapping[str, Settings]
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    presets: Mapping[str, Preset] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    theme: Theme = field(default_factory=built_in_theme)
    keys: KeyMap = field(default_factory=built_in_keys)


def read_config() -> Config:
    """Return what `config.toml` sets.

    Raises:
        InvalidSetting: it can't be read, or has something that isn't allowed there.
    """
    path = config_file()
    return _config(path, read_toml(path, InvalidSetting).text)


@lru_cache(maxsize=1)
def _config(path: Path, text: str) -> Config:
    """Return what a file sets that has this text: unless it was changed, what it did before."""
    entries = dict(entries_of(text))
    theme, keys = _appearance(entries, path)
    models = _tables(
        entries.pop(MODELS, {}), f"{path}: {MODELS}", _('write [{models}."7b"]', models=MODELS)
    )
    if twice := [name for name, count in Counter(map(str.lower, models)).items() if count > 1]:
        written = _(" and ").join(
            f'[{MODELS}."{name}"]' for name in models if name.lower() in twice
        )
        raise InvalidSetting(
            _("{path}: {written} are the same model", path=path, written=written),
            _("make them one table"),
        )
    servers = _tables(
        entries.pop(ENDPOINTS, {}),
        f"{path}: {ENDPOINTS}",
        _("write [{endpoints}.lab]", endpoints=ENDPOINTS),
    )
    presets = _tables(
        entries.pop(PRESETS, {}),
        f"{path}: {PRESETS}",
        _("write [{presets}.review]", presets=PRESETS),
    )
    checked_names(presets, PRESETS, str(path))
    aliases = read_aliases(entries.pop(ALIASES, {}), str(path))
    of_models = {
        f"{name}:": _of_one_model({k: v for k, v in table.items() if k not in KEYS}, path, place)
        for name, table in servers.items()
        for place in [f"{path.name} [{ENDPOINTS}.{name}]"]
    } | {
        name: _of_one_model(table, path, f'{path.name} [{MODELS}."{name}"]')
        for name, table in models.items()
    }
    return Config(
        _settings(entries, path, path.name, preferences()),
        {name.lower(): settings for name, settings in of_models.items()},
        {name.lower(): _endpoint(name, table, path) for name, table in servers.items()},
        {name.lower(): _preset(name, table, path) for name, table in presets.items()},
        aliases,
        theme,
        keys,
    )


def _appearance(entries: dict[str, Any], path: Path) -> tuple[Theme, KeyMap]:
    """Take the tables of colours and keys out of a file's entries."""
    return (
        read_theme(entries.pop(THEME, {}), f"{path} [{THEME}]", f"{path.name} [{THEME}]"),
        read_keys(
            entries.pop(KEYS_TABLE, {}), f"{path} [{KEYS_TABLE}]", f"{path.name} [{KEYS_TABLE}]"
        ),
    )


def _headline(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _HEADLINE else f"{line[: _HEADLINE - 1]}…"


def of_presets() -> tuple[Option, ...]:
    """Return the options that a preset can set."""
    return tuple(each for each in preferences() if {"run", "chat"} & set(each.commands))


def preset_named(name: str) -> Preset:
    """Return a preset by its name, in upper or lower case.

    Raises:
        UsageError: there is none.
        InvalidSetting: `config.toml` can't be read, or has something that isn't allowed there.
    """
    return _preset_in(read_config(), name)


def _preset_in(config: Config, name: str) -> Preset:
    if preset := config.presets.get(name.lower()):
        return preset
    known = [each.name for each in config.presets.values()]
    hint = (
        nearest(name, known)
        if known
        else _(
            "write a table [{presets}.{name}] in {config_file}",
            presets=PRESETS,
            name=name,
            config_file=config_file(),
        )
    )
    raise UsageError(_("there is no preset {name!r}", name=name), hint)


def _tables(value: object, place: str, hint: str) -> Mapping[str, Mapping[str, object]]:
    if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        return value
    raise InvalidSetting(_("{place} must be tables", place=place), hint)


def _of_one_model(entries: Mapping[str, object], path: Path, place: str) -> Settings:
    possible = [option for option in preferences() if option.per_model]
    return _settings(entries, path, place, possible)


def _preset(name: str, table: Mapping[str, object], path: Path) -> Preset:
    place = f"{path.name} [{PRESETS}.{name}]"
    settings = {key: value for key, value in table.items() if key != PROMPT}
    template = None
    if PROMPT in table:
        text, where = table[PROMPT], f"{path} [{PRESETS}.{name}]"
        if not isinstance(text, str) or not text.strip():
            raise InvalidSetting(
                _("{place}: {key} must be text", place=where, key=PROMPT),
                _("write it in quotes"),
            )
        template = PromptTemplate.read(text, f"{where}: {PROMPT}")
    return Preset(name, _settings(settings, path, place, of_presets(), PROMPT), template)


def _endpoint(name: str, table: Mapping[str, object], path: Path) -> Endpoint:
    place = f"{path} [{ENDPOINTS}.{name}]"
    return read_endpoint(name, table, path.parent, place)


def _settings(
    entries: Mapping[str, object],
    path: Path,
    place: str,
    possible: Sequence[Option],
    *others: str,
) -> Settings:
    """Return the settings in one table, which may set only the options possible there.

    Args:
        others: keys of the table that are no settings, for the hint.
    """
    known = {option.key: option.name for option in possible}
    for key in entries:
        if key not in known:
            where = place.replace(path.name, str(path), 1)
            if key == "api_key":
                hint = _("name its variable with api_key_env, or its file with api_key_file")
                raise InvalidSetting(
                    _("{place}: a key itself isn't read from here", place=where), hint
                )
            raise InvalidSetting(
                _("{place} has an unknown setting, {key}", place=where, key=key),
                nearest(key, (*known, *others)),
            )
    return {known[key]: _setting(known[key], raw, place, path=path) for key, raw in entries.items()}
