"""The attention of somebody who asked something long and looks elsewhere meanwhile."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import IO, TYPE_CHECKING, TypeVar, assert_never

from r1local.config.options import NOTIFY_WORDS
from r1local.errors import R1LocalError
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)
from r1local.events.vote import (
    Paused,
    TallyUpdate,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.language import _
from r1local.ui.attention import news, sequences
from r1local.ui.attention.news import News
from r1local.ui.attention.terminal import PROTOCOLS, Abilities, abilities_of

if TYPE_CHECKING:
    from r1local.ui.attention.program import Program

#: Seconds before a title says anything, so that quick replies don't flicker, and between two.
_QUIET_S, _INTERVAL_S = 2.0, 1.0
#: Characters of an answer that are kept to tell of it.
_MOST_OF_ANSWER = 4_000
EventT = TypeVar("EventT", bound=Event | VoteEvent)


class Attention:
    """Tells of one reply after another: in the terminal's title while it lasts, and at its end.

    Args:
        write: writes to the terminal; never called without `terminal`.
        terminal: what the terminal can be told; None if nothing may be written to it.
        notify: `off`, `auto`, one of `PROTOCOLS`, or a command.
        after_s: seconds that a reply must have taken for its end to be told.
        clock: returns the time in seconds.

    Attributes:
        focused: whether the terminal is looked at; None if it doesn't say. Then it counts how long
            ago the user last did something there.

    Raises:
        InvalidSetting: there is no such command.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        terminal: Abilities | None,
        notify: str,
        after_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._program = None if notify in NOTIFY_WORDS else _program(notify)
        self._off = notify == "off"
        self._terminal = None if self._off else _told_by(notify, terminal)
        self._write = write
        self._after_s = after_s
        self._clock = clock
        self.focused: bool | None = None
        self._titled = self._progressing = False
        self.begin()

    def begin(self, budget: int | None = None, votes: int | None = None) -> None:
        """Begin to attend to a reply, with its thought's budget in tokens, or to a vote."""
        self._began = self._touched = self._clock()
        self._next = self._began + _QUIET_S
        self._budget, self._votes, self._voted = budget, votes or 0, 0
        self._answer = ""

    def watched(
        self, events: Iterator[EventT], budget: int | None = None, votes: int | None = None
    ) -> Iterator[EventT]:
        """Yield the events of a reply or of a vote, and tell of it."""
        self.begin(budget, votes)
        try:
            for event in events:
                self.handle(event)
                yield event
        except R1LocalError as error:
            self.failed(error)
            raise

    def handle(self, event: Event | VoteEvent) -> None:
        """Take the next event of a reply or of a vote."""
        match event:
            case Reading(done, total):
                self.show(_("reading"), done / total)
            case ThinkingDelta(_, tokens):
                self.show(_("thinking"), min(tokens / self._budget, 1) if self._budget else None)
            case AnswerDelta(text):
                if len(self._answer) < _MOST_OF_ANSWER:
                    self._answer += text
                self.show(_("answering"), None)
            case VoterReply():
                self._voted += 1
            case VoterEvent() | Paused():
                share = self._voted / self._votes if self._votes else None
                self.show(
                    _("{voted} of {votes} votes", voted=self._voted, votes=self._votes), share
                )
            case Finished(reason):
                self._end(news.of_reply(reason, self._seconds, self._answer), reason == "cancelled")
            case VoteResult():
                self._end(news.of_vote(event, self._seconds), event.ended == "cancelled")
            case Notice() | Rewound() | TallyUpdate():
                pass
            case _:
                assert_never(event)

    def touched(self) -> None:
        """Note that the user does something in the terminal."""
        self._touched = self._clock()

    def done(self, what: str) -> None:
        """Tell that something else is done."""
        self._end(news.of_work(what, self._seconds))

    def failed(self, error: R1LocalError) -> None:
        """Tell that an error ended the reply."""
        self._end(news.of_failure(error.message, self._seconds))

    def choice(self, question: str) -> None:
        """Tell that the user has to choose, before anything goes on."""
        self._end(news.of_choice(question, self._seconds))

    def close(self) -> None:
        """Give the terminal its title back."""
        self._end_progress()
        if self._titled:
            self._titled = False
            self._tell(sequences.RESTORE_TITLE)

    @property
    def _seconds(self) -> float:
        return self._clock() - self._began

    @property
    def _unseen_s(self) -> float:
        """Seconds for which the user has waited, or has done nothing if that is all to go by."""
        return self._clock() - (self._touched if self.focused is None else self._began)

    def show(self, state: str, share: float | None) -> None:
        """Say in the title what goes on, in r1local's own words, and how much of it is done."""
        if self._terminal is None or (now := self._clock()) < self._next:
            return
        self._next = now + _INTERVAL_S
        self._entitle(state if share is None else f"{state} {100 * share:.0f} %")
        if self._terminal.progress:
            self._progressing = True
            self._tell(sequences.progress(share))

    def _end(self, told: News, unmissed: bool = False) -> None:
        """Tell what happened, unless the user made it happen, sees it, or hardly waited for it."""
        self._end_progress()
        if self._titled:
            self._entitle(told.in_title)
        if unmissed or self._off or self.focused or self._unseen_s < self._after_s:
            return
        if self._program:
            self._program.tell(told)
        elif self._terminal:
            self._tell(sequences.notification(told.text, self._terminal))

    def _entitle(self, state: str) -> None:
        if self._terminal and self._terminal.titled:
            kept = "" if self._titled else sequences.KEEP_TITLE
            self._titled = True
            self._tell(kept + sequences.title(f"r1local: {state}"))

    def _end_progress(self) -> None:
        if self._progressing:
            self._progressing = False
            self._tell(sequences.NO_PROGRESS)

    def _tell(self, sequence: str) -> None:
        with suppress(OSError, ValueError):  # the terminal may have been closed
            self._write(sequence)


def attention_on(stream: IO[str], notify: str, after_s: float) -> Attention:
    """Return the attention of who looks at a stream; if it isn't a terminal, none is written to.

    Raises:
        InvalidSetting: `notify` is a command that there isn't.
    """

    def write(sequence: str) -> None:
        stream.write(sequence)
        stream.flush()

    return Attention(write, abilities_of(os.environ) if stream.isatty() else None, notify, after_s)


def _program(command: str) -> "Program":
    from r1local.ui.attention.program import Program  # few have one, and it takes time

    return Program(command)


def _told_by(notify: str, terminal: Abilities | None) -> Abilities | None:
    """Return what a terminal can be told, by the protocol that the user named if one was."""
    for protocol in PROTOCOLS:
        if terminal and notify == protocol:
            return replace(terminal, protocol=protocol, rings=terminal.in_tmux)
    return terminal
