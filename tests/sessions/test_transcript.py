"""One state of a conversation: what a chat has and what its file says are the same, always."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.conversation import Reply, Turn
from r1local.events.reply import AnswerDelta, Finished, Notice, Rewound, ThinkingDelta, Usage
from r1local.sessions.folder import delete_session, read_session
from r1local.sessions.recorder import NoSession
from r1local.sessions.records import (
    Attached,
    Continued,
    Detached,
    Dropped,
    Ended,
    OfVoter,
    Question,
    Record,
    Retry,
    SchemaChange,
    Setting,
    SystemPromptChange,
    Undo,
    UsedModel,
    decode,
    encode,
    ended,
)
from r1local.sessions.session import Session
from r1local.sessions.transcript import Transcript

texts = st.text(max_size=6)
counts = st.integers(0, 9)
seconds = st.floats(0, 9)
parts = st.sampled_from(["thinking", "answer"])
spans = st.lists(st.tuples(counts, counts), min_size=1, max_size=2).map(tuple)
ends = st.builds(
    Ended,
    reason=st.sampled_from(["stop", "length", "cancelled", "loop", "lost"]),
    thinking_open=st.booleans(),
    model=texts,
    thinking_tokens=counts,
    thinking_s=seconds,
    thinking=st.none() | texts,
    valid=st.none() | st.booleans(),
    edited=st.none() | spans,
    answer=st.none() | texts,
)
of_reply = st.one_of(
    st.builds(ThinkingDelta, texts, counts),
    st.builds(AnswerDelta, texts, counts),
    st.builds(Rewound, parts, counts),
    st.builds(Notice, st.just("loop"), texts),
    ends,
)
records = st.one_of(
    st.builds(
        Question,
        texts,
        st.none() | texts,
        st.none() | st.lists(texts, min_size=1, max_size=2).map(tuple),
        st.none() | counts,
        st.none() | counts,
    ),
    of_reply,
    st.builds(OfVoter, st.integers(1, 3), of_reply),
    st.builds(Retry, st.none() | counts, st.none() | spans),
    st.builds(Continued),
    st.builds(Undo),
    st.builds(Setting, texts, texts),
    st.builds(UsedModel, texts),
    st.builds(SystemPromptChange, st.none() | texts),
    st.builds(SchemaChange, st.none() | texts),
    st.builds(Dropped, counts),
    st.builds(Attached, texts, texts, st.none() | st.sampled_from(["/a", "/b"])),
    st.builds(Detached, st.none() | counts),
)
#: What a model streams: a few pieces of one reply, or of several voters' at once.
deltas = st.builds(ThinkingDelta, texts, counts) | st.builds(AnswerDelta, texts, counts)
bursts = st.one_of(
    st.lists(deltas, min_size=2, max_size=4),
    st.lists(st.builds(OfVoter, st.integers(1, 2), deltas), min_size=2, max_size=4),
)


@dataclass(frozen=True)
class Show:
    """Show one of the turns that there are, and so its branch."""

    nth: int


plans = st.builds(
    lambda first, rest: [*first, *chain.from_iterable(rest)],
    st.sampled_from([[Question("?")], [UsedModel("m"), Question("?")], []]),
    st.lists(
        bursts | st.lists(records | st.builds(Show, counts), min_size=1, max_size=1), max_size=10
    ),
)


def state(transcript: Transcript) -> tuple[object, ...]:
    facts = transcript.system, transcript.model, transcript.settings, transcript.dropped
    branches = transcript.branches
    everything = {n: transcript.turn(n) for branch in branches for n in branch}
    tree = everything, branches, transcript.numbers, transcript.alternatives
    return (
        transcript.turns,
        transcript.title,
        transcript.schema,
        transcript.waiting,
        *facts,
        *tree,
    )


def written_out(plan: Sequence[Record | Show]) -> Iterator[Record]:
    """The records of a plan: what shows another turn depends on what came before it."""
    transcript = Transcript()
    for each in plan:
        turns = sorted({n for branch in transcript.branches for n in branch})
        if isinstance(each, Show):
            number = turns[each.nth % len(turns)] if turns else 0
            records = transcript.records_to(number)
        else:
            records = (each,)
        for record in records:
            transcript.handle(record)
            yield record
        if isinstance(each, Show):
            assert (*transcript.numbers, 0)[-1 - bool(number)] == number
            assert sorted({n for branch in transcript.branches for n in branch}) == turns


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(plans)
def test_a_chat_and_its_file_have_the_same_state(plan: Sequence[Record | Show]) -> None:
    session, unsaved = Session.create(), NoSession()
    records = [*written_out(plan)]
    for record in records:
        session.append(record)
        unsaved.append(record)
    session.close()
    assert state(session.transcript) == state(unsaved.transcript)
    asked = any(isinstance(each, Question | Attached) for each in records)
    assert session.path.exists() == asked
    if session.path.exists():
        again = read_session(session.name)
        assert state(again) == state(session.transcript)
        assert again.started == session.transcript.started
        delete_session(session.name)


def test_documents_wait_for_the_next_question() -> None:
    one, two, three = Attached("a", "1", "/a"), Attached("b", "2", "/b"), Attached("c", "3")
    transcript = Transcript([one, two, three])
    assert transcript.waiting == (one, two, three) and transcript.title == "(a, b, c)"
    transcript.handle(Attached("a", "new", "/a"))
    assert transcript.waiting == (Attached("a", "new", "/a"), two, three)
    transcript.handle(Detached(2))
    transcript.handle(Detached(9))
    assert [each.name for each in transcript.waiting] == ["a", "c"]
    transcript.handle(Question("?"))
    assert not transcript.waiting and transcript.title == "?"
    transcript.handle(three)
    transcript.handle(Detached())
    assert not transcript.waiting


def test_documents_of_files_written_before_they_had_a_field() -> None:
    """The names stood below the question as it was typed, and still are read from there."""
    line = b'{"type": "question", "text": "[x]Why?\\n(so)", "shown": "Why?\\n(so)\\n(a.md, b.md)"}'
    record = decode(line)
    assert record is not None
    (turn,) = Transcript([record]).turns
    assert (turn.typed, turn.documents) == ("Why?\n(so)", ("a.md", "b.md"))
    assert turn.labelled == "Why?\n(so)\n(a.md, b.md)"
    again = decode(encode(Question(turn.question, turn.shown, turn.documents)))
    assert again is not None and Transcript([again]).turns == (turn,)
    damaged = line.replace(b'"shown"', b'"documents": [1], "shown"')
    assert decode(damaged) is None


def test_what_was_typed_around_a_preset_comes_back_as_it_was() -> None:
    asked = Question("In French: Why?\n(so)", "Why?\n(so)", ())
    transcript = Transcript([asked, Undo()])
    for record in transcript.records_to(1):
        transcript.handle(record)
    assert transcript.branches == ((1,),)
    again = [each for r in transcript.records_to(1) if (each := decode(encode(r)))]
    (turn,) = Transcript([*again, *transcript.records_to(0), asked]).turns
    assert (turn.typed, turn.documents) == ("Why?\n(so)", ())


def test_a_vote_that_is_retried_has_no_reply_of_before() -> None:
    reply = Ended("stop", False, "m", thinking="", answer="4")
    records: list[Record] = [Question("?", votes=2), OfVoter(1, reply), OfVoter(2, reply), reply]
    (turn,) = Transcript(records).turns
    assert turn.voted == 2 == len(turn.voters)
    retried = Transcript([*records, Retry()])
    assert retried.turns == (Turn("?", votes=2),)
    assert retried.turn(1) == turn, "it is kept"
    assert Transcript([*records, Retry(), *retried.records_to(1)]).turns == (turn,)
    (old,) = Transcript([Question("?"), *records[1:]]).turns
    assert old.voted == 2


def test_the_end_of_a_reply_that_went_on() -> None:
    transcript = Transcript([UsedModel("m"), Question("?"), ThinkingDelta("Hm", 1)])
    transcript.handle(Ended("length", True, "m", 1, 0, 5, 1.0, 0.0))
    transcript.handle(Continued())
    transcript.handle(ThinkingDelta("m.", 1))
    transcript.handle(AnswerDelta("4", 1))
    usage = Usage(7, 0, 2, 1, 0.0, 0.0, 0.5, 0.25)
    record = transcript.ended(Finished("stop", usage, 3, False), "name")
    transcript.handle(record)
    whole = Reply("Hmm.", "4", "stop", False, "name", 3, 1, 12, 1.5, 0.25, 3)
    assert transcript.turns == (Turn("?", whole),)
    assert (record.thinking, record.answer) == (None, None), "the texts were streamed"


def test_the_end_of_a_reply_that_an_error_ended() -> None:
    transcript = Transcript([Question("?"), ThinkingDelta("Hm", 4)])
    record = transcript.ended(None, "m")
    assert (record.reason, record.thinking_open, record.thinking_tokens) == ("lost", True, 4)


def test_the_record_of_an_end_has_all_of_the_reply() -> None:
    reply = Reply("Hm.", "4", "stop", False, "m", 2, 1, 9, 0.5, 0.25, 7, valid=True)
    assert {f.name for f in fields(Ended)} == {f.name for f in fields(Reply)}
    transcript = Transcript([Question("?"), ended(reply, streamed=False)])
    assert transcript.turns[0].reply == reply


def test_what_a_loop_takes_back_may_lie_in_many_pieces() -> None:
    deltas = [AnswerDelta(piece, 1) for piece in ("ab", "c", "de")]
    for characters, left in ((0, "abcde"), (1, "abcd"), (2, "abc"), (4, "a"), (5, ""), (9, "")):
        transcript = Transcript([Question("?"), *deltas, Rewound("answer", characters)])
        transcript.handle(AnswerDelta("!", 1))
        (turn,) = transcript.turns
        assert turn.reply and turn.reply.answer == f"{left}!"


def test_settings_are_kept_in_the_order_in_which_they_were_set_last() -> None:
    transcript = Transcript()
    for name, value in (("effort", "low"), ("think-budget", "100"), ("effort", "high")):
        transcript.handle(Setting(name, value))
    assert list(transcript.settings.items()) == [("think-budget", "100"), ("effort", "high")]


TYPES = "session question thinking answer rewound notice ended retry continued undo set model"


FIELDS = (
    "version r1local started text shown tokens part characters kind message reason count name"
    " thinking_open model value voter turn edited"
)


values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.just([])
)


fitting = st.sampled_from(["thinking", "answer", "loop", "stop", "lost", 0, 3, True, "x"])


lines = st.builds(
    lambda kind, fields: {**fields, "type": kind},
    st.sampled_from([*TYPES.split(), "system", "dropped", "voted"]),
    st.dictionaries(
        st.sampled_from(FIELDS.split()),
        values | fitting,
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(lines, max_size=12))
def test_any_lines_make_some_conversation(records: list[dict[str, object]]) -> None:
    lines = [json.dumps(record).encode() for record in records]
    transcript = Transcript(record for record in map(decode, lines) if record)
    assert 0 <= transcript.dropped <= len(transcript.turns)
    for turn in transcript.turns:
        for reply in filter(None, (turn.reply, *turn.voters.values())):
            (turn.typed + reply.thinking + reply.answer).encode()
