"""A question of `run` that is kept as a session, or goes on with one, as a chat does."""

import shlex
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

from r1local.chat.dialogue import Dialogue
from r1local.errors import PromptTooLong, SessionNotFound
from r1local.events.reply import Event
from r1local.events.vote import VoteEvent
from r1local.language import _
from r1local.models.selection import Chosen
from r1local.replies.control import Control
from r1local.replies.engine import Engine
from r1local.replies.settings import ReplySettings
from r1local.sessions.folder import last_session
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Question
from r1local.sessions.session import Session
from r1local.voting.settings import VoteSettings


class Exchange(NamedTuple):
    """A question that is asked in a session.

    Args:
        question: what is asked, as it is recorded.
        model: which one replies.
        settings: how it replies.
        system: the system prompt to use from here on; None leaves the session's as it is.
        recorder: keeps it.
    """

    question: Question
    model: Chosen
    settings: ReplySettings
    system: str | None
    recorder: Recorder

    def reply(self, engine: Engine, control: Control) -> Generator[Event, None, None]:
        """Let the model reply, and keep its KV cache with the session.

        Raises:
            LoadingCancelled: it was cancelled before it began.
            PromptTooLong: the session and the question don't fit.
            R1LocalError: as `Dialogue.ask`.
        """
        with self._dialogue(engine) as dialogue:
            prepared = dialogue.prepare(self.question, control.cancelled)
            short = dialogue.shortage(prepared) if dialogue.turns else None
            if short:
                more = _("--context {larger}, or ", larger=short.larger) if short.larger else ""
                raise PromptTooLong(
                    _(
                        "the session with this question needs {needed:,} tokens, and the "
                        "context has {context_window:,}",
                        needed=short.needed,
                        context_window=short.context_window,
                    ),
                    _("{more}ask without -c, which begins anew", more=more),
                )
            yield from dialogue.ask(prepared, control)

    def vote(
        self, engine: Engine, control: Control, settings: VoteSettings
    ) -> Generator[VoteEvent, None, None]:
        """Let replies vote, and keep all of them."""
        with self._dialogue(engine) as dialogue:
            yield from dialogue.vote(self.question, control, settings)

    @contextmanager
    def _dialogue(self, engine: Engine) -> Iterator[Dialogue]:
        dialogue = Dialogue(self.model, engine, self.settings, self.recorder)
        with closing(dialogue):
            if self.system is not None:
                dialogue.use_system(self.system or None)
            yield dialogue


def open_session(name: str | None, *, goes_on: bool) -> Session:
    """Return the session to which a question belongs.

    Args:
        name: what it is called; None is the last one if it `goes_on`, or else a new one.
        goes_on: there must be one.

    Raises:
        SessionNotFound: there is none.
        SessionError: it can't be opened, or is open elsewhere.
    """
    if goes_on and (name := name or last_session()) is None:
        hint = _('begin one: r1local run --log "…", or r1local chat')
        raise SessionNotFound(_("no session is saved yet"), hint)
    if name is None:
        return Session.create()
    try:
        return Session.open(name)
    except SessionNotFound:
        if goes_on:
            raise
        return Session.create(name)


def command_for(name: str, *, named: bool) -> str:
    """Return the command that goes on with a session, which the user `named` or not."""
    return f"r1local run --session {shlex.quote(name)}" if named else "r1local run -c"
