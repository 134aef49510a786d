"""The text of a reply while its tokens arrive: bytes to characters to thinking and answer."""

import codecs
from collections.abc import Callable, Iterable

from r1local.conversation import Part
from r1local.thinking.dialects import Tags
from r1local.thinking.splitter import Pieces, Start, ThinkSplitter

#: Ends of sentences: those that a space has to follow, and those that need none.
_STOPS, _WIDE_STOPS = (".", "!", "?", "…"), ("。", "！", "？", "\n")
_CLOSING_MARKS = "\"'”’)]*_`"


class ReplyText:
    """A decoder of tokens that gives out characters as soon as it is sure of them.

    An incremental UTF-8 decoder turns bytes into text, and the splitter divides the text into
    thinking and answer. Tokens of tags skip the decoder, as marks. The result depends only on
    the tokens, so a reply that is cut back can be read again up to the cut.

    Args:
        start: where the prompt leaves the reply.
        tags: the tags of thoughts in the vocabulary.
        piece: returns the bytes that a token stands for.
        tokens: tokens to begin with.
    """

    def __init__(
        self,
        start: Start,
        tags: Tags,
        piece: Callable[[int], bytes],
        tokens: Iterable[int] = (),
    ) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._splitter = ThinkSplitter(start, tags.dialect)
        self._marks, self._shown = tags.marks, tags.shown
        self._piece = piece
        self._thought_begun = start == "thinking"
        self._tail = ""
        #: The tokens of each part, with tags counted as thinking, and the characters given out.
        self.tokens: dict[Part, int] = {"thinking": 0, "answer": 0}
        self.characters: dict[Part, int] = {"thinking": 0, "answer": 0}
        for token in tokens:
            self.feed(token)

    @property
    def part(self) -> Part:
        """The part that the next characters most likely belong to."""
        return self._splitter.part

    @property
    def thinking_open(self) -> bool:
        """Whether a thought was opened and has not been closed."""
        return self._splitter.thinking_open

    @property
    def thought_blank(self) -> bool:
        """Whether the thought has nothing but white space so far."""
        return not (self._thought_begun or self.characters["thinking"])

    @property
    def cut(self) -> bool:
        """Whether the last token ends inside a UTF-8 character or a tag of several tokens."""
        return bool(self._decoder.getstate()[0]) or self._splitter.inside_tag

    def sentence_ends_before(self, piece: bytes) -> bool:
        """Return whether a sentence or a line has ended if `piece` comes next."""
        return sentence_ends(self._tail, piece[:1].decode("ascii", "replace"))

    def feed(self, token: int) -> tuple[str, Pieces]:
        """Take a token; return the characters it completes, and the text whose part is certain."""
        given = self._marks.get(token)
        if given is None:
            given = text = self._decoder.decode(self._piece(token))
        else:
            self._decoder.reset()
            text = self._shown(given)
        if text:
            self._tail = (self._tail + text)[-4:]
        before = self._splitter.part
        pieces = self._splitter.feed(given)
        self._count(before, self._splitter.part)
        return text, self._give(pieces)

    def flush(self) -> Pieces:
        """End the reply: what was held back is text after all, except half a character."""
        return self._give(self._splitter.flush())

    def _give(self, pieces: Pieces) -> Pieces:
        """Count the characters given out, with marks replaced by what they stand for."""
        given = [(part, self._shown(text)) for part, text in pieces]
        for part, text in given:
            self.characters[part] += len(text)
        return given

    def _count(self, before: Part, after: Part) -> None:
        """Count a token; a closing tag, and everything up to an opening one, counts as thinking."""
        if before == "answer" and after == "thinking":
            counted = self.tokens["thinking"] + self.tokens["answer"]
            self.tokens = {"thinking": counted + 1, "answer": 0}
        else:
            self.tokens[before] += 1


def sentence_ends(text: str, following: str) -> bool:
    """Return whether a sentence or a line ends between a text and the character after it."""
    if text.endswith(_WIDE_STOPS):
        return True
    return following.isspace() and text.rstrip(_CLOSING_MARKS).endswith(_STOPS)
