"""Bytes to characters to thinking and answer, however the bytes are cut into tokens."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Part
from r1local.replies.text import ReplyText
from r1local.thinking.dialects import R1, Tags
from r1local.thinking.splitter import Start

#: The tags as text: the vocabulary has no token for one.
TAGS = Tags(R1, {}, {})
#: Each token's bytes.
PIECES: list[bytes] = []
WHOLE = "Ünter 思考 🫐.\n</think>\n\nSo 4."


def token(piece: bytes) -> int:
    """A token of these bytes."""
    PIECES.append(piece)
    return len(PIECES) - 1


def reply_text(start: Start, pieces: Iterable[bytes] = ()) -> ReplyText:
    return ReplyText(start, TAGS, PIECES.__getitem__, map(token, pieces))


def texts(text: ReplyText, pieces: Sequence[bytes]) -> dict[Part, str]:
    """Each part's text: what comes with the tokens, and what was held back to the end."""
    parts: dict[Part, str] = {"thinking": "", "answer": ""}
    for given_out in (*(text.feed(token(piece))[1] for piece in pieces), text.flush()):
        for part, characters in given_out:
            parts[part] += characters
    return parts


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    ends = [*sorted({place % len(data) for place in places}), len(data)]
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.lists(st.integers(0, 99), max_size=12))
def test_the_cuts_of_tokens_change_nothing(places: list[int]) -> None:
    text = reply_text("open")
    parts = texts(text, cut(WHOLE.encode(), places))
    assert parts == {"thinking": "Ünter 思考 🫐.", "answer": "So 4."}
    assert text.part == "answer" and not text.thinking_open


@given(st.lists(st.binary(max_size=4), max_size=8))
def test_bytes_that_are_no_text_lose_nothing_else(pieces: list[bytes]) -> None:
    text = reply_text("closed")
    parts = texts(text, [b"a", *pieces, b"z"])
    whole = b"".join([b"a", *pieces, b"z"]).decode("utf-8", "replace")
    assert parts["answer"] == whole or "think" in whole


def test_the_bytes_given_at_first_are_as_if_fed() -> None:
    pieces = cut(WHOLE.encode(), [3, 7, 12, 20])
    fed, given_at_first = reply_text("open"), reply_text("open", pieces)
    for piece in pieces:
        fed.feed(token(piece))
    assert (fed.tokens, fed.characters) == (given_at_first.tokens, given_at_first.characters)
    assert fed.part == given_at_first.part


def test_tags_count_as_thinking() -> None:
    text = reply_text("open")
    for piece in (b"H", b"m", b"</think>", b"4", b"!"):
        text.feed(token(piece))
    assert text.tokens == {"thinking": 3, "answer": 2}


def test_a_thought_that_the_model_opens_itself_has_all_tokens_before_it() -> None:
    text = reply_text("none")
    for piece in (b"\n", b"<think>", b"Hm", b"</think>", b"4"):
        text.feed(token(piece))
    assert text.tokens == {"thinking": 4, "answer": 1}


def test_a_token_that_ends_inside_a_character() -> None:
    text = reply_text("open")
    first, rest = "🫐".encode()[:2], "🫐".encode()[2:]
    assert text.feed(token(first)) == ("", []) and text.cut
    characters, _pieces = text.feed(token(rest))
    assert (characters, text.cut) == ("🫐", False)


@pytest.mark.parametrize(
    ("written", "following", "ends"),
    [
        ("It is so.", " Then", True),
        ("It is 3.", "14", False),
        ('He said "yes!"', " Then", True),
        ("**So?**", "\n", True),
        ("所以是四。", "然后", True),
        ("a line\n", "next", True),
        ("It is", " so", False),
    ],
)
def test_where_a_sentence_ends(written: str, following: str, ends: bool) -> None:
    text = reply_text("open", [written.encode()])
    assert text.sentence_ends_before(following.encode()) is ends


def test_white_space_is_no_thought() -> None:
    text = reply_text("open", [b"\n", b" \n"])
    assert text.thought_blank
    text.feed(token(b"Hm"))
    assert not text.thought_blank
    assert not reply_text("thinking").thought_blank, "it goes on with one"
