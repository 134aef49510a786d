"""How a model replies in a session: by the command line, the preset, and what was set there."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from r1local.config.options import in_group, settable
from r1local.config.preferences import preset_named, read_config, settings_in_force
from r1local.config.presets import NO_PRESET
from r1local.errors import (
    EndpointError,
    InvalidSetting,
    ModelFileNotFound,
    ModelNotInstalled,
    UnknownModel,
)
from r1local.language import _
from r1local.models.selection import Chosen
from r1local.replies.settings import ReplySettings, changed, reply_settings
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Setting

#: The option, and what a session's file calls the setting.
_PRESET = "preset"


def keep_preset(given: Mapping[str, Any], recorder: Recorder) -> None:
    """Record the preset that the command line chooses, so that the session goes on with it."""
    name = given.get(_PRESET)
    if name and (recorder.transcript.preset or NO_PRESET) != name:
        recorder.append(Setting(_PRESET, name))


def given_in(given: Mapping[str, Any], recorder: Recorder) -> Mapping[str, Any]:
    """Return the values on the command line with the preset that the session has now.

    One that `config.toml` no longer has is left out.
    """
    others = {name: value for name, value in given.items() if name != _PRESET}
    name = recorder.transcript.preset
    known = name and name.lower() in read_config().presets
    return {**others, _PRESET: name} if known else others


def missing_preset(recorder: Recorder) -> str | None:
    """Return the session's preset if `config.toml` no longer has it."""
    name = recorder.transcript.preset
    return name if name and name.lower() not in read_config().presets else None


def settings_of(given: Mapping[str, Any], selected: Chosen, recorder: Recorder) -> ReplySettings:
    """Return how a model replies in a session.

    What the session was set to counts, but for what the command line says; of the session's preset
    and settings, what was chosen last. A value that its file alone takes for one is left out.
    """
    given = given_in(given, recorder)
    settings = reply_settings(settings_in_force(given, selected.preferred))
    for name, value in _set_in(recorder, given):
        with suppress(InvalidSetting):
            settings = changed(settings, name, value)
    return settings


def _set_in(recorder: Recorder, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what a session was set to, unless the command line or a later preset sets it."""
    options, kept = settable(), recorder.transcript.settings
    names = list(kept)
    before = names[: names.index(_PRESET)] if _PRESET in names else []
    of_preset = preset_named(given[_PRESET]).settings if _PRESET in given else {}
    for name, value in kept.items():
        if option := options.get(name):
            own = {name, option.twin}
            overridden = own & given.keys() or (name in before and own & of_preset.keys())
            if not overridden:
                yield name, value


def system_of(given: Mapping[str, Any], selected: Chosen, recorder: Recorder) -> str | None:
    """Return the system prompt to use from here on; None leaves it as it is.

    In a new session that is the preferred one; in another, what the command line says, or the
    preset that it names.
    """
    setting = settings_in_force(given_in(given, recorder), selected.preferred).get("system")
    begun = recorder.transcript.turns or recorder.transcript.system
    if setting is None or (begun and not ("system" in given or _is_of_preset("system", given))):
        return None
    system: str = setting.value
    return None if (system or None) == recorder.transcript.system else system


def loading_of(given: Mapping[str, Any], selected: Chosen) -> Mapping[str, object]:
    """Return the options that a model is loaded with."""
    settings = settings_in_force(given, selected.preferred)
    names = [option.name for option in in_group("loading")]
    return {name: settings[name].value for name in names if name in settings}


def session_model(model: str | None, given: Mapping[str, Any], recorder: Recorder) -> str | None:
    """Return the reference of the model that replies: the one named, or else the session's.

    None leaves the choice to the preset, the environment and `config.toml`.

    Args:
        model: the reference on the command line, if there is one.
    """
    return model or (None if _is_of_preset("model", given) else recorder.transcript.model)


@contextmanager
def way_to_go_on(model: str | None, recorder: Recorder, again: str) -> Iterator[None]:
    """Say how a session goes on if its own model is gone.

    Args:
        model: the reference on the command line, if there is one.
        again: the command that goes on with the session.
    """
    try:
        yield
    except (ModelFileNotFound, UnknownModel, ModelNotInstalled, EndpointError) as error:
        if model or not recorder.transcript.model:
            raise
        hint = _("{again} -m MODEL goes on with another", again=again)
        raise type(error)(
            _("the session's model is gone: {reason}", reason=error.message), hint
        ) from error


def _is_of_preset(name: str, given: Mapping[str, Any]) -> bool:
    """Tell whether the preset that the command line names sets an option, and counts for it."""
    preset = given.get(_PRESET, NO_PRESET)
    if preset.lower() == NO_PRESET:
        return False
    own = preset_named(preset).settings.get(name)
    return own is not None and own == settings_in_force(given).get(name)
