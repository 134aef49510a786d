"""The chat in the terminal's own scrollback, or with no terminal at all."""

import signal
import sys
from collections.abc import Callable
from contextlib import closing

from r1local.chat.chat import NO_REPLY, Chat, Replying, Voting, Work
from r1local.chat.slash import in_chat
from r1local.conversation import Reply
from r1local.errors import ClipboardError, PromptInputError, R1LocalError
from r1local.replies.interruption import Interruption, interruptible
from r1local.ui.chat.clipboard import copied_by_program, osc52
from r1local.ui.chat.leaving import LEAVES_AGAIN, LeavingKey
from r1local.ui.chat.prompt import Editing, line_prompt
from r1local.ui.console import can_repaint, console_for, dim, print_error, print_notice
from r1local.ui.progress import busy
from r1local.ui.replies.text import text_renderer
from r1local.ui.safe_text import visible
from r1local.ui.transcripts import print_turns
from r1local.ui.votes.text import vote_renderer_for
from r1local.ui.wording import known, thought_for

#: The most characters read for one question, over all its lines: endless input must be cut off.
_LONGEST_QUESTION = 4 * 2**20
_WELCOME = "Ask anything. /help shows the rest, Ctrl-D leaves."


class Inline:
    """A surface that only adds lines.

    Args:
        editing: how questions are typed.
    """

    def __init__(self, editing: Editing) -> None:
        self._out, self._err = console_for(sys.stdout), console_for(sys.stderr)
        self._pastes = editing.pastes
        self._typed_next = ""
        self._left = False
        self._leaving = LeavingKey()
        edits = sys.stdin.isatty() and can_repaint(self._out)
        self._session = line_prompt(editing, self._told_below, self.say) if edits else None

    def run(self, chat: Chat) -> None:
        """Chat until the user leaves, or the input ends."""
        self._chat = chat
        self.show_turns()
        chat.tell_waiting()
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda number, _frame: sys.exit(128 + number))
        while not self._left:
            if (text := self._read()) is not None:
                chat.handle(text)
            elif sys.stdin.isatty():
                chat.leave()
            else:
                self.leave()  # there is nobody to ask

    # As a surface

    def say(self, text: str) -> None:
        """Print a note."""
        for line in text.split("\n"):
            print_notice(self._err, line)

    def say_error(self, error: R1LocalError) -> None:
        """Print an error."""
        print_error(sys.stderr, error.message, in_chat(error.hint))

    def show_turns(self) -> None:
        """Print the last turn, and say how many came before it: the scrollback has the rest."""
        turns = self._chat.dialogue.turns
        if not turns:
            self.say(_WELCOME)
            return
        if len(turns) > 1:
            self.say(f"{len(turns) - 1} turns came before:")
        print_turns(self._out, turns[-1:], thoughts=False, notices=self._err)

    def show_undone(self) -> None:
        """Print the turn that is now the last."""
        self.show_turns()

    def clear(self) -> None:
        """Clear the terminal."""
        self._out.clear()

    def open_thought(self, name: str, reply: Reply, words: str = "") -> None:  # noqa: ARG002
        """Print a thought."""
        self.say(f"thought {name}:")
        self._err.file.write(dim(self._err, visible(reply.thinking)) + "\n")
        self.say(thought_for(reply.thinking_s, reply.thinking_tokens))

    def type(self, text: str) -> None:
        """Put a text into the next input."""
        self._typed_next = "\n".join(filter(None, (text, self._typed_next)))

    def reply(
        self,
        question: str | None,  # noqa: ARG002  (it stands where it was typed)
        replying: Replying,
        begun: Reply | None = None,  # noqa: ARG002
    ) -> None:
        """Print the reply as it comes."""
        renderer = text_renderer(self._out, self._err, json=self._chat.dialogue.schema is not None)
        with (
            interruptible() as interruption,
            closing(renderer),
            closing(replying(interruption)) as events,
        ):
            for event in events:
                renderer.handle(event)
        self._end_if_killed(interruption)

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
            for event in events:
                renderer.handle(event)
        self._end_if_killed(interruption)

    def work(self, label: str, work: Work, then: Callable[[], None] | None = None) -> None:
        """Do something, and say on the terminal what is being done."""
        with interruptible() as interruption, busy(self._err.file, label):
            told = work(interruption)
        self._end_if_killed(interruption)
        if told:
            self.say(told)
        if then and not self._left:
            then()

    def answer_now(self) -> None:
        """Say why that can't be done here."""
        self.say(NO_REPLY)

    def think_more(self) -> None:
        """Say why that can't be done here."""
        self.say(NO_REPLY)

    def copy(self, text: str) -> bool:
        """Use the terminal's clipboard and the platform's."""
        asked = self._out.is_terminal and not self._out.is_dumb_terminal
        if asked:
            self._out.file.write(osc52(text))
            self._out.file.flush()
        copied = copied_by_program(text)
        if not copied and not asked:
            raise ClipboardError("there is no clipboard here", "/export writes it to a file")
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
            text = self._session.prompt("❯ ", default=typed)
        except KeyboardInterrupt:
            return "" if self._session.default_buffer.text else self._ctrl_c()
        except EOFError:
            return None
        return self._pastes.whole(text)

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
                    f"the input can't be read: {error.strerror or error}",
                    "give a terminal, a pipe or a file as stdin",
                ) from error
            left -= len(line)
            if left <= 0:
                raise PromptInputError(
                    f"a question is longer than {_LONGEST_QUESTION:,} characters",
                    "end it with a line break; /file FILE attaches a document",
                )
            lines.append(line.rstrip("\n").removesuffix("\\"))
            if not line.rstrip("\n").endswith("\\"):
                return "\n".join(lines) if line else None

    def _ctrl_c(self) -> str | None:
        """Handle Ctrl-C on an empty input: end the chat if it was pressed twice."""
        if not sys.stdin.isatty() or self._leaving.pressed():
            return None
        self.say(LEAVES_AGAIN)
        return ""

    def _told_below(self) -> str:
        dialogue = self._chat.dialogue
        used, window = known(dialogue.context_used), known(dialogue.engine.context_window)
        name = dialogue.recorder.name or "not saved"
        form = " · JSON schema" if dialogue.schema else ""
        return f"{dialogue.selected.name} · {used}/{window}{form} · {name}"

    def _end_if_killed(self, interruption: Interruption) -> None:
        if interruption.reader_gone:
            raise BrokenPipeError
        if interruption.signal not in (None, signal.SIGINT):
            self._left = True
