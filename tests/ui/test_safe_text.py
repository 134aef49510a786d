import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.ui.safe_text import VisibleStream, visible, visible_json, visible_line

_ANY_TEXT = st.text(st.characters(categories=None, exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain\tand\nlines", "plain\tand\nlines", id="tabs and newlines stay"),
        pytest.param("\x1b]0;title\x07", "␛]0;title␇", id="OSC"),
        pytest.param("\x1b[2J", "␛[2J", id="CSI"),
        pytest.param("a\rb\x00\x08\x7f", "a␍b␀␈␡", id="C0 and DEL"),
        pytest.param("\x9b31m\x85", "<U+009B>31m<U+0085>", id="C1"),
        pytest.param("\u202egnp.exe\u202c", "<U+202E>gnp.exe<U+202C>", id="override"),
        pytest.param("\u2066\u2069\u200e\u200f\u061c", "<U+2066><U+2069><U+200E><U+200F><U+061C>"),
        pytest.param("\u2028\u2029\ufeff", "<U+2028><U+2029><U+FEFF>", id="separators"),
        pytest.param("\U000e0041", "<U+E0041>", id="tag"),
        pytest.param("\ud800", "<U+D800>", id="lone surrogate"),
        pytest.param(
            "👩\u200d💻 ❤\ufe0f نمی\u200cخواهم 中文", "👩\u200d💻 ❤\ufe0f نمی\u200cخواهم 中文"
        ),
        pytest.param("❤\ufe0f\u200d🔥1\ufe0f\u20e3☺\ufe0e葛\U000e0100", None, id="variants"),
        pytest.param("क\u094d\u200dष ᠠ\u180b", None, id="scripts with joiners"),
        pytest.param("a\u200db\u200d", "a<U+200D>b<U+200D>", id="nothing to join"),
        pytest.param("a\ufe0f葛\ufe0f", "a<U+FE0F>葛<U+FE0F>", id="no variants"),
        pytest.param("😀\ufe0f\ufe01\U000e0101", "😀\ufe0f<U+FE01><U+E0101>", id="smuggled bytes"),
        *(
            pytest.param(f"a{code:c}b", f"a<U+{code:04X}>b", id=f"{code:04X}")
            for code in (
                0xAD,
                0x34F,
                0x115F,
                0x1160,
                0x180B,
                0x180E,
                0x200B,
                0x200C,
                0x2060,
                0x2062,
                0x3164,
                0xFFA0,
                0xFFF9,
                0x1D173,
                0xE0100,
            )
        ),
    ],
)
def test_visible(text: str, shown: str | None) -> None:
    assert visible(text) == (text if shown is None else shown)


@given(st.lists(st.text("a❤😀\ufe0f\ufe01\u200d葛\U000e0100\u3164क\x1b", max_size=3)))
def test_where_a_text_was_cut_makes_no_difference(pieces: list[str]) -> None:
    stream = VisibleStream()
    assert "".join(map(stream.feed, pieces)) == visible("".join(pieces))


def test_a_line_stays_one() -> None:
    assert visible_line("a\nb\tc\u202e") == "a␊b␉c<U+202E>"


@given(_ANY_TEXT)
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    kept = {c for c in visible(text) if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")}
    assert kept <= {"\n", "\t"}
    assert not any(unicodedata.bidirectional(c) in _OVERRIDES for c in visible(text))


_OVERRIDES = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
def test_json_stays_exact_and_is_harmless(text: str) -> None:
    document = visible_json(json.dumps(text, ensure_ascii=False))
    assert json.loads(document) == text
    assert visible(document) == document
