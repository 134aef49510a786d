"""Stop texts are found however the answer was cut, and nothing of them is passed on."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from r1local.events.reply import AnswerDelta, Event, Finished, Rewound, ThinkingDelta, Usage
from r1local.events.reply_builder import ReplyBuilder
from r1local.serving.stops import Stops

END = Finished("stop", Usage(0, 0, 0, 0, 0, 0, 0, 0), 1, False)


def passed_on(stops: Sequence[str], events: Sequence[Event]) -> tuple[ReplyBuilder, Stops]:
    found, kept = Stops(stops), ReplyBuilder("m")
    for event in events:
        for each in found.handle(event):
            kept.handle(each)
    return kept, found


def expected(text: str, stops: Sequence[str]) -> str:
    """The text before the stop text that is complete first; of two, the longer one."""
    for end in range(1, len(text) + 1):
        if whole := [stop for stop in stops if text[:end].endswith(stop)]:
            return text[: end - max(map(len, whole))]
    return text


@given(
    st.lists(st.text("abc", min_size=1, max_size=5), max_size=20),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_an_answer_ends_before_the_first_stop_text(pieces: list[str], stops: list[str]) -> None:
    events = [AnswerDelta(piece, n) for n, piece in enumerate(pieces)]
    kept, found = passed_on(stops, [*events, END])
    text = "".join(pieces)
    assert kept.text("answer") == expected(text, stops)
    assert found.found == (kept.text("answer") != text)


@given(st.lists(st.text("ab", min_size=1, max_size=3), min_size=1), st.integers(1, 5))
def test_what_was_a_loop_is_withdrawn_from_what_is_held_back_too(
    pieces: list[str], characters: int
) -> None:
    text = "".join(pieces)
    characters = min(characters, len(text))
    events = [AnswerDelta(piece, n) for n, piece in enumerate(pieces)]
    kept, _ = passed_on(["abX"], [*events, Rewound("answer", characters), END])
    assert kept.text("answer") == text[: len(text) - characters]


def test_a_thought_may_have_them() -> None:
    kept, found = passed_on(["X"], [ThinkingDelta("aXb", 1), AnswerDelta("cXd", 1), END])
    assert (kept.text("thinking"), kept.text("answer")) == ("aXb", "c")
    assert found.found


def test_a_cancelled_reply_that_has_met_one_is_complete() -> None:
    cancelled = Finished("cancelled", END.usage, 1, False)
    kept, _ = passed_on(["X"], [AnswerDelta("aX", 1), cancelled])
    assert kept.reply().reason == "stop"
