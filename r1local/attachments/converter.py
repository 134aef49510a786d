"""The process in which documents become text: one document, from stdin to stdout.

Its first line is JSON: the document's kind, the encoding of a web page, and the limits. The answer
is JSON too: a `text`, or an `error`, which is the rest of a sentence and a hint.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from r1local.confined.limits import forbid_contact, forbid_files, limited
from r1local.language import N_

#: The most characters of a text that are passed on: as many bytes as any document may have.
_LONGEST = 64 * 2**20
_BLANKS = re.compile(r"\n{3,}")
#: What no reader of a page sees.
_UNSEEN = ("script", "style", "template", "noscript", "svg", "iframe", "object", "title")

Answer = dict[str, Any]


class _Unreadable(Exception):
    """A document whose text can't be had: the rest of a sentence, and a hint."""


def main() -> None:
    """Answer one request."""
    forbid_files()
    forbid_contact()
    asked = json.loads(sys.stdin.buffer.readline())
    with limited(asked["memory"], asked["seconds"]):
        answered = _answer(sys.stdin.buffer.read(), asked["kind"], asked["charset"])
        sys.stdout.buffer.write(json.dumps(answered).encode())
        sys.stdout.buffer.flush()


def _answer(data: bytes, kind: str, charset: str | None) -> Answer:
    try:
        text = _BLANKS.sub("\n\n", _READERS[kind](data, charset)).strip() + "\n"
        if len(text) > _LONGEST:
            return {"error": [N_("has too much text"), N_("give a part of it")]}
        # Half a surrogate pair, which a PDF may hold, is no text.
        return {"text": text.encode("utf-8", "replace").decode()}
    except MemoryError:  # no words could be found without memory: the process ends
        raise
    except _Unreadable as error:
        return {"error": list(error.args)}
    except Exception as error:
        reason = str(error).rstrip(".")[:200] or type(error).__name__
        return {"error": [N_("can't be read"), N_("it is damaged, or of a kind not known"), reason]}


def _pdf(data: bytes, _charset: str | None) -> str:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    reader = PdfReader(io.BytesIO(data))
    try:
        if reader.is_encrypted and not reader.decrypt(""):
            raise _Unreadable(N_("is protected by a password"), N_("make a copy: qpdf --decrypt"))
        pages = [page.extract_text() for page in reader.pages]
    except DependencyError as error:
        raise _Unreadable(
            N_("is encrypted"), N_("make a copy that isn't: qpdf --decrypt")
        ) from error
    text = "\n\n".join(pages)
    if not text.strip():
        raise _Unreadable(
            N_("has no text: its pages are pictures"), N_("read them first: ocrmypdf")
        )
    return text


def _docx(data: bytes, _charset: str | None) -> str:
    import mammoth

    @mammoth.images.img_element  # type: ignore[untyped-decorator]
    def no_picture(_image: object) -> dict[str, str]:
        return {"src": ""}

    converted = mammoth.convert_to_html(io.BytesIO(data), convert_image=no_picture)
    return _markdown(converted.value, None)


def _html(data: bytes, charset: str | None) -> str:
    text = _markdown(data, charset)
    if not text.strip():
        raise _Unreadable(N_("has no text: a program in the page makes it"), N_("save it as a PDF"))
    return text


def _markdown(page: str | bytes, charset: str | None) -> str:
    from bs4 import BeautifulSoup, Comment
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(page, "html.parser", from_encoding=charset)
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for each in _unseen(soup, Comment):
        each.extract()
    text = MarkdownConverter(
        heading_style="ATX",
        strip=["img"],
        escape_asterisks=False,
        escape_underscores=False,
        table_infer_header=True,
    ).convert_soup(soup)
    return f"# {title}\n\n{text}" if title and "\n# " not in f"\n{text}" else text


def _unseen(soup: Any, comment: type) -> Iterator[Any]:
    yield from soup.find_all(_UNSEEN)
    yield from soup.find_all(hidden=True)
    yield from soup.find_all(string=lambda text: isinstance(text, comment))


_READERS: dict[str, Callable[[bytes, str | None], str]] = {
    "pdf": _pdf,
    "docx": _docx,
    "html": _html,
}
