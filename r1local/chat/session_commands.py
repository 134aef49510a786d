"""What the slash commands about sessions and exports do."""

from r1local.chat.chat import Chat
from r1local.chat.slash import words_of
from r1local.config.paths import from_home
from r1local.errors import UsageError
from r1local.language import _
from r1local.sessions.export import export_json, export_markdown, write_document
from r1local.sessions.folder import checked_name, saved_sessions
from r1local.sessions.session import Session

_EXPORT_OPTIONS = dict.fromkeys(("--no-thoughts", "--all-branches", "--force")).keys()


def rename(chat: Chat, argument: str) -> None:
    """Give the session another name."""
    if not argument:
        raise UsageError(_("there is no name"), _("type for example: /rename primes"))
    session = _session(chat)
    session.rename(argument)
    chat.surface.say(_("this session is {name} now", name=session.name))


def save(chat: Chat, argument: str) -> None:
    """Say where the session is saved; with an argument, name it."""
    if argument:
        rename(chat, argument)
    session = _session(chat)
    session.save()
    when = _("as it happens") if session.path.exists() else _("from the first question on")
    chat.surface.say(_("it is saved {when}, in {path}", when=when, path=session.path))


def export(chat: Chat, argument: str) -> None:
    """Write the conversation to a file."""
    words = words_of(argument)
    options = {word for word in words if word.startswith("--")}
    paths = [word for word in words if word not in options]
    if unknown := options - _EXPORT_OPTIONS:
        raise UsageError(
            _("/export has no {unknown}", unknown=min(unknown)),
            _("it has {export_options}", export_options=", ".join(_EXPORT_OPTIONS)),
        )
    if len(paths) > 1:
        raise UsageError(
            _("/export takes one path, not {count}", count=len(paths)),
            _("quote one with spaces in it"),
        )
    dialogue = chat.dialogue
    path = from_home(*paths or [f"{dialogue.recorder.name or 'chat'}.md"])
    export = export_json if path.suffix == ".json" else export_markdown
    transcript = dialogue.recorder.transcript
    text = export(
        dialogue.turns,
        title=transcript.title,
        model=dialogue.selected.name,
        thoughts="--no-thoughts" not in options,
        system=dialogue.system,
        everything=transcript.everything if "--all-branches" in options else (),
    )
    write_document(path, text, force="--force" in options)
    chat.surface.say(_("written to {path}", path=path))


def sessions(chat: Chat, argument: str) -> None:
    """Find a session, and go on with it."""
    chat.surface.pick_session(argument)


def resume(chat: Chat, argument: str) -> None:
    """Go on with another session, or with the last one."""
    argument = " ".join(words_of(argument))
    if not isinstance(chat.dialogue.recorder, Session):
        raise UsageError(
            _("--no-save keeps no session to go on with"), _("start without --no-save")
        )
    current = chat.dialogue.recorder.name
    names = [each.name for each in saved_sessions() if each.name != current]
    if current and argument and checked_name(argument) == current:
        raise UsageError(
            _("this is session {current}", current=current), _("/sessions lists the others")
        )
    if not argument and not names:
        raise UsageError(_("there is no other session"), _("/sessions lists them"))
    name = argument or names[0]
    chat.begin_session(name, lambda: chat.surface.say(_("this is session {name}", name=name)))


def new(chat: Chat, _argument: str) -> None:
    """Begin a session."""
    chat.begin_session(None, lambda: chat.surface.say(_("a new session")))


def _session(chat: Chat) -> Session:
    recorder = chat.dialogue.recorder
    if not isinstance(recorder, Session):
        raise UsageError(_("nothing is saved"), _("start without --no-save to save, or /export"))
    return recorder
