"""What shells offer for values: models, sessions, settings, and other names that this machine has.

A place that can't be read, such as a broken config.toml, has nothing to offer.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from r1local.config.kinds import Choice, Kind, Switch, WordOr
from r1local.config.option import Option
from r1local.config.options import option_named, preference_named, preferences
from r1local.config.paths import config_file, sessions_folder, user_models
from r1local.errors import InvalidSetting, R1LocalError

_ENDING = ".gguf"


class Candidate(NamedTuple):
    """What may be typed, and what it means, if that isn't plain."""

    value: str
    help: str = ""


#: Yields candidates for what has been typed, after the arguments before it.
Supply: TypeAlias = Callable[[str, Sequence[str]], Iterable[Candidate]]


def supply_of(command: str, parameter: str) -> Supply | None:
    """Return what the values of a parameter are; None if its declaration tells that."""
    return _SUPPLIES.get(f"{command} {parameter}") or _SUPPLIES.get(parameter)


def words_of(kind: Kind) -> tuple[str, ...]:
    """Return the words among the values of a kind."""
    if isinstance(kind, Choice):
        return tuple(kind.values)
    if isinstance(kind, WordOr):
        return kind.words
    if isinstance(kind, Switch):
        return "true", "false"
    named = (getattr(kind, each, None) for each in ("nothing", "empty"))
    return tuple(word for word in named if word)


def values_of(option: Option) -> Iterator[Candidate]:
    """Yield the values of an option that can be told beforehand: its words, and the default."""
    words = words_of(option.kind)
    built_in = "" if option.default is None else option.show(option.default)
    for word in dict.fromkeys((*words, *filter(None, [built_in]))):
        yield Candidate(word, "built in" if word == built_in else "")


def models_to_run(typed: str) -> Iterator[Candidate]:
    """Yield the models that `-m` takes: those here, the user's aliases, endpoints, and files."""
    yield from aliases()
    yield from models_here(typed)
    yield from (Candidate(f"{name}:", "models of an endpoint") for name, _help in endpoints())
    yield from gguf_files(typed)


def models_here(typed: str) -> Iterator[Candidate]:
    """Yield the models on this machine, by their shortest names unless another is being typed."""
    from r1local.models.catalog import load_catalog
    from r1local.models.store.search import installed_models

    for entry in installed_models(load_catalog(user_models())):
        words = " · ".join(filter(None, (entry.name, entry.quantization, entry.home)))
        if entry.known is None or entry.known.hidden:
            yield Candidate(entry.reference, words)
            continue
        _model, _colon, quantization = entry.reference.partition(":")
        names = sorted((entry.known.name, *entry.known.aliases), key=len)
        for name in names if typed else names[:1]:
            yield Candidate(f"{name}:{quantization}" if quantization else name, words)


def models_known(typed: str) -> Iterator[Candidate]:
    """Yield the models that r1local knows by name; after a colon, their quantizations."""
    from r1local.models.catalog import load_catalog

    for model in load_catalog(user_models()).shown():
        if not model.repo_id:
            continue
        names = sorted((model.name, *model.aliases), key=len)
        for name in names if typed else names[:1]:
            yield Candidate(name, model.display_name)
            if typed.startswith(f"{name}:"):
                yield from (Candidate(f"{name}:{each.lower()}") for each in model.sizes)


def models_anywhere(typed: str) -> Iterator[Candidate]:
    """Yield the models that a name can mean: those to run, and those that can be pulled."""
    yield from models_to_run(typed)
    yield from models_known(typed)


def gguf_files(typed: str) -> Iterator[Candidate]:
    """Yield the GGUF files that a path may mean and, once one is being typed, the folders."""
    folder, _, start = typed.rpartition("/")
    shown = f"{folder}/" if "/" in typed else ""
    with suppress(OSError), os.scandir(os.path.expanduser(shown) or ".") as entries:  # noqa: PTH111
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith(start) and entry.name.startswith(".") <= start.startswith("."):
                if entry.name.lower().endswith(_ENDING):
                    yield Candidate(f"{shown}{entry.name}", "a file")
                elif typed and entry.is_dir():
                    yield Candidate(f"{shown}{entry.name}/", "a folder")


def sessions() -> Iterator[Candidate]:
    """Yield the saved conversations, the one used last first."""
    from r1local.sessions.folder import session_names

    return map(Candidate, session_names(sessions_folder()))


def settings() -> Iterable[Candidate]:
    """Return the preferences, as `config set` calls them."""
    return (Candidate(option.name, option.help) for option in preferences())


def values_of_setting(key: str, typed: str) -> Iterator[Candidate]:
    """Yield the values that `config set KEY` may be given."""
    with suppress(InvalidSetting):
        option = preference_named(key)
        if supply := _SUPPLIES.get(option.name):
            yield from supply(typed, ())
        yield from values_of(option)


def endpoints() -> Iterator[Candidate]:
    """Yield the servers that config.toml names."""
    return (Candidate(name, str(table.get("url", ""))) for name, table in _tables("endpoints"))


def presets() -> Iterator[Candidate]:
    """Yield the presets in config.toml."""
    return (Candidate(name, str(table.get("system", ""))) for name, table in _tables("presets"))


def aliases() -> Iterator[Candidate]:
    """Yield the names that config.toml gives to models."""
    named = _config().get("aliases")
    if isinstance(named, dict):
        yield from (Candidate(name, str(meant)) for name, meant in named.items())


def _tables(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = _config().get(kind)
    if isinstance(tables, dict):
        yield from ((name, table) for name, table in tables.items() if isinstance(table, dict))


def _config() -> Mapping[str, Any]:
    from r1local.config.user_files import read_toml

    with suppress(R1LocalError):
        return read_toml(config_file(), InvalidSetting).entries
    return {}


#: Parameters whose values are files, though their declarations don't say so.
FILES = frozenset({"file", "json_schema"})

#: Where the values of parameters come from: those of one command, or all of that name.
_SUPPLIES: Mapping[str, Supply] = {
    "model": lambda typed, _before: models_to_run(typed),
    "draft": lambda typed, _before: (*values_of(option_named("draft")), *models_to_run(typed)),
    "endpoint": lambda _typed, _before: endpoints(),
    "preset": lambda _typed, _before: presets(),
    "session": lambda _typed, _before: sessions(),
    "key": lambda _typed, _before: settings(),
    "chat name": lambda _typed, _before: sessions(),
    "chat words": lambda _typed, _before: sessions(),
    "config model": lambda typed, _before: models_anywhere(typed),
    "config set model": lambda typed, _before: models_anywhere(typed),
    "config set value": lambda typed, before: values_of_setting(before[0], typed),
    "config unset model": lambda typed, _before: models_anywhere(typed),
    "import path": lambda typed, _before: gguf_files(typed),
    "pull models": lambda typed, _before: models_known(typed),
    "rm model": lambda typed, _before: models_here(typed),
    "sessions export name": lambda _typed, _before: sessions(),
    "sessions rename name": lambda _typed, _before: sessions(),
    "sessions rm names": lambda _typed, _before: sessions(),
    "sessions show name": lambda _typed, _before: sessions(),
    "show model": lambda typed, _before: models_anywhere(typed),
    "verify model": lambda typed, _before: models_here(typed),
}
