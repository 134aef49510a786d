"""Sessions looked for by names, titles and texts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from r1local.conversation import Turn
from r1local.sessions.browser import Match, SessionBrowser
from r1local.sessions.records import Question, ended
from r1local.sessions.session import Session
from testing.replies import never
from testing.sessions import turn

BY_TIME = "2026-11-24-1807-42"


def keep(folder: Path, name: str, used: int, *turns: Turn) -> None:
    session = Session.create(name, folder=folder)
    for each in turns:
        session.append(Question(each.question, each.shown))
        if each.reply:
            session.append(ended(each.reply, streamed=False))
    session.close()
    os.utime(folder / f"{name}.jsonl", (used, used))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(tmp_path, "primes", 10, turn("How many below 30?", "Is 27 one?", "Ten."))
    keep(tmp_path, BY_TIME, 30, turn("Why is the sky blue?", "Rayleigh.", "Scattering."))
    keep(tmp_path, f"{BY_TIME}-2", 20, turn("Permit rime?", "", "Of frost, not of primes."))
    return tmp_path


def found(folder: Path, query: str) -> list[str]:
    return [match.title for match in SessionBrowser(folder).search(query, never)]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Why is the sky blue?", "Permit rime?", "primes"]),
        ("  ", ["Why is the sky blue?", "Permit rime?", "primes"]),
        ("prime", ["primes", "Permit rime?"]),
        ("PRMS", ["primes"]),
        ("skyblu", ["Why is the sky blue?"]),
        ("blue sky", ["Why is the sky blue?"]),
        ("rayleigh", ["Why is the sky blue?"]),
        ("scatter sky", []),
        ("primes frost", ["Permit rime?"]),
        ("1807-42-2", ["Permit rime?"]),
        ("(.*", []),
    ],
)
def test_names_and_titles_then_texts(folder: Path, query: str, titles: list[str]) -> None:
    assert found(folder, query) == titles


def test_where_the_words_are_is_told_unless_a_label_has_them(folder: Path) -> None:
    by_label, by_text = SessionBrowser(folder).search("primes", never)
    assert by_label.hit is None and by_label.session.name == "primes"
    assert by_text.hit and (by_text.hit.part, by_text.hit.turn) == ("answer", 1)
    assert by_text.hit.excerpt == "Of frost, not of primes."


def test_a_search_that_is_given_up_loses_no_session(folder: Path) -> None:
    browser = SessionBrowser(folder)
    searched: Iterator[Match] = browser.search("", never)
    assert next(searched).title == "Why is the sky blue?"
    assert list(browser.search("primes", lambda: True)) == []
    assert [match.title for match in browser.search("", never)] == found(folder, "")


def test_files_are_read_once(folder: Path) -> None:
    browser = SessionBrowser(folder)
    assert len(list(browser.search("scattering", never))) == 1
    for path in folder.glob("*.jsonl"):
        path.unlink()
    assert len(list(browser.search("scattering", never))) == 1


def test_a_damaged_session_is_listed_and_hides_no_other(folder: Path) -> None:
    (folder / "bad.jsonl").write_bytes(b"\x00sky")
    assert found(folder, "")[0] == "bad" and found(folder, "rayleigh") == ["Why is the sky blue?"]
    assert SessionBrowser(folder).turns_of("bad") == ()
