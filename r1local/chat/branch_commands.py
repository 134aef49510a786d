"""What the slash commands about branches do: replies and questions in place of others."""

from collections.abc import Sequence
from functools import partial

from r1local.chat.chat import Chat
from r1local.chat.choices import Option
from r1local.chat.slash import whole_number
from r1local.conversation import Turn
from r1local.errors import UsageError
from r1local.language import _
from r1local.ui.wording import turn_count

_STEPS = {"previous": -1, "next": 1}
#: The most characters of an answer in the list.
_EXCERPT = 40


def redo(chat: Chat, _argument: str) -> None:
    """Show the turn again that was undone last."""
    number = chat.dialogue.recorder.transcript.undone
    if number is None:
        raise UsageError(_("nothing was taken back here"), _("/branches lists what else there is"))
    chat.show(number)


def branches(chat: Chat, argument: str) -> None:
    """List the branches, or show one; or show the alternative beside the one that is shown."""
    transcript = chat.dialogue.recorder.transcript
    found = transcript.branches
    if argument in _STEPS:
        _show_beside(chat, _STEPS[argument])
    elif argument:
        number = whole_number(argument, "/branches 1")
        if not 0 < number <= len(found):
            raise UsageError(
                _("there is no branch {number}", number=number), _("/branches lists them")
            )
        chat.show(found[number - 1][-1])
    elif len(found) < 2:
        hint = _("/retry, /rethink, and /edit or /undo with another question begin one")
        raise UsageError(_("there are no other branches"), hint)
    else:
        told = _("the conversation has {count} branches", count=len(found))
        chat.offer(told, *(_option(chat, numbers) for numbers in found))


def _show_beside(chat: Chat, step: int) -> None:
    """Show the next alternative to the last turn that has some, or the one before: -1."""
    transcript = chat.dialogue.recorder.transcript
    having = [
        (number, place)
        for number, (place, count) in zip(transcript.numbers, transcript.alternatives, strict=True)
        if count > 1
    ]
    if not having:
        raise UsageError(_("there is no alternative to what is shown"), _("/retry asks for one"))
    number, place = having[-1]
    beside = transcript.beside(number)
    if not 0 < place + step <= len(beside):
        which = _("last") if step > 0 else _("first")
        raise UsageError(
            _("this is the {which} of {count}", which=which, count=len(beside)),
            _("/branches lists all branches"),
        )
    chat.show(transcript.end_from(beside[place + step - 1]))


def _option(chat: Chat, numbers: Sequence[int]) -> Option:
    transcript = chat.dialogue.recorder.transcript
    turns = turn_count(len(numbers))
    shown = _(" (shown)") if tuple(numbers) == transcript.numbers else ""
    told = f"{turns}{shown}: {_excerpt(transcript.turn(numbers[-1]))}"
    return Option(told, partial(chat.show, numbers[-1]))


def _excerpt(turn: Turn) -> str:
    """Return how a turn begins: its question, and its answer or its thought."""
    reply = turn.reply
    words = " ".join((reply.answer or reply.thinking)[: 4 * _EXCERPT].split()) if reply else ""
    if len(words) > _EXCERPT:
        words = words[: _EXCERPT - 1] + "…"
    return (
        f"{turn.headline} → {words}"
        if words
        else _("{question} → no reply", question=turn.headline)
    )
