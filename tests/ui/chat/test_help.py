"""The help's rows: everything is there, at any width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.chat.help_text import help_sections
from r1local.chat.slash_commands import SLASH_COMMANDS
from r1local.config.keys import built_in_keys
from r1local.ui.cells import cell_len
from r1local.ui.chat.help import HelpSection, HelpText, help_rows
from r1local.ui.chat.items import text_of

SECTIONS = help_sections(SLASH_COMMANDS, built_in_keys(), full_screen=True)
WORDS = st.text("abcé漢字👍 ", min_size=1, max_size=60)


@pytest.mark.parametrize("width", [40, 59, 60, 80, 200])
def test_every_entry_is_there_and_fits(width: int) -> None:
    rows = [*help_rows(SECTIONS, width)]
    assert max(map(cell_len, rows)) <= width
    text = " ".join(" ".join(rows).split())
    for section in SECTIONS:
        assert section.title in rows
        for name, told in section.entries:
            assert " ".join(name.split()) in text
            if width >= 80:
                assert set(told.split()) <= set(text.split())


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), st.integers(8, 90))
def test_nothing_is_lost_or_too_wide(entries: list[tuple[str, str]], width: int) -> None:
    rows = [*help_rows([HelpSection("Title", entries)], width)]
    assert all(cell_len(row) <= width for row in rows)
    letters = sorted("".join("".join(rows[1:]).split()))
    assert letters == sorted("".join("".join(n + t for n, t in entries).split()))


def test_rows_are_drawn_once_for_a_width() -> None:
    item = HelpText(SECTIONS)
    assert item.finished(80) is item.finished(80)
    assert len(item.finished(40)) > len(item.finished(80))
    assert text_of(item.finished(80)[0]) == "Commands"
    assert item.live(80) == []
