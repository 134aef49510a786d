"""The text of a reply from elsewhere while it arrives: thinking and answer, apart or with tags."""

from r1local.conversation import Part
from r1local.thinking.dialects import Dialect
from r1local.thinking.splitter import Pieces, Start, ThinkSplitter

#: The end of a thought that a server keeps apart: a character that no text contains.
_END = "\udc00"
_APART = Dialect(("\udc01",), _END)
#: About as many characters have one token; a message of a stream has at least one.
_TOKEN = 8


class ReplyParts:
    """A splitter of a reply whose thought comes apart, or inside the text with tags.

    Whichever comes first decides. A thought that comes after the answer has begun is shown with
    the answer, so that nothing is lost.

    Args:
        start: where the prompt leaves the reply.
        dialect: the tags in the text.
    """

    def __init__(self, start: Start, dialect: Dialect) -> None:
        self._splitter = ThinkSplitter(start, dialect)
        self._start = start
        self._apart = False
        self._spoken = start == "answer"
        self._ended = False  # the thought that came apart
        self._blank = ""  # white space after it
        #: The tokens of each part: one for each message, or more where a message has much text.
        self.tokens: dict[Part, int] = {"thinking": 0, "answer": 0}
        self.tail = ""

    @property
    def part(self) -> Part:
        """The part that the next characters most likely belong to."""
        return self._splitter.part

    @property
    def thinking_open(self) -> bool:
        """Whether a thought was begun and has not ended."""
        return self._splitter.thinking_open

    def feed(self, thinking: str, text: str) -> Pieces:
        """Take what a message brings; return the text whose part is now certain."""
        pieces: Pieces = []
        if thinking:
            if not self._apart and not self._spoken:
                self._apart = True
                begun = self._start == "thinking"
                self._splitter = ThinkSplitter("thinking" if begun else "open", _APART)
            pieces += self._take(thinking)
        if text and self._apart and not self._ended:
            self._blank += text
            if text.strip():
                self._ended = True
                pieces += self._take(_END + self._blank)
            else:  # which may go on for ever
                self.tokens["answer"] += max(1, len(text) // _TOKEN)
        elif text:
            pieces += self._take(text)
        return pieces

    def flush(self) -> Pieces:
        """End the reply: what was held back is text after all."""
        return self._given(self._splitter.flush())

    def _take(self, text: str) -> Pieces:
        self.tail = (self.tail + text)[-8:]
        before = self._splitter.part
        pieces = self._given(self._splitter.feed(text))
        self._count(before, max(1, len(text) // _TOKEN), ends=text[:1] == _END)
        return pieces

    def _count(self, before: Part, count: int, *, ends: bool) -> None:
        """Count tokens; everything up to an opening tag is thinking, and so is a closing one."""
        if before == "answer" and self.part == "thinking":
            counted = self.tokens["thinking"] + self.tokens["answer"]
            self.tokens = {"thinking": counted + count, "answer": 0}
        else:
            self.tokens["answer" if ends else before] += count

    def _given(self, pieces: Pieces) -> Pieces:
        self._spoken = self._spoken or bool(pieces)
        clean: Pieces = [(part, text.replace(_END, "")) for part, text in pieces]
        return [each for each in clean if each[1]]
