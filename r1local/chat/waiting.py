"""The documents that wait for the next question: records of the session, so that none is lost."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from r1local.attachments.sources import without_repeats
from r1local.conversation import Turn
from r1local.errors import PromptInputError
from r1local.prompts.documents import Document, documents_of
from r1local.sessions.recorder import Recorder
from r1local.sessions.records import Attached, Detached


def waiting_in(recorder: Recorder) -> tuple[Document, ...]:
    """Return the documents that wait in a session."""
    waiting = recorder.transcript.waiting
    return tuple(Document(each.name, each.text, each.origin or "") for each in waiting)


def attach_to(recorder: Recorder, documents: Sequence[Document]) -> None:
    """Let documents wait, each once; one from the same place is replaced."""
    known = waiting_in(recorder)
    for each in without_repeats(documents, known).documents:
        if each not in known:
            recorder.append(Attached(each.name, each.text, each.origin or None))


def detach_from(recorder: Recorder, number: int | None = None) -> None:
    """Let the document with a number wait no more, or none of them."""
    if recorder.transcript.waiting:
        recorder.append(Detached(number))


def documents_in(turn: Turn, asked: str) -> Sequence[Document]:
    """Return the documents that went with a question; `asked` is what was asked about them.

    Raises:
        PromptInputError: they can't be told from the question.
    """
    return documents_of(turn.question, asked, turn.documents) if turn.documents else ()


def leave_to_questions(
    recorder: Recorder, before: Sequence[int], filled: Callable[[str], str]
) -> None:
    """Let documents of questions that are shown again, which `/edit` put back, wait no more.

    Args:
        before: the numbers of the turns that were shown.
        filled: returns a question as it is asked.
    """
    transcript = recorder.transcript
    for number in set(transcript.numbers).difference(before):
        turn = transcript.turn(number)
        with suppress(PromptInputError):
            for each in documents_in(turn, filled(turn.typed)):
                waiting = waiting_in(recorder)
                if each in waiting:
                    detach_from(recorder, waiting.index(each) + 1)
