"""The user's own files of settings, and what is set where."""

import os
import sys
from collections.abc import Iterator
from shlex import quote

from r1local.config.keys import KEYS
from r1local.config.kinds import Plain, as_text
from r1local.config.options import option_named, preferences
from r1local.config.paths import config_file, is_missing, user_models
from r1local.config.preferences import Setting, read_config, settings_in_force
from r1local.config.theme import THEME
from r1local.config.variables import unknown_variables
from r1local.errors import InvalidSetting, R1LocalError
from r1local.events.finding import Finding, broken, ok, warning
from r1local.gguf.file import read_gguf
from r1local.language import _
from r1local.models.catalog import load_catalog
from r1local.models.references import check_aliases
from r1local.models.selection import Selected, choose

_AREA = "settings"
#: Characters of a value that are shown: a system prompt may have pages.
_LONGEST_VALUE = 40


def settings() -> Iterator[Finding]:
    """Yield each fault of the user's files and variables, or else what they set."""
    faults = [*_faults_of_files(), *_faults_of_variables()]
    yield from faults
    if not any(fault.state == "broken" for fault in faults):
        yield from _fault_of_model()
        yield _in_force()


def _faults_of_files() -> Iterator[Finding]:
    catalog = load_catalog(user_models())
    try:
        check_aliases(catalog)
    except InvalidSetting as error:
        yield broken(_AREA, error.message, "r1local config edit", error.hint)
    editor = "notepad" if sys.platform == "win32" else "${VISUAL:-${EDITOR:-vi}}"
    for problem in catalog.problems:  # the rest of the file counts
        edit = f"{editor} {quote(str(user_models()))}"
        yield warning(_AREA, problem.message, problem.hint, edit)


def _faults_of_variables() -> Iterator[Finding]:
    for name, meant in unknown_variables():
        hint = _("did you mean {near}?", near=meant) if meant else ""
        hint = hint or _("r1local config lists what there is")
        yield warning(_AREA, _("{name} is no setting", name=name), hint, f"unset {name}")
    for option in sorted(preferences(), key=lambda option: option.variable):
        name = option.variable
        if text := os.environ.get(name):
            try:
                option.parse(text)
            except InvalidSetting as error:
                yield broken(_AREA, f"{name}: {error.message}", f"unset {name}", error.hint)


def _fault_of_model() -> Iterator[Finding]:
    """Yield why the model that is set can't be run, if so."""
    chosen = settings_in_force().get("model")
    if chosen is None or not chosen.value:
        return
    try:
        model = choose(None, load_catalog(user_models()))
        if isinstance(model, Selected):
            read_gguf(model.path)
    except R1LocalError as error:
        variable = option_named("model").variable
        unset = f"unset {variable}" if chosen.place == variable else "r1local config unset model"
        yield broken(_AREA, error.message, unset, error.hint)


def _in_force() -> Finding:
    """Return what is set, with its place, and which of the user's files exist."""
    found = [(option_named(name).key, name, each) for name, each in _all_set()]
    files = [str(path) for path in (config_file(), user_models()) if not is_missing(path)]
    entries = [
        {"key": key, "value": option_named(name).plain(each.value), "from": each.place}
        for key, name, each in found
    ]
    entries += _set_in_tables()
    words = " · ".join(f"{e['key']} {_short(e['value'])} ({e['from']})" for e in entries)
    where = ", ".join(files) or _("no {path}", path=config_file())
    facts = {"files": files, "settings": entries}
    words = words or _("all as built in")
    return ok(_AREA, f"{where} · {words}", facts=facts)


def _all_set() -> Iterator[tuple[str, Setting]]:
    """Yield what is set for all models, and then for single ones."""
    yield from settings_in_force().items()
    for settings in read_config().models.values():
        yield from settings.items()


def _set_in_tables() -> Iterator[dict[str, Plain]]:
    """Yield the colours and keys that are set."""
    config = read_config()
    for table, read in ((THEME, config.theme), (KEYS, config.keys)):
        words = read.words()
        for key, place in read.places.items():
            yield {"key": f"{table}.{key}", "value": words[key], "from": place}


def _short(value: object) -> str:
    text = " ".join(as_text(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
