"""Whose each character is, through whatever a template does with texts."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.prompts.traced_text import (
    MESSAGE,
    SYSTEM,
    TEMPLATE,
    TracedText,
    claimed,
    joined,
    origin_in,
    origins_of,
    put_in,
    runs,
)

#: People write these letters and nothing else, templates those; blanks and commas are anyone's.
PEOPLES, TEMPLATES = "abAB", "xyXY"

pieces = st.lists(
    st.tuples(st.booleans(), st.text(PEOPLES, max_size=5), st.text(TEMPLATES + " ,\n", max_size=5)),
    max_size=4,
)
few = st.text("axAX ,", max_size=2)
some = few.filter(bool)
numbers = st.integers(-6, 6)
operations = st.one_of(
    st.tuples(st.sampled_from(["strip", "lstrip", "rstrip"]), st.tuples(st.none() | few)),
    st.tuples(st.sampled_from(["split", "rsplit"]), st.tuples(st.none() | some, numbers)),
    st.tuples(st.sampled_from(["partition", "rpartition"]), st.tuples(some)),
    st.tuples(st.just("splitlines"), st.tuples(st.booleans())),
    st.tuples(st.sampled_from(["removeprefix", "removesuffix"]), st.tuples(few)),
    st.tuples(st.just("replace"), st.tuples(few, st.text(TEMPLATES, max_size=3), numbers)),
    st.tuples(st.sampled_from(["upper", "lower"]), st.just(())),
    st.tuples(st.just("__getitem__"), st.tuples(st.builds(slice, numbers, numbers))),
    st.tuples(st.just("__mul__"), st.tuples(st.integers(-1, 3))),
)


def mixed(parts: list[tuple[bool, str, str]]) -> TracedText:
    """A text of people's and templates' letters, each with its origin."""
    texts = (
        each
        for people_first, people, template in parts
        for each in ((TracedText(people), template) if people_first else (template, people))
        if each
    )
    return joined(text if set(text) - set(PEOPLES) else TracedText(text) for text in texts)


def assert_owned(text: str) -> None:
    """Every character has the origin that its letter tells of."""
    assert len(origins_of(text)) == len(text)
    for character, origin in zip(str.__str__(text), origins_of(text), strict=True):
        if character in PEOPLES + TEMPLATES:
            assert origin == (MESSAGE if character in PEOPLES else TEMPLATE)


@given(pieces, operations)
def test_operations_do_what_they_do_and_keep_origins(
    parts: list[tuple[bool, str, str]], operation: tuple[str, tuple[Any, ...]]
) -> None:
    text, (name, arguments) = mixed(parts), operation
    result = getattr(text, name)(*arguments)
    assert result == getattr(str.__str__(text), name)(*arguments)
    if name == "replace" and not arguments[0]:
        assert origin_in(result) == origin_in(text)  # not followed: all people's
        return
    for each in [result] if isinstance(result, str) else result:
        assert_owned(each)


@given(pieces, pieces)
def test_texts_that_are_put_together_keep_origins(
    first: list[tuple[bool, str, str]], second: list[tuple[bool, str, str]]
) -> None:
    one, two = mixed(first), mixed(second)
    for text in (one + two, "x" + one, one + "x", one.join([two, "y", two]), str(one)):
        assert_owned(text)
    assert [str.__str__(character) for character in one] == list(str.__str__(one))


@pytest.mark.parametrize(
    "make",
    [
        lambda text: put_in("<{}>".format, text),
        lambda text: put_in("<{0}{0}>".format, text),
        lambda text: put_in("<{a}>".format, a=text),
        lambda text: put_in(lambda form, *values: form % values, "<%s>", text),
    ],
)
def test_a_form_stays_the_templates(make: Callable[[TracedText], str]) -> None:
    made = make(TracedText("ab"))
    assert origins_of(made)[0] == origins_of(made)[-1] == TEMPLATE
    assert set(origins_of(made)[1:-1]) == {MESSAGE}


def test_what_is_not_followed_is_peoples_whole() -> None:
    made = put_in("<{:>3}>".format, TracedText("ab"))
    assert made == "< ab>"
    assert origins_of(made) == bytes([MESSAGE]) * 5
    assert runs(claimed("x", [{"k": (TracedText("a"), "x")}])) == [(1, MESSAGE)]


def test_a_text_of_nobodys_stays_the_templates() -> None:
    assert type(claimed("x", ["x", TracedText("")])) is str


def test_origins_in_short() -> None:
    text = joined(("x", TracedText("ab"), TracedText("s", bytes([SYSTEM]))))
    assert runs(text) == [(1, TEMPLATE), (2, MESSAGE), (1, SYSTEM)]
    assert origin_in({"k": [text]}) == SYSTEM
