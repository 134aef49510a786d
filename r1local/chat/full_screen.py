"""The chat on a screen of its own: the model replies in a thread while people type."""

from collections import deque
from collections.abc import Callable
from contextlib import closing
from functools import partial
from queue import SimpleQueue
from threading import Thread

from r1local.chat.chat import NO_REPLY, Chat, Replying, Voting, Work
from r1local.chat.slash import in_chat
from r1local.conversation import Reply
from r1local.errors import R1LocalError
from r1local.replies.control import Control
from r1local.ui.chat.clipboard import copied_by_program, osc52
from r1local.ui.chat.items import Passage
from r1local.ui.chat.layout import PaneLayout
from r1local.ui.chat.prompt import Editing, input_buffer
from r1local.ui.chat.screen import ChatScreen
from r1local.ui.chat.status_line import Status

_WELCOME = "Ask anything. Alt-Enter breaks the line, F1 or /help shows the rest, Ctrl-D leaves."


class FullScreen:
    """A surface with panes.

    Args:
        editing: how questions are typed.
        layout: of the panes, as the user left it.
        keep_layout: called when the layout changes.
    """

    def __init__(
        self,
        editing: Editing,
        layout: PaneLayout,
        keep_layout: Callable[[PaneLayout], None],
    ) -> None:
        buffer = input_buffer(editing, self._typed)
        self._screen = ChatScreen(self, buffer, editing, self._status, layout, keep_layout)
        self._talk = self._screen.talk
        self._pastes = editing.pastes
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
        chat.tell_waiting()
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
        self._talk.show(Passage(f"{error.message}\n{in_chat(error.hint)}", "class:warning", "! "))

    def show_turns(self) -> None:
        """Show all turns again."""
        turns = self._chat.dialogue.turns
        self._talk.show_turns(turns, self._chat.dialogue.dropped)
        if not turns:
            self.say(_WELCOME)

    def show_undone(self) -> None:
        """Remove the last turn from the screen; notices stay."""
        turns = self._chat.dialogue.turns
        self._talk.take_back(turns[-1].reply if turns else None)

    def clear(self) -> None:
        """Empty the conversation's pane, except for what is being written."""
        self._talk.clear()

    def open_thought(self, name: str, reply: Reply, words: str = "") -> None:
        """Open a thought in its pane."""
        if self._talk.state == "thinking":
            self.say("the thought of the present reply is open")
            return
        self._screen.show_thinking()
        self._talk.open_thought(name, reply, words)

    def type(self, text: str) -> None:
        """Put a text into the input, once the command that asks for it has been cleared from it."""
        self._screen.post(partial(self._screen.type, text))

    def reply(self, question: str | None, replying: Replying, begun: Reply | None = None) -> None:
        """Let the model reply in the other thread."""
        control = self._control = Control()
        question = question or self._last_question_again()
        dialogue = self._chat.dialogue
        budget, json = dialogue.settings.thinking.budget, dialogue.schema is not None
        self._talk.begin(question, begun, budget, json=json)

        def job() -> None:
            with closing(replying(control)) as events:
                for event in events:
                    self._screen.post(event)

        self._put(job)

    def vote(self, question: str | None, votes: int, voting: Voting) -> None:
        """Hold a vote in the other thread; its table is in the conversation."""
        control = self._control = Control()
        question = question or self._last_question_again()
        self._talk.begin_vote(question, votes)

        def job() -> None:
            with closing(voting(control)) as events:
                for event in events:
                    self._screen.post(partial(self._talk.handle_vote, event))

        self._put(job)

    def work(self, label: str, work: Work, then: Callable[[], None] | None = None) -> None:
        """Do something in the other thread."""
        control = self._control = Control()
        self._busy = label

        def job() -> None:
            told = work(control)
            if told:
                self._screen.post(partial(self.say, told))
            self._then = then

        self._put(job)

    def answer_now(self) -> None:
        """End the thought."""
        if self._control and not self._busy:
            self._control.answer_now()
        else:
            self.say(NO_REPLY)

    def think_more(self) -> None:
        """Keep thinking."""
        if self._control and not self._busy:
            self._control.think_more()
            if self._chat.dialogue.engine.abilities.think_more:  # else a notice says so
                self._talk.note("the end of the thought is put off once more")
        else:
            self.say(NO_REPLY)

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
            self._screen.type("\n".join(self._waiting))
            self._waiting.clear()
        return True

    def help(self) -> None:
        """Show the commands and keys."""
        self._chat.handle("/help")

    def quit(self) -> None:
        """Leave, if nothing is lost by it or the user confirms."""
        self._chat.leave()

    def _typed(self, text: str) -> None:
        self._screen.catch_up()  # a command applies to what is there by now
        if self._working and not self._chat.at_once(text):
            self._waiting.append(text)
        else:
            self._chat.handle(self._pastes.whole(text))

    def _last_question_again(self) -> str:
        """Remove the last turn from the screen; return its question, which is shown again."""
        self._talk.take_back()
        return self._chat.dialogue.turns[-1].labelled

    def _status(self) -> Status:
        dialogue = self._chat.dialogue
        return Status(
            model=dialogue.selected.name,
            details=dialogue.engine.details,
            context_used=dialogue.context_used,
            context_window=dialogue.engine.context_window,
            tokens_per_s=self._talk.tokens_per_s,
            form="JSON schema" if dialogue.schema else "",
            session=dialogue.recorder.name or "not saved",
            busy=self._busy,
            waiting=tuple(self._waiting),
        )

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
                self._screen.post(lambda error=error: self.say_error(error))  # type: ignore[misc]
            except Exception as error:
                self._failure = error
                self._screen.post(self._screen.leave)
            self._screen.post(self._job_ended)

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
        while self._waiting and not self._working:
            self._chat.handle(self._pastes.whole(self._waiting.popleft()))
