"""What is attached to the question of `run`: read, and what it takes."""

from collections.abc import Callable, Sequence

from r1local.attachments.sources import Attached, attach, document_of, without_repeats
from r1local.commands.asking import PIPED, STDIN
from r1local.language import _
from r1local.prompts.documents import Document
from r1local.replies.engine import Engine, document_tokens, never
from r1local.replies.settings import ReplySettings
from r1local.ui.wording import documents_told


def attached(files: Sequence[str], piped: bytes, *, private: bool) -> Attached:
    """Read what is attached, in its order.

    Args:
        files: paths, patterns, addresses, or `-` for stdin.
        piped: what stdin holds.
        private: addresses may be ones of this machine and its networks.

    Raises:
        PromptInputError: something can't be read.
    """
    documents, notices = tuple[Document, ...](), list[str]()
    for file in files:
        if file == STDIN:
            one = without_repeats([document_of(piped, "stdin", told=_(PIPED))], documents)
        else:
            one = attach([file], documents, private=private)
        documents = one.documents
        notices += one.notices
    return Attached(documents, tuple(notices))


def with_tokens(
    engine: Engine,
    documents: Sequence[Document],
    settings: ReplySettings,
    cancelled: Callable[[], bool] = never,
) -> str:
    """Return the documents with what each takes, in words; `cancelled` ends the counting."""
    tokens, exact = document_tokens(engine, documents, settings, cancelled)
    return documents_told([each.name for each in documents], tokens, exact=exact)
