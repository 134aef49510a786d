"""The chat in the terminal's own scrollback, or with no terminal at all."""

import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from time import monotonic

from r1local.chat.chat import Chat
from r1local.chat.choices import Option
from r1local.chat.finding import Hit
from r1local.chat.key_help import first_line
from r1local.chat.session_picker import described
from r1local.chat.slash import in_chat
from r1local.chat.surface import Replying, Voting, Work
from r1local.chat.welcome import welcome
from r1local.conversation import Reply
from r1local.errors import ClipboardError, PromptInputError, R1LocalError
from r1local.language import N_, _, reason_of
from r1local.replies.interruption import Interruption, interruptible
from r1local.sessions.browser import SessionBrowser
from r1local.ui.attention.attention import Attention
from r1local.ui.chat.clipboard import copied_by_program, osc52
from r1local.ui.chat.help import HelpSection, help_rows
from r1local.ui.chat.leaving import LEAVES_AGAIN, LeavingKey
from r1local.ui.chat.prompt import Editing, line_prompt
from r1local.ui.console import can_repaint, console_for, print_error, print_note
from r1local.ui.editor import edit_file
from r1local.ui.progress import busy
from r1local.ui.reading import reading_shown
from r1local.ui.replies.text import text_renderer
from r1local.ui.transcripts import print_thought, print_turns
from r1local.ui.votes.text import vote_renderer_for
from r1local.ui.wording import known, thought_for, turn_count, which

#: The most characters read for one question, over all its lines: endless input must be cut off.
_LONGEST_QUESTION = 4 * 2**20
#: The most sessions that are listed at once.
_MOST_LISTED = 20
#: Seconds between two lines about a download.
_LINE_INTERVAL_S = 60.0
#: Said where a thought can't be steered, since nobody can type meanwhile.
_TOO_LATE = N_(
    "no reply is being written: here, a line is read once the reply before it has ended. "
    "/set think-budget says beforehand how long to think"
)
#: What keys send while nothing is typed.
_SHORTCUTS = {
    "previous_alternative": "/branches previous",
    "next_alternative": "/branches next",
}


class Inline:
    """A surface that only adds lines; `keys` are those that its prompt has.

    Args:
        editing: how questions are typed.
        numbered: whether questions and replies have their numbers.
        attention: of who chats, and may look elsewhere.
    """

    full_screen = False

    def __init__(self, editing: Editing, attention: Attention, *, numbered: bool = False) -> None:
        self._out, self._err = console_for(sys.stdout), console_for(sys.stderr)
        self._attention = attention
        self._reading = partial(busy, self._err.file)
        self._label, self._next_line = "", 0.0
        self._above: Callable[[str], None] = self.say
        self._pastes = editing.pastes
        self.keys = editing.keys
        self._typed_next = ""
        self._numbered = numbered
        self._left = False
        self._leaving = LeavingKey()
        edits = sys.stdin.isatty() and can_repaint(self._out)
        self._session = (
            line_prompt(editing, self._told_below, self.say, _SHORTCUTS) if edits else None
        )

    def run(self, chat: Chat) -> None:
        """Chat until the user leaves, or the input ends."""
        self._chat = chat
        self.show_turns()
        if chat.first and sys.stdin.isatty():
            self.say(f"❯ {chat.first}")
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _frame: sys.exit(128 + number))
        chat.begin()
        while not self._left:
            try:
                self._take(self._read())
            except KeyboardInterrupt:  # just before the prompt has the terminal, or just after
                self._take(self._ctrl_c())

    def _take(self, text: str | None) -> None:
        """Act on what was read; None ends the chat."""
        self._attention.touched()
        if text is not None:
            self._handle(text)
        elif sys.stdin.isatty():
            self._chat.leave()
        else:
            self.leave()  # there is nobody to ask

    def _handle(self, text: str) -> None:
        """Act on what was typed; Ctrl-C ends a reply or work at most, never the chat."""
        with interruptible() as interruption:
            self._chat.handle(text)
        self._end_if_killed(interruption)

    # As a surface

    def say(self, text: str) -> None:
        """Print a note."""
        print_note(self._err, text)

    def say_error(self, error: R1LocalError) -> None:
        """Print an error."""
        print_error(sys.stderr, error.message, in_chat(error.hint), self._err.width)

    def show_turns(self) -> None:
        """Print the last turn, and say how many came before it: the scrollback has the rest."""
        turns = self._chat.dialogue.turns
        if not turns:
            welcome(self._chat, first_line(self.keys, full_screen=False))
            return
        if len(turns) > 1:
            self.say(_("{turn_count} came before:", turn_count=turn_count(len(turns) - 1)))
        number = len(turns) if self._numbered else None
        places = self._chat.dialogue.recorder.transcript.alternatives[-1:]
        print_turns(
            self._out,
            turns[-1:],
            thoughts=False,
            notices=self._err,
            number=number,
            places=places,
        )

    def show_undone(self) -> None:
        """Print the turn that is now the last."""
        self.show_turns()

    def clear(self) -> None:
        """Clear the terminal."""
        self._out.clear()

    def open_thought(self, name: str, reply: Reply) -> None:
        """Print a thought."""
        self.say(_("thought {name}:", name=name))
        print_thought(self._err, reply)
        edited = bool(reply.edited)
        self.say(thought_for(reply.thinking_s, reply.thinking_tokens, edited=edited))

    def show_found(self, hit: Hit, words: str, told: str) -> None:  # noqa: ARG002
        """Print the text around a place."""
        self.say(f"{told}\n  {hit.excerpt}")

    def pick_session(self, words: str) -> None:
        """List the sessions; on a terminal the number of one goes on with it."""
        matches = list(SessionBrowser().search(words, lambda: False))
        if not matches:
            self.say(
                _("no session matches: {words}", words=words)
                if words
                else _("no session is saved yet")
            )
            return
        lines = [described(match) for match in matches[:_MOST_LISTED]]
        rest = len(matches) - len(lines)
        more = _("and {rest:,} more: /sessions WORDS finds them", rest=rest) if rest else ""
        if not sys.stdin.isatty():  # the next line of a pipe is a question, whatever it is
            self.say("\n".join(filter(None, (*lines, more))))
            return
        resuming = [f"/resume {shlex.quote(each.session.name)}" for each in matches[:_MOST_LISTED]]
        options = [
            Option(line, partial(self._chat.handle, command))
            for line, command in zip(lines, resuming, strict=True)
        ]
        told = _("sessions to go on with")
        self._chat.offer(f"{told}, {more}" if more else told, *options)

    def show_help(self, sections: Sequence[HelpSection]) -> None:
        """Print the help, as wide as the terminal."""
        self.say("\n".join(help_rows(sections, self._err.width)))

    def type(self, text: str) -> None:
        """Put a text into the next input."""
        self._typed_next = "\n".join(filter(None, (text, self._typed_next)))

    def edit(self, path: Path, then: Callable[[], None]) -> None:
        """Wait for the editor; Ctrl-C is its own meanwhile."""
        with interruptible():
            edit_file(path)
        then()

    def reply(
        self,
        question: str | None,  # noqa: ARG002  (it stands where it was typed)
        replying: Replying,
        begun: Reply | None = None,
    ) -> None:
        """Print the reply as it comes; before that, the thought that it goes on from."""
        dialogue = self._chat.dialogue
        if begun and begun.edited:
            print_thought(self._err, begun)
        renderer = text_renderer(self._out, self._err, json=dialogue.schema is not None)
        with (
            interruptible() as interruption,
            closing(renderer),
            closing(replying(interruption)) as events,
        ):
            watched = self._attention.watched(events, dialogue.settings.thinking.budget)
            for event in reading_shown(watched, self._reading):
                renderer.handle(event)
        self._end_if_killed(interruption)
        if told := which(self._chat.dialogue.recorder.transcript.alternatives[-1]):
            self.say(told)

    def vote(
        self,
        question: str | None,  # noqa: ARG002
        votes: int,
        voting: Voting,
    ) -> None:
        """Print the table during the vote, then the winning answer and the tally."""
        renderer = vote_renderer_for(
            self._out,
            self._err,
            output_format="text",
            with_thinking=True,
            answer_only=False,
            votes=votes,
            model=self._chat.dialogue.selected.name,
        )
        with (
            interruptible() as interruption,
            closing(renderer),
            closing(voting(interruption)) as events,
        ):
            watched = self._attention.watched(events, votes=votes)
            for event in reading_shown(watched, self._reading):
                renderer.handle(event)
        self._end_if_killed(interruption)

    def work(self, label: str, work: Work, then: Callable[[], None] | None = None) -> None:
        """Do something, and say on the terminal what is being done."""
        self._attention.begin()
        self._label, self._next_line = label, monotonic() + _LINE_INTERVAL_S
        with (
            interruptible() as interruption,
            busy(self._err.file, lambda: self._label) as self._above,
        ):
            told = work(interruption)
        self._end_if_killed(interruption)
        self._attention.done(label)
        if told:
            self.say(told)
        if then and not self._left:
            then()

    def show_progress(self, words: str, share: float | None) -> None:
        """Show how far the present work is; where nothing can be painted over, now and then."""
        self._label = words
        self._attention.show(_("downloading"), share)
        if not can_repaint(self._err) and monotonic() >= self._next_line:
            self._next_line = monotonic() + _LINE_INTERVAL_S
            self.tell(words)

    def tell(self, text: str) -> None:
        """Print a note above what is painted."""
        self._above(text)

    def tell_later(self, find_out: Callable[[], str]) -> None:
        """Print a note."""
        self.say(find_out())

    def stop(self) -> None:
        """Say that nothing goes on: otherwise no line would be read."""
        self.say(
            _(
                "no reply is being written: here, a line is read once the reply before it has "
                "ended. Ctrl-C stops a reply"
            )
        )

    def need_choice(self, question: str) -> None:
        """Tell somebody who looks elsewhere."""
        self._attention.choice(question)

    def answer_now(self) -> None:
        """Say why that can't be done here."""
        self.say(_(_TOO_LATE))

    def think_more(self) -> None:
        """Say why that can't be done here."""
        self.say(_(_TOO_LATE))

    def copy(self, text: str) -> bool:
        """Use the terminal's clipboard and the platform's."""
        asked = self._out.is_terminal and not self._out.is_dumb_terminal
        if asked:
            self._out.file.write(osc52(text))
            self._out.file.flush()
        copied = copied_by_program(text)
        if not copied and not asked:
            raise ClipboardError(_("there is no clipboard here"), _("/export writes it to a file"))
        return copied

    def leave(self) -> None:
        """End the chat."""
        self._left = True

    # The input

    def _read(self) -> str | None:
        """Return the next text; None at the end of the input."""
        typed, self._typed_next = self._typed_next, ""
        if self._session is None:
            return self._read_line()
        try:
            text = self._session.prompt([("class:question", self._prompt())], default=typed)
        except KeyboardInterrupt:
            return "" if self._session.default_buffer.text else self._ctrl_c()
        except EOFError:
            return None
        return self._pastes.whole(text)

    def _prompt(self) -> str:
        return f"{len(self._chat.dialogue.turns) + 1} ❯ " if self._numbered else "❯ "

    def _read_line(self) -> str | None:
        """Read a line from a pipe or a terminal that can't edit; a backslash joins the next.

        Raises:
            PromptInputError: the line can't be read, or doesn't end.
        """
        lines, left = list[str](), _LONGEST_QUESTION
        while True:
            if sys.stdin.isatty():
                self._err.file.write("> ")
                self._err.file.flush()
            try:
                line = sys.stdin.readline(left)
            except KeyboardInterrupt:
                return self._ctrl_c()
            except UnicodeDecodeError:
                return ""
            except OSError as error:  # a descriptor that is open, but not for reading
                raise PromptInputError(
                    _("the input can't be read: {reason}", reason=reason_of(error)),
                    _("give a terminal, a pipe or a file as stdin"),
                ) from error
            left -= len(line)
            if left <= 0:
                raise PromptInputError(
                    _(
                        "a question is longer than {longest_question:,} characters",
                        longest_question=_LONGEST_QUESTION,
                    ),
                    _("end it with a line break; /file FILE attaches a document"),
                )
            lines.append(line.rstrip("\n").removesuffix("\\"))
            if not line.rstrip("\n").endswith("\\"):
                return "\n".join(lines) if line else None

    def _ctrl_c(self) -> str | None:
        """Handle Ctrl-C on an empty input: end the chat if it was pressed twice."""
        if not sys.stdin.isatty() or self._leaving.pressed():
            return None
        self.say(_(LEAVES_AGAIN))
        return ""

    def _told_below(self) -> str:
        dialogue = self._chat.dialogue
        used, window = known(dialogue.context_used), known(dialogue.engine.context_window)
        name = dialogue.recorder.name or _("not saved")
        form = _(" · JSON schema") if dialogue.schema else ""
        return f"{dialogue.selected.name} · {used}/{window}{form} · {name}"

    def _end_if_killed(self, interruption: Interruption) -> None:
        if interruption.reader_gone:
            raise BrokenPipeError
        if interruption.signal not in (None, signal.SIGINT):
            self._left = True
