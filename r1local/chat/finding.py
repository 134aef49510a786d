"""Finding words in a conversation, one place after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from r1local.conversation import Part, Reply, Turn, place
from r1local.language import _
from r1local.sessions.search import excerpt

_PARTS = ("question", "thinking", "answer")


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that has the words.

    Args:
        turn: the turn's number, from 1.
        voter: the number of the voter whose reply it is, in a vote that another voter won.
        reply: the reply; None for a question.
        nth: which of the occurrences in this text it is, from 0.
        excerpt: the text around it, on one line.
    """

    turn: int
    voter: int | None
    part: Literal["question"] | Part
    reply: Reply | None
    nth: int
    excerpt: str

    @property
    def key(self) -> "Key":
        """Where it is among all others, in the order in which they are read."""
        return self.turn, self.voter or 0, _PARTS.index(self.part), self.nth

    @property
    def name(self) -> str:
        """The place in words: `thought 3`, `answer 2.1`."""
        part = _("thought") if self.part == "thinking" else _(self.part)
        return f"{part} {place(self.turn, self.voter)}"


Key: TypeAlias = tuple[int, int, int, int]
#: What comes before all places.
START: Key = (0, 0, 0, 0)


@dataclass(slots=True)
class Finding:
    """What was looked for last, and where it was found."""

    words: str = ""
    at: Key = START

    def go(self, turns: Sequence[Turn], step: int) -> tuple[Hit, int, int] | None:
        """Go to the next place, or with -1 to the one before; after the last comes the first.

        Returns:
            The place, its number among all of them, from 1, and how many there are; None if there
            is none.
        """
        hits = _hits(turns, self.words)
        if not hits:
            return None
        hit = _neighbour(hits, self.at, step)
        self.at = hit.key
        return hit, hits.index(hit) + 1, len(hits)


def _neighbour(hits: Sequence[Hit], key: Key, step: int) -> Hit:
    if step > 0:
        return next((hit for hit in hits if hit.key > key), hits[0])
    return next((hit for hit in reversed(hits) if hit.key < key), hits[-1])


def _hits(turns: Sequence[Turn], words: str) -> list[Hit]:
    """Return all places that have the words, in the order in which they are read."""
    wanted = words.casefold()
    found = []
    for number, turn in enumerate(turns, 1):
        texts: list[tuple[int | None, Literal["question"] | Part, Reply | None, str]]
        texts = [(None, "question", None, turn.labelled)]
        for voter, reply in turn.distinct_replies:
            texts.append((voter, "thinking", reply, reply.thinking))
            texts.append((voter, "answer", reply, reply.answer))
        for voter, part, of, text in texts:
            shape = text.casefold()
            for nth, start in enumerate(_starts(shape, wanted)):
                found.append(Hit(number, voter, part, of, nth, excerpt(text, shape, start)))
    return sorted(found, key=lambda hit: hit.key)


def _starts(text: str, wanted: str) -> list[int]:
    starts = []
    start = text.find(wanted)
    while start >= 0:
        starts.append(start)
        start = text.find(wanted, start + len(wanted))
    return starts
