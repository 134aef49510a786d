"""Cells of a terminal: counted by grapheme, and cut there only."""

import shlex
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.ui.cells import cell_len, chop, cut, fitted, is_steady, steadied
from testing.tmux import running_tmux

TEXTS = st.text(st.sampled_from("ab 1日。é\u0301कि्षด️‍👩💻🏽🇯🇵❤☁️한\u1112\u1161\u11ab"), max_size=30)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("", 0),
        ("abc", 3),
        ("日本", 4),
        ("e\u0301", 1),
        ("👩‍💻", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇯🇵", 2),
        ("👍🏽", 2),
        ("❤", 1),
        ("❤️", 2),
        ("1️⃣", 2),
        ("कि", 2),
        ("\u1112\u1161\u11ab", 2),
    ],
)
def test_a_grapheme_takes_its_cells(text: str, cells: int) -> None:
    assert cell_len(text) == cells


@given(TEXTS, st.integers(8, 12))
def test_pieces_are_the_text_and_fit(text: str, width: int) -> None:
    pieces = chop(text, width)
    assert "".join(pieces) == text
    assert all(cell_len(piece) <= width for piece in pieces)
    assert cell_len(fitted(text, width)) == width
    assert text.startswith(cut(text, width))


def test_no_cluster_is_cut() -> None:
    assert chop("👩‍💻👩‍💻", 3) == ["👩‍💻", "👩‍💻"]
    assert cut("🇯🇵", 1) == ""


def test_what_terminals_disagree_about_is_guarded() -> None:
    assert steadied("a 1 日本 ─ é\n\x1b[1m") == "a 1 日本 ─ é\n\x1b[1m"
    assert steadied("a🇯🇵b") == "a\x1b[K\x1b7🇯🇵\x1b8\x1b[2Cb"
    assert not is_steady("e\u0301") and not is_steady("☁") and is_steady("…•▸")


def test_a_joiner_at_the_end_joins_nothing_that_is_painted_later() -> None:
    rows = ["ab", steadied("x👩\u200d"), "1░2"]
    program = f"print({chr(10).join(rows)!r}, end='', flush=True); input()"
    with running_tmux() as tmux:
        tmux.start(shlex.join([sys.executable, "-c", program]))
        tmux.wait_for("1░2")
        assert tmux.shown.split()[2] == "1░2"
        assert tmux.shown.split()[1].rstrip("\u200c\u200d") == "x👩"
