"""The documents that wait for the next question: records of the session, so that none is lost."""

from collections.abc import Iterable, Sequence

from r1local.attachments.sources import without_repeats
from r1local.prompts.documents import Document
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


def without(documents: Iterable[Document], recorder: Recorder) -> None:
    """Let none of these documents wait any more."""
    for each in documents:
        waiting = waiting_in(recorder)
        if each in waiting:
            detach_from(recorder, waiting.index(each) + 1)


def detach_from(recorder: Recorder, number: int | None = None) -> None:
    """Let the document with a number wait no more, or none of them."""
    if recorder.transcript.waiting:
        recorder.append(Detached(number))
