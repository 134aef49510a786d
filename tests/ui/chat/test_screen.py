"""The full screen in this process: keys typed into a pipe, and the screen they leave."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input

from r1local.config.keys import read_keys
from r1local.events.reply import AnswerDelta, Finished, ThinkingDelta, Usage
from r1local.ui.attention.attention import Attention
from r1local.ui.chat import screen
from r1local.ui.chat.layout import PaneLayout
from r1local.ui.chat.painting import SteadyOutput
from r1local.ui.chat.prompt import Editing, Pastes, SlashCompleter
from r1local.ui.chat.screen import ChatScreen
from r1local.ui.chat.status_line import Status
from testing.terminals import Terminal

END = Finished("stop", Usage(0, 0, 2, 1, 0.0, 0.0, 1.0, 1.0), 7, False)


class Asked:
    """Notes what is asked for; a reply is there to be stopped once."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def interrupt(self) -> bool:
        self.names.append("interrupt")
        return self.names.count("interrupt") == 1

    def answer_now(self) -> None:
        self.names.append("answer now")

    def think_more(self) -> None:
        self.names.append("think more")

    def show_beside(self, step: int) -> None:
        self.names.append(f"beside {step}")

    def help(self) -> None:
        self.names.append("help")

    def find_again(self, step: int) -> None:
        self.names.append(f"find again {step}")

    def open_thought_of(self, turn: int) -> None:
        self.names.append(f"open thought of {turn}")

    def copy_selection(self, text: str) -> None:
        self.names.append(f"copy {text}")

    def quit(self) -> None:
        self.names.append("quit")


class Shown:
    """A screen, the terminal it is on, and what was asked for with its keys."""

    def __init__(self, keys: PipeInput, terminal: Terminal, **bound: str) -> None:
        self._keys = keys
        self._terminal = terminal
        self.asked = Asked()
        self.layouts: list[PaneLayout] = []
        self.attention = Attention(lambda _sequence: None, None, "auto", 20)
        self.buffer = Buffer()
        completer, own = SlashCompleter({}, {}, ()), read_keys(bound, "", "")
        editing = Editing(completer, InMemoryHistory(), Pastes(), vi=False, keys=own)
        self.screen = ChatScreen(
            self.asked,
            self.buffer,
            editing,
            lambda: Status("nano", context_window=4096),
            PaneLayout("below"),
            self.layouts.append,
            self.attention,
        )

    def run(self, *steps: str | Callable[[], None]) -> list[str]:
        """Type or do each step, and leave; return the rows of the screen before that."""
        rows: list[str] = []

        async def act() -> None:
            for step in steps:
                if isinstance(step, str):
                    self._keys.send_text(step)
                else:
                    step()
                await asyncio.sleep(0.1)
            self.screen.app.invalidate()
            await asyncio.sleep(0.1)
            rows.extend(row.rstrip() for row in self._terminal.screen.display)
            self.screen.leave()

        def begin() -> None:
            self.screen.app.create_background_task(act())

        self.screen.app.pre_run_callables.append(begin)
        self.screen.run()
        return rows


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Shown]:
    bound: dict[str, str] = getattr(request, "param", {})
    terminal = Terminal(60, 20)
    output = SteadyOutput(terminal, lambda: Size(20, 60), term="xterm-256color")
    monkeypatch.setattr(screen, "steady_output", lambda **_: output)  # stdout is no terminal here
    with create_pipe_input() as keys, create_app_session(input=keys, output=output):
        yield Shown(keys, terminal, **bound)


def test_keys_ask_for_what_they_are_for(shown: Shown) -> None:
    shown.run("\x1bOP", "\x1bOR", "\x1bOS", "\x03")
    assert shown.asked.names == ["help", "answer now", "think more", "interrupt"]


@pytest.mark.parametrize(
    "shown", [{"help": "ctrl-g", "answer_now": "alt-a", "think_more": "none"}], indirect=True
)
def test_keys_can_be_others(shown: Shown) -> None:
    shown.screen.talk.begin("Why?")
    shown.screen.talk.handle(ThinkingDelta("Hm", 1))
    rows = shown.run("\x07", "\x1ba", "\x1bOP", "\x1bOR", "\x1bOS")
    assert shown.asked.names == ["help", "answer now"]
    assert any(row.endswith("─ Alt-a answer now ─") for row in rows)


@pytest.mark.parametrize("shown", [{"send": "alt-enter", "new_line": "enter"}], indirect=True)
def test_enter_can_break_the_line(shown: Shown) -> None:
    sent: list[str] = []

    def accept(buffer: Buffer) -> bool:
        sent.append(buffer.text)
        return False

    shown.buffer.accept_handler = accept
    shown.run("a\rb", "\x1b\r")
    assert sent == ["a\nb"]


def test_ctrl_c_stops_the_reply(shown: Shown) -> None:
    shown.run("abc", "\x03")
    assert shown.asked.names == ["interrupt"] and shown.buffer.text == "abc"


def test_ctrl_c_without_a_reply_empties_the_input_and_warns(shown: Shown) -> None:
    shown.asked.names.append("interrupt")
    rows = shown.run("abc", "\x03", "\x03")
    assert shown.buffer.text == "" and "quit" not in shown.asked.names
    assert any("Ctrl-C again leaves" in row for row in rows)


def test_ctrl_c_pressed_twice_leaves(shown: Shown) -> None:
    shown.asked.names.append("interrupt")
    shown.run("\x03", "\x03")
    assert shown.asked.names[-1] == "quit"


def test_the_thought_folds_when_the_answer_starts(shown: Shown) -> None:
    def think() -> None:
        shown.screen.talk.begin("Why?")
        for count, word in enumerate(("Hm, ", "so"), start=1):
            shown.screen.post(ThinkingDelta(word, count))

    rows = shown.run(think)
    assert rows[1] == "❯ Why?" and "Hm, so" in rows
    assert any(row.startswith("─ Thinking ") for row in rows)


def test_after_the_answer_the_thought_is_a_line(shown: Shown) -> None:
    def reply() -> None:
        shown.screen.talk.begin("Why?")
        for event in (ThinkingDelta("Hm", 1), AnswerDelta("**So", 1), AnswerDelta("**.", 2), END):
            shown.screen.post(event)

    rows = shown.run(reply)
    assert [row for row in rows if row][:3] == ["❯ Why?", "▸ thought for 1.0 s · 2 tokens", "So."]
    assert "Hm" not in rows
    assert any("nano" in row for row in rows)


def test_the_thought_can_be_opened_and_its_pane_moved(shown: Shown) -> None:
    def reply() -> None:
        shown.screen.talk.begin("Why?")
        for event in (ThinkingDelta("Hm", 1), AnswerDelta("So.", 1), END):
            shown.screen.post(event)

    rows = shown.run(reply, "\x1bOQ")
    assert "Hm" in rows


def test_a_layout_that_is_changed_is_kept(shown: Shown) -> None:
    rows = shown.run("\x1b[17~", "\x1b[19~", "\x1b[20~")
    assert shown.layouts[0].place == "auto"
    assert shown.layouts[1].share == 50
    assert shown.layouts[2].showing == "open"
    assert "thinking pane: stays open" in rows


def test_what_is_posted_is_done_in_the_screens_own_thread_in_order(shown: Shown) -> None:
    done: list[str] = []

    def post() -> None:
        shown.screen.post(lambda: done.append("first"))
        shown.screen.post(lambda: done.append("second"))

    shown.run(post)
    assert done == ["first", "second"]


def test_a_bug_ends_it(shown: Shown) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        shown.run(lambda: shown.screen.post(fail), lambda: None)


def test_the_terminal_says_whether_it_is_looked_at(shown: Shown) -> None:
    seen: list[bool | None] = []
    note = lambda: seen.append(shown.attention.focused)  # noqa: E731
    rows = shown.run("a", note, "\x1b[O", note, "\x1b[I", note, "b")
    assert seen == [None, False, True]
    assert rows[-1].strip().endswith("ab")
