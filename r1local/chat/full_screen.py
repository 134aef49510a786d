"""The chat on a screen of its own: the model replies in a thread while people type."""

import shlex
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from r1local.chat.chat import Chat
from r1local.chat.finding import Hit
from r1local.chat.key_help import first_line
from r1local.chat.session_picker import SessionPicker
from r1local.chat.slash import in_chat
from r1local.chat.slash_commands import find_again
from r1local.chat.status import status_of
from r1local.chat.surface import NO_REPLY, Replying, Voting, Work
from r1local.chat.welcome import welcome
from r1local.conversation import Reply, place
from r1local.errors import R1LocalError
from r1local.language import _
from r1local.replies.control import Control
from r1local.ui.attention.attention import Attention
from r1local.ui.chat.clipboard import copied_by_program, osc52
from r1local.ui.chat.help import HelpSection
from r1local.ui.chat.items import Passage
from r1local.ui.chat.layout import PaneLayout
from r1local.ui.chat.prompt import Editing, input_buffer
from r1local.ui.chat.screen import ChatScreen
from r1local.ui.chat.status_line import Status
from r1local.ui.editor import edit_file


class FullScreen:
    """A surface with panes; `keys` are those that its screen has.

    Args:
        editing: how questions are typed.
        layout: of the panes, as the user left it.
        keep_layout: called when the layout changes.
        numbered: whether questions and replies have their numbers.
        attention: of who chats, and may look elsewhere.
    """

    full_screen = True

    def __init__(
        self,
        editing: Editing,
        layout: PaneLayout,
        keep_layout: Callable[[PaneLayout], None],
        attention: Attention,
        *,
        numbered: bool = False,
    ) -> None:
        buffer = input_buffer(editing, self._typed)
        self._screen = ChatScreen(
            self, buffer, editing, self._status, layout, keep_layout, attention, numbered=numbered
        )
        self._attention = attention
        self._talk = self._screen.talk
        self._pastes = editing.pastes
        self.keys = editing.keys
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._waiting: deque[str] = deque()
        self._busy = ""
        self._working = False
        self._then: Callable[[], None] | None = None
        self._control: Control | None = None
        self._failure: Exception | None = None

    def run(self, chat: Chat) -> None:
        """Chat until the user leaves.

        Raises:
            Exception: what went wrong in the thread, unless it is an R1LocalError.
        """
        self._chat = chat
        worker = Thread(target=self._work)
        worker.start()
        self.show_turns()
        self._screen.post(chat.begin)
        try:
            self._screen.run()
        finally:
            self.interrupt()
            self._jobs.put(None)
            worker.join()
        if self._failure:
            raise self._failure

    # As a surface

    def say(self, text: str) -> None:
        """Put a note into the conversation."""
        note = Passage(text, "class:note")
        self._talk.show(note)
        self._talk.conversation.read_from(note)

    def say_error(self, error: R1LocalError) -> None:
        """Put an error into the conversation."""
        self._talk.show(Passage(f"{error.message}\n{in_chat(error.hint)}", "class:error", "! "))

    def show_turns(self) -> None:
        """Show all turns again."""
        dialogue = self._chat.dialogue
        turns, places = dialogue.turns, dialogue.recorder.transcript.alternatives
        self._talk.show_turns(turns, dialogue.dropped, places)
        if not turns:
            welcome(self._chat, first_line(self.keys, full_screen=True))

    def show_undone(self) -> None:
        """Remove the last turn from the screen; notices stay."""
        turns = self._chat.dialogue.turns
        self._talk.take_back(turns[-1].reply if turns else None)

    def clear(self) -> None:
        """Empty the conversation's pane, except for what is being written."""
        self._talk.clear()

    def open_thought(self, name: str, reply: Reply) -> None:
        """Open a thought in its pane."""
        if self._thought_pane_is_free():
            self._talk.open_thought(name, reply)

    def show_found(self, hit: Hit, words: str, told: str) -> None:
        """Go to a place in the conversation, or open the thought that has the words."""
        self._screen.tell(told)
        if hit.voter is None and hit.part != "thinking":
            if not self._talk.find(hit.turn, hit.part, words, hit.nth):  # the screen was cleared
                self.show_turns()
                self._talk.find(hit.turn, hit.part, words, hit.nth)
        elif hit.reply and self._thought_pane_is_free():
            name = place(hit.turn, hit.voter)
            opening = self._talk.open_thought if hit.part == "thinking" else self._talk.open_answer
            opening(name, hit.reply, words, hit.nth)

    def pick_session(self, words: str) -> None:
        """Open the picker."""
        current = self._chat.dialogue.recorder.name
        sessions = SessionPicker(
            current, self._screen.post, self.copy_selection, self._picked, self._fail
        )
        self._screen.pick(sessions.picker)
        sessions.picker.begin(words)

    def _picked(self, name: str | None) -> None:
        self._screen.pick(None)
        if name:
            self._act_on(f"/resume {shlex.quote(name)}")

    def _thought_pane_is_free(self) -> bool:
        """Open the thinking pane; say why not if the thought in it is being written."""
        if self._talk.state == "thinking":
            self.say(_("the thought of the present reply is open"))
            return False
        self._screen.show_thinking()
        return True

    def show_help(self, sections: Sequence[HelpSection]) -> None:
        """Show the help over the whole screen."""
        self._screen.show_help(sections)

    def type(self, text: str) -> None:
        """Put a text into the input soon: what is typed at this moment may be a command."""
        self._screen.post(partial(self._screen.type, text))

    def edit(self, path: Path, then: Callable[[], None]) -> None:
        """Lend the terminal to the editor, from the other thread."""

        def work(_control: Control) -> str:
            self._screen.lend_terminal(partial(edit_file, path))
            return ""

        self.work(_("waiting for the editor"), work, then)

    def reply(self, question: str | None, replying: Replying, begun: Reply | None = None) -> None:
        """Let the model reply in the other thread."""
        control = self._control = Control()
        question = question or self._last_question_again()
        dialogue = self._chat.dialogue
        budget, json = dialogue.settings.thinking.budget, dialogue.schema is not None
        self._talk.begin(question, begun, budget, json=json)
        self._attention.begin(budget)

        def job() -> None:
            with closing(replying(control)) as events:
                for number, event in enumerate(events):
                    if not number:  # now the transcript has the reply's beginning
                        self._screen.post(self._mark)
                    self._screen.post(event)

        self._put(job)

    def vote(self, question: str | None, votes: int, voting: Voting) -> None:
        """Hold a vote in the other thread; its table is in the conversation."""
        control = self._control = Control()
        question = question or self._last_question_again()
        self._talk.begin_vote(question, votes)
        self._attention.begin(votes=votes)

        def job() -> None:
            with closing(voting(control)) as events:
                for event in events:
                    self._screen.post(partial(self._screen.handle_vote, event))

        self._put(job)

    def work(self, label: str, work: Work, then: Callable[[], None] | None = None) -> None:
        """Do something in the other thread."""
        control = self._control = Control()
        self._busy = label
        self._attention.begin()

        def job() -> None:
            told = work(control)
            if told:
                self._screen.post(partial(self.say, told))
            self._then = then
            self._screen.post(partial(self._attention.done, label))

        self._put(job)

    def show_progress(self, words: str, share: float | None) -> None:
        """Show how far the present work is, in the status line."""

        def show() -> None:
            if self._busy:
                self._busy = words
                self._attention.show(_("downloading"), share)

        self._screen.post(show)

    def tell(self, text: str) -> None:
        """Put a note into the conversation soon."""
        self._screen.post(partial(self.say, text))

    def tell_later(self, find_out: Callable[[], str]) -> None:
        """Put a note into the conversation once another thread has found out."""

        def work() -> None:
            try:
                self.tell(find_out())
            except R1LocalError as error:
                self._screen.post(partial(self.say_error, error))

        Thread(target=work, daemon=True).start()

    def stop(self) -> None:
        """End the reply or the work that goes on."""
        if not self.interrupt():
            self.say(_(NO_REPLY))

    def need_choice(self, question: str) -> None:
        """Tell somebody who looks elsewhere."""
        self._attention.choice(question)

    def answer_now(self) -> None:
        """End the thought."""
        if self._control and not self._busy:
            self._control.answer_now()
        else:
            self.say(_(NO_REPLY))

    def think_more(self) -> None:
        """Keep thinking."""
        if self._control and not self._busy:
            self._control.think_more()
            if self._chat.dialogue.engine.abilities.think_more:  # else a notice says so
                self._talk.note(_("the end of the thought is put off once more"))
        else:
            self.say(_(NO_REPLY))

    def copy(self, text: str) -> bool:
        """Use the terminal's clipboard and the platform's."""
        output = self._screen.app.output
        output.write_raw(osc52(text))
        output.flush()
        return copied_by_program(text)

    def leave(self) -> None:
        """End the chat."""
        self._screen.leave()

    # As the screen's actions

    def interrupt(self) -> bool:
        """Stop the reply; what was waiting for it goes back into the input, before any text."""
        if not self._control:
            return False
        self._control.cancel()
        if self._waiting:
            self.type("\n".join(self._waiting))
            self._waiting.clear()
        return True

    def show_beside(self, step: int) -> None:
        """Show another alternative, like the command: once no reply is being written."""
        self._typed(f"/branches {'next' if step > 0 else 'previous'}")

    def help(self) -> None:
        """Show the commands and keys."""
        self._chat.handle("/help")

    def find_again(self, step: int) -> None:
        """Go on with what `/find` looked for."""
        with self._chat.errors_said():
            find_again(self._chat, step)

    def open_thought_of(self, turn: int) -> None:
        """Open a thought that was clicked at."""
        self._chat.handle(f"/think {turn}")

    def copy_selection(self, text: str) -> None:
        """Copy what was selected with the mouse."""
        copied = _("copied") if self.copy(text) else _("asked the terminal to copy")
        self._screen.tell(_("{copied} {count:,} characters", copied=copied, count=len(text)))

    def quit(self) -> None:
        """Leave, if nothing is lost by it or the user confirms."""
        self._chat.leave()

    def _typed(self, text: str) -> None:
        self._screen.catch_up()  # a command applies to what is there by now
        self._act_on(text)

    def _act_on(self, text: str) -> None:
        """Do what was typed, or let it wait for the reply that is being written."""
        if self._working and not self._chat.at_once(text):
            self._waiting.append(text)
        else:
            self._chat.handle(self._pastes.whole(text))

    def _mark(self) -> None:
        """Say which of several alternatives the last turn is."""
        if places := self._chat.dialogue.recorder.transcript.alternatives:
            self._talk.mark(places[-1])

    def _last_question_again(self) -> str:
        """Remove the last turn from the screen; return its question, which is shown again."""
        self._talk.take_back()
        return self._chat.dialogue.turns[-1].labelled

    def _status(self) -> Status:
        tokens_per_s, waiting = self._talk.tokens_per_s, tuple(self._waiting)
        return status_of(self._chat.dialogue, tokens_per_s, self._busy, waiting)

    # The other thread

    def _put(self, job: Callable[[], None]) -> None:
        self._working = True
        self._jobs.put(job)

    def _work(self) -> None:
        """Do one job after another; the screen is notified when each ends, and of errors."""
        while job := self._jobs.get():
            try:
                job()
            except R1LocalError as error:
                self._screen.post(partial(self._failed, error))
            except Exception as error:
                self._fail(error)
            self._screen.post(self._job_ended)

    def _fail(self, error: Exception) -> None:
        """Leave because of a bug, which `run` raises."""
        self._failure = error
        self._screen.post(self._screen.leave)

    def _failed(self, error: R1LocalError) -> None:
        self.say_error(error)
        self._attention.failed(error)

    def _job_ended(self) -> None:
        self._control = None
        self._busy = ""
        self._working = False
        self._talk.break_off()
        then, self._then = self._then, None
        if then:
            then()
        else:
            self._talk.keep_turns(len(self._chat.dialogue.turns))
            self._mark()
        while self._waiting and not self._working:
            self._chat.handle(self._pastes.whole(self._waiting.popleft()))
