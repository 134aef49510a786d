"""Conversations as documents for people and for programs."""

import json
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from r1local.conversation import Reply, Turn
from r1local.sessions.export import export_json, export_markdown
from r1local.sessions.recorder import NoSession
from r1local.sessions.records import Retry, ended
from r1local.sessions.transcript import Transcript
from testing.sessions import REPLY, say, turn


def headings(document: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(document)
    return [
        f"{token.markup} {following.content}"
        for token, following in pairwise(tokens)
        if token.type == "heading_open" and token.level == 0
    ]


HOSTILE = [
    *("```", "```python\nprint()", "~~~\n```", "````\n```", "- item\n  ```\n  code\nout", "> ```"),
    *("<!-- ", "<script>", "<pre>\n", "<?php", "<![CDATA[", "<div>\n\n", "# Question", "a\n==="),
    *("> ```\rcode\r", "1. a\n\n   ```", "```\r\n```\r\ntext", "\\", "[", "|a|\n|-|", "\x0c```"),
    "text\n    ```\nmore",
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


def limited_to(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_leaves_the_file_that_was_there(tmp_path: Path, *, there: bool) -> None:
    path = tmp_path / "kept.md"
    if there:
        path.write_text("kept")
    code = (
        "import sys; from pathlib import Path; from r1local.sessions.export import write_document;"
        "write_document(Path(sys.argv[1]), 'x' * 100_000, force=True)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        preexec_fn=lambda: limited_to(50_000),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ExportError" in result.stderr and "can't be written" in result.stderr
    assert [each.read_text() for each in tmp_path.iterdir()] == ["kept"] * there


def branched() -> Transcript:
    """One question with two replies, the first of which has a branch of its own."""
    session = NoSession()
    say(session, "Why?", replace(REPLY, answer="One."))
    say(session, "And?")
    for record in session.transcript.records_to(1):
        session.append(record)
    session.append(Retry(edited=((0, 7),)))
    edited = replace(REPLY, answer="Two.", edited=((0, 7), (8, 8)))
    session.append(ended(edited, streamed=False))
    return session.transcript


def test_all_branches() -> None:
    transcript = branched()
    of_all = {"title": "T", "model": None, "thoughts": True, "everything": transcript.everything}
    document = export_markdown(transcript.turns, **of_all)  # type: ignore[arg-type]
    assert headings(document) == [
        "# T",
        *("## Question", "### Thinking", "### Answer"),
        "# Another branch, from question 1 on",
        *("## Question", "### Thinking", "### Answer") * 2,
    ]
    shown, _heading, others = document.partition("# Another branch")
    assert "Two." in shown and "One." in others and document.count("One.") == 1
    assert "*Edited in this thought:*\n\n> Because\n\n*Something was cut out" in shown
    data = json.loads(export_json(transcript.turns, **of_all))  # type: ignore[arg-type]
    assert [each["reply"]["answer"] for each in data["turns"]] == ["Two."]
    places = [(each["number"], each["after"], each["current"]) for each in data["all_turns"]]
    assert places == [(1, None, False), (2, 1, False), (3, None, True)]
    assert data["all_turns"][2]["reply"]["edited"] == [[0, 7], [8, 8]]
    without = export_json(transcript.turns, **of_all | {"thoughts": False})  # type: ignore[arg-type]
    assert "Because" not in without
