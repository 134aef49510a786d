"""Documents that wait for the next question, as people attach them in a chat."""

import subprocess
from pathlib import Path

import pytest

from r1local.sessions.folder import read_session, saved_sessions
from testing import chats
from testing.chats import ChatTerminal, of_type
from testing.command import COMMAND
from testing.office_files import docx, pdf
from testing.site import running_site
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the chat is started, with some files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "one.md").write_text("The first word is xyzzy.")
    (tmp_path / "docs" / "two.md").write_text("The second word is plugh.")
    (tmp_path / "report.pdf").write_bytes(pdf("The third word is plover."))
    (tmp_path / "letter.docx").write_bytes(docx("Letter", "The fourth word is y2."))
    return tmp_path


def test_what_waits_is_listed_and_dropped_by_number(folder: Path) -> None:  # noqa: ARG001
    with ChatTerminal("-m", "nano") as terminal:
        terminal.command_shows("/files", "no file waits; /file PATH attaches one")
        terminal.command_shows("/file docs", "docs/one.md (36 tokens), docs/two.md (36 tokens)")
        terminal.command_shows("/file report.pdf letter.docx docs/*.md", "report.pdf (")
        terminal.wait_for_text("sent only once: one.md (the same as docs/one.md), two.md")
        terminal.command_shows("/files", "1  36 tokens  docs/one.md", "4  ", "letter.docx")
        terminal.command_shows("/file -1 -3", "goes with the next question: docs/two.md (36 tok")
        terminal.command_shows("/file -3", "no file 3 waits", "/files lists")
        terminal.command_shows("/file -1 docs", "/file -N takes nothing else")
        terminal.send("2 + 3 = ?")
        terminal.wait_for_text("(docs/two.md, letter.docx)", "thought for")
        terminal.wait_for(lambda: not chats.replying())
        terminal.command_shows("/files", "no file waits")
        assert terminal.leave() == 0
    (question,) = of_type("question")
    assert "plugh" in question["text"] and "y2" in question["text"]
    assert "xyzzy" not in question["text"] and "plover" not in question["text"]
    (turn,) = read_session(saved_sessions()[0].name).turns
    assert turn.documents == ("docs/two.md", "letter.docx")


def test_what_waits_outlives_a_crash_and_goes_along(folder: Path) -> None:
    with ChatTerminal("-m", "nano") as terminal:
        terminal.command_shows("/file report.pdf", "goes with the next question: report.pdf (")
        terminal.child.kill()
        terminal.finish()
    (folder / "report.pdf").unlink()
    assert [each.title for each in saved_sessions()] == ["(report.pdf)"]
    with ChatTerminal("--resume") as terminal:
        terminal.wait_for_text("goes with the next question: report.pdf; /files lists")
        terminal.send("/new")
        terminal.wait_for_text("a new session", "goes with the next question: report.pdf")
        terminal.send("2 + 3 = ?")
        terminal.wait_for_text("(report.pdf)", "thought for")
        terminal.wait_for(lambda: not chats.replying())
        assert terminal.leave() == 0
    assert [each.title for each in saved_sessions()] == ["2 + 3 = ?", ""]
    (question,) = of_type("question")
    assert "plover" in question["text"]


def test_what_cant_fit_is_said_before_it_is_sent(folder: Path) -> None:
    (folder / "long.txt").write_text("23 is a number. " * 2_000)
    with ChatTerminal("-m", "nano") as terminal:
        terminal.command_shows("/file docs long.txt", "that doesn't fit: the next prompt needs")
        terminal.wait_for_text("/file -3 lets long.txt go")
        terminal.command_shows("/file -3", "docs/two.md (36 tokens)")
        assert "doesn't fit" not in terminal.shown
        assert terminal.leave() == 0


def test_pages_are_fetched_only_where_they_may(folder: Path) -> None:  # noqa: ARG001
    page = b"<title>News</title><p>The word is xyzzy.</p>"
    with running_site() as site:
        site.answers["/news"] = (200, {"Content-Type": "text/html"}, page)
        with ChatTerminal("-m", "nano") as terminal:
            terminal.command_shows(f"/file {site.url}/news", "leads to 127.0.0.1", "--fetch-priv")
            terminal.send(f"What is at {site.url}/news?")
            terminal.wait_for_text("thought for")
            terminal.wait_for(lambda: not chats.replying())
            assert terminal.leave() == 0
        assert site.hosts == []
        with ChatTerminal("-m", "nano", "--fetch-private") as terminal:
            terminal.command_shows(f"/file {site.url}/news", f"question: {site.url}/news (")
            assert terminal.leave() == 0
    (attached,) = of_type("attached")
    assert attached["text"] == "# News\n\nThe word is xyzzy.\n"


def test_in_a_pipe(folder: Path) -> None:  # noqa: ARG001
    result = subprocess.run(
        [*COMMAND, "chat", "-m", "nano"],
        input="/file docs report.pdf\n/files\nWhich?\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert "docs/one.md (36 tokens)" in result.stderr
    assert "3  " in result.stderr and "report.pdf" in result.stderr
    (question,) = of_type("question")
    assert question["documents"] == ["docs/one.md", "docs/two.md", "report.pdf"]


def test_files_that_edit_put_back_go_with_their_question(folder: Path) -> None:
    (folder / "own.txt").write_text("mine", encoding="utf-8")
    result = subprocess.run(
        [*COMMAND, "chat", "-m", "nano"],
        input="/file docs\nWhich?\n/edit\n/file own.txt\n/files\n/redo\n/files\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    *_, before, after = result.stderr.split("/file -N lets one go:")
    assert [name in before for name in ("one.md", "two.md", "own.txt")] == [True] * 3
    assert [name in after for name in ("one.md", "two.md", "own.txt")] == [False, False, True]
