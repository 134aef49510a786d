"""The picker of sessions: what is listed and previewed is read in threads, while people type."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import PurePath
from time import monotonic

from r1local.chat.latest_job import LatestJob
from r1local.conversation import Reply, Turn
from r1local.language import _
from r1local.sessions.browser import Match, SessionBrowser
from r1local.ui.chat.picker import Entry, Picker
from r1local.ui.chat.view import ChatView
from r1local.ui.wording import session_count, turn_count

#: How often the list grows while sessions are being read, in seconds.
_SHOWN_EVERY_S = 0.05
#: How much of a session a preview has: drawing more would hold up the keys.
_MOST_TURNS, _MOST_CHARACTERS = 5, 4_000
#: The most characters of a line about a session: anybody may have written the file.
_LONGEST_ABOUT = 300


class SessionPicker:
    """Passes between the sessions on the disk and the picker on the screen.

    Args:
        current: the name of the session that is open.
        post: has something done in the screen's thread; callable from any thread.
        copy: copies a text that was selected with the mouse.
        taken: called with the name of the session chosen, or None if none was.
        failed: called with what went wrong in a thread, which is a bug.
    """

    def __init__(
        self,
        current: str,
        post: Callable[[Callable[[], None]], None],
        copy: Callable[[str], None],
        taken: Callable[[str | None], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self._current = current
        self._post = post
        self.copy_selection = copy
        self._taken = taken
        self._searching = LatestJob(failed)
        self._previewing = LatestJob(failed)
        self._browser = SessionBrowser()
        self._found: dict[str, Match] = {}
        self.picker = Picker(session_count, self)

    # As the picker's actions

    def search(self, text: str) -> None:
        """List the sessions that match, as they are found."""

        def job(cancelled: Callable[[], bool]) -> None:
            matches: list[Match] = []
            shown = 0.0
            for match in self._browser.search(text, cancelled):
                matches.append(match)
                if monotonic() - shown >= _SHOWN_EVERY_S:
                    shown = monotonic()
                    self._show(text, matches, _("so far"))
            if not cancelled():
                self._show(text, matches)

        self._searching.ask(job)

    def preview(self, key: str, text: str) -> None:
        """Show the end of a session, or where it has the words."""
        match = self._found[key]

        def job(cancelled: Callable[[], bool]) -> None:
            turns = SessionBrowser().turns_of(key)
            if not cancelled():
                self._post(lambda: self._show_preview(match, turns, text))

        self._previewing.ask(job)

    def take(self, key: str) -> None:
        """Choose a session; nothing changes if it is the one that is open."""
        self._end(None if key == self._current else key)

    def leave(self) -> None:
        """Choose none."""
        self._end(None)

    def _end(self, name: str | None) -> None:
        self._searching.ask(None)
        self._previewing.ask(None)
        self._taken(name)

    def _show(self, text: str, matches: Sequence[Match], told: str = "") -> None:
        """Show what was found by a text so far, unless another one is there by now."""
        found = {match.session.name: match for match in matches}
        entries = [self._entry(match) for match in matches]

        def show() -> None:
            if self.picker.buffer.text == text:
                self._found = found
                self.picker.show(entries, told)

        self._post(show)

    def _entry(self, match: Match) -> Entry:
        here = _("open here · ") if match.session.name == self._current else ""
        return Entry(match.session.name, match.title, used(match), here + about(match))

    def _show_preview(self, match: Match, turns: Sequence[Turn], text: str) -> None:
        hit = match.hit
        first = hit.turn - 1 if hit else max(len(turns) - _MOST_TURNS, 0)
        view = ChatView()
        view.show_turns([_shortened(turn) for turn in turns[first : first + _MOST_TURNS]], 0)
        # The words may be anywhere in the text: the pane can only go to one of them.
        word = text.split()[0] if text.split() else ""
        self.picker.show_preview(view.conversation.items, word, at_words=hit is not None)


def used(match: Match) -> str:
    """Return when a session was used last, in local time."""
    return f"{match.session.last_used.astimezone():%Y-%m-%d %H:%M}"


def about(match: Match) -> str:
    """Return a line about a session: its model, and where the words are or how long it is."""
    session, hit = match.session, match.hit
    model = session.model or ""
    facts = [PurePath(model).name if model.endswith(".gguf") else model] if model else []
    if hit:
        part = _("thought") if hit.part == "thinking" else hit.part_words
        facts.append(f"{part} {hit.place}: {hit.excerpt}")
        return " · ".join(facts)[:_LONGEST_ABOUT]
    is_readable = session.title or session.model  # all of it may have been taken back
    facts.append(turn_count(session.turns) if is_readable else _("can't be read"))
    if match.title != session.title and session.title:
        facts.append(session.title)
    return " · ".join(facts)[:_LONGEST_ABOUT]


def described(match: Match) -> str:
    """Return a session's title and what there is to say about it, in one line."""
    return f"{match.title}  {used(match)} · {about(match)}"


def _shortened(turn: Turn) -> Turn:
    """Return the beginnings of a turn's texts."""
    reply: Reply | None = turn.reply
    if reply:
        reply = replace(reply, answer=reply.answer[:_MOST_CHARACTERS])
    return replace(turn, question=turn.typed[:_MOST_CHARACTERS], shown=None, reply=reply)
