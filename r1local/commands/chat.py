"""`r1local chat`: a conversation on the terminal."""

import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from r1local.chat.chat import Chat
from r1local.chat.dialogue import Dialogue
from r1local.chat.full_screen import FullScreen
from r1local.chat.inline import Inline
from r1local.chat.slash_commands import SLASH_COMMANDS
from r1local.commands.model_choice import choose_model
from r1local.config.kinds import Choice, Kind, Number, Switch, Whole
from r1local.config.options import settable
from r1local.config.paths import state_folder, user_models
from r1local.config.preferences import read_config, settings_in_force, value_in
from r1local.errors import (
    EXIT_OK,
    EndpointError,
    LoadingCancelled,
    ModelFileNotFound,
    ModelNotInstalled,
    SessionInUse,
    SessionNotFound,
    UnknownModel,
)
from r1local.models.catalog import load_catalog
from r1local.models.selection import Chosen
from r1local.opening import open_engine, show_log
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.replies.interruption import interruptible
from r1local.replies.settings import ReplySettings, changed, reply_settings
from r1local.sessions.folder import saved_sessions
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.session import Session
from r1local.ui.chat.layout import PaneLayout, keep_layout, read_layout
from r1local.ui.chat.prompt import Editing, Pastes, SlashCompleter, history_in
from r1local.ui.chat.terminal_guard import guarded_terminal
from r1local.ui.console import can_repaint, console_for, print_error, print_log, print_notice
from r1local.ui.progress import busy
from r1local.ui.questions import agreed, can_ask

#: Signals of the terminal, the system and of pipes: their sender knows why.
_ASKED_TO_END = frozenset(
    getattr(signal, name, signal.SIGTERM) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE")
)


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What `chat` was asked for.

    Args:
        model: its reference; None is the session's, or the default one.
        session: the session to go on with, or to begin; None is a new one.
        resume: go on with a session, which there must be: the last one if none is named.
        save: keep the conversation on the disk.
        inline: use the scrollback, not a screen of its own.
        vi: edit as vi does, not as Emacs.
        verbose: show llama.cpp's log while the model is loaded.
        given: the values that the command line has, by the names of options.
    """

    model: str | None
    session: str | None
    resume: bool
    save: bool
    inline: bool
    vi: bool
    verbose: bool
    given: Mapping[str, Any]


def chat(options: ChatOptions) -> int:
    """Chat until the user leaves; return the exit code.

    Raises:
        R1LocalError: there is no such session or model, or it can't be loaded.
    """
    out = console_for(sys.stdout)
    on_terminal = sys.stdin.isatty() and out.is_terminal
    inline = options.inline or not on_terminal or not can_repaint(out)
    work = partial(_chat, replace(options, inline=inline))
    if not on_terminal:
        return work()
    killed = partial(_tell_killed, options, datetime.now(UTC))
    return guarded_terminal(work, full_screen=not inline, killed=killed)


def _tell_killed(options: ChatOptions, began: datetime, number: int) -> None:
    """Say what ended the chat and how it goes on, unless somebody asked it to end."""
    if number in _ASKED_TO_END:
        return
    name = shlex.quote(options.session) if options.session else ""
    goes_on = f"r1local chat --resume {name}".rstrip() + " goes on with what was said"
    kept = options.save and any(each.last_used >= began for each in saved_sessions())
    hint = goes_on if kept else "nothing of it was saved; begin another: r1local chat"
    told = f"the chat was ended by signal {number} ({signal.strsignal(number)})"
    print_error(sys.stderr, told, hint)


def _chat(options: ChatOptions) -> int:
    recorder = _recorder(options)
    err = console_for(sys.stderr)
    with _way_to_resume(options, recorder):
        selected = choose_model(options.model or recorder.transcript.model)
        if selected.note:
            print_notice(err, selected.note)
        settings_of = partial(_settings_of, options)
        settings = settings_of(selected, recorder)
        engine = _open_first(selected, options)
    dialogue = Dialogue(selected, engine, settings, recorder)
    if (system := _system(options, selected, recorder)) is not None:
        dialogue.use_system(system or None)
    with closing(dialogue):
        surface = _surface(options)
        talk = Chat(
            dialogue,
            surface,
            SLASH_COMMANDS,
            load_catalog(user_models()),
            partial(_open, options),
            partial(_session, options),
            settings_of,
            value_in(settings_in_force(options.given), "fetch-private"),
        )
        surface.run(talk)
    if isinstance(dialogue.recorder, Session) and (dialogue.turns or talk.documents):
        name = shlex.quote(dialogue.recorder.name)
        print_notice(err, f"saved; r1local chat --resume {name} goes on")
    return EXIT_OK


@contextmanager
def _way_to_resume(options: ChatOptions, recorder: Recorder) -> Iterator[None]:
    """Say how a session goes on whose own model is gone."""
    try:
        yield
    except LoadingCancelled:
        raise KeyboardInterrupt from None
    except (ModelFileNotFound, UnknownModel, ModelNotInstalled, EndpointError) as error:
        if options.model or not recorder.transcript.model:
            raise
        hint = f"r1local chat --resume {shlex.quote(recorder.name)} -m MODEL goes on with another"
        raise type(error)(f"the session's model is gone: {error.message}", hint) from error


def _recorder(options: ChatOptions) -> Recorder:
    """Return the session that the command line asks for."""
    name = options.session
    if options.resume and name is None:
        kept = saved_sessions()
        if not kept:
            raise SessionNotFound("no session is saved yet", "begin one: r1local chat")
        name = kept[0].name
    if name is None or not options.save:
        return _session(options, name)
    try:
        return Session.open(name)
    except SessionNotFound:
        if options.resume:
            raise
        return Session.create(name)
    except SessionInUse as error:
        if not can_ask() or not agreed(f"{error.message}; go on in a copy of it?"):
            raise
        return Session.copy_of(name)


def _session(options: ChatOptions, name: str | None) -> Recorder:
    """Return a new session, or an existing one."""
    if not options.save:
        return NoSession()
    return Session.create() if name is None else Session.open(name)


def _settings_of(options: ChatOptions, selected: Chosen, recorder: Recorder) -> ReplySettings:
    """How a model replies: what a session was set to counts, but for what the flags say."""
    settings = reply_settings(settings_in_force(options.given, selected.preferred))
    for name, value in recorder.transcript.settings.items():
        option = settable().get(name)
        if option and not {name, option.twin} & options.given.keys():
            settings = changed(settings, name, value)
    return settings


def _system(options: ChatOptions, selected: Chosen, recorder: Recorder) -> str | None:
    """Return the system prompt: the command line's, or in a new session the preferred one."""
    if recorder.transcript.turns or recorder.transcript.system:
        system: str | None = options.given.get("system")
        return system
    setting = settings_in_force(options.given, selected.preferred).get("system")
    return setting.value if setting else None


def _open_first(selected: Chosen, options: ChatOptions) -> Engine:
    """Open the model before there is a screen: Ctrl-C ends it, and notices are printed."""
    err = console_for(sys.stderr)
    show_log(partial(print_log, err) if options.verbose else None)
    # llama.cpp's log would run into a line that is painted over.
    waiting = nullcontext() if options.verbose else busy(sys.stderr, f"loading {selected.label}")
    with interruptible() as interruption, waiting:
        engine = _open(options, selected, interruption)
    show_log(None)
    for notice in engine.notices:
        print_notice(err, notice.message)
    return engine


def _open(options: ChatOptions, selected: Chosen, control: Control) -> Engine:
    """Open a model as the command line asked for."""
    settings = settings_in_force(options.given, selected.preferred)
    return open_engine(selected, settings, control.cancelled)


def _surface(options: ChatOptions) -> FullScreen | Inline:
    pastes = Pastes()
    history = history_in(state_folder() / "history" if options.save else None, pastes)
    told = {name: command.told for name, command in SLASH_COMMANDS.items()}
    completer = SlashCompleter(told, _words(), ("file", "export", "model", "schema"))
    editing = Editing(completer, history, pastes, options.vi)
    if options.inline:
        return Inline(editing)
    place = state_folder() / "panes.json"
    keep = partial(keep_layout, place) if options.save else _keep_nothing
    return FullScreen(editing, read_layout(place), keep)


def _keep_nothing(_layout: PaneLayout) -> None:
    """For `--no-save`, which leaves nothing on the disk."""


def _words() -> dict[str, Callable[[], dict[str, str]]]:
    """Return what the arguments of slash commands may be."""

    def models() -> dict[str, str]:
        from r1local.models.store.search import installed_models

        here = installed_models(load_catalog(user_models()))
        elsewhere = {f"{name}:": "" for name in read_config().endpoints}
        return {each.reference: "" for each in here if each.whole} | elsewhere

    return {
        "model": models,
        "resume": lambda: {each.name: each.title for each in saved_sessions()},
        "set": _settings,
        "help": lambda: {name: command.told for name, command in SLASH_COMMANDS.items()},
        "copy": lambda: {"thinking": "", "code 1": ""},
    }


def _settings() -> dict[str, str]:
    """Return what `/set` takes: each name, then each with the words that are its values."""
    options = settable()
    valued = {
        f"{name} {word}": "" for name, each in options.items() for word in _words_of(each.kind)
    }
    return {name: each.help for name, each in options.items()} | valued


def _words_of(kind: Kind) -> tuple[str, ...]:
    match kind:
        case Choice(values):
            return tuple(values)
        case Switch():
            return ("true", "false")
        case Whole(nothing=str(word)) | Number(nothing=str(word)):
            return (word,)
        case _:
            return ()
