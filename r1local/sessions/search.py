"""Finding words in everything that was asked, thought and answered."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from r1local.conversation import PART_WORDS, Part, Turn, place
from r1local.errors import SessionError
from r1local.language import _
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
    def part_words(self) -> str:
        """What kind of text it is, in words."""
        return _("question") if self.part == "question" else _(PART_WORDS[self.part])

    @property
    def place(self) -> str:
        """The turn, and the voter if there is one: what `/think` takes."""
        return place(self.turn, self.voter)


def search_texts(words: Sequence[str], folder: Path | None = None) -> Iterator[Hit]:
    """Yield each question, thought and answer that has all the words, latest used session first.

    They may be parts of words. Neither case nor the form of a character matters: half-width
    forms match full-width ones (Unicode's NFKC). Sessions that can't be read are left out.
    """
    for summary in saved_sessions(folder):
        with suppress(SessionError):
            asked = set()
            for each in _in_order(read_session(summary.name, folder)):
                for hit in hits_in(summary.name, [each.turn], words):
                    # A question that has several replies is found once.
                    if hit.part != "question" or (each.after, each.turn.question) not in asked:
                        yield replace(hit, turn=each.position, shown=each.shown)
                asked.add((each.after, each.turn.question))


def _in_order(transcript: Transcript) -> list[Placed]:
    """Return the turns of all branches by their places, those that are shown first."""
    return sorted(transcript.everything, key=lambda each: (each.position, not each.shown))


def hits_in(session: str, turns: Iterable[Turn], words: Sequence[str]) -> Iterator[Hit]:
    """Yield the texts of a session that have all the words, which match as in `search_texts`."""
    wanted = [folded(word) for word in words]
    for number, turn in enumerate(turns, 1):
        for voter, part, text in texts_of(turn):
            shape = folded(text)
            if all(word in shape for word in wanted):
                shown = excerpt(text, shape, min(map(shape.find, wanted)))
                yield Hit(session, number, part, shown, voter)


def texts_of(turn: Turn) -> Iterator[tuple[int | None, Literal["question"] | Part, str]]:
    """Yield a turn's question, and the thoughts and answers of its replies with their voters."""
    yield None, "question", turn.question
    for voter, reply in turn.distinct_replies:
        yield voter, "thinking", reply.thinking
        yield voter, "answer", reply.answer


def folded(text: str) -> str:
    """Return a text in the form in which it is compared."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).casefold()


def excerpt(text: str, shape: str, position: int) -> str:
    """Return the characters of a text around a position in its folded form, on one line."""
    if len(text) != len(shape):  # one character became several, or several became one
        ends = range(len(text))
        position = bisect_right(ends, position, key=lambda end: len(folded(text[:end]))) - 1
    start = max(0, position - _BEFORE)
    end = start + _EXCERPT
    # Cut between words, where the language has spaces.
    if start:
        start = text.find(" ", start, max(position - 1, start)) + 1 or start
    if end < len(text) and (gap := text.rfind(" ", position, end)) > position:
        end = gap
    line = " ".join(text[start:end].split())
    return "…" * (start > 0) + line + "…" * (end < len(text))
