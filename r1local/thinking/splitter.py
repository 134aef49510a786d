"""Splitting a reply into its thinking and its answer while it streams.

R1 writes `<think>`, its thought, `</think>` and its answer as one text. The rules
here say which characters belong to the thought, to the answer and to the tags;
`tests/thinking/test_splitter.py` names each of them. The tags of other families are
data (`dialects`). Tags that are tokens arrive as single characters of their own.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from r1local.conversation import Part
from r1local.thinking.dialects import R1, Dialect, is_mark

Pieces: TypeAlias = list[tuple[Part, str]]
#: A function, not a bound method: a splitter that holds itself would outlive its reply until the
#: garbage collector comes.
_State: TypeAlias = Callable[["ThinkSplitter", str], Pieces]

#: Where the rendered prompt leaves the reply: inside a thought that the prompt has
#: opened, after a thought that the prompt has closed, or before any. A reply that was cut
#: and goes on may also start in the middle of its thinking or of its answer.
Start = Literal["open", "closed", "none", "thinking", "answer"]


def start_of_reply(prompt: str, dialect: Dialect = R1) -> Start:
    """Return where the reply starts, according to the end of the prompt.

    Chat templates differ by the date of the file, not by the model: those of
    January 2025 end with the assistant tag, later ones with `<think>` and a line
    break. If the user's text can end the prompt, the caller has to keep tags out of it.
    """
    tail = prompt.rstrip()
    if tail.endswith(dialect.openings):
        return "open"
    if tail.endswith((dialect.closing, *dialect.answer_openings)):
        return "closed"
    return "none"


class ThinkSplitter:
    """A machine that cuts a stream of text into thinking and answer.

    `feed` takes time in proportion to the text it is given, however much came
    before. Text is held back only while it may still turn out to be a tag, or
    white space next to one.

    Args:
        start: where the prompt leaves the reply.
        dialect: the tags, in which a token may be a character of its own.
    """

    def __init__(self, start: Start, dialect: Dialect = R1) -> None:
        states: dict[Start, _State] = {
            "open": ThinkSplitter._opening,
            "thinking": ThinkSplitter._thinking,
            "answer": ThinkSplitter._answering,
        }
        self._state: _State = states.get(start, ThinkSplitter._before)
        self._openings, self._closing = dialect.openings, dialect.closing
        self._answer_openings = dialect.answer_openings
        self._answer_closing = dialect.answer_closing
        stray = (dialect.closing,) if start == "closed" else ()
        self._at_first = (*dialect.openings, *dialect.answer_openings, *stray)
        reopenings = dialect.openings if dialect.reopens else ()
        # Text may quote a tag, but a token can't: a second one after the thought is a slip.
        again = (dialect.closing,) if is_mark(dialect.closing[0]) and not stray else ()
        self._at_answer = (*dialect.answer_openings, *reopenings, *again)
        self._nested_open_allowed = True
        self._thought_begun = start == "thinking"
        self._held = ""
        self._pending: list[str] = []
        self._thinking_open = start in ("open", "thinking")
        self._part: Part = "thinking" if self._thinking_open else "answer"

    @property
    def part(self) -> Part:
        """The part that the next characters most likely belong to, for counting tokens."""
        return self._part

    @property
    def thinking_open(self) -> bool:
        """Whether a thought was opened and has not been closed."""
        return self._thinking_open

    @property
    def inside_tag(self) -> bool:
        """Whether a tag of several tokens has begun."""
        return bool(self._held) and is_mark(self._held[0])

    def feed(self, text: str) -> Pieces:
        """Take the next characters of the reply, and return the text whose part is now certain."""
        return self._state(self, text)

    def flush(self) -> Pieces:
        """End the reply: what was held back is text after all, except half a tag of tokens."""
        if self._state is ThinkSplitter._wrapped_up:
            self._pending = []
        if self.inside_tag:
            self._held = ""
        held = "".join(self._pending) + self._held
        self._pending, self._held = [], ""
        return [(self._part, held)] if held else []

    def _before(self, text: str) -> Pieces:
        """Wait for a tag or any other text; so far there was nothing but white space."""
        text = self._take_held(text)
        body = text.lstrip()
        tag = _tag_at_start(body, self._at_first)
        if tag is None:
            pending, self._pending = "".join(self._pending), []
            return self._enter(ThinkSplitter._answering, pending + text)
        if not tag:
            self._hold(text[: len(text) - len(body)])
            self._held = body
            return []
        self._pending = []
        if tag in self._openings:
            return self._open(body[len(tag) :])
        return self._enter(ThinkSplitter._closed, body[len(tag) :])

    def _open(self, text: str) -> Pieces:
        self._thinking_open, self._part = True, "thinking"
        return self._enter(ThinkSplitter._opening, text)

    def _opening(self, text: str) -> Pieces:
        """Skip the white space after the opening tag, and a second tag."""
        body = self._take_held(text).lstrip()
        if self._nested_open_allowed:
            tag = _tag_at_start(body, self._openings)
            if tag:
                self._nested_open_allowed = False
                return self._enter(ThinkSplitter._opening, body[len(tag) :])
            if tag is not None:
                self._held = body
                return []
        return self._enter(ThinkSplitter._thinking, body) if body else []

    def _thinking(self, text: str) -> Pieces:
        """Wait for the closing tag inside the thought."""
        pieces, after = self._until(self._closing, text)
        if pieces:
            self._thought_begun = True
        if after is None:
            return pieces
        self._pending = []
        self._thinking_open, self._part = False, "answer"
        return pieces + self._enter(ThinkSplitter._closed, after)

    def _closed(self, text: str) -> Pieces:
        """Skip line breaks after the closing tag, but keep the indent of the first line.

        Waits for the tag before the answer, for another thought where there may be one, and for
        another closing token, which is dropped.
        """
        body = self._take_held(text).lstrip("\r\n")
        if not body:
            return []
        bare = body.lstrip()
        tag = _tag_at_start(bare, self._at_answer)
        if tag is None:
            return self._enter(ThinkSplitter._answering, body)
        if not tag:
            self._held = body
            return []
        if tag in self._answer_openings:
            self._at_answer = ()
            return self._enter(ThinkSplitter._closed, bare[len(tag) :])
        if tag == self._closing:
            self._at_answer = tuple(each for each in self._at_answer if each != tag)
            return self._enter(ThinkSplitter._closed, bare[len(tag) :])
        self._hold("\n\n" if self._thought_begun else "")
        return self._open(bare[len(tag) :])

    def _answering(self, text: str) -> Pieces:
        """Take everything from here on as the answer, tags included, except those around it."""
        if not self._answer_closing:
            return [("answer", text)] if text else []
        pieces, after = self._until(self._answer_closing, text)
        if after is None:
            return pieces
        self._hold(self._answer_closing)
        return pieces + self._enter(ThinkSplitter._wrapped_up, after)

    def _wrapped_up(self, text: str) -> Pieces:
        """Wait after the answer's closing tag, which is text if any other text follows it."""
        if text.strip():
            return self._enter(ThinkSplitter._answering, text)
        self._hold(text)
        return []

    def _until(self, tag: str, text: str) -> tuple[Pieces, str | None]:
        """Give out the text before a tag; also return the text after the tag, if it has come."""
        text = self._take_held(text)
        end = text.find(tag)
        if end >= 0:
            return self._give(text[:end]), text[end + len(tag) :]
        cut = _partial_tag(text, tag)
        self._held = text[cut:]
        return self._give(text[:cut]), None

    def _give(self, text: str) -> Pieces:
        """Give out text, except for white space that a closing tag may follow."""
        body = text.rstrip()
        if not body:
            self._hold(text)
            return []
        pieces: Pieces = [(self._part, "".join(self._pending) + body)]
        self._pending = []
        self._hold(text[len(body) :])
        return pieces

    def _enter(self, state: _State, text: str) -> Pieces:
        self._state = state
        return state(self, text)

    def _take_held(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        return text

    def _hold(self, text: str) -> None:
        if text:
            self._pending.append(text)


def _tag_at_start(text: str, tags: Sequence[str]) -> str | None:
    """Return the tag that a text begins with, "" if it may still become one, None if it can't."""
    for tag in tags:
        if text.startswith(tag):
            return tag
    return "" if any(tag.startswith(text) for tag in tags) else None


def _partial_tag(text: str, tag: str) -> int:
    """Return where the end of `text` may be the beginning of the tag, or else its length."""
    place = text.find(tag[0], max(0, len(text) - len(tag) + 1))
    while place >= 0:
        if tag.startswith(text[place:]):
            return place
        place = text.find(tag[0], place + 1)
    return len(text)
