"""PDF, Word and HTML: their text, and what a hostile file can't do."""

import psutil
import pytest

from r1local.attachments import formats
from r1local.attachments.formats import Kind, kind_of, text_of
from r1local.confined.process import start
from r1local.errors import PromptInputError
from testing.office_files import docx, pdf
from testing.waiting import processor_within


def test_the_text_of_a_pdf() -> None:
    data = pdf("The magic word is xyzzy.", "And a second page.")
    assert kind_of(data) == "pdf"
    assert text_of(data, "pdf", "a.pdf") == "The magic word is xyzzy.\n\nAnd a second page.\n"


def test_a_word_document_is_markdown() -> None:
    data = docx("Report", "It is 5 < 6 & so on.", table=[["prime", "square"], ["2", "4"]])
    assert kind_of(data) == "docx"
    text = text_of(data, "docx", "a.docx")
    assert text.startswith("# Report\n\nIt is 5 < 6 & so on.\n\n")
    assert "| 2 | 4 |" in text


PAGE = """<!doctype html><html><head><title>A page</title><style>p {}</style></head><body>
<!-- secret --><script>evil()</script><p hidden>unseen</p>
<h2>Größe</h2><p>Some <b>bold</b> and <a href="https://x.test/a">a link</a>, snake_case.</p>
<table><tr><th>n</th><th>n²</th></tr><tr><td>2</td><td>4</td></tr></table>
<img src="http://127.0.0.1/tracker"></body></html>"""


def test_a_web_page_is_markdown_without_what_nobody_sees() -> None:
    text = text_of(PAGE.encode(), "html", "a.html")
    assert text.startswith("# A page\n\n## Größe\n\nSome **bold** and [a link](https://x.test/a), ")
    assert "snake_case" in text and "| 2 | 4 |" in text
    for unseen in ("secret", "evil", "unseen", "tracker", "p {}"):
        assert unseen not in text


@pytest.mark.parametrize(("charset", "head"), [("latin-1", ""), (None, '<meta charset="latin-1">')])
def test_the_encoding_of_a_page(charset: str | None, head: str) -> None:
    data = f"<html><head>{head}</head><body>café</body></html>".encode("latin-1")
    assert text_of(data, "html", "a.html", charset) == "café\n"


def test_kinds_are_known_by_content_and_pages_by_name() -> None:
    assert kind_of(b"\n%PDF-1.7") == "pdf"
    assert kind_of(b"PK\3\4 a zip archive of something else") is None
    assert kind_of(b"<p>", "a.HTM") == "html" and kind_of(b"<p>", "a.txt") is None


@pytest.mark.parametrize(
    ("kind", "data", "message", "hint"),
    [
        ("pdf", pdf(""), "has no text: its pages are pictures", "ocrmypdf"),
        ("pdf", pdf("secret", password="pass"), "is protected by a password", "qpdf --decrypt"),
        ("pdf", b"%PDF-1.4\nnothing", "can't be read", "it is damaged"),
        ("docx", b"PK\3\4word/document.xml", "can't be read", "it is damaged"),
        ("html", b"<script>app()</script>", "has no text", "save it as a PDF"),
    ],
)
def test_what_has_no_text_says_why(kind: Kind, data: bytes, message: str, hint: str) -> None:
    with pytest.raises(PromptInputError, match=f"the file {message}") as refused:
        text_of(data, kind, "the file")
    assert hint in refused.value.hint


def test_a_missing_library_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "find_spec", lambda _name: None)
    with pytest.raises(PromptInputError) as refused:
        text_of(docx("Report"), "docx", "report.docx")
    assert refused.value.message == (
        "report.docx is a Word document, and can't be read without mammoth, markdownify"
    )
    assert refused.value.hint == "type: pip install 'r1local[files]'"


@pytest.mark.slow
def test_a_bomb_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_MEMORY_LIMIT", 200 * 2**20)
    bomb = docx("Bomb", body="<w:p/>" * 8_000_000)
    assert len(bomb) < 2**20
    with pytest.raises(PromptInputError, match=r"bomb\.docx takes too much memory"):
        text_of(bomb, "docx", "bomb.docx")
    assert not converters()


def test_a_file_that_takes_for_ever_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "TIME_LIMIT_S", 1)
    endless = pdf("x", operators=b"BT (a) Tj ET\n" * 1_000_000)
    too_slow = pytest.raises(PromptInputError, match=r"slow\.pdf takes too much time")
    with processor_within(10), too_slow:
        text_of(endless, "pdf", "slow.pdf")
    assert not converters()


def test_it_can_be_stopped() -> None:
    endless = pdf("x", operators=b"BT (a) Tj ET\n" * 1_000_000)
    with pytest.raises(PromptInputError, match="was stopped"):
        text_of(endless, "pdf", "slow.pdf", cancelled=lambda: True)
    assert not converters()


def test_a_process_that_crashes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "start", lambda _module: start("r1local.no_such_module"))
    with pytest.raises(PromptInputError, match=r"a\.pdf crashes its reader"):
        text_of(pdf("x"), "pdf", "a.pdf")


def converters() -> list[psutil.Process]:
    """The processes that read documents."""
    children = psutil.Process().children()
    return [each for each in children if "r1local.attachments.converter" in each.cmdline()]
