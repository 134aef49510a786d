"""What the slash commands about documents do: what goes with the next question."""

import re
from collections.abc import Sequence
from contextlib import suppress

from r1local.attachments.sources import attach
from r1local.chat.chat import Chat
from r1local.chat.slash import words_of
from r1local.chat.waiting import attach_to, detach_from
from r1local.errors import ChatTemplateError, UsageError
from r1local.language import _
from r1local.replies.control import Control
from r1local.replies.engine import document_tokens
from r1local.ui.cells import cell_len
from r1local.ui.wording import document_size, documents_told

#: A document's number as `/file` takes it: -2
_DROPPED = re.compile(r"-([0-9]{1,9})")


def file(chat: Chat, argument: str) -> None:
    """Attach what is named, or let documents go; say what then waits."""
    words = words_of(argument)
    drops = [int(match[1]) for word in words if (match := _DROPPED.fullmatch(word))]
    if not words and not chat.documents:
        raise UsageError(_("there is no path"), _("type for example: /file notes.md"))
    if drops and len(drops) < len(words):
        raise UsageError(_("/file -N takes nothing else"), _("type for example: /file -1"))
    if drops:
        _drop(chat, drops)
    elif argument == "none":
        detach_from(chat.dialogue.recorder)
    elif words:
        attach_all(chat, words)
        return
    chat.surface.work(_("counting tokens"), lambda _control: told_waiting(chat))


def files(chat: Chat, _argument: str) -> None:
    """List the documents that wait, with what each of them takes."""

    def listed(_control: Control) -> str:
        documents = chat.documents
        if not documents:
            return _("no file waits; /file PATH attaches one")
        tokens, exact = _tokens(chat)
        sizes = [document_size(count, exact=exact) for count in tokens]
        column = max(map(cell_len, sizes))
        rows = (
            f"{n:>2}  {' ' * (column - cell_len(size))}{size}  {each.name}"
            for n, (each, size) in enumerate(zip(documents, sizes, strict=True), 1)
        )
        told = "\n".join((_("these go with the next question; /file -N lets one go:"), *rows))
        return told + _room_told(chat, tokens)

    chat.surface.work(_("counting tokens"), listed)


def attach_all(chat: Chat, sources: Sequence[str]) -> None:
    """Attach files, folders, patterns and addresses to the next question; say what then waits."""

    def work(control: Control) -> str:
        attached = attach(
            sources,
            chat.documents,
            private=chat.fetches_private,
            cancelled=control.cancelled,
        )
        attach_to(chat.dialogue.recorder, attached.documents)
        return "\n".join((*attached.notices, told_waiting(chat)))

    chat.surface.work(_("reading the files"), work)


def told_waiting(chat: Chat) -> str:
    """Return a line on what goes with the next question, and another if it doesn't fit."""
    documents = chat.documents
    if not documents:
        return _("goes with the next question: no file")
    tokens, exact = _tokens(chat)
    told = documents_told([each.name for each in documents], tokens, exact=exact)
    return _("goes with the next question: {told}{chat}", told=told, chat=_room_told(chat, tokens))


def _room_told(chat: Chat, tokens: Sequence[int | None]) -> str:
    """Return a line that says what to do if the documents don't fit; empty if they do."""
    if (shortage := chat.shortage_of_documents()) is None:
        return ""
    largest = max(range(len(tokens)), key=lambda place: tokens[place] or 0)
    helps = _(
        "/file -{largest} lets {name} go", largest=largest + 1, name=chat.documents[largest].name
    )
    if shortage.larger:
        helps = _("/context {larger} makes room, {helps}", larger=shortage.larger, helps=helps)
    return _("\nthat doesn't fit: {told}; {helps}", told=shortage.told, helps=helps)


def _tokens(chat: Chat) -> tuple[list[int | None], bool]:
    """Return what `document_tokens` does, as far as there is a model that knows."""
    if not chat.dialogue.engine.closed:
        with suppress(ChatTemplateError):
            return document_tokens(chat.dialogue.engine, chat.documents, chat.dialogue.settings)
    return [None] * len(chat.documents), False


def _drop(chat: Chat, numbers: Sequence[int]) -> None:
    count = len(chat.documents)
    if missing := [each for each in numbers if not 0 < each <= count]:
        raise UsageError(
            _("no file {missing} waits", missing=missing[0]), _("/files lists those that do")
        )
    for number in sorted(set(numbers), reverse=True):
        detach_from(chat.dialogue.recorder, number)
