"""Finding words in everything that was asked, thought and answered."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from r1local.conversation import Part, Turn, place
from r1local.errors import SessionError
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.transcript import Transcript
from r1local.sessions.turn_tree import Placed

#: The most characters in an excerpt: before the first word found, and overall.
_BEFORE, _EXCERPT = 30, 160


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that has all the words: its session, its turn (from 1), and an excerpt around one.

    `voter` is the number of the voter whose reply it is, in a vote that another voter won. What is
    not `shown` is in another branch of the conversation.
    """

    session: str
    turn: int
    part: Literal["question"] | Part
    excerpt: str
    voter: int | None = None
    shown: bool = True

    @property
    def place(self) -> str:
        """The turn, and the voter if there is one: what `/think` takes."""
        return place(self.turn, self.voter)


def search_texts(words: Sequence[str], folder: Path | None = None) -> Iterator[Hit]:
    """Yield each question, thought and answer that has all the words, latest used session first.

    They may be parts of words. Neither case nor the form of a character matters: half-width
    forms match full-width ones (Unicode's NFKC). Sessions that can't be read are left out.
    """
    wanted = [_folded(word) for word in words]
    for summary in saved_sessions(folder):
        with suppress(SessionError):
            for each, voter, part, text in _texts_of(read_session(summary.name, folder)):
                folded = _folded(text)
                if all(word in folded for word in wanted):
                    excerpt = _excerpt(text, folded, min(map(folded.find, wanted)))
                    yield Hit(summary.name, each.position, part, excerpt, voter, each.shown)


def _texts_of(
    transcript: Transcript,
) -> Iterator[tuple[Placed, int | None, Literal["question"] | Part, str]]:
    """Yield the texts of all branches; a question that has several replies is yielded once."""
    asked = set()
    for each in sorted(transcript.everything, key=lambda each: (each.position, not each.shown)):
        for voter, part, text in _texts(each.turn):
            if part != "question" or (each.after, text) not in asked:
                yield each, voter, part, text
        asked.add((each.after, each.turn.question))


def _texts(turn: Turn) -> Iterator[tuple[int | None, Literal["question"] | Part, str]]:
    yield None, "question", turn.question
    for voter, reply in turn.distinct_replies:
        yield voter, "thinking", reply.thinking
        yield voter, "answer", reply.answer


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def _excerpt(text: str, folded: str, position: int) -> str:
    """Return the characters of a text around a position in its folded form, on one line."""
    if len(text) != len(folded):  # one character became several, or several became one
        ends = range(len(text))
        position = bisect_right(ends, position, key=lambda end: len(_folded(text[:end]))) - 1
    start = max(0, position - _BEFORE)
    end = start + _EXCERPT
    # Cut between words, where the language has spaces.
    if start:
        start = text.find(" ", start, max(position - 1, start)) + 1 or start
    if end < len(text) and (gap := text.rfind(" ", position, end)) > position:
        end = gap
    line = " ".join(text[start:end].split())
    return "…" * (start > 0) + line + "…" * (end < len(text))
