"""What the conversation shows of a turn: its question, its thought in a line, its answer."""

from collections.abc import Sequence

from r1local.conversation import Reply, Span, Turn
from r1local.language import N_, _
from r1local.ui.chat.items import Fold, Item, JsonText, MarkdownText, Passage, PlainText, Row
from r1local.ui.safe_text import visible_line
from r1local.ui.votes.text import VoteTable
from r1local.ui.wording import ENDINGS, NOT_VALID, reply_count, thought_for, which

_MOST_VOTE_ROWS = 20
#: What can be done about a reply that didn't end by itself.
_WAYS_ON = {
    "cancelled": N_("/continue lets it go on"),
    "length": N_("/continue lets it go on"),
    "loop": N_("/retry tries another way"),
    "lost": N_("/continue lets it go on"),
}


def turn_items(
    number: int, turn: Turn, mark: Sequence[Item], *, numbered: bool, raw: bool
) -> list[Item]:
    """Return all that is shown of a turn.

    Args:
        number: the turn's, from 1.
        mark: what goes below the question.
        numbered: whether the number stands before the question.
        raw: whether the answer is shown as the model wrote it.
    """
    items: list[Item] = [question_item(number, turn.labelled, numbered=numbered), *mark]
    if turn.voters:
        told = _(
            "{reply_count} voted; /think {number}.1 opens one",
            reply_count=reply_count(len(turn.voters)),
            number=number,
        )
        items.append(Fold(told))
    if turn.reply:
        items += _reply_items(turn.reply, raw=raw)
    elif turn.voters:
        items.append(
            note_item(
                _(
                    "{ending}; {way_on}",
                    ending=_(ENDINGS["lost"]),
                    way_on=_("/edit has the question again"),
                )
            )
        )
    return items


def question_item(number: int, text: str, *, numbered: bool) -> Passage:
    """Return a question, with its turn's number if questions are numbered."""
    return Passage(text, "class:question", f"{number} ❯ " if numbered else "❯ ")


def _reply_items(reply: Reply, *, raw: bool) -> list[Item]:
    items: list[Item] = [Fold(thought_line(reply))] if reply.thinking else []
    if reply.answer:
        items.append(answer_of(reply, raw=raw))
    if reply.valid is False:
        items.append(
            note_item(_("{ending}; {way_on}", ending=_(NOT_VALID), way_on=_(_WAYS_ON["loop"])))
        )
    if ending := ending_of(reply.reason):
        items.append(note_item(ending))
    return items


def answer_of(reply: Reply, *, raw: bool) -> MarkdownText | PlainText:
    """Return a reply's answer; `raw` leaves its Markdown as it was written."""
    return answer_item(reply.answer, raw=raw, json=reply.valid is not None)


def answer_item(text: str, *, raw: bool, json: bool) -> MarkdownText | PlainText:
    """Return an answer as Markdown or as it was written; JSON looks the same either way."""
    if json:
        return JsonText(text)
    return PlainText(text, "class:answer") if raw else MarkdownText(text)


def ending_of(reason: str) -> str | None:
    """Return how a reply ended, and what can be done about it; None if it ended by itself."""
    if reason not in ENDINGS:
        return None
    return _("{ending}; {way_on}", ending=_(ENDINGS[reason]), way_on=_(_WAYS_ON[reason]))


def thought_line(reply: Reply) -> str:
    """Return the line that stands for a reply's thought in the conversation."""
    count, seconds = reply.thinking_tokens, reply.thinking_s
    unfinished, edited = reply.thinking_open, bool(reply.edited)
    return thought_for(seconds, count, unfinished=unfinished, edited=edited)


def note_item(text: str) -> Passage:
    """Return a message of r1local's own."""
    return Passage(text, "class:note", spaced=False)


def thought_item(text: str, edited: Sequence[Span] = ()) -> PlainText:
    """Return a thought, with the passages of it that were edited."""
    return PlainText(text, "class:thought", edited)


def thought_of(reply: Reply | None) -> PlainText:
    """Return a reply's thought; an empty one without a reply."""
    return thought_item(reply.thinking, reply.edited) if reply else thought_item("")


class Mark(Passage):
    """Which of several alternatives a turn is."""

    def __init__(self, place: tuple[int, int], others: str) -> None:
        super().__init__(f"{which(place)}  {others}".rstrip(), "class:fold", spaced=False)


class VotesInProgress:
    """The table of a vote in progress."""

    def __init__(self, table: VoteTable) -> None:
        self.handle = table.handle
        self._table = table

    def finished(self, width: int) -> list[Row]:  # noqa: ARG002
        return []

    def live(self, width: int) -> list[Row]:
        lines = self._table.lines(width, _MOST_VOTE_ROWS)
        return [[], *([("class:fold", visible_line(line))] for line in lines)]
