"""Records as lines, whoever wrote them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Turn
from r1local.events.reply import AnswerDelta, Rewound, ThinkingDelta
from r1local.sessions.folder import read_session, saved_sessions
from r1local.sessions.records import (
    Dropped,
    OfVoter,
    Question,
    Record,
    Retry,
    Setting,
    SystemPromptChange,
    decode,
    encode,
    joined,
)
from r1local.sessions.session import Session
from testing.sessions import ANSWER, HEAD, QUESTION, REPLY, records, say, write_session


def test_the_file_is_as_the_documents_say() -> None:
    session = Session.create("talk")
    say(session, "Why?")
    session.close()
    lines = records(session.path)
    assert lines[0]["type"] == "session" and lines[0]["version"] == 1
    assert [line["type"] for line in lines] == [
        "session",
        "question",
        "thinking",
        "answer",
        "ended",
    ]
    assert all("at" in line for line in lines)
    assert lines[2]["text"] == REPLY.thinking
    assert "thinking" not in lines[4], "the text stands there once"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\x00" * 4096,
        b"\xff\xfe",
        b"not JSON",
        b"[]",
        b"12",
        b'"text"',
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"type": {}}',
        b'{"type": "question"}',
        b'{"type": "question", "text": 5}',
        b'{"type": "question", "text": ["a"]}',
        b'{"type": "answer", "text": "x"}',
        b'{"type": "answer", "text": "x", "tokens": true}',
        b'{"type": "answer", "text": "x", "tokens": -1}',
        b'{"type": "answer", "text": "x", "tokens": 1.5}',
        b'{"type": "answer", "text": "x", "tokens": ' + b"9" * 5000 + b"}",
        b'{"type": "rewound", "part": "question", "characters": 1}',
        b'{"type": "rewound", "part": "answer", "characters": -3}',
        b'{"type": "ended", "reason": "bored", "thinking_open": false, "model": "m"}',
        b'{"type": "ended", "reason": "stop", "thinking_open": 0, "model": "m"}',
        b'{"type": "ended", "reason": "stop", "thinking_open": false, "model": "m",'
        b' "thinking_s": NaN}',
        b'{"type": "ended", "reason": "stop", "thinking_open": false, "model": "m",'
        b' "thinking_s": 1e400}',
        b'{"type": "session", "version": "2", "r1local": "x", "started": ""}',
        b'{"type": "dropped", "count": 1e2}',
        b'{"type": "voted", "winner": 3}',
        b'{"type": "__class__", "text": "x"}',
    ],
    ids=lambda line: repr(line[:48]),
)
def test_a_line_that_is_no_record_is_skipped(tmp_path: Path, line: bytes) -> None:
    write_session(tmp_path, HEAD + QUESTION + line + b"\n" + ANSWER)
    (turn,) = read_session("talk", tmp_path).turns
    assert turn.question == "Why?" and turn.reply and turn.reply.answer == "So."
    assert [each.title for each in saved_sessions(tmp_path)] == ["Why?"]


def test_fields_of_later_versions_are_left_out(tmp_path: Path) -> None:
    write_session(tmp_path, HEAD + QUESTION.replace(b"}", b', "language": "en"}'))
    assert read_session("talk", tmp_path).turns == (Turn("Why?"),)


def test_lone_surrogates_in_json(tmp_path: Path) -> None:
    write_session(tmp_path, HEAD + b'{"type": "question", "text": "a\\ud800b"}\n')
    assert read_session("talk", tmp_path).turns == (Turn("a?b"),)


texts = st.text(max_size=6)
counts = st.integers(0, 9)
any_record = st.one_of(
    st.builds(Question, texts, st.none() | texts),
    st.builds(ThinkingDelta, texts, counts),
    st.builds(Rewound, st.sampled_from(["thinking", "answer"]), counts),
    st.builds(OfVoter, st.integers(1, 9), st.builds(AnswerDelta, texts, counts)),
    st.builds(SystemPromptChange, st.none() | texts),
    st.builds(Setting, texts, texts),
    st.builds(Dropped, counts),
    st.just(Retry()),
)


@given(any_record)
def test_a_record_comes_back_from_its_line(record: Record) -> None:
    line = encode(record)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == record


@given(st.lists(st.builds(OfVoter, st.integers(1, 2), st.builds(AnswerDelta, texts, counts))))
def test_what_is_joined_is_all_of_it_a_record_for_each_voter(deltas: list[OfVoter]) -> None:
    whole = list(joined(deltas))
    for voter in (1, 2):
        said = [each.record for each in deltas if each.voter == voter]
        of_it = [each for each in whole if isinstance(each, OfVoter) and each.voter == voter]
        assert len(of_it) == bool(said)
        text = "".join(each.text for each in said if isinstance(each, AnswerDelta))
        if said:
            assert of_it[0].record == AnswerDelta(text, said[-1].tokens)  # type: ignore[union-attr]
