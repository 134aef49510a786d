"""Files and piped text that accompany a question."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from r1local.errors import PromptInputError
from r1local.language import _, reason_of

#: The most bytes that are read of one document. Any context window is far smaller, and endless
#: input (`yes |`) has to stop somewhere.
DOCUMENT_SIZE_LIMIT = 64 * 1024 * 1024

_BEHIND = "\n[file content end]\n"
#: Zero-width characters that belong to words and emoji.
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Document:
    """A text, with the name under which the model sees it.

    Args:
        origin: the file or address that it came from; empty if that isn't known.
    """

    name: str
    text: str
    origin: str = field(default="", compare=False)


def question_with_documents(question: str, documents: Sequence[Document]) -> str:
    """Return the user message: each document, then the question.

    The form is DeepSeek's own for uploaded files (DeepSeek-R1's README, "Official
    Prompts": the file template), repeated for several documents.
    """
    check_prompt_text(question)
    blocks = (f"{_before(each.name)}{each.text}{_BEHIND}" for each in documents)
    return "".join(blocks) + question


def documents_of(message: str, question: str, names: Sequence[str]) -> list[Document]:
    """Return the documents, at least one, from which a message was made and can be made again.

    Raises:
        PromptInputError: it wasn't made from documents with these names and this question.
    """
    first, *others = map(_before, names)
    rest = message.removesuffix(question).removesuffix(_BEHIND).removeprefix(first)
    texts = []
    for other in others:
        text, _between, rest = rest.partition(_BEHIND + other)
        texts.append(text)
    documents = [Document(name, text) for name, text in zip(names, [*texts, rest], strict=True)]
    if question_with_documents(question, documents) != message:
        raise PromptInputError(
            _("the text of {names} can't be told from the question", names=", ".join(names)),
            _("ask anew, with the files attached again"),
        )
    return documents


def read_document(path: Path) -> Document:
    """Read a file as text.

    Raises:
        PromptInputError: it can't be read, is too large or is not UTF-8 text.
    """
    return Document(shown_name(path.name), text_in(read_file(path), str(path)))


def read_file(path: Path) -> bytes:
    """Return what a file holds.

    Raises:
        PromptInputError: it can't be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            return _read(file, str(path))
    except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
        raise _unreadable(str(path), error) from error


def read_bytes(file: BinaryIO, name: str) -> bytes:
    """Return all that a stream holds.

    Raises:
        PromptInputError: it can't be read, or is too large.
    """
    try:
        return _read(file, name)
    except OSError as error:
        raise _unreadable(name, error) from error


def read_text(file: BinaryIO, name: str) -> str:
    """Read all of a stream as UTF-8 text; a byte order mark is dropped.

    Raises:
        PromptInputError: it can't be read, is too large or is not UTF-8 text.
    """
    return text_in(read_bytes(file, name), name)


def text_in(data: bytes, name: str) -> str:
    """Return a document's bytes as text; a byte order mark is dropped.

    Raises:
        PromptInputError: they are not UTF-8 text.
    """
    if b"\0" in data:
        raise PromptInputError(
            _("{name} is a binary file, not text", name=name), _("give a text file in UTF-8")
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PromptInputError(
            _("{name} is not valid UTF-8 (byte {start:,})", name=name, start=error.start),
            _("convert it first, for example with: iconv -t UTF-8"),
        ) from error


def shown_name(name: str) -> str:
    """Return a file's name as a model can see it: on one line, and as text."""
    # A name that isn't UTF-8 contains surrogates, which no tokenizer accepts.
    text = name.encode("utf-8", "replace").decode()
    return "".join(each if each.isprintable() or each in _JOINERS else "?" for each in text)


def _read(file: BinaryIO, name: str) -> bytes:
    data = file.read(DOCUMENT_SIZE_LIMIT + 1)
    if len(data) > DOCUMENT_SIZE_LIMIT:
        raise PromptInputError(
            _(
                "{name} is larger than {document_size_limit} MiB",
                name=name,
                document_size_limit=DOCUMENT_SIZE_LIMIT // 2**20,
            ),
            _("no context window holds that much; give the part that matters"),
        )
    return data


def _before(name: str) -> str:
    return f"[file name]: {name}\n[file content begin]\n"


def _unreadable(name: str, error: OSError | ValueError) -> PromptInputError:
    reason = reason_of(error)
    return PromptInputError(
        _("{name} can't be read: {reason}", name=name, reason=reason),
        _("check its name and its permissions"),
    )


def check_prompt_text(text: str) -> None:
    """Refuse a prompt that is not text: a shell or a terminal can pass on any bytes.

    Raises:
        PromptInputError: it is not valid UTF-8.
    """
    if not isinstance(text, str):  # a program without types may give anything
        raise PromptInputError(
            _("a prompt is text, and not {value!r:.60}", value=text), _("give it as a string")
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PromptInputError(
            _("the prompt is not valid UTF-8"), _("type it again, or check the terminal's encoding")
        ) from error
