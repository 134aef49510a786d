"""What goes through a socket comes out as it went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.errors import GrammarError, PromptTooLong, R1LocalError
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, Rewound, ThinkingDelta, Usage
from r1local.replies.abilities import Abilities
from r1local.replies.engine import Begun, PromptSize
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.warm.messages import (
    Opened,
    PromptFacts,
    Question,
    decode,
    encode,
    plain,
    plain_happening,
    read,
    read_happening,
)
from testing.recorded_engine import LITTLE

#: Also lone surrogates, which a terminal may have passed on.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
COUNTS = st.integers(0, 2**31)
SECONDS = st.floats(0, 1e6)
USAGES = st.builds(Usage, *[COUNTS] * 4, *[SECONDS] * 4, COUNTS)
EVENTS = st.one_of(
    st.builds(ThinkingDelta, TEXTS, COUNTS),
    st.builds(AnswerDelta, TEXTS, COUNTS),
    st.builds(Rewound, st.sampled_from(["thinking", "answer"]), COUNTS),
    st.builds(Notice, st.sampled_from(["engine", "loop"]), TEXTS),
    st.builds(
        Finished,
        st.sampled_from(["stop", "length", "cancelled", "loop"]),
        USAGES,
        COUNTS,
        st.booleans(),
        st.none() | st.booleans(),
    ),
)
MESSAGES = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXTS)
THINKING = st.builds(ThinkingSettings, st.booleans(), st.none() | st.integers(1, 9_999))
SETTINGS = st.builds(ReplySettings, thinking=THINKING, grammar=st.none() | TEXTS)
QUESTIONS = st.builds(
    Question,
    st.lists(MESSAGES, max_size=3).map(tuple),
    SETTINGS,
    st.none() | st.builds(Begun, TEXTS, TEXTS, st.booleans()),
)


@given(EVENTS)
def test_events_come_as_they_went(event: Event) -> None:
    assert read_happening(decode(encode(plain_happening(event)))) == event


@given(QUESTIONS)
def test_questions_come_as_they_went(question: Question) -> None:
    message = encode({"prompt": plain(question)})
    assert message.count(b"\n") == 1
    assert read(Question, decode(message)["prompt"]) == question


@pytest.mark.parametrize("abilities", [Abilities(), LITTLE])
def test_engines_come_as_they_went(abilities: Abilities) -> None:
    opened = Opened("llama.cpp", abilities, (Notice("context", "…"),), "CPU", None, 4, 0)
    assert read(Opened, decode(encode({"opened": plain(opened)}))["opened"]) == opened


def test_a_size_may_be_unknown() -> None:
    for facts in (PromptFacts(None, ()), PromptFacts(PromptSize(3, exact=False), ())):
        assert read(PromptFacts, plain(facts)) == facts


@pytest.mark.parametrize("stage", ["started", "paused"])
def test_stages_come_as_they_went(stage: str) -> None:
    assert read_happening(plain_happening(stage)) == stage  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [PromptTooLong, GrammarError])
def test_errors_keep_their_class(kind: type[R1LocalError]) -> None:
    error = read_happening(plain_happening(kind("it failed", "do this")))
    assert isinstance(error, kind)
    assert (error.message, error.hint) == ("it failed", "do this")


@pytest.mark.parametrize("name", ["KeyboardInterrupt", "LoadingCancelled", "annotations", "nobody"])
def test_only_our_errors_are_raised(name: str) -> None:
    error = read_happening({"error": {"class": name, "message": "a", "hint": "b"}})
    assert type(error) is R1LocalError


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"1", b"\xff", b"[" * 100_000, b'{"id": 1} {"id": 2}', b'{"id": NaN}'],
)
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)


@pytest.mark.parametrize(
    "happening",
    [
        {},
        {"stage": "elsewhere"},
        {"event": "Usage"},
        {"event": "AnswerDelta", "text": "a"},
        {"event": "AnswerDelta", "text": 1, "tokens": 1},
        {"event": "Rewound", "part": "middle", "characters": 1},
    ],
)
def test_what_is_no_happening_is_refused(happening: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        read_happening(happening)


def test_settings_out_of_range_are_refused() -> None:
    changed = plain(ReplySettings()) | {"max_tokens": 0}
    with pytest.raises(ValueError, match="max-tokens"):
        read(ReplySettings, changed)
