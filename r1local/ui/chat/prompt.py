"""What people type in: several lines, history, completion, and pastes of any size."""

import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import (
    CompleteEvent,
    Completer,
    Completion,
    ThreadedCompleter,
)
from prompt_toolkit.document import Document
from prompt_toolkit.enums import EditingMode
from prompt_toolkit.filters import (
    Condition,
    FilterOrBool,
    has_selection,
    is_searching,
    vi_navigation_mode,
)
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings
from prompt_toolkit.key_binding.key_bindings import KeyHandlerCallable
from prompt_toolkit.key_binding.vi_state import InputMode
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments

from r1local.config.keys import KeyMap, built_in_keys
from r1local.language import _
from r1local.ui.chat.painting import SteadyRows, steady_output
from r1local.ui.chat.path_completion import completed_path, completed_word
from r1local.ui.chat.style import chat_style
from r1local.ui.editor import missing_editor
from r1local.ui.safe_text import visible, visible_line

#: A paste beyond either limit is shown as one word: a lot of text slows the editor down.
_LONGEST_SHOWN, _MOST_LINES_SHOWN = 2_000, 30
_LONGEST_IN_HISTORY = 20_000
_STAND_IN = re.compile(r"\[paste \d+: [\d,]+ characters\]")

#: Does what a key is for.
KeyHandler = TypeVar("KeyHandler", bound=KeyHandlerCallable)
#: Returns the words that an argument may be, each with a description.
Words = Callable[[], Mapping[str, str]]


class Pastes:
    """Long pastes, each shown as one word and sent as the whole text."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def shown(self, text: str) -> str:
        """Return what stands in the input for a text that was pasted."""
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if len(text) <= _LONGEST_SHOWN and text.count("\n") <= _MOST_LINES_SHOWN:
            return text
        word = f"[paste {len(self._texts) + 1}: {len(text):,} characters]"
        self._texts[word] = text
        return word

    def whole(self, text: str) -> str:
        """Return the text to send, with each stand-in replaced by what was pasted."""
        # In one pass, since pasted text may contain what looks like another stand-in.
        return _STAND_IN.sub(lambda match: self._texts.get(match[0], match[0]), text)


def history_in(path: Path | None, pastes: Pastes) -> History:
    """Return what was typed before, from a file only its owner can read; None keeps it in memory.

    A file that can't be written is no reason not to chat: memory is used then, too.
    """
    if path is None:
        return InMemoryHistory()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))
    except OSError:
        return InMemoryHistory()
    return _Typed(path, pastes)


class _Typed(FileHistory):
    def __init__(self, path: Path, pastes: Pastes) -> None:
        super().__init__(str(path))
        self._pastes = pastes

    def store_string(self, string: str) -> None:
        whole = self._pastes.whole(string)
        if len(whole) > _LONGEST_IN_HISTORY:
            return
        with suppress(OSError):  # a full disk: the session says so
            super().store_string(whole)


class SlashCompleter(Completer):
    """Completes slash commands and their arguments.

    Args:
        commands: the commands, each with what it does.
        arguments: return the words that a command takes.
        paths: the commands that take file paths, quoted as in a shell.
        also_paths: those that take one path, as it is, besides their words.
    """

    def __init__(
        self,
        commands: Mapping[str, str],
        arguments: Mapping[str, Words],
        paths: Iterable[str],
        also_paths: Iterable[str] = (),
    ) -> None:
        self._commands = commands
        self._arguments = arguments
        self._paths = frozenset(paths)
        self._also_paths = frozenset(also_paths)

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002
    ) -> Iterable[Completion]:
        """Complete what is before the cursor, if it begins with a slash."""
        line = document.text_before_cursor
        if not line.startswith("/") or "\n" in line:
            return
        name, space, argument = line[1:].partition(" ")
        if not space:
            for command, told in self._commands.items():
                if command.startswith(name):
                    yield Completion(command, -len(name), display_meta=told)
        elif name in self._also_paths and _is_path(argument):
            yield from completed_path(argument)
        else:
            if name in self._arguments:
                yield from _matching(self._arguments[name](), argument)
            if name in self._paths:
                yield from completed_word(argument)


def _is_path(argument: str) -> bool:
    return argument.startswith((".", "~")) or os.sep in argument


def _matching(words: Mapping[str, str], argument: str) -> Iterator[Completion]:
    """Yield the words that begin with an argument, then those whose description mentions it.

    Words that continue others, such as a setting with a value, are left out until the space.
    """
    beginning = [word for word in words if word.startswith(argument)]
    wanted = argument.casefold()
    about = [w for w in words if wanted and wanted in words[w].casefold() and w not in beginning]
    for word in [*beginning, *about]:
        first, space, _ = word.partition(" ")
        if not (space and first in words and " " not in argument):
            told = visible_line(words[word])
            yield Completion(word, -len(argument), visible_line(word), display_meta=told)


class VisibleInput(Processor):
    """Shows what hides or reorders characters in the input; what is sent stays as it was typed."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """Replace a line's characters, and say where each of them is shown."""
        line: StyleAndTextTuples = []
        starts = [0]
        before = ""
        for style, character, *_handler in explode_text_fragments(transformation_input.fragments):
            shown = visible(character, before)
            line.append((style, shown))
            starts.append(starts[-1] + len(shown))
            before = character
        return Transformation(
            line,
            source_to_display=lambda place: starts[min(place, len(starts) - 1)],
            display_to_source=lambda place: max(bisect_right(starts, place) - 1, 0),
        )


@dataclass(frozen=True, slots=True)
class Editing:
    """How questions are typed: completion, history, long pastes, and the keys."""

    completer: Completer
    history: History
    pastes: Pastes
    vi: bool
    keys: KeyMap = field(default_factory=built_in_keys)

    @property
    def mode(self) -> EditingMode:
        """The keys, as prompt_toolkit calls them."""
        return EditingMode.VI if self.vi else EditingMode.EMACS


def line_prompt(
    editing: Editing,
    toolbar: Callable[[], str],
    say: Callable[[str], None],
    shortcuts: Mapping[str, str],
) -> PromptSession[str]:
    """Return a prompt in the scrollback, with one row below it; messages appear above it.

    `shortcuts` are texts that the keys of actions send while nothing is typed.
    """

    def say_above(text: str) -> None:
        run_in_terminal(lambda: say(text))

    keys = KeyBindings()
    for action, text in shortcuts.items():

        @bind(
            keys, editing.keys, action, filter=Condition(lambda: not get_app().current_buffer.text)
        )
        def _send(event: KeyPressEvent, text: str = text) -> None:
            event.app.exit(result=text)

    session: PromptSession[str] = PromptSession(
        completer=editing.completer,
        complete_in_thread=True,  # which reads all sessions
        history=editing.history,
        complete_while_typing=Condition(lambda: session.default_buffer.text.startswith("/")),
        multiline=True,
        key_bindings=merge_key_bindings(
            [input_keys(editing, say_above), _prompt_keys(editing.keys), keys]
        ),
        editing_mode=editing.mode,
        prompt_continuation="  ",
        bottom_toolbar=lambda: [("", vi_mode() + visible_line(toolbar()))],
        style=chat_style(),
        input_processors=[VisibleInput()],
        output=steady_output(),
    )
    session.layout.container = SteadyRows(session.layout.container)
    return session


def input_buffer(editing: Editing, accept: Callable[[str], None]) -> Buffer:
    """Return the buffer that questions are typed in; `accept` is given each one as it is sent."""

    def send(buffer: Buffer) -> bool:
        text = buffer.text
        buffer.reset(append_to_history=True)
        accept(text)
        return True  # what was put into it meanwhile stays

    def begins_with_slash() -> bool:
        return buffer.text.startswith("/")

    buffer = Buffer(
        completer=ThreadedCompleter(editing.completer),  # which reads all sessions
        complete_while_typing=Condition(begins_with_slash),
        history=editing.history,
        multiline=True,
        accept_handler=send,
    )
    return buffer


def _prompt_keys(bound: KeyMap) -> KeyBindings:
    """Return the keys that leave the prompt, suspend the program, or paint the screen anew."""
    keys = KeyBindings()
    is_empty = Condition(lambda: not get_app().current_buffer.text)

    @keys.add("c-d", filter=is_empty)  # prompt_toolkit's own leaves, whatever is bound
    def _end_of_input(_event: KeyPressEvent) -> None:
        pass

    @bind(keys, bound, "leave", filter=is_empty)
    def _leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError)

    @bind(keys, bound, "suspend")
    def _suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @bind(keys, bound, "repaint")
    def _repaint(event: KeyPressEvent) -> None:
        event.app.renderer.clear()

    return keys


def bind(
    keys: KeyBindings, bound: KeyMap, action: str, *, filter: FilterOrBool = True
) -> Callable[[KeyHandler], KeyHandler]:
    """Return a decorator that binds a handler to all keys of an action."""

    def decorate(handler: KeyHandler) -> KeyHandler:
        for sequence in bound.bound(action):
            keys.add(*sequence, filter=filter)(handler)
        return handler

    return decorate


def input_keys(editing: Editing, say: Callable[[str], None]) -> KeyBindings:
    """Return the keys of the input.

    One sends, one or a trailing backslash breaks the line, and one (v in vi mode) opens an editor,
    or says why it can't.
    """
    keys, pastes = KeyBindings(), editing.pastes

    @bind(keys, editing.keys, "send", filter=~is_searching)
    def _send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state and buffer.complete_state.current_completion:
            buffer.complete_state = None
        elif buffer.document.current_line_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            buffer.validate_and_handle()

    @bind(keys, editing.keys, "new_line", filter=~is_searching)
    def _new_line(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    @bind(keys, editing.keys, "editor", filter=~has_selection)
    @keys.add("v", filter=vi_navigation_mode)
    async def _edit(event: KeyPressEvent) -> None:
        # Not prompt_toolkit's own, which also sends what an editor left unsaved; and in a separate
        # buffer, since keys typed ahead change this one.
        if missing := missing_editor():
            say(
                _(
                    "the editor {missing} can't be run: set VISUAL or EDITOR to another one",
                    missing=missing,
                )
            )
            return
        before = event.current_buffer.document
        edited = Buffer(document=before, tempfile_suffix=".md")
        await edited.open_in_editor()
        if edited.text not in (before.text, before.text.removesuffix("\n")):
            event.current_buffer.document = edited.document
            event.current_buffer.validate_and_handle()

    @keys.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(pastes.shown(event.data))

    @keys.add("c", "w", filter=vi_navigation_mode)
    def _change_word(event: KeyPressEvent) -> None:
        change_word(event, whole=False)

    @keys.add("c", "W", filter=vi_navigation_mode)
    def _change_whole_word(event: KeyPressEvent) -> None:
        change_word(event, whole=True)

    return keys


def change_word(event: KeyPressEvent, *, whole: bool) -> None:
    """Do vi's `cw` or `cW`: change to the end of the word; `dw` also takes the space after it."""
    buffer = event.current_buffer
    if buffer.document.current_char.isspace():
        end = buffer.document.find_next_word_beginning(event.arg, WORD=whole)
    else:
        end = buffer.document.find_next_word_ending(True, event.arg, WORD=whole)
    if end:
        event.app.clipboard.set_text(buffer.delete(end))
    event.app.vi_state.input_mode = InputMode.INSERT


def vi_mode() -> str:
    """Return the mode that vi's keys are in, as the first part of a row; empty without them."""
    app = get_app()
    if app.editing_mode is not EditingMode.VI:
        return ""
    if app.current_buffer.selection_state:
        return "VISUAL · "
    return f"{_VI_MODES.get(app.vi_state.input_mode, '')} · "


_VI_MODES = {
    InputMode.INSERT: "INSERT",
    InputMode.INSERT_MULTIPLE: "INSERT",
    InputMode.NAVIGATION: "NORMAL",
    InputMode.REPLACE: "REPLACE",
    InputMode.REPLACE_SINGLE: "REPLACE",
}
