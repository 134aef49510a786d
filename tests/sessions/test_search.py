"""Finding what was said."""

from pathlib import Path

import pytest

from r1local.conversation import Reply, Turn
from r1local.events.reply import AnswerDelta
from r1local.sessions.records import OfVoter, Question, Setting, ended
from r1local.sessions.search import Hit, search_texts
from r1local.sessions.session import Session
from testing.sessions import turn


def keep(folder: Path, name: str, *turns: Turn) -> None:
    session = Session.create(name, folder=folder)
    for each in turns:
        session.append(Question(each.question, each.shown))
        if each.reply:
            session.append(ended(each.reply, streamed=False))
    session.close()


def found(folder: Path, *words: str) -> set[tuple[str, int, str]]:
    return {(hit.session, hit.turn, hit.part) for hit in search_texts(words, folder)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keep(
        tmp_path,
        "sky",
        turn("Why is the sky blue?", "Rayleigh, perhaps.", "Scattering."),
        turn("And the sea?", "It mirrors the sky.", "It mirrors."),
    )
    keep(tmp_path, "数学", turn("１２＋３は？", "ｶﾞ is half of it: STRASSE, ﬁn", "15です。"))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "hits"),
    [
        (["sky"], {("sky", 1, "question"), ("sky", 2, "thinking")}),
        (["RAYLEIGH"], {("sky", 1, "thinking")}),
        (["sky", "mirrors"], {("sky", 2, "thinking")}),
        (["mirr"], {("sky", 2, "thinking"), ("sky", 2, "answer")}),
        (["sky blue"], {("sky", 1, "question")}),
        (["sky", "nothing"], set()),
        (["12+3"], {("数学", 1, "question")}),
        (["ガ"], {("数学", 1, "thinking")}),
        (["straße"], {("数学", 1, "thinking")}),
        (["fin"], {("数学", 1, "thinking")}),
        (["です"], {("数学", 1, "answer")}),
    ],
)
def test_all_words_in_one_text(
    folder: Path, words: list[str], hits: set[tuple[str, int, str]]
) -> None:
    assert found(folder, *words) == hits


def test_words_cut_by_the_stream_are_found(tmp_path: Path) -> None:
    session = Session.create("talk", folder=tmp_path)
    session.append(Question("?"))
    session.append(AnswerDelta("Ray", 1))
    session.append(Setting("seed", "1"))  # which makes two records of the text
    session.append(AnswerDelta("leigh", 2))
    session.close()
    assert found(tmp_path, "rayleigh") == {("talk", 1, "answer")}


@pytest.mark.parametrize(
    ("before", "after", "excerpt"),
    [
        ("", "", "needle"),
        ("short ", " end", "short needle end"),
        ("a" * 100 + " ", "", "…" + "a" * 29 + " needle"),
        ("ﬁ" * 100 + " ", "", "…" + "ﬁ" * 29 + " needle"),
        ("e\u0301" * 100 + " ", "", "…" + "\u0301" + "e\u0301" * 14 + " needle"),
        ("line\n\n\tof text ", "\nx", "line of text needle x"),
        ("", "b" * 500, "needle" + "b" * 154 + "…"),
    ],
    ids=["alone", "short", "behind", "ligatures", "accents", "lines", "before"],
)
def test_excerpts_show_the_word(tmp_path: Path, before: str, after: str, excerpt: str) -> None:
    keep(tmp_path, "talk", turn(f"{before}needle{after}"))
    assert list(search_texts(["NEEDLE"], tmp_path)) == [Hit("talk", 1, "question", excerpt)]


def test_thoughts_of_voters_are_found_once(tmp_path: Path) -> None:
    won, lost = (Reply(f"{word} needle", "4", "stop", False, "nano") for word in ("a", "the"))
    session = Session.create("talk", folder=tmp_path)
    session.append(Question("?"))
    for voter, reply in enumerate((lost, won), 1):
        session.append(OfVoter(voter, ended(reply, streamed=False)))
    session.append(ended(won, streamed=False))
    session.close()
    assert [(hit.place, hit.part) for hit in search_texts(["needle"], tmp_path)] == [
        ("1", "thinking"),
        ("1.1", "thinking"),
    ]


def test_a_damaged_session_hides_no_other(folder: Path) -> None:
    (folder / "bad.jsonl").write_bytes(b"\x00sky")
    assert found(folder, "blue") == {("sky", 1, "question")}
