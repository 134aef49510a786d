"""Splitting a reply into its thinking and its answer while it streams.

R1 writes `<think>`, its thought, `</think>` and its answer as one text. The
rules here say which characters are thought, which are answer, and which belong
to the tags; `tests/test_thinking.py` names each of them.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from r1local.conversation import Part

OPEN_TAG = "<think>"
CLOSE_TAG = "</think>"
#: What R1 writes between its end tag and its answer.
BEHIND_TAG = "\n\n"

Pieces: TypeAlias = list[tuple[Part, str]]
_State: TypeAlias = Callable[[str], Pieces]

#: Where the rendered prompt leaves the reply: inside a thought the prompt has
#: opened, behind a thought the prompt has closed, or before any. A cut reply that goes
#: on may also start in the middle of its thinking or of its answer.
Start = Literal["open", "closed", "none", "thinking", "answer"]


def start_of_reply(prompt: str) -> Start:
    """Read off the prompt's tail where the reply starts.

    Chat templates differ by the date of the file, not by the model: those of
    January 2025 end at the assistant tag, later ones with `<think>` and a line
    break. A caller whose user text can end the prompt has to keep tags out of it.
    """
    tail = prompt.rstrip()
    if tail.endswith(OPEN_TAG):
        return "open"
    if tail.endswith(CLOSE_TAG):
        return "closed"
    return "none"


class ThinkSplitter:
    """Cuts a stream of text into thinking and answer.

    `feed` costs time in proportion to the text it is given, however much came
    before. Text is held back only while it may still turn out to be a tag, or
    white space next to one.

    Args:
        start: where the prompt leaves the reply.
    """

    def __init__(self, start: Start) -> None:
        states: dict[Start, _State] = {
            "open": self._opening,
            "thinking": self._thinking,
            "answer": self._answering,
        }
        self._state: _State = states.get(start, self._before)
        self._stray_close_allowed = start == "closed"
        self._nested_open_allowed = True
        self._held = ""
        self._spaces: list[str] = []
        self._thinking_open = start in ("open", "thinking")
        self._part: Part = "thinking" if self._thinking_open else "answer"

    @property
    def part(self) -> Part:
        """What the next characters most likely are: for counting tokens."""
        return self._part

    @property
    def thinking_open(self) -> bool:
        """A thought was opened and has not been closed."""
        return self._thinking_open

    def feed(self, text: str) -> Pieces:
        """Take the next characters of the reply; return what they decide."""
        return self._state(text)

    def flush(self) -> Pieces:
        """End the reply: what was held back is text after all."""
        held = "".join(self._spaces) + self._held
        self._spaces, self._held = [], ""
        return [(self._part, held)] if held else []

    def _before(self, text: str) -> Pieces:
        """Nothing but white space so far: waits for a tag or any other text."""
        text = self._take_held(text)
        body = text.lstrip()
        if body.startswith(OPEN_TAG):
            self._thinking_open, self._part, self._spaces = True, "thinking", []
            return self._enter(self._opening, body[len(OPEN_TAG) :])
        if self._stray_close_allowed and body.startswith(CLOSE_TAG):
            self._spaces = []
            return self._enter(self._closed, body[len(CLOSE_TAG) :])
        if OPEN_TAG.startswith(body) or (self._stray_close_allowed and CLOSE_TAG.startswith(body)):
            self._hold_spaces(text[: len(text) - len(body)])
            self._held = body
            return []
        spaces, self._spaces = "".join(self._spaces), []
        return self._enter(self._answering, spaces + text)

    def _opening(self, text: str) -> Pieces:
        """Behind the opening tag: its white space goes, and a second tag too."""
        body = self._take_held(text).lstrip()
        if self._nested_open_allowed:
            if body.startswith(OPEN_TAG):
                self._nested_open_allowed = False
                return self._enter(self._opening, body[len(OPEN_TAG) :])
            if OPEN_TAG.startswith(body):
                self._held = body
                return []
        return self._enter(self._thinking, body) if body else []

    def _thinking(self, text: str) -> Pieces:
        """Inside the thought: waits for the closing tag."""
        text = self._take_held(text)
        end = text.find(CLOSE_TAG)
        if end < 0:
            cut = len(text) - _partial_close(text)
            self._held = text[cut:]
            return self._thought(text[:cut])
        pieces = self._thought(text[:end])
        self._spaces = []
        self._thinking_open, self._part = False, "answer"
        return pieces + self._enter(self._closed, text[end + len(CLOSE_TAG) :])

    def _thought(self, text: str) -> Pieces:
        """Give out the thought but for white space that a closing tag may follow."""
        body = text.rstrip()
        if not body:
            self._hold_spaces(text)
            return []
        pieces: Pieces = [("thinking", "".join(self._spaces) + body)]
        self._spaces = []
        self._hold_spaces(text[len(body) :])
        return pieces

    def _closed(self, text: str) -> Pieces:
        """Behind the closing tag: line breaks go, the first line's indent stays."""
        body = text.lstrip("\r\n")
        return self._enter(self._answering, body) if body else []

    def _answering(self, text: str) -> Pieces:
        """Everything from here on is answer, tags included."""
        return [("answer", text)] if text else []

    def _enter(self, state: _State, text: str) -> Pieces:
        self._state = state
        return state(text)

    def _take_held(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        return text

    def _hold_spaces(self, spaces: str) -> None:
        if spaces:
            self._spaces.append(spaces)


def _partial_close(text: str) -> int:
    """Length of the longest end of `text` that a closing tag may begin with."""
    start = text.rfind("<", max(0, len(text) - len(CLOSE_TAG) + 1))
    if start >= 0 and CLOSE_TAG.startswith(text[start:]):
        return len(text) - start
    return 0
