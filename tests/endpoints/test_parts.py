"""The text of a reply, however it was cut on the way."""

from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Part
from r1local.endpoints.parts import ReplyParts
from r1local.thinking.dialects import R1


@given(
    thought=st.text(st.characters(exclude_categories=["Cs"])),
    answer=st.text(st.characters(exclude_categories=["Cs"])),
    data=st.data(),
)
def test_the_same_text_comes_however_it_is_cut(
    thought: str, answer: str, data: st.DataObject
) -> None:
    def read(*pieces: tuple[str, str]) -> dict[Part, str]:
        parts = ReplyParts("none", R1)
        told = [each for piece in pieces for each in parts.feed(*piece)] + parts.flush()
        order = [part for part, _ in told]
        assert order == sorted(order, reverse=True), "thinking never follows the answer"
        assert all(text for _, text in told)
        joined: dict[Part, str] = {"thinking": "", "answer": ""}
        for part, text in told:
            joined[part] += text
        return joined

    def cut(text: str) -> list[str]:
        places = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=5)))
        return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]

    whole = read((thought, ""), ("", answer))
    assert (
        read(*((each, "") for each in cut(thought)), *(("", each) for each in cut(answer))) == whole
    )


def test_a_thought_after_the_answer_is_not_lost() -> None:
    parts = ReplyParts("none", R1)
    told = [
        *parts.feed("Hm.", ""),
        *parts.feed("", "So"),
        *parts.feed(" Wait.", " 4"),
        *parts.flush(),
    ]
    assert told == [("thinking", "Hm."), ("answer", "So"), ("answer", " Wait."), ("answer", " 4")]


def test_a_tag_in_a_thought_that_comes_apart_is_text() -> None:
    parts = ReplyParts("none", R1)
    told = [*parts.feed("It ends with </think> there.", ""), *parts.feed("", "Yes.")]
    assert told == [("thinking", "It ends with </think> there."), ("answer", "Yes.")]
    assert not parts.thinking_open


def test_a_thought_after_one_that_was_closed_is_thinking() -> None:
    parts = ReplyParts("closed", R1)
    told = [*parts.feed("Hm.", ""), *parts.feed("", "So 4."), *parts.flush()]
    assert told == [("thinking", "Hm."), ("answer", "So 4.")]
    parts = ReplyParts("answer", R1)
    assert parts.feed("Hm.", "") == [("answer", "Hm.")]
