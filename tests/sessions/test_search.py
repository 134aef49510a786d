"""Finding what was said, and making documents of it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from r1local.conversation import Reply, Turn
from r1local.events.reply import AnswerDelta
from r1local.sessions.export import export_json, export_markdown
from r1local.sessions.records import OfVoter, Question, Setting, ended
from r1local.sessions.search import Hit, search_texts
from r1local.sessions.session import Session


def keep(folder: Path, name: str, *turns: Turn) -> None:
    session = Session.create(name, folder=folder)
    for turn in turns:
        session.append(Question(turn.question, turn.shown))
        if turn.reply:
            session.append(ended(turn.reply, streamed=False))
    session.close()


def turn(question: str, thinking: str = "", answer: str = "") -> Turn:
    return Turn(question, Reply(thinking, answer, "stop", False, "nano"))


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


# --- Documents --------------------------------------------------------------------------


def headings(document: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(document)
    return [
        f"{token.markup} {following.content}"
        for token, following in pairwise(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


def test_a_document_of_a_conversation() -> None:
    turns = [
        turn("Why?\n\nTell me.", "Hm.\n\nWell.", "**So.**"),
        Turn("And?", Reply("", "", "cancelled", True, "nano")),
        Turn("Unanswered", voters={1: Reply("Um.", "", "lost", True, "nano")}),
    ]
    document = export_markdown(turns, title="Why?", model="nano", thoughts=True, system="Be brief.")
    assert document == (
        "# Why?\n\nModel: nano\n\nSystem prompt:\n\n> Be brief.\n\n"
        "## Question\n\n> Why?\n>\n> Tell me.\n\n### Thinking\n\n> Hm.\n>\n> Well.\n\n"
        "### Answer\n\n**So.**\n\n"
        "## Question\n\n> And?\n\n*The reply ended early: cancelled.*\n\n"
        "## Question\n\n> Unanswered\n\n*1 reply voted.*\n"
    )
    assert "Hm." not in export_markdown(turns, title="Why?", model="nano", thoughts=False)


HOSTILE = [
    *("```", "```python\nprint()", "~~~\n```", "````\n```", "- item\n  ```\n  code\nout", "> ```"),
    *("<!-- ", "<script>", "<pre>\n", "<?php", "<![CDATA[", "<div>\n\n", "# Question", "a\n==="),
    *("> ```\rcode\r", "1. a\n\n   ```", "```\r\n```\r\ntext", "\\", "[", "|a|\n|-|", "\x0c```"),
    "text\n    ```\nmore",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_text_breaks_out_of_its_place(text: str) -> None:
    turns = [turn(text, text, text), turn("last", "last", "last")]
    document = export_markdown(turns, title="T", model=None, thoughts=True)
    ours = ["## Question", "### Thinking", "### Answer"]
    own = [each for each in headings(document) if each in (*ours, "# T")]
    assert own == ["# T", *ours, *ours]


def test_json_for_programs() -> None:
    voted = {7: Reply("Hm!", "So!", "stop", False, "nano")}
    turns = [turn("Why?", "Hm.", "So."), Turn("long\nquestion", None, "question", voted)]
    data = json.loads(export_json(turns, title="Why?", model="nano", thoughts=True))
    assert (data["title"], data["model"], data["system"]) == ("Why?", "nano", None)
    assert data["turns"][0]["reply"]["thinking"] == "Hm."
    assert data["turns"][1]["question"] == "long\nquestion"
    assert data["turns"][1]["shown"] == "question" and data["turns"][1]["reply"] is None
    assert data["turns"][1]["voters"]["7"]["thinking"] == "Hm!"
    data = json.loads(export_json(turns, title="Why?", model="nano", thoughts=False))
    assert data["turns"][0]["reply"]["thinking"] is None
    assert data["turns"][1]["voters"]["7"]["thinking"] is None
