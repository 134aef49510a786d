"""Values as users write them: what is written is read back, and what is no value is refused."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.kinds import (
    Address,
    Choice,
    File,
    Kind,
    Pattern,
    Several,
    Shares,
    Switch,
    Text,
    Word,
    WordOr,
    as_text,
)
from r1local.config.number_kinds import Duration, Number, Whole
from r1local.config.option import Option
from r1local.config.options import OPTIONS, option_named
from r1local.errors import InvalidSetting

KINDS: tuple[Kind, ...] = (
    Whole(),
    Whole(2, 100, or_zero=True),
    Whole(-1, 10, nothing="auto"),
    Number(0),
    Number(0, 1, exclusive=(0,)),
    Number(0.5, 1, exclusive=(0.5, 1), nothing="none"),
    Choice({"low": 1_024, "high": None}),
    Switch(),
    Text(),
    Pattern(),
    File(),
    WordOr(("auto", "none"), "MODEL", "a model"),
)


@given(
    kind=st.sampled_from(KINDS),
    text=st.one_of(
        st.text(),
        st.integers().map(str),
        st.floats().map(str),
        st.sampled_from(["auto", "none", "low", "HIGH", "true", "off", "~", "~x/y", "1_000", "("]),
    ),
)
def test_a_text_is_a_value_or_an_error_in_our_words(kind: Kind, text: str) -> None:
    try:
        value = kind.parse("name", text)
    except InvalidSetting as error:
        assert error.message.startswith("name ")
        assert error.hint == f"it must be {kind.range}"
        return
    kind.check("name", value)
    assert kind.parse("name", as_text(kind.plain(value))) == value


@pytest.mark.parametrize(
    ("kind", "least", "most", "beyond"),
    [
        (Whole(), "0", "2147483647", "-1 2147483648 1.0"),
        (Whole(2, 100, or_zero=True), "0", "100", "1 101 -2"),
        (Number(0), "0", "1e308", "-0.1 inf nan"),
        (Number(0, 1), "0", "1", "-0.01 1.01"),
        (Number(0, 1, exclusive=(0,)), "0.001", "1", "0 1.001"),
        (Number(0.5, 1, exclusive=(0.5, 1)), "0.51", "0.99", "0.5 1"),
    ],
)
def test_bounds(kind: Kind, least: str, most: str, beyond: str) -> None:
    kind.parse("name", least)
    kind.parse("name", most)
    for text in beyond.split():
        with pytest.raises(InvalidSetting):
            kind.parse("name", text)


def test_a_word_stands_for_none_only_where_it_is_declared() -> None:
    assert Whole(nothing="auto").parse("name", "AUTO") is None
    Whole(nothing="auto").check("name", None)
    for kind in (Whole(), Number()):
        with pytest.raises(InvalidSetting):
            kind.check("name", None)


def test_ranges_in_words() -> None:
    assert Whole(1, nothing="none").range == "1 or more, or none"
    assert Whole(2, 100, or_zero=True).range == "from 2 to 100, or 0"
    assert Number(0).range == "0 or more"
    assert Number(0, 1, exclusive=(0,)).range == "above 0 and at most 1"
    assert Number(0.5, 1, exclusive=(0.5, 1)).range == "above 0.5 and below 1"
    assert Choice.of("f16", "q8_0", "q4_0").range == "f16, q8_0 or q4_0"


def test_files_begin_at_home(home: Path) -> None:
    assert File().parse("name", "~/t.jinja") == home / "t.jinja"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_defaults_are_values(option: Option) -> None:
    if option.default is not None:
        option.kind.check(option.name, option.default)
        assert option.parse(option.show(option.default)) == option.default


def test_finite_numbers_alone() -> None:
    with pytest.raises(InvalidSetting, match="name inf is out of range"):
        Number().parse("name", str(math.inf))


def test_a_word_has_something_in_it() -> None:
    assert Word().parse("session", "plan") == "plan"
    for empty in ("", " "):
        with pytest.raises(InvalidSetting, match="session"):
            Word().parse("session", empty)


def test_several_values_are_written_with_commas() -> None:
    shares = Shares(Number(0), "3,1", nothing="auto")
    assert shares.parse("tensor-split", "3, 1") == (3.0, 1.0)
    assert shares.parse("tensor-split", "auto") is None
    assert shares.plain((3.0, 1.0)) == "3.0,1.0"
    names = Several(Text(), "CUDA0,CUDA1", nothing="auto", empty="none")
    assert (names.parse("device", "none"), names.plain(())) == ((), "none")
    for wrong in ("", "3,,1", "3,-1", "3,x", "0,0"):
        with pytest.raises(InvalidSetting, match="tensor-split"):
            shares.parse("tensor-split", wrong)


@pytest.mark.parametrize(
    "wrong", ["desk", "desk:", ":1", "desk:0", "desk:65536", "::1:50052", "a:b"]
)
def test_an_address_has_a_host_and_a_port(wrong: str) -> None:
    assert Address().parse("rpc", "desk:50052") == "desk:50052"
    with pytest.raises(InvalidSetting, match="rpc"):
        Address().parse("rpc", wrong)


def test_a_list_of_toml_is_a_list() -> None:
    assert option_named("device").read(["CUDA0", "CUDA1"]) == ("CUDA0", "CUDA1")
    assert option_named("tensor-split").read([3, 1]) == (3, 1)


def test_what_is_wrong_with_an_address_or_a_list_is_said() -> None:
    for wrong, words in (
        ("localhost", "rpc 'localhost' is not HOST:PORT"),
        ("localhost:99999", "the port of rpc localhost:99999 is out of range"),
    ):
        with pytest.raises(InvalidSetting) as caught:
            Address().parse("rpc", wrong)
        assert caught.value.message == words
    with pytest.raises(InvalidSetting, match="device '' lacks a value"):
        Several(Text(), "CUDA0,CUDA1").parse("device", "")


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90s", 90),
        ("5m", 300),
        ("1h30m", 5_400),
        ("2H", 7_200),
        ("45", 45),
        ("1h1s", 3_601),
        ("30d", 2_592_000),
    ],
)
def test_times_are_written_with_their_units(written: str, seconds: int) -> None:
    kind = Duration()
    assert kind.parse("keep-alive", written) == seconds
    assert kind.parse("keep-alive", kind.plain(seconds)) == seconds


@pytest.mark.parametrize("written", ["0", "0s", "none", "NONE", " none "])
def test_no_time_is_none(written: str) -> None:
    assert Duration().parse("keep-alive", written) is None
    assert Duration().plain(None) == "none"


@pytest.mark.parametrize("written", ["", "m", "5 m", "-5m", "5m5", "1.5h", "5w", "9999h", "٥m"])
def test_other_times_are_refused(written: str) -> None:
    with pytest.raises(InvalidSetting, match="keep-alive") as refused:
        Duration().parse("keep-alive", written)
    assert "such as 90s, 5m, 1h30m or 30d" in refused.value.hint
