"""What the slash commands about branches do: replies and questions in place of others."""

from collections.abc import Sequence
from functools import partial

from r1local.chat.chat import Chat, Option
from r1local.chat.slash import whole_number
from r1local.conversation import Turn
from r1local.errors import UsageError

_STEPS = {"previous": -1, "next": 1}
#: The most characters of an answer in the list.
_EXCERPT = 40


def redo(chat: Chat, _argument: str) -> None:
    """Show the turn again that was undone last."""
    number = chat.dialogue.recorder.transcript.undone
    if number is None:
        raise UsageError("nothing was taken back here", "/branches lists what else there is")
    chat.show(number)


def branches(chat: Chat, argument: str) -> None:
    """List the branches, or show one; or show the alternative beside the one that is shown."""
    transcript = chat.dialogue.recorder.transcript
    found = transcript.branches
    if argument in _STEPS:
        show_beside(chat, _STEPS[argument])
    elif argument:
        number = whole_number(argument, "/branches 1")
        if not 0 < number <= len(found):
            raise UsageError(f"there is no branch {number}", "/branches lists them")
        chat.show(found[number - 1][-1])
    elif len(found) < 2:
        hint = "/retry, /rethink, and /edit or /undo with another question begin one"
        raise UsageError("there are no other branches", hint)
    else:
        told = f"the conversation has {len(found)} branches"
        chat.offer(told, *(_option(chat, numbers) for numbers in found))


def show_beside(chat: Chat, step: int) -> None:
    """Show the next alternative to the last turn that has some, or the one before: -1."""
    transcript = chat.dialogue.recorder.transcript
    having = [
        (number, place)
        for number, (place, count) in zip(transcript.numbers, transcript.alternatives, strict=True)
        if count > 1
    ]
    if not having:
        raise UsageError("there is no alternative to what is shown", "/retry asks for one")
    number, place = having[-1]
    beside = transcript.beside(number)
    if not 0 < place + step <= len(beside):
        which = "last" if step > 0 else "first"
        raise UsageError(f"this is the {which} of {len(beside)}", "/branches lists all branches")
    chat.show(transcript.end_from(beside[place + step - 1]))


def _option(chat: Chat, numbers: Sequence[int]) -> Option:
    transcript = chat.dialogue.recorder.transcript
    turns = "1 turn" if len(numbers) == 1 else f"{len(numbers)} turns"
    shown = " (shown)" if tuple(numbers) == transcript.numbers else ""
    told = f"{turns}{shown}: {_excerpt(transcript.turn(numbers[-1]))}"
    return Option(told, partial(chat.show, numbers[-1]))


def _excerpt(turn: Turn) -> str:
    """Return how a turn begins: its question, and its answer or its thought."""
    reply = turn.reply
    words = " ".join((reply.answer or reply.thinking)[: 4 * _EXCERPT].split()) if reply else ""
    if len(words) > _EXCERPT:
        words = words[: _EXCERPT - 1] + "…"
    return f"{turn.headline} → {words or 'no reply'}"
