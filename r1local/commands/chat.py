"""`r1local chat`: a conversation on the terminal."""

import os
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from r1local.attachments.sources import attach
from r1local.chat.chat import Chat
from r1local.chat.dialogue import Dialogue
from r1local.chat.full_screen import FullScreen
from r1local.chat.inline import Inline
from r1local.chat.session_settings import (
    given_in,
    keep_preset,
    missing_preset,
    session_model,
    settings_of,
    system_of,
    way_to_go_on,
)
from r1local.chat.slash_commands import SLASH_COMMANDS
from r1local.chat.surface import Surface
from r1local.chat.waiting import attach_to, waiting_in
from r1local.commands.asking import attention
from r1local.commands.model_choice import choose_model
from r1local.config.kinds import Choice, Kind, Switch
from r1local.config.named import preset_names
from r1local.config.number_kinds import Number, Whole
from r1local.config.options import settable
from r1local.config.paths import state_folder, user_models
from r1local.config.preferences import read_config, settings_in_force, value_in
from r1local.config.presets import NO_PRESET, PresetQuestion
from r1local.errors import (
    EXIT_OK,
    DownloadStopped,
    LoadingCancelled,
    SessionInUse,
    SessionNotFound,
)
from r1local.language import _
from r1local.models.catalog import EMBEDDED_MODEL, load_catalog
from r1local.models.selection import Chosen
from r1local.opening import open_engine, show_log
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.replies.interruption import interruptible
from r1local.sessions.folder import last_session, saved_sessions
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.session import Session
from r1local.ui.attention.attention import Attention
from r1local.ui.attention.sequences import restoring
from r1local.ui.attention.terminal import abilities_of
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
        numbered: show the numbers of questions and replies.
        question: what is asked first.
        files: what goes with the first question.
        preset: the preset that was asked for, with the values of its prompt's fields.
    """

    model: str | None
    session: str | None
    resume: bool
    save: bool
    inline: bool
    vi: bool
    verbose: bool
    given: Mapping[str, Any]
    numbered: bool = False
    question: str | None = None
    files: tuple[str, ...] = ()
    preset: PresetQuestion | None = None


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
    told = restoring(terminal) if (terminal := abilities_of(os.environ)) else ""
    return guarded_terminal(work, full_screen=not inline, killed=killed, told=told)


def _tell_killed(options: ChatOptions, began: datetime, number: int) -> None:
    """Say what ended the chat and how it goes on, unless somebody asked it to end."""
    if number in _ASKED_TO_END:
        return
    name = shlex.quote(options.session) if options.session else ""
    again = f"r1local chat --resume {name}".rstrip()
    goes_on = _("{again} goes on with what was said", again=again)
    kept = options.save and any(each.last_used >= began for each in saved_sessions())
    hint = goes_on if kept else _("nothing of it was saved; begin another: r1local chat")
    told = _(
        "the chat was ended by signal {number} ({name})",
        number=number,
        name=signal.strsignal(number),
    )
    print_error(sys.stderr, told, hint)


def _chat(options: ChatOptions) -> int:
    watching = _attention(options)
    private = value_in(settings_in_force(options.given), "fetch-private")
    read = attach(options.files, private=private)
    recorder = _recorder(options)
    keep_preset(options.given, recorder)
    err = console_for(sys.stderr)
    if gone := missing_preset(recorder):
        print_notice(err, _("config.toml no longer has the session's preset, {gone}", gone=gone))
    again = f"r1local chat --resume {shlex.quote(recorder.name)}"
    with way_to_go_on(options.model, recorder, again):
        named = session_model(options.model, options.given, recorder)
        selected = choose_model(named, options.given)
        # A chat with nano says itself what that is.
        if selected.note and selected.name != EMBEDDED_MODEL:
            print_notice(err, selected.note)
        settings = settings_of(options.given, selected, recorder)
        engine = _open_first(selected, recorder, options)
    dialogue = Dialogue(selected, engine, settings, recorder)
    attach_to(recorder, read.documents)
    for notice in read.notices:
        print_notice(err, notice)
    if (system := system_of(options.given, selected, recorder)) is not None:
        dialogue.use_system(system or None)
    with closing(dialogue), closing(watching):
        surface = _surface(options, dialogue, watching)
        talk = Chat(
            dialogue,
            surface,
            SLASH_COMMANDS,
            load_catalog(user_models()),
            lambda chosen, control: _open(options, dialogue.recorder, chosen, control),
            partial(_session, options),
            partial(settings_of, options.given),
            _pull,
            value_in(settings_in_force(options.given), "fetch-private"),
            given=options.given,
            preset=options.preset,
            first=_first(options),
        )
        surface.run(talk)
    if isinstance(dialogue.recorder, Session) and (dialogue.turns or talk.documents):
        name = shlex.quote(dialogue.recorder.name)
        print_notice(err, _("saved; r1local chat --resume {name} goes on", name=name))
    return EXIT_OK


def _first(options: ChatOptions) -> str:
    """Return what is asked first: the question, behind a prompt that is one by itself."""
    preset, question = options.preset, options.question
    return (preset.ask(question) if preset and preset.begins else question) or ""


def _recorder(options: ChatOptions) -> Recorder:
    """Return the session that the command line asks for."""
    name = options.session
    if options.resume and name is None:
        name = last_session()
        if name is None:
            raise SessionNotFound(_("no session is saved yet"), _("begin one: r1local chat"))
    if name is None or not options.save:
        return _session(options, name)
    try:
        return Session.open(name)
    except SessionNotFound:
        if options.resume:
            raise
        return Session.create(name)
    except SessionInUse as error:
        if not can_ask() or not agreed(_("{reason}; go on in a copy of it?", reason=error.message)):
            raise
        return Session.copy_of(name)


def _session(options: ChatOptions, name: str | None) -> Recorder:
    """Return a new session, or an existing one."""
    if not options.save:
        return NoSession()
    return Session.create() if name is None else Session.open(name)


def _pull(reference: str, surface: Surface, control: Control) -> str:
    """Download a model, in the thread of the chat's work; there is nothing to say then."""
    from r1local.commands.pull import PullOptions, pull_one
    from r1local.hub.transfer import Cancelled
    from r1local.machine.this_machine import survey_machine
    from r1local.ui.models.downloads import LineDisplay

    options = PullOptions((reference,), False, None, "text")
    machine = survey_machine(measure_bandwidth=True)
    display = LineDisplay(surface.show_progress, surface.tell)
    try:
        pull_one(reference, load_catalog(user_models()), machine, options, display, control)
    except Cancelled:
        raise DownloadStopped(
            _("the download was stopped; what has arrived is kept"),
            _("/pull {reference} goes on", reference=reference),
        ) from None
    return ""


def _open_first(selected: Chosen, recorder: Recorder, options: ChatOptions) -> Engine:
    """Open the model before there is a screen: Ctrl-C ends it, and notices are printed."""
    err = console_for(sys.stderr)
    show_log(partial(print_log, err) if options.verbose else None)
    # llama.cpp's log would run into a line that is painted over.
    waiting = (
        nullcontext()
        if options.verbose
        else busy(sys.stderr, _("loading {label}", label=selected.label))
    )
    with interruptible() as interruption, waiting:
        try:
            engine = _open(options, recorder, selected, interruption)
        except LoadingCancelled:
            sys.exit(interruption.exit_code)
    show_log(None)
    for notice in engine.notices:
        print_notice(err, notice.message)
    return engine


def _open(options: ChatOptions, recorder: Recorder, selected: Chosen, control: Control) -> Engine:
    """Open a model as the command line and the session's preset say."""
    settings = settings_in_force(given_in(options.given, recorder), selected.preferred)
    return open_engine(selected, settings, control.cancelled)


def _attention(options: ChatOptions) -> Attention:
    settings = settings_in_force(options.given)
    stream = sys.stderr if sys.stderr.isatty() and options.inline else sys.stdout
    return attention(settings, stream)


def _surface(options: ChatOptions, dialogue: Dialogue, attention: Attention) -> FullScreen | Inline:
    pastes = Pastes()
    history = history_in(state_folder() / "history" if options.save else None, pastes)
    told = {name: _(command.told) for name, command in SLASH_COMMANDS.items()}
    words = _words() | {"file": partial(_to_let_go, dialogue)}
    completer = SlashCompleter(told, words, ("file", "export", "schema"), ("model",))
    editing = Editing(completer, history, pastes, options.vi, read_config().keys)
    if options.inline:
        return Inline(editing, attention, numbered=options.numbered)
    place = state_folder() / "panes.json"
    keep = partial(keep_layout, place) if options.save else _keep_nothing
    return FullScreen(editing, read_layout(place), keep, attention, numbered=options.numbered)


def _keep_nothing(_layout: PaneLayout) -> None:
    """For `--no-save`, which leaves nothing on the disk."""


def _to_let_go(dialogue: Dialogue) -> dict[str, str]:
    """Return what `/file` takes besides paths: what lets the documents that wait go."""
    names = [each.name for each in waiting_in(dialogue.recorder)]
    numbers = {f"-{number}": name for number, name in enumerate(names, 1)}
    return numbers | {"none": ""} if names else {}


def _words() -> dict[str, Callable[[], dict[str, str]]]:
    """Return what the arguments of slash commands may be."""

    def models() -> dict[str, str]:
        from r1local.models.store.search import installed_models

        here = installed_models(load_catalog(user_models()))
        elsewhere = {f"{name}:": "" for name in read_config().endpoints}
        elsewhere |= read_config().aliases
        return {each.reference: "" for each in here if each.whole} | elsewhere

    def to_pull() -> dict[str, str]:
        known = load_catalog(user_models()).shown()
        return {[*each.aliases, each.name][0]: each.summary for each in known if each.repo_id}

    return {
        "model": models,
        "pull": to_pull,
        "resume": lambda: {each.name: each.title for each in saved_sessions()},
        "preset": lambda: dict.fromkeys((*preset_names(), NO_PRESET), ""),
        "set": _settings,
        "help": lambda: {name: _(command.told) for name, command in SLASH_COMMANDS.items()},
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
