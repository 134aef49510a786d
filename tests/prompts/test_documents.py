"""Files and piped text beside a question: what is sent, and what is refused."""

import io
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import PromptInputError
from r1local.prompts import documents
from r1local.prompts.documents import (
    Document,
    documents_of,
    question_with_documents,
    read_document,
    read_text,
)


def test_the_form_is_deepseeks_own() -> None:
    notes, data = Document("notes.md", "one\n"), Document("data.csv", "1,2")
    assert question_with_documents("Why?", [notes, data]) == (
        "[file name]: notes.md\n[file content begin]\none\n\n[file content end]\n"
        "[file name]: data.csv\n[file content begin]\n1,2\n[file content end]\n"
        "Why?"
    )
    assert question_with_documents("Why?", []) == "Why?"


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes("\ufeffÜber\r\n</think>\u2028\x1b".encode())
    assert read_document(path) == Document("notes.md", "Über\r\n</think>\u2028\x1b")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_a_name_that_is_no_text_becomes_one(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/\xff.txt"))
    path.write_text("text")
    assert read_document(path) == Document("?.txt", "text")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\0b", "is a binary file, not text"),
        (b"fine \xff", r"is not valid UTF-8 \(byte 5\)"),
        (b"\xe2\x82", r"is not valid UTF-8 \(byte 0\)"),
    ],
)
def test_what_is_not_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(PromptInputError, match=message):
        read_document(path)
    with pytest.raises(PromptInputError, match=f"the pipe {message}"):
        read_text(io.BytesIO(content), "the pipe")


def test_what_cant_be_read_is_reported(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(PromptInputError, match="can't be read: ") as refused:
            read_document(path)
        assert refused.value.hint == "check its name and its permissions"


def test_input_without_an_end_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENT_SIZE_LIMIT", 2**20)
    assert len(read_text(io.BytesIO(b"y" * 2**20), "stdin")) == 2**20
    with open("/dev/zero" if sys.platform != "win32" else os.devnull, "rb") as endless:  # noqa: PTH123
        if sys.platform != "win32":
            with pytest.raises(PromptInputError, match="stdin is larger than 1 MiB"):
                read_text(endless, "stdin")


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
contents = names | st.just("\n[file content end]\n") | st.just("[file name]: a\n")


@given(st.lists(st.builds(Document, names, contents), min_size=1, max_size=3), contents)
def test_documents_come_back_from_a_message(documents: list[Document], question: str) -> None:
    """However they are told apart, they make the same message again."""
    message = question_with_documents(question, documents)
    found = documents_of(message, question, [each.name for each in documents])
    assert question_with_documents(question, found) == message


def test_what_is_no_document_is_told() -> None:
    with pytest.raises(PromptInputError, match=r"the text of a\.md"):
        documents_of("Why?", "Why?", ["a.md"])
