"""A reply's text, accumulated once: cuts make no difference, and loops are left out."""

from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Part, Reply
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Rewound,
    ThinkingDelta,
    Usage,
)
from r1local.events.reply_builder import ReplyBuilder

USAGE = Usage(11, 4, 5, 3, 0.1, 0.25, 1.5, 0.5)


def built(*events: Event, begun: Reply | None = None) -> ReplyBuilder:
    builder = ReplyBuilder("m", begun)
    for event in events:
        builder.handle(event)
    return builder


def test_before_anything_came_there_is_nothing() -> None:
    assert built().empty
    assert built(Notice("context", "4,096 tokens"), ThinkingDelta("", 0)).empty
    assert not built(ThinkingDelta(" ", 1)).empty
    assert built().reply() == Reply("", "", "lost", False, "m")


def test_a_reply_that_finished_has_the_facts_of_its_end() -> None:
    end = Finished("length", USAGE, 42, False, valid=True)
    builder = built(ThinkingDelta("Hm", 1), ThinkingDelta("m.", 2), AnswerDelta("4", 1), end)
    assert builder.reply() == Reply("Hmm.", "4", "length", False, "m", 5, 3, 11, 1.5, 0.5, 42, True)


def test_a_reply_without_its_end_is_lost_and_counts_what_came() -> None:
    thought = built(ThinkingDelta("Hm", 3))
    assert thought.reply() == Reply("Hm", "", "lost", True, "m", 3)
    answered = built(ThinkingDelta("Hm", 3), AnswerDelta("4", 1))
    assert answered.reply() == Reply("Hm", "4", "lost", False, "m", 3, 1)


def test_a_reply_goes_on_from_its_beginning() -> None:
    begun = Reply("Hm", "", "length", True, "m", 2, 0, 9, 1.0, 0.0, 7)
    lost = built(ThinkingDelta("m.", 1), AnswerDelta("4", 1), begun=begun)
    assert (lost.reply().thinking, lost.reply().thinking_tokens) == ("Hmm.", 3)
    whole = built(
        ThinkingDelta("m.", 1), AnswerDelta("4", 1), Finished("stop", USAGE, 8, False), begun=begun
    )
    assert whole.reply() == Reply("Hmm.", "4", "stop", False, "m", 7, 3, 20, 2.5, 0.5, 8)


def test_what_is_taken_back_may_reach_into_the_beginning() -> None:
    begun = Reply("sense nonsense", "", "length", True, "m")
    builder = built(ThinkingDelta(" nonsense", 2), Rewound("thinking", 18), begun=begun)
    assert builder.text("thinking") == "sense"


@given(
    st.lists(
        st.tuples(st.sampled_from(["thinking", "answer"]), st.text(max_size=5))
        | st.tuples(st.sampled_from(["thinking", "answer"]), st.integers(0, 9)),
        max_size=20,
    )
)
def test_the_text_is_what_was_said_less_what_was_taken_back(
    steps: list[tuple[Part, str | int]],
) -> None:
    texts: dict[Part, str] = {"thinking": "", "answer": ""}
    builder = ReplyBuilder("m")
    for part, step in steps:
        if isinstance(step, int):
            builder.handle(Rewound(part, step))
            texts[part] = texts[part][: max(0, len(texts[part]) - step)]
        else:
            builder.handle((ThinkingDelta if part == "thinking" else AnswerDelta)(step, 1))
            texts[part] += step
    assert {part: builder.text(part) for part in texts} == texts
    assert builder.empty == (not any(texts.values()))
