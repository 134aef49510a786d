"""Documents that aren't plain text: which kind a file is of, and its text."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from r1local.confined.process import Ended, Watch, run, start
from r1local.errors import PromptInputError
from r1local.language import N_, _, reason_of

#: The kinds of documents that a library turns into text.
Kind: TypeAlias = Literal["pdf", "docx", "html"]


class _Reader(NamedTuple):
    """What a kind is called, and the libraries that read it."""

    told: str
    libraries: tuple[str, ...]


_READERS: dict[Kind, _Reader] = {
    "pdf": _Reader(N_("a PDF"), ("pypdf",)),
    "docx": _Reader(N_("a Word document"), ("mammoth", "markdownify")),
    "html": _Reader(N_("a web page"), ("markdownify",)),
}
INSTALL = "pip install 'r1local[files]'"
#: Seconds of a processor that one conversion may take: a slow one's for a book of some thousand
#: pages.
TIME_LIMIT_S = 60.0
#: Bytes of memory for it, and how many more for each byte of the file.
_MEMORY_LIMIT, _MEMORY_PER_BYTE = 2**30, 8
#: Bytes in which a PDF must begin (PDF Reference 1.7, appendix H, implementation note 13).
_HEAD = 1024
#: How a zip archive begins, which a Word document is.
_ZIP = b"PK\3\4"
_PART = N_("it is damaged, hostile or very large: give a part of it, as text")

#: What happened to a process that has ended without an answer, by what it had used up.
_FAILED = {
    "memory": N_("takes too much memory to be read"),
    "time": N_("takes too much time to be read"),
    None: N_("crashes its reader"),
}


def kind_of(data: bytes, name: str = "") -> Kind | None:
    """Return the kind of a file by its content, a web page's by its name; None if it is another."""
    if b"%PDF-" in data[:_HEAD]:
        return "pdf"
    if data.startswith(_ZIP) and b"word/document.xml" in data:
        return "docx"
    return "html" if name.lower().endswith((".html", ".htm", ".xhtml")) else None


def check_readable(path: Path, name: str) -> None:
    """Refuse a file that can be no document by its beginning, before all of it is read.

    Raises:
        PromptInputError: it can't be.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:  # said when it is read
        return
    if b"\0" in head and not head.startswith(_ZIP) and b"%PDF-" not in head:
        raise PromptInputError(
            _("{name} is a binary file, not text", name=name), _("give a text file in UTF-8")
        )


def require_reader(kind: Kind, name: str) -> None:
    """Check that the libraries for a kind are installed.

    Raises:
        PromptInputError: they aren't; the hint says how to install them.
    """
    told, libraries = _READERS[kind]
    missing = [each for each in libraries if find_spec(each) is None]
    if missing:
        raise PromptInputError(
            _(
                "{name} is {told}, and can't be read without {missing}",
                name=name,
                told=_(told),
                missing=", ".join(missing),
            ),
            _("type: {install}", install=INSTALL),
        )


def stopped() -> PromptInputError:
    """Return the error of what was cancelled."""
    return PromptInputError(_("attaching was stopped"), _("nothing of it is attached"))


def text_of(
    data: bytes,
    kind: Kind,
    name: str,
    charset: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """Return a document's text, as Markdown where it has a structure.

    It is read in a process of its own with limits of memory and time, since nothing is known of
    where it comes from: a small file can stand for gigabytes, or keep a reader busy for ever.

    Args:
        name: what errors call it.
        charset: the encoding of a web page, if its server says so.
        cancelled: called meanwhile; True ends it.

    Raises:
        PromptInputError: it can't be read, has no text, or takes too much time or memory.
    """
    require_reader(kind, name)
    memory = _MEMORY_LIMIT + _MEMORY_PER_BYTE * len(data)
    asked = {"kind": kind, "charset": charset, "seconds": TIME_LIMIT_S, "memory": memory}
    request = json.dumps(asked).encode() + b"\n" + data
    try:
        process = start("r1local.attachments.converter")
    except OSError as error:
        raise PromptInputError(
            _(
                "no process can be started to read {name}: {reason}",
                name=name,
                reason=reason_of(error),
            ),
            _("end other programs, or give this one more memory"),
        ) from error

    def look() -> None:
        if cancelled():
            raise stopped()

    answered = _read(run(process, request, Watch(process, memory, TIME_LIMIT_S), look))
    if failure := answered.get("error"):
        what, *hints = map(_, failure)  # a process that reads documents speaks English
        raise PromptInputError(_("{path} {what}", path=name, what=what), ": ".join(hints))
    return str(answered["text"])


def _read(ended: Ended) -> dict[str, Any]:
    """Return the answer of a process that has ended, or an error in its form."""
    try:
        answered = json.loads(ended.printed)
    except ValueError:
        answered = None
    return answered if isinstance(answered, dict) else {"error": [_FAILED[ended.lack], _PART]}
