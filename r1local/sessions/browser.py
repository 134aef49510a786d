"""Sessions as people look for them: by a name or title that they half remember, or by any words."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from r1local.conversation import Turn
from r1local.errors import SessionError
from r1local.sessions.folder import SessionSummary, each_session, is_given_name, read_session
from r1local.sessions.search import Hit, folded, hits_in

#: Letters of a query may be this many times as far apart as they are in it, with a word between.
_APART, _BETWEEN = 2, 6
#: Characters of conversations that are kept in memory from one search to the next.
_MOST_KEPT = 50_000_000


@dataclass(frozen=True, slots=True)
class Match:
    """A session that was looked for; `hit` says where, unless its name or title matches."""

    session: SessionSummary
    hit: Hit | None = None

    @property
    def title(self) -> str:
        """The name that the session was given; or else its first question."""
        named = is_given_name(self.session.name)
        return self.session.name if named or not self.session.title else self.session.title


class SessionBrowser:
    """Searches the sessions again and again; each file is read only once, while there is room.

    Only one thread at a time may use it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: list[SessionSummary] = []
        self._unread = each_session(folder)
        self._turns: dict[str, tuple[Turn, ...]] = {}
        self._kept = 0

    def search(self, query: str, cancelled: Callable[[], bool]) -> Iterator[Match]:
        """Yield the sessions that match, until cancelled: by name and title, then by their texts.

        Without a query, yield all of them, the one used last first. Names and titles are matched
        loosely: those that have the query come first, as they are read, then those that have its
        letters in its order and close to each other. A text must have all words.
        """
        found = set[str]()
        for match in self._by_label(query, cancelled):
            found.add(match.session.name)
            yield match
        words = query.split()
        for session in self._known if words else ():
            if cancelled():
                return
            if session.name not in found and (hit := self._hit(session, words)):
                yield Match(session, hit)

    def turns_of(self, name: str) -> tuple[Turn, ...]:
        """Return what was said in a session; nothing if it can't be read."""
        if name in self._turns:
            return self._turns[name]
        turns: tuple[Turn, ...] = ()
        with suppress(SessionError):
            turns = read_session(name, self._folder).turns
        self._keep(name, turns)
        return turns

    def _by_label(self, query: str, cancelled: Callable[[], bool]) -> Iterator[Match]:
        distance = _distance_from(query)
        loose = []
        for session in self._all(cancelled):
            away = distance(f"{session.title}\n{session.name}")
            if away == 0:
                yield Match(session)
            elif away is not None:
                loose.append((away, session))
        for _away, session in sorted(loose, key=lambda each: each[0]):
            yield Match(session)

    def _all(self, cancelled: Callable[[], bool]) -> Iterator[SessionSummary]:
        """Yield the sessions that are known, and read the others until cancelled."""
        yield from tuple(self._known)
        while not cancelled() and (session := next(self._unread, None)):
            self._known.append(session)
            yield session

    def _hit(self, session: SessionSummary, words: Sequence[str]) -> Hit | None:
        return next(hits_in(session.name, self.turns_of(session.name), words), None)

    def _keep(self, name: str, turns: tuple[Turn, ...]) -> None:
        replies = [reply for turn in turns for _voter, reply in turn.distinct_replies]
        size = sum(len(turn.question) for turn in turns)
        size += sum(len(reply.thinking) + len(reply.answer) for reply in replies)
        if self._kept + size <= _MOST_KEPT:
            self._kept += size
            self._turns[name] = turns


def _distance_from(query: str) -> Callable[[str], int | None]:
    """Return what tells how far a label is from a query: 0 if it has it, None if it is too far."""
    wanted = folded(query.strip())
    letters = [re.escape(letter) for letter in wanted if not letter.isspace()]
    anywhere = re.compile(".*?".join(letters), re.DOTALL)
    # The lookahead finds the closest letters, not only those that begin first.
    each = re.compile(f"(?=({anywhere.pattern}))", re.DOTALL)
    most = len(letters) * _APART + _BETWEEN

    def distance(label: str) -> int | None:
        label = folded(label)
        if wanted in label:
            return 0
        if not anywhere.search(label):
            return None
        closest = min(len(found[1]) for found in each.finditer(label))
        return closest if closest <= most else None

    return distance
