"""Renderers of a vote's events: a live table and the answer, or JSON for programs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Literal, Protocol, TypeAlias, assert_never

from rich.console import Console

from r1local.config.options import OutputFormat
from r1local.events.reply import AnswerDelta, Notice, Reading, ThinkingDelta
from r1local.events.vote import (
    Candidate,
    Paused,
    TallyUpdate,
    VoteEvent,
    VoteResult,
    VoterEvent,
    VoterReply,
)
from r1local.language import N_, _, _n
from r1local.ui.cells import cell_len, cut, fitted
from r1local.ui.console import can_repaint, print_note, print_notice
from r1local.ui.live_rows import LiveRows, live_line
from r1local.ui.safe_text import visible
from r1local.ui.votes.json import JsonLinesVotes, JsonVotes
from r1local.ui.wording import ENDINGS, reply_count

_INTERVAL_S = 1 / 10
#: Most candidates in the live table and the tally, and cells of the longest bar.
_MOST_CANDIDATES, _LONGEST_BAR = 8, 20
#: Most terminal cells for an answer in the table and the tally.
_ANSWER_CELLS = 40

_State: TypeAlias = Literal["thinking", "answering", "paused", "done", "no answer"]

#: Those that are shown.
_AT_WORK = (N_("thinking"), N_("answering"), N_("paused"))


class VoteRenderer(Protocol):
    """Renderer of the events of one vote, which it receives in order."""

    def handle(self, event: VoteEvent) -> None:
        """Show or write one event."""

    def close(self) -> None:
        """Leave the streams in order; called after `VoteResult` or an exception, maybe twice."""


def vote_renderer_for(
    out: Console,
    err: Console,
    *,
    output_format: OutputFormat,
    with_thinking: bool,
    answer_only: bool,
    votes: int,
    model: str,
    clock: Callable[[], float] = monotonic,
) -> VoteRenderer:
    """Return the renderer of one vote.

    Args:
        out: the console of standard output, for the winning answer.
        err: the console of standard error, for the live table, the tally and notices.
        output_format: text to read, one JSON object, or one JSON object for each event.
        with_thinking: include the thoughts in JSON, and keep the tally on the terminal.
        answer_only: print nothing but the final answer; applies to the text format.
        votes: the number of voters.
        model: the model's name in the JSON object.
        clock: returns the time in seconds, to limit repainting.
    """
    match output_format:
        case "json":
            return JsonVotes(out.file, err, model, with_thinking)
        case "jsonl":
            return JsonLinesVotes(out.file, with_thinking)
        case "text":
            table = LiveVotes(err, votes, clock) if can_repaint(err) else None
            return TextVotes(out, err, table, answer_only, with_tally=with_thinking)
        case _:
            assert_never(output_format)


class TextVotes:
    """Renderer of text for people: a live table, then the winning answer and the tally."""

    def __init__(
        self,
        out: Console,
        err: Console,
        table: "LiveVotes | None",
        answer_only: bool,
        *,
        with_tally: bool,
    ) -> None:
        self._out = out
        self._err = err
        self._table = table
        self._answer_only = answer_only
        self._with_tally = with_tally and err.is_terminal

    def handle(self, event: VoteEvent) -> None:
        """Show one event."""
        if isinstance(event, Notice):
            self.close()
            print_notice(self._err, event.message)
        elif isinstance(event, VoteResult):
            self.close()
            self._show(event)
        elif self._table and not isinstance(event, Reading):  # which `ui.reading` shows
            self._table.handle(event)

    def close(self) -> None:
        """Remove the table; a failing stream has been reported already."""
        if self._table:
            with suppress(OSError, ValueError):
                self._table.clear()

    def _show(self, elected: VoteResult) -> None:
        if elected.winner:
            reply = elected.winner.reply
            answer = elected.answer if self._answer_only else reply.answer
            self._write(answer or "", json=reply.valid is not None)
            if reply.reason == "length":  # as for a single reply: it would look whole
                print_notice(self._err, _(ENDINGS["length"]))
        if self._with_tally:
            for line in tally_lines(elected):
                print_note(self._err, line)

    def _write(self, answer: str, *, json: bool) -> None:
        out = self._out
        if can_repaint(out) and not self._answer_only:
            from r1local.ui.markdown.view import MarkdownView  # as in `replies.text`

            view = MarkdownView(out, monotonic, json=json)
            view.feed(answer)
            view.close()
            return
        text = visible(answer) if out.is_terminal else answer
        out.file.write(text if text.endswith("\n") else text + "\n")
        out.file.flush()


def tally_lines(elected: VoteResult) -> list[str]:
    """Return the lines of a tally, the winner first, and why the vote ended early if it did."""
    without = elected.finished - sum(one.votes for one in elected.candidates)
    lines = [f"{one_line(one.answer)} · {_votes(one.votes)}" for one in elected.candidates]
    lines = _shortened(lines)
    invalid = sum(ballot.reply.valid is False for ballot in elected.ballots)
    if invalid:
        lines.append(_("not valid by the schema · {invalid:,}", invalid=invalid))
    if without > invalid:
        lines.append(_("without an answer · {without:,}", without=without - invalid))
    speed = _(
        "{tokens:,} tokens, {tokens_per_s:,.0f} per second",
        tokens=elected.tokens,
        tokens_per_s=elected.tokens_per_s,
    )
    why = {
        "complete": "",
        "decided": _(", then the outcome was certain"),
        "confident": _(", then the leader was likely enough to stay ahead"),
        "cancelled": _(", then the vote was stopped"),
    }[elected.ended]
    return [*lines, f"{reply_count(elected.finished)}{why} · {speed}"]


def one_line(answer: str) -> str:
    """Return an answer as one line, shortened to fit a table."""
    line = " ".join(answer.split())
    if cell_len(line) <= _ANSWER_CELLS:
        return line
    return cut(line, _ANSWER_CELLS - 1).rstrip() + "…"


def _votes(count: int) -> str:
    return _n("{count:,} vote", "{count:,} votes", count)


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _MOST_CANDIDATES:
        return list(lines)
    shown = lines[: _MOST_CANDIDATES - 1]
    return [*shown, _("{count} more answers", count=len(lines) - len(shown))]


class LiveVotes:
    """The table of a vote, repainted while it lasts."""

    def __init__(self, err: Console, votes: int, clock: Callable[[], float]) -> None:
        self._err = err
        self._clock = clock
        self._table = VoteTable(votes, clock)
        self._rows = LiveRows(err)
        self._painted = False
        self._next_paint = clock()

    def handle(self, event: VoterEvent | Paused | VoterReply | TallyUpdate) -> None:
        """Update the table with an event, and repaint it now and then."""
        self._table.handle(event)
        if (now := self._clock()) >= self._next_paint:
            self._next_paint = now + _INTERVAL_S
            lines = self._table.lines(self._err.width - 1, self._err.height - 1)
            self._rows.update([], [live_line(self._err, line) for line in lines])
            self._painted = True

    def clear(self) -> None:
        """Remove the table until it is painted again."""
        if self._painted:
            self._rows.update([], [])
        self._painted = False


class VoteTable:
    """The candidates of a vote while it lasts, and what each voter is doing.

    Args:
        votes: the number of voters.
        clock: returns the time in seconds.
    """

    def __init__(self, votes: int, clock: Callable[[], float] = monotonic) -> None:
        self._votes = votes
        self._clock = clock
        self._started = clock()
        self._states: dict[int, _State] = {}
        self._thinking: dict[int, int] = {}
        self._answering: dict[int, int] = {}
        self._candidates: tuple[Candidate, ...] = ()

    def handle(self, event: VoterEvent | Paused | VoterReply | TallyUpdate) -> None:
        """Update the table with an event."""
        match event:
            case VoterEvent(voter, ThinkingDelta(_, tokens)):
                self._states[voter], self._thinking[voter] = "thinking", tokens
            case VoterEvent(voter, AnswerDelta(_, tokens)):
                self._states[voter], self._answering[voter] = "answering", tokens
            case VoterEvent():
                pass
            case Paused(voter):
                self._states[voter] = "paused"
            case VoterReply():
                answered = event.final_answer is not None
                self._states[event.voter] = "done" if answered else "no answer"
            case TallyUpdate(candidates):
                self._candidates = candidates
            case _:
                assert_never(event)

    def lines(self, width: int, height: int) -> list[str]:
        """Return the table's lines, at most `height` of them, for a terminal `width` cells wide.

        Control characters in answers are left as they are.
        """
        tokens = sum(self._thinking.values()) + sum(self._answering.values())
        voted = sum(candidate.votes for candidate in self._candidates)
        head = _(
            "{voted:,} of {votes:,} votes · {tokens:,} tokens",
            voted=voted,
            votes=self._votes,
            tokens=tokens,
        )
        if (seconds := self._clock() - self._started) > 1:
            head += _(" · {tokens:,.0f} tokens/s", tokens=tokens / seconds)
        lines = [*self._candidate_lines(), *self._voter_lines(width)]
        return [head, *lines[: max(1, height - 1)]]

    def _candidate_lines(self) -> list[str]:
        answers = [one_line(candidate.answer) for candidate in self._candidates]
        width = max(map(cell_len, answers), default=0)
        most = self._candidates[0].votes if self._candidates else 1
        lines = [
            f"{fitted(answer, width)}  {_bar(candidate.votes, most)} {candidate.votes}"
            for answer, candidate in zip(answers, self._candidates, strict=True)
        ]
        return _shortened(lines)

    def _voter_lines(self, columns: int) -> list[str]:
        """Return lines with the voters at work, several per line, and the number waiting."""
        cells = [
            f"#{voter} {_(state)} {self._thinking.get(voter, 0) + self._answering.get(voter, 0):,}"
            for voter, state in sorted(self._states.items())
            if state in _AT_WORK
        ]
        if waiting := self._votes - len(self._states):
            cells.append(_("{waiting:,} waiting", waiting=waiting))
        width = max(map(cell_len, cells), default=1) + 2
        per_line = max(1, columns // width)
        return [
            "".join(fitted(cell, width) for cell in cells[start : start + per_line]).rstrip()
            for start in range(0, len(cells), per_line)
        ]


def _bar(votes: int, most: int) -> str:
    return "█" * max(1, votes * min(most, _LONGEST_BAR) // most)
